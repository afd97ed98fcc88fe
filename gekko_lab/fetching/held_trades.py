"""Trades as the data log holds them: the first or last so many, how many, and from when on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from gekko_lab.datalog.listing import catalog_of
from gekko_lab.frames.checks import milliseconds
from gekko_lab.frames.schemas import TRADES, empty
from gekko_lab.market.spans import Span, intersect
from gekko_lab.market.timeframe import DAY

if TYPE_CHECKING:
    from gekko_lab import datalog
    from gekko_lab.fetching.logged_trades import TradesFound

_FIRST_LOOK = 600_000


def with_loose(held: pl.DataFrame, found: TradesFound) -> pl.DataFrame:
    """Give the trades of the log together with those that it couldn't take."""
    if not found.loose:
        return held
    loose = pl.concat(found.loose)
    known = held.filter(pl.col("timestamp").is_in(loose["timestamp"].implode()))
    keys = ["timestamp", "id"] if known["id"].null_count() == 0 else TRADES.names()
    new = loose.join(known, on=keys, how="anti", nulls_equal=True)
    return pl.concat([held, new]).sort("timestamp", maintain_order=True)


def held_rows(
    log: datalog.Series, span: Span, limit: int, *, newest_first: bool
) -> pl.DataFrame | None:
    """Give the first or last so many trades of a range, or None where the log lacks some."""
    edge = span.until - 1 if newest_first else span.since
    known = [each for each in log.coverage(span).held if each.since <= edge < each.until]
    frames, rows, width = [empty(TRADES)], 0, _FIRST_LOOK
    left = known[0] if known else Span(0, 0)
    while rows < limit and left.since < left.until:
        if newest_first:
            look = Span(max(left.since, left.until - width), left.until)
            left = Span(left.since, look.since)
        else:
            look = Span(left.since, min(left.until, left.since + width))
            left = Span(look.until, left.until)
        frames.append(log.read(look).frame)
        rows += len(frames[-1])
        width *= 2
    if rows < limit:
        return None
    if newest_first:
        return pl.concat(frames[::-1]).tail(limit)
    return pl.concat(frames).head(limit)


def extent(log: datalog.Series) -> Span:
    """Give the range from the first trade in the log to behind the last one."""
    table = catalog_of([log.store])
    first, last = table.select(milliseconds("first").min(), milliseconds("last").max()).row(0)
    return Span(0, 0) if first is None else Span(first, last + 1)


def count_held(log: datalog.Series, span: Span) -> tuple[int, int | None, int | None]:
    """Count the trades of a range in the log, and give the first and last time in microseconds."""
    log.fold()
    rows, first, last = 0, None, None
    for part in intersect([span], [extent(log)]):
        since = part.since
        while since < part.until:
            until = min(part.until, since - since % DAY + DAY)
            times = log.read(Span(since, until), ["timestamp"]).frame["timestamp"].to_physical()
            rows += len(times)
            if len(times):
                first, last = times[0] if first is None else first, times[-1]
            since = until
    return rows, first, last
