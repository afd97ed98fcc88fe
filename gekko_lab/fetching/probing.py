"""Finding where the candles of a market begin or end, with few pages of long ones."""

from __future__ import annotations

from gekko_lab.fetching.completion import Series
from gekko_lab.fetching.plan import Plan
from gekko_lab.frames.checks import times_of
from gekko_lab.market.spans import Span
from gekko_lab.market.timeframe import DAY, Timeframe

_FIRST_PROBE = 32  # the last candle is mostly near


def probe(series: Series, time: int, *, backward: bool, bound: int) -> int | None:
    """Find a day near which candles begin, or end, with few pages of long candles.

    Parameters
    ----------
    series
        The series whose market is asked; its timeframe doesn't matter.
    time
        Where the search starts.
    backward
        Search to the past, else to the future.
    bound
        Where it ends.

    Returns
    -------
    int or None
        Forward: the open of the first long candle from `time` on. Backward: the close of the last
        one before `time`. None when there is none up to the bound.
    """
    long = _longest(series)
    wide = Series(series.source, series.symbol, long, full=False)
    ends = (bound, time) if backward else (time, bound)
    span = Span(long.floor(ends[0]), long.ceil(ends[1]))
    size = min(wide.paging.page_size, _FIRST_PROBE if backward else wide.paging.page_size)
    while span.since < span.until:
        plan = Plan(span, long, size, newest_first=backward)
        found = _edge(wide, next(iter(plan)), backward=backward)
        if found is not None:
            return found if found < bound or backward else None
        span, size = plan.left, min(4 * size, wide.paging.page_size)
    return None


def _edge(wide: Series, page: Span, *, backward: bool) -> int | None:
    answer = wide.complete(page)
    if answer.failures:
        raise answer.failures[0].error
    opens = times_of(answer.frame)
    if len(opens):
        return wide.timeframe.next(opens[-1]) if backward else int(opens[0])
    return None if backward else answer.resumes_at


def _longest(series: Series) -> Timeframe:
    widths = [Timeframe.parse(name) for name in series.source.timeframes()]
    fitting = [width for width in widths if width.milliseconds and width.milliseconds <= DAY]
    return max(fitting, key=lambda width: width.shortest, default=series.timeframe)
