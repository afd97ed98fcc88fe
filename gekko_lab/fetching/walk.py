"""Walking a plan page by page until the range, or so many candles, are there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from gekko_lab.errors import BadResponse, SourceError
from gekko_lab.fetching.completion import Failure, Outcome
from gekko_lab.fetching.plan import Plan
from gekko_lab.fetching.probing import probe
from gekko_lab.frames.checks import milliseconds
from gekko_lab.frames.schemas import CANDLES_FULL, empty
from gekko_lab.frames.soundness import microseconds
from gekko_lab.limits.waiting import check_stopped
from gekko_lab.market.spans import Span, merge

if TYPE_CHECKING:
    from gekko_lab.fetching.completion import Series
    from gekko_lab.market.timeframe import Timeframe

Keep = Callable[[Span, Outcome], bool]
"""Is given each page and what came of it; tells whether its rows are kept, and needn't be held."""

_EMPTY_PAGES = 2
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
    ends : list of Span
        Holes of answers that say no candle follows, as a jumping exchange would have shown it.
    latest : int or None
        The last open time that was seen.
    quiet : list of Span
        Holes of which the trades tell that there were none.
    """

    span: Span
    frame: pl.DataFrame = field(default_factory=lambda: empty(CANDLES_FULL))
    holes: list[Span] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    ends: list[Span] = field(default_factory=list)
    latest: int | None = None
    quiet: list[Span] = field(default_factory=list)


class Walk:
    """The state of one walk over a plan.

    Parameters
    ----------
    series
        What is asked for.
    span
        Where the candles open, on the timeframe's grid.
    report
        Is told how many candles came with each page.
    keep
        Is given each page before the next one is asked for.
    limit
        How many candles are wanted; None for all.
    newest_first
        Walk backwards, so that `limit` means the last ones.
    hopeless
        Shared by walks beside each other: what one puts there ends the others.
    hold
        Whether rows are wanted in the frame also where they are kept.
    """

    def __init__(
        self,
        series: Series,
        span: Span,
        report: Callable[[int], None],
        keep: Keep | None = None,
        *,
        limit: int | None = None,
        newest_first: bool = False,
        hopeless: list[SourceError] | None = None,
        hold: bool = False,
    ) -> None:
        self.keep = keep
        self.series = series
        self.limit = limit
        self.hold = hold or limit is not None
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
        self.hopeless: list[SourceError] = [] if hopeless is None else hopeless

    def run(self, *, head: bool = False) -> Collection:
        """Walk until the plan ends or enough candles are there.

        Parameters
        ----------
        head
            End behind the first page with candles; `plan.left` is what was not walked.
        """
        empty_pages = broken_pages = 0
        for page in self.plan:
            check_stopped()
            if self.hopeless:
                self.found.failures.append(Failure(page, self.hopeless[0]))
                self._give_up(self.hopeless[0])
                break
            outcome = self.series.complete(page)
            self._take(page, outcome)
            if self.limit is not None and self.rows >= self.limit:
                break
            broken_pages = broken_pages + 1 if outcome.failures else 0
            if outcome.failures and self._is_hopeless(outcome, broken_pages):
                break
            empty_pages = empty_pages + 1 if outcome.frame.is_empty() else 0
            if outcome.holes and (outcome.resumes_at is not None or empty_pages):
                self._leap(outcome, empty_pages)
            if head and self.rows:
                break
        return self._finish()

    def _take(self, page: Span, outcome: Outcome) -> None:
        kept = self.keep is not None and self.keep(page, outcome)
        if self.hold or not kept:
            self.frames.append(outcome.frame)
        self.rows += len(outcome.frame)
        self.found.holes += outcome.holes
        self.found.failures += outcome.failures
        if len(outcome.frame):
            last = int(microseconds(outcome.frame)[-1]) // 1000
            self.found.latest = max(last, self.found.latest or 0)
        if outcome.holes and outcome.resumes_at is None and self.series.paging.jumps:
            self.found.ends += [hole for hole in outcome.holes if hole.until == page.until]
        self.report(len(outcome.frame))

    def _is_hopeless(self, outcome: Outcome, broken_pages: int) -> bool:
        """Say whether the rest would fail alike; then it counts as failed, unasked."""
        if self.limit is not None:
            return True  # the first or last rows can't be told behind a part that is missing
        error = outcome.failures[-1].error
        if isinstance(error, BadResponse) and broken_pages < _BROKEN_PAGES:
            return False
        self.hopeless.append(error)
        self._give_up(error)
        return True

    def _give_up(self, error: SourceError) -> None:
        rest = self.plan.left
        if rest.since < rest.until:
            self.found.failures.append(Failure(rest, error))
            self.plan.skip_to(rest.until)

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
            skipped = self.plan.skip_to(target)
            self.found.holes.append(skipped)
            if outcome.resumes_at is None and self.series.paging.jumps and not self.newest_first:
                self.found.ends.append(skipped)  # as only answers without a candle said so

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
            trim(
                found, self.span, self.series.timeframe, self.limit, newest_first=self.newest_first
            )
        found.holes = merge(found.holes)
        return found


def trim(
    found: Collection, span: Span, width: Timeframe, limit: int, *, newest_first: bool
) -> None:
    """Leave the first or last so many candles, and what is missing among them."""
    found.frame = most(found.frame, limit, newest_first=newest_first)
    _clip(found, limited(found.frame, span, width, limit, newest_first=newest_first))


def limited(
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


def most(frame: pl.DataFrame, limit: int, *, newest_first: bool) -> pl.DataFrame:
    """Give the first or last rows."""
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
