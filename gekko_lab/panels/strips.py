"""What a series holds, as a strip and a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from gekko_lab.datalog.finding import find_store
from gekko_lab.errors import GekkoLabError, NotInLog
from gekko_lab.market.moments import show_time
from gekko_lab.market.spans import Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gekko_lab.datalog.ledger import Ledger

_FINEST = 240  # parts of a strip; a screen shows no more
_CLOSES = 60
_NOTHING: dict[str, Any] = {"parts": [], "text": "nothing yet"}

Parts = list[tuple[float, float, str]]


def coverage_strip(
    kind: str, exchange: object, symbol: str, timeframe: str | None, whole: Span | None = None
) -> dict[str, Any]:
    """Give what is known of a series' time as parts of a strip, and in words.

    Parameters
    ----------
    kind, exchange, symbol, timeframe
        Which series of the data log.
    whole
        What the strip shows; by default from the first to the last that is known.
    """
    try:
        store = find_store(kind, exchange, symbol, timeframe or None)
        ledger = store.ledger() if whole is None else store.ledger(whole)
    except NotInLog:
        return _NOTHING
    except GekkoLabError as error:
        return {"parts": [], "text": str(error)}
    return strip(ledger, whole)


def strip(ledger: Ledger, whole: Span | None = None) -> dict[str, Any]:
    """Give a ledger as parts of a strip, each (from, to, state) in shares of the whole.

    Examples
    --------
    >>> from gekko_lab.datalog import Ledger, Span
    >>> strip(Ledger.of(held=[Span(0, 500)]), Span(0, 1000))["parts"]
    [(0.0, 0.5, 'held')]
    """
    rows = ledger.rows()
    if not rows:
        return _NOTHING
    whole = whole or Span(rows[0][0].since, max(span.until for span, _, _ in rows))
    length = max(1, whole.until - whole.since)
    parts: Parts = []
    for span, state, _ in rows:
        since, until = max(span.since, whole.since), min(span.until, whole.until)
        if since < until:
            parts.append(((since - whole.since) / length, (until - whole.since) / length, state))
    joined = list(_joined(parts))
    share = {
        state: sum(to - since for since, to, each in parts if each == state) for state in _SAID
    }
    told = [f"{value:.0%} {_SAID[state]}" for state, value in share.items() if value > 0]
    when = f"{show_time(whole.since)} to {show_time(whole.until)}"
    return {"parts": joined, "text": f"{', '.join(told) or 'nothing'} of {when}"}


_SAID = {"held": "held", "empty": "known to be empty", "failed": "failed"}


def _joined(parts: Iterable[tuple[float, float, str]]) -> Iterator[tuple[float, float, str]]:
    """Put parts together that a screen can't tell apart."""
    before: tuple[float, float, str] | None = None
    for since, until, state in sorted(parts):
        if before and state == before[2] and since - before[1] < 1 / _FINEST:
            before = (before[0], max(until, before[1]), state)
            continue
        if before:
            yield _rounded(before)
        before = (since, until, state)
    if before:
        yield _rounded(before)


def _rounded(part: tuple[float, float, str]) -> tuple[float, float, str]:
    return round(part[0], 4), round(part[1], 4), part[2]


def last_closes(exchange: str, symbol: str, timeframe: str) -> list[float]:
    """Give the last closes that the data log holds of a series, oldest first."""
    try:
        store = find_store("candles", exchange, symbol, timeframe)
        held = store.ledger().held
        width = store.width()
        if not held or width is None:
            return []
        until = held[-1].until
        window = Span(max(0, until - _CLOSES * width.shortest), until)
        rows = store.read(window, ["timestamp", "close"]).frame
    except GekkoLabError:
        return []
    closes: list[float] = rows.select(pl.col("close").round_sig_figs(6)).to_series().to_list()
    return closes
