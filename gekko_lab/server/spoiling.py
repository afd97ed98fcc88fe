"""Bodies as a failing exchange sends them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from gekko_lab.server.faults import Fault

Rows = list[Any]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a page has its rows, and a row its times and prices.

    Attributes
    ----------
    rows : Callable
        Gives the list of rows inside a decoded page, or None when there is none.
    times, prices : tuple of int or str
        Places or names of the fields in a row; pages of one subject may name them differently.
    later : Callable
        Gives a time moved by so many milliseconds, or by what the format can tell.
    """

    rows: Callable[[Any], Rows | None]
    times: tuple[int | str, ...]
    prices: tuple[int | str, ...]
    later: Callable[[Any, int], Any]


def whole_page(document: object) -> Rows | None:
    """Give the rows of a page that is nothing but a list of them."""
    return document if isinstance(document, list) else None


def whole_seconds_later(time: int, by: int) -> int:
    """Move a time that is told in seconds, by one at least."""
    return time + (-(-by // 1000) if by > 0 else by // 1000)


def _drop(rows: Rows, fault: Fault, chance: random.Random, _: Layout) -> Rows:
    inner = range(1, len(rows) - 1)  # an end that lacks could be a shorter page
    lost = set(chance.sample(inner, min(len(inner), int(fault.amount(5)))))
    return [row for place, row in enumerate(rows) if place not in lost]


def _shorten(rows: Rows, fault: Fault, _chance: random.Random, _: Layout) -> Rows:
    return rows[: max(0, len(rows) - int(fault.amount(100)))]


def _double(rows: Rows, fault: Fault, chance: random.Random, _: Layout) -> Rows:
    twice = set(chance.sample(range(len(rows)), min(len(rows), int(fault.amount(5)))))
    return [row for place, row in enumerate(rows) for _ in range(1 + (place in twice))]


def _shuffle(rows: Rows, _fault: Fault, chance: random.Random, _: Layout) -> Rows:
    return chance.sample(rows, len(rows))


def _reverse(rows: Rows, _fault: Fault, _chance: random.Random, _: Layout) -> Rows:
    return rows[::-1]


def _empty(_rows: Rows, _fault: Fault, _chance: random.Random, _: Layout) -> Rows:
    return []


def _shift(rows: Rows, fault: Fault, _chance: random.Random, layout: Layout) -> Rows:
    by = int(fault.amount(1))
    for row in rows:
        for key in _there(row, layout.times):
            row[key] = layout.later(row[key], by)
    return rows


def _there(row: Any, keys: tuple[int | str, ...]) -> list[int | str]:  # noqa: ANN401 (JSON)
    return [key for key in keys if isinstance(row, list) or key in row]


def _spoil(rows: Rows, fault: Fault, chance: random.Random, layout: Layout) -> Rows:
    for row in chance.sample(rows, min(len(rows), int(fault.amount(5)))):
        for key in _there(row, layout.prices):
            row[key] = "NaN"
    return rows


_ROWS: dict[str, Callable[[Rows, Fault, random.Random, Layout], Rows]] = {
    "empty_page": _empty,
    "drop_rows": _drop,
    "short_page": _shorten,
    "double_rows": _double,
    "shuffle_rows": _shuffle,
    "reverse_rows": _reverse,
    "shift_rows": _shift,
    "nan_rows": _spoil,
}

HTML = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
_BODIES = {"html": HTML, "empty": b"", "null": b"null"}


def spoiled(
    body: bytes, fault: Fault, chance: random.Random, *, layout: Layout | None, nothing: bytes
) -> bytes:
    """Give the body that a fault makes of a good one; the same where it doesn't touch bodies.

    Only rows are touched: cursors in the page or its headers stay those of the whole page.
    """
    if fault.kind in _BODIES:
        return _BODIES[fault.kind]
    if fault.kind == "truncated":
        return body[: len(body) // 2]
    change = _ROWS.get(fault.kind)
    if change is None:
        return body
    if layout is None:
        return nothing if fault.kind == "empty_page" else body
    page = _decoded(body)
    rows = layout.rows(page)
    if rows is None:
        return body
    rows[:] = change(rows, fault, chance, layout)
    return orjson.dumps(page)


def _decoded(body: bytes) -> object:
    """Decode a page that an earlier fault may have broken."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
