"""What a part of a plan takes: requests, weight, time and bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from gekko_lab.errors import NotInLog
from gekko_lab.market.spans import Span, intersect

if TYPE_CHECKING:
    from gekko_lab.fetching.request import Request
    from gekko_lab.market.timeframe import Timeframe
    from gekko_lab.sources.source import Source

LATENCY_S = 0.15
"""What a request takes there and back, where nothing else is known."""

SENT = {"candles": 170, "trades": 110}
"""Bytes of a row in Binance's JSON, not compressed."""

_STORED = {"candles": 18, "trades": 8}  # bytes of a row in the data log


class Planned(NamedTuple):
    """What comes from one place.

    Attributes
    ----------
    source, span : str, Span
        From where, and what of it.
    rows, sent : int or None
        How many are expected, and their bytes on the way; None where nobody knows.
    calls, weight, per_second : int, float, float or None
        Requests, what they count, and how much an address may ask for in a second.
    """

    source: str
    span: Span
    rows: int | None
    calls: int
    weight: float
    per_second: float | None
    sent: int | None

    def row(self, kind: str, n_jobs: int) -> tuple[Any, ...]:
        """Give what the table shows."""
        seconds = self.calls * LATENCY_S / max(1, n_jobs)
        seconds = 0.0 if self.per_second is None else max(seconds, self.weight / self.per_second)
        stored = None if self.rows is None else self.rows * _STORED[kind]
        return (
            *(self.source, *self.span, self.rows, self.calls, round(self.weight)),
            *(round(seconds, 1), self.sent, 0 if self.source == "log" else stored),
        )


def cost(source: Source, symbol: str, kind: str) -> tuple[float, float | None]:
    """Give what a page counts, and how much an address may ask for in a second."""
    known = getattr(source, "cost", None)  # simulated markets ask nobody
    if known is None:
        return 0.0, None
    told = known(symbol, kind)
    return told.weight, told.per_second


def known(kind: str, request: Request, width: Timeframe | None) -> tuple[list[Span], list[Span]]:
    """Give what of a range the log holds, and what it doesn't know."""
    from gekko_lab.datalog.finding import find_store

    try:
        store = find_store(kind, request.source, request.symbol, str(width) if width else None)
    except NotInLog:
        return [], [request.span]
    ledger = store.ledger(request.span)
    return intersect(ledger.held, [request.span]), ledger.missing(request.span)
