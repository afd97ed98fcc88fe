"""Candles as the data log holds them, with what it doesn't hold by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gekko_lab import datalog
from gekko_lab.datalog.queries import NOT_HELD
from gekko_lab.fetching.tally import used
from gekko_lab.fetching.walk import Collection, limited, most
from gekko_lab.frames.resample import gap_frame
from gekko_lab.market.spans import Span, subtract

if TYPE_CHECKING:
    import polars as pl

    from gekko_lab.datalog.ledger import Ledger
    from gekko_lab.fetching.request import Request
    from gekko_lab.market.timeframe import Timeframe


def collect_held(
    request: Request, width: Timeframe, *, open_end: bool
) -> tuple[Collection, pl.DataFrame]:
    """Give what the log holds of a request, and the table of what is missing in it.

    Parameters
    ----------
    request
        To the source whose series is read.
    width
        Of the candles.
    open_end
        Whether no end was asked for; then what is held ends it.
    """
    log = datalog.Series("candles", request.source, request.symbol, width)
    span, limit = request.span, request.limit
    if open_end and (held := log.coverage(span).held):
        span = Span(span.since, max(span.since, min(span.until, held[-1].until)))
    used("log")
    if limit is None:
        held_rows = log.read(span)
        return Collection(span, held_rows.frame), gaps_in(held_rows.ledger, width, span)
    near = _near(span, width, limit, newest_first=request.newest_first)
    rows = log.read(near)
    if len(rows.frame) < limit and near != span:
        rows = log.read(span)
    frame = most(rows.frame, limit, newest_first=request.newest_first)
    span = limited(frame, span, width, limit, newest_first=request.newest_first)
    return Collection(span, frame), gaps_in(rows.ledger.clip(span), width, span)


def gaps_in(ledger: Ledger, width: Timeframe, span: Span) -> pl.DataFrame:
    """Give the table of what a range of the log lacks: confirmed empty, or not held."""
    rows: list[tuple[Span, Timeframe | None, str | None, str | None]] = [
        (hole, width, reason, None) for reason, holes in ledger.empty.items() for hole in holes
    ]
    failed = {hole: error for error, holes in ledger.failed.items() for hole in holes}
    rows += [(hole, width, NOT_HELD, error) for hole, error in failed.items()]
    rest = subtract(ledger.missing(span), failed)
    rows += [(hole, width, NOT_HELD, None) for hole in rest]
    return gap_frame(sorted(rows, key=lambda row: row[0]))


def _near(span: Span, width: Timeframe, limit: int, *, newest_first: bool) -> Span:
    """Give the range that holds so many candles if none is missing."""
    if newest_first:
        return Span(max(span.since, width.shift(span.until, -limit)), span.until)
    return Span(span.since, min(span.until, width.shift(span.since, limit)))
