"""Bodies as a failing exchange sends them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from gekko_lab.server.faults import Fault

Rows = list[Any]


def _drop(rows: Rows, fault: Fault, chance: random.Random) -> Rows:
    inner = range(1, len(rows) - 1)  # an end that lacks could be a shorter page
    lost = set(chance.sample(inner, min(len(inner), int(fault.amount(5)))))
    return [row for place, row in enumerate(rows) if place not in lost]


def _shorten(rows: Rows, fault: Fault, _chance: random.Random) -> Rows:
    return rows[: max(0, len(rows) - int(fault.amount(100)))]


def _double(rows: Rows, fault: Fault, chance: random.Random) -> Rows:
    twice = set(chance.sample(range(len(rows)), min(len(rows), int(fault.amount(5)))))
    return [row for place, row in enumerate(rows) for _ in range(1 + (place in twice))]


def _shuffle(rows: Rows, _fault: Fault, chance: random.Random) -> Rows:
    return chance.sample(rows, len(rows))


def _reverse(rows: Rows, _fault: Fault, _chance: random.Random) -> Rows:
    return rows[::-1]


def _shift(rows: Rows, fault: Fault, _chance: random.Random) -> Rows:
    by = int(fault.amount(1))
    for row in rows:
        for key in ("T",) if isinstance(row, dict) else (0, 6):
            row[key] += by
    return rows


def _spoil(rows: Rows, fault: Fault, chance: random.Random) -> Rows:
    for row in chance.sample(rows, min(len(rows), int(fault.amount(5)))):
        for key in ("p",) if isinstance(row, dict) else (1, 2, 3, 4):
            row[key] = "NaN"
    return rows


_ROWS: dict[str, Callable[[Rows, Fault, random.Random], Rows]] = {
    "drop_rows": _drop,
    "short_page": _shorten,
    "double_rows": _double,
    "shuffle_rows": _shuffle,
    "reverse_rows": _reverse,
    "shift_rows": _shift,
    "nan_rows": _spoil,
}

HTML = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
_BODIES = {"html": HTML, "empty": b"", "null": b"null", "empty_page": b"[]"}


def spoiled(body: bytes, fault: Fault, chance: random.Random) -> bytes:
    """Give the body that a fault makes of a good one; the same where it doesn't touch bodies."""
    if fault.kind in _BODIES:
        return _BODIES[fault.kind]
    if fault.kind == "truncated":
        return body[: len(body) // 2]
    if fault.kind == "clock_skew":
        skewed = orjson.loads(body)["serverTime"] + int(fault.amount(5000))
        return orjson.dumps({"serverTime": skewed})
    change = _ROWS.get(fault.kind)
    rows = orjson.loads(body) if change else None
    if change is None or not isinstance(rows, list):
        return body
    return orjson.dumps(change(rows, fault, chance))
