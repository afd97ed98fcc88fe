"""Walking a plan page by page until the range, or so many candles, are there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from gekko_lab.errors import BadResponse, HistoryUnavailable, SourceError
from gekko_lab.fetching.completion import Failure, Outcome, Series
from gekko_lab.fetching.plan import Plan
from gekko_lab.frames.checks import milliseconds, times_of
from gekko_lab.frames.resample import missing
from gekko_lab.frames.schemas import CANDLES_FULL, empty
from gekko_lab.market.moments import show_time
from gekko_lab.market.spans import Span, merge
from gekko_lab.market.timeframe import DAY, Timeframe

if TYPE_CHECKING:
    from collections.abc import Callable

    from gekko_lab.sources.source import Page

_EMPTY_PAGES = 2
_FIRST_PROBE = 32  # the last candle is mostly near
_BROKEN_PAGES = 3


@dataclass(slots=True)
class Collection:
    """The candles of a plan, and what of it has none.

    Attributes
    ----------
    span : Span
        What was walked over; shorter than the plan when enough candles came early.
    frame : polars.DataFrame
        The candles, in order.
    holes : list of Span
        What the exchange has no candles for.
    failures : list of Failure
        What couldn't be had.
    """

    span: Span
    frame: pl.DataFrame = field(default_factory=lambda: empty(CANDLES_FULL))
    holes: list[Span] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


def collect(
    series: Series,
    span: Span,
    *,
    limit: int | None = None,
    newest_first: bool = False,
    report: Callable[[int], None],
    keep: Callable[[Span, Outcome], None] | None = None,
) -> Collection:
    """Give the candles of the span, or the first or last `limit` of them.

    Parameters
    ----------
    series
        What to ask for.
    span
        Where the candles open, on the timeframe's grid.
    limit
        How many are wanted; None for all.
    newest_first
        Walk backwards, so that `limit` means the last ones.
    report
        Is told how many candles are there, after each page.
    keep
        Is given each page and what came of it, before the next one is asked for.
    """
    if series.paging.newest_only:
        found = _collect_newest(series, span, limit=limit, newest_first=newest_first)
        if keep is not None:
            keep(found.span, Outcome(found.frame, found.holes))
        return found
    _check_reach(series, span, limit if newest_first else None)
    return _Walk(series, span, limit, report, keep, newest_first=newest_first).run()


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


class _Walk:
    """The state of one walk over a plan."""

    def __init__(
        self,
        series: Series,
        span: Span,
        limit: int | None,
        report: Callable[[int], None],
        keep: Callable[[Span, Outcome], None] | None,
        *,
        newest_first: bool,
    ) -> None:
        self.keep = keep
        self.series = series
        self.limit = limit
        self.report = report
        self.newest_first = newest_first
        size = series.paging.page_size
        if limit is not None and series.paging.dense:
            size = min(size, limit)
        self.plan = Plan(span, series.timeframe, size, newest_first=newest_first)
        self.span = span
        self.frames: list[pl.DataFrame] = []
        self.rows = 0
        self.found = Collection(span)

    def run(self) -> Collection:
        """Walk until the plan ends or enough candles are there."""
        empty_pages = broken_pages = 0
        for page in self.plan:
            outcome = self.series.complete(page)
            if self.keep is not None:
                self.keep(page, outcome)
            self._take(outcome)
            if self.limit is not None and self.rows >= self.limit:
                break
            broken_pages = broken_pages + 1 if outcome.failures else 0
            if outcome.failures and self._is_hopeless(outcome, broken_pages):
                break
            empty_pages = empty_pages + 1 if outcome.frame.is_empty() else 0
            if outcome.holes and (outcome.resumes_at is not None or empty_pages):
                self._leap(outcome, empty_pages)
        return self._finish()

    def _take(self, outcome: Outcome) -> None:
        self.frames.append(outcome.frame)
        self.rows += len(outcome.frame)
        self.found.holes += outcome.holes
        self.found.failures += outcome.failures
        self.report(self.rows)

    def _is_hopeless(self, outcome: Outcome, broken_pages: int) -> bool:
        """Say whether the rest would fail alike; then it counts as failed, unasked."""
        if self.limit is not None:
            return True  # the first or last rows can't be told behind a part that is missing
        error = outcome.failures[-1].error
        if isinstance(error, BadResponse) and broken_pages < _BROKEN_PAGES:
            return False
        rest = self.plan.left
        if rest.since < rest.until:
            self.found.failures.append(Failure(rest, error))
        return True

    def _leap(self, outcome: Outcome, empty_pages: int) -> None:
        """Skip a range that is known to be empty, however many pages it has."""
        left = self.plan.left
        if left.since >= left.until:
            return
        try:
            target = self._landing(outcome, empty_pages)
        except SourceError:
            return  # then the walk goes on page by page
        if target is not None:
            self.found.holes.append(self.plan.skip_to(target))

    def _landing(self, outcome: Outcome, empty_pages: int) -> int | None:
        left = self.plan.left
        width = self.series.timeframe
        if self.newest_first:
            if not empty_pages:
                return None
            listed = self.series.listed
            if listed is not None and listed >= left.until:
                return left.since
            found = probe(self.series, left.until, backward=True, bound=left.since)
            return left.since if found is None else width.ceil(min(found, left.until))
        if outcome.resumes_at is not None:
            return width.floor(outcome.resumes_at)
        if empty_pages < _EMPTY_PAGES:
            return None
        found = probe(self.series, left.since, backward=False, bound=left.until)
        return left.until if found is None else width.floor(max(found, left.since))

    def _finish(self) -> Collection:
        found = self.found
        frames = self.frames[::-1] if self.newest_first else self.frames
        found.frame = pl.concat(frames) if frames else found.frame
        if self.limit is not None:
            found.frame = _most(found.frame, self.limit, newest_first=self.newest_first)
            _clip(
                found,
                _limited(
                    found.frame,
                    self.span,
                    self.series.timeframe,
                    self.limit,
                    newest_first=self.newest_first,
                ),
            )
        found.holes = merge(found.holes)
        return found


def _limited(
    frame: pl.DataFrame, span: Span, width: Timeframe, limit: int, *, newest_first: bool
) -> Span:
    """Give the range that the wanted number of candles stands for."""
    lacking = limit - len(frame)
    ends = frame.select(first=milliseconds().first(), last=milliseconds().last()).row(0)
    if not newest_first:
        return span if lacking else Span(span.since, width.next(ends[1]))
    first = span.until if ends[0] is None else ends[0]
    if width.between(span.since, first) <= lacking:
        return span
    return Span(width.shift(first, -lacking), span.until)


def _most(frame: pl.DataFrame, limit: int, *, newest_first: bool) -> pl.DataFrame:
    return frame.tail(limit) if newest_first else frame.head(limit)


def _clip(found: Collection, span: Span) -> None:
    """Forget what is missing outside of the span."""
    found.span = span
    found.holes = [clipped for hole in found.holes if (clipped := _common(hole, span))]
    found.failures = [
        Failure(clipped, failure.error)
        for failure in found.failures
        if (clipped := _common(failure.span, span))
    ]


def _common(one: Span, other: Span) -> Span | None:
    since, until = max(one.since, other.since), min(one.until, other.until)
    return Span(since, until) if since < until else None


def _collect_newest(
    series: Series, span: Span, *, limit: int | None, newest_first: bool
) -> Collection:
    page = _newest_page(series, span)
    frame = page.frame
    if limit is not None:
        frame = _most(frame, limit, newest_first=newest_first)
    counted = limit is not None and newest_first
    if page.oldest is not None and (
        len(frame) < (limit or 0) if counted else span.since < page.oldest
    ):
        asked = f"{limit} candles" if counted else f"candles since {show_time(span.since)}"
        raise _too_old(series, series.paging.page_size, page.oldest, asked)
    opens = times_of(frame)
    width = series.timeframe
    if limit is not None:
        span = _limited(frame, span, width, limit, newest_first=newest_first)
    return Collection(span, frame, missing(opens, width, span))


def _newest_page(series: Series, span: Span) -> Page:
    """Give the newest page; one that is short for its range is asked for again."""
    page = series.page(span)
    if page.oldest is not None or len(page.frame) == series.timeframe.between(*span):
        return page
    again = series.page(span)
    return again if again.oldest is not None or len(again.frame) > len(page.frame) else page


def _check_reach(series: Series, span: Span, last: int | None) -> None:
    reach = series.paging.reach
    if reach is None:
        return
    width = series.timeframe
    earliest = width.shift(width.floor(series.source.now()), 1 - reach)
    since = span.since
    if last is not None and last < width.between(*span):
        since = width.shift(span.until, -last)
    if since < earliest:
        raise _too_old(series, reach, earliest, f"candles since {show_time(since)}")


def _too_old(series: Series, served: int, earliest: int, asked: str) -> HistoryUnavailable:
    return HistoryUnavailable(
        f"{series.source.exchange} serves only its newest {served} candles of {series.symbol} "
        f"{series.timeframe}, from {show_time(earliest)} on, and {asked} were asked for: ask for a "
        "later since, fewer candles or a longer timeframe",
        earliest=earliest,
    )


def _longest(series: Series) -> Timeframe:
    widths = [Timeframe.parse(name) for name in series.source.timeframes()]
    fitting = [width for width in widths if width.milliseconds and width.milliseconds <= DAY]
    return max(fitting, key=lambda width: width.shortest, default=series.timeframe)
