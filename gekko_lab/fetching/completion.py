"""A page made complete: what one answer lacks is asked for again before it counts as missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from gekko_lab.errors import BadResponse, DataError, SourceError
from gekko_lab.fetching.asking import BAD_ANSWERS, ask
from gekko_lab.fetching.volumes import Volumes, longer
from gekko_lab.frames.checks import check_candles, milliseconds, times_of
from gekko_lab.frames.resample import missing
from gekko_lab.frames.schemas import CANDLES_FULL, empty
from gekko_lab.frames.soundness import clearly_candles
from gekko_lab.market.spans import Span, subtract

if TYPE_CHECKING:
    from gekko_lab.market.timeframe import Timeframe
    from gekko_lab.sources.source import Page, Paging, Source

_SALVAGE_CALLS = 32
_NAMES, _DTYPES = CANDLES_FULL.names(), CANDLES_FULL.dtypes()


@dataclass(frozen=True, slots=True)
class Failure:
    """A range that couldn't be had, and why."""

    span: Span
    error: SourceError


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one page.

    Attributes
    ----------
    frame : polars.DataFrame
        Its candles, checked.
    holes : list of Span
        What the exchange has no candles for, asked twice or seen with candles on both sides.
    resumes_at : int or None
        The first candle after the page, where that is known.
    failures : list of Failure
        What couldn't be had.
    once : list of Span
        Holes that one answer tells of, with candles on both sides.
    """

    frame: pl.DataFrame
    holes: list[Span] = field(default_factory=list)
    resumes_at: int | None = None
    failures: list[Failure] = field(default_factory=list)
    once: list[Span] = field(default_factory=list)


class _Answer:
    """What one round of asking for a range brought."""

    def __init__(self, page: Page) -> None:
        self.frame = page.frame
        self.resumes_at = page.resumes_at
        self.failures: list[Failure] = []

    def add(self, page: Page) -> None:
        """Put another page behind it."""
        self.frame = self.frame.vstack(page.frame)
        self.resumes_at = page.resumes_at


class Series:
    """The candles of one market and timeframe, as a source hands them out.

    Parameters
    ----------
    source, symbol, timeframe
        What is asked for.
    full
        Whether quote volume and trade count are wanted also where they cost more.

    Attributes
    ----------
    volumes : Volumes
        Of the pages that came.
    """

    def __init__(self, source: Source, symbol: str, timeframe: Timeframe, *, full: bool) -> None:
        self.source = source
        self.symbol = symbol
        self.full = full
        self.paging: Paging = ask(lambda: source.paging(symbol, timeframe))
        self.timeframe = timeframe
        names = ask(source.timeframes)
        self.volumes = Volumes(longer(names, timeframe, self.paging.page_size))

    @cached_property
    def listed(self) -> int | None:
        """The open time of the market's first candle, where one question tells it."""
        if not self.paging.jumps:
            return None
        start = self.timeframe.ceil(0)
        page = self.page(Span(start, self.timeframe.next(start)))
        return start if len(page.frame) else page.resumes_at

    def page(self, span: Span, *, bad_answers: int = BAD_ANSWERS) -> Page:
        """Ask for one checked page; a page that breaks the rules of candles is a bad answer."""

        def question() -> Page:
            page = self.source.candles(self.symbol, self.timeframe, *span, full=self.full)
            frame = page.frame
            whole = frame.columns == _NAMES and frame.dtypes == _DTYPES
            if whole and clearly_candles(frame, self.timeframe, span):
                return page
            try:
                check_candles(page.frame, self.timeframe, since=span.since, until=span.until)
            except DataError as error:
                raise BadResponse(
                    f"{self.source.exchange} sent unsound candles of {self.symbol} "
                    f"{self.timeframe}: {error}"
                ) from error
            return page

        return ask(question, bad_answers=bad_answers, pages=1)

    def complete(self, span: Span) -> Outcome:
        """Give the page with every candle that can be had."""
        outcome = self._complete(span)
        answered = subtract([span], [failure.span for failure in outcome.failures])
        self.volumes.note(answered, outcome.once, outcome.frame)
        return outcome

    def _complete(self, span: Span) -> Outcome:
        try:
            page = self.page(span)
        except SourceError as error:
            if isinstance(error.__cause__, DataError):
                return self._salvage(span, error)
            return Outcome(empty(CANDLES_FULL), failures=[Failure(span, error)])
        return self._completed(span, page)

    def _completed(self, span: Span, page: Page) -> Outcome:
        if len(page.frame) == self.timeframe.between(*span):  # checked rows, so none is missing
            return Outcome(page.frame, resumes_at=page.resumes_at)
        answer = self._followed(span, page) if self.paging.dense else _Answer(page)
        failures = answer.failures
        frame, resumes_at = answer.frame, answer.resumes_at
        doubts = self._doubts(span, answer)
        for doubt in doubts:
            try:
                again = self._followed(doubt, self.page(doubt))
            except SourceError as error:
                failures += [Failure(hole, error) for hole in self._holes(frame, doubt)]
                continue
            frame = joined(frame, again.frame)
            failures += again.failures
            if doubt.until == span.until:
                resumes_at = _earlier(resumes_at, again.resumes_at)
        holes = self._holes(frame, span)
        failures = [
            Failure(hole, failure.error)
            for failure in failures
            for hole in self._holes(frame, failure.span)
        ]
        holes = subtract(holes, [failure.span for failure in failures])
        return Outcome(frame, holes, resumes_at, failures, subtract(holes, doubts))

    def _followed(self, span: Span, page: Page) -> _Answer:
        """Ask on behind an answer that ended early, until the whole range is answered.

        Pages may be shorter than they were, so an answer is believed up to its last candle. The
        rest is answered by one without a candle, or with one from behind the range.
        """
        answer = _Answer(page)
        while not page.frame.is_empty() and page.resumes_at is None:
            last = page.frame.select(milliseconds().last()).item()
            rest = Span(self.timeframe.next(last), span.until)
            if rest.since >= rest.until:
                break
            try:
                page = self.page(rest)
            except SourceError as error:
                answer.failures.append(Failure(rest, error))
                break
            answer.add(page)
        return answer

    def _doubts(self, span: Span, answer: _Answer) -> list[Span]:
        """Give what is asked for a second time.

        Where every candle should exist, that is each hole. Elsewhere a hole with candles on both
        sides is mostly a time without trades: `quiet` looks at many of them at a time, and only the
        ends of the page are in doubt here.
        """
        failed = [failure.span for failure in answer.failures]
        holes = subtract(self._holes(answer.frame, span), failed)
        if not holes:
            return []
        if self.paging.dense:
            return [Span(holes[0].since, holes[-1].until)]
        settled = answer.resumes_at is not None
        return [
            hole
            for hole in holes
            if hole.since == span.since or (hole.until == span.until and not settled)
        ]

    def _holes(self, frame: pl.DataFrame, span: Span) -> list[Span]:
        opens = times_of(frame)
        return missing(opens, self.timeframe, span)

    def _salvage(self, span: Span, error: SourceError) -> Outcome:
        """Narrow down what is broken, so that one bad candle doesn't cost its page."""
        frames, holes, failures, once = [empty(CANDLES_FULL)], [], [], []
        resumes_at = None
        left = [Failure(span, error)]
        calls = 0
        while left:
            broken = left.pop()
            halves = self._halves(broken.span)
            if len(halves) == 1 or calls >= _SALVAGE_CALLS:
                failures.append(broken)
                continue
            found = []
            for half in halves:
                calls += 1
                try:
                    outcome = self._completed(half, self.page(half, bad_answers=1))
                except SourceError as still:
                    found.append(Failure(half, still))
                    continue
                frames.append(outcome.frame)
                holes += outcome.holes
                once += outcome.once
                failures += outcome.failures
                if half.until == span.until:
                    resumes_at = outcome.resumes_at
            left += reversed(found)
        frame = pl.concat(frames).sort("timestamp")
        return Outcome(frame, sorted(holes), resumes_at, failures, once)

    def _halves(self, span: Span) -> list[Span]:
        count = self.timeframe.between(*span)
        if count < 2:  # noqa: PLR2004 (one candle has no halves)
            return [span]
        middle = self.timeframe.shift(span.since, count // 2)
        return [Span(span.since, middle), Span(middle, span.until)]


def _earlier(first: int | None, second: int | None) -> int | None:
    """Give what two answers both allow to skip: one of them may have lost its first rows."""
    return None if first is None or second is None else min(first, second)


def joined(first: pl.DataFrame, second: pl.DataFrame) -> pl.DataFrame:
    """Add the rows that the first answer lacked."""
    new = second.join(first, on="timestamp", how="anti")
    return first if new.is_empty() else pl.concat([first, new]).sort("timestamp")
