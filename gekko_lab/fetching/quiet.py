"""Times without trades and outages, told from candles that an answer lost.

Where candles without trades don't exist, one that an answer lost looks like one of these; where all
exist, one that two answers lost looks like an outage. Longer candles tell them apart: where the
volume of one is the sum of the shorter ones that came, nothing was traded in the holes between
them. One request proves some dozens of pages so. What can't be compared, as the range's end cuts it
or as it is still forming, is asked for a second time where one answer told it. Of what was leapt
over, as there are no days, only the end is looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from gekko_lab.errors import BadResponse, SourceError
from gekko_lab.fetching.completion import Failure, Outcome, Series
from gekko_lab.frames.checks import milliseconds, times_of
from gekko_lab.frames.resample import missing
from gekko_lab.limits.waiting import check_stopped
from gekko_lab.market.spans import Span, intersect, merge, subtract

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from gekko_lab.fetching.volumes import Volumes
    from gekko_lab.fetching.walk import Collection, Keep
    from gekko_lab.market.timeframe import Timeframe

_FEW = 3


def certify(series: Series, found: Collection, keep: Keep | None, *, hold: bool) -> bool:
    """See to it that holes are times without trades, or outages.

    Candles that come late are added and kept. What stays in doubt goes to `found.doubted`.

    Parameters
    ----------
    series, found, keep
        What was walked, what came of it, and who keeps it.
    hold
        Whether rows are wanted in the frame also where they are kept.

    Returns
    -------
    bool
        Whether anything was asked.
    """
    volumes = series.volumes
    if not found.holes:
        return False
    again = _Again(series, found, keep, hold=hold)
    answered = volumes.answered(found.holes)
    once = volumes.told_once(answered)
    if volumes.width == series.timeframe:
        again.ask(once)
        return True
    leaps = [] if series.paging.dense else subtract(found.holes, answered)
    ends = [_end(leap, volumes.width, series.paging.page_size) for leap in leaps]
    volumes.note(ends, [], found.frame.clear())
    longer = _Longer(series, volumes, [*answered, *ends])
    longer.ask()
    if longer.differing:
        longer.ask(longer.differing)  # it may have lost rows itself
    uncertain = [*subtract(once, longer.whole), *intersect(once, longer.unknown)]
    again.ask(intersect(found.holes, [*uncertain, *longer.differing]))
    wrong = [leap for leap in leaps if subtract([leap], found.holes)]
    doubted = [*wrong, *(longer.differing if longer.agrees else ())]
    found.doubted = intersect(found.holes, doubted)
    return True


def _end(leap: Span, width: Timeframe, candles: int) -> Span:
    """Give the end of what was leapt over, where candles are likely if the leap was too wide."""
    return Span(max(leap.since, width.shift(width.floor(leap.until), -candles)), leap.until)


class _Longer:
    """Longer candles around holes, and whether the shorter ones add up to them."""

    def __init__(self, series: Series, volumes: Volumes, holes: Iterable[Span]) -> None:
        width = volumes.width
        self.volumes = volumes
        self.wide = Series(series.source, series.symbol, width, full=False)
        self.closed = series.source.now() - series.paging.settles_ms
        around = merge(Span(width.floor(since), width.ceil(until)) for since, until in holes)
        self.windows = _windows(around, width, self.wide.paging.page_size)
        self.opens = {window: volumes.whole(window, self.closed) for window in self.windows}
        self.frames: dict[Span, pl.DataFrame] = {}

    def ask(self, around: Sequence[Span] | None = None) -> None:
        """Ask for the candles, or again for those of windows in which some lie."""
        for window, opens in self.opens.items():
            if not len(opens) or (around is not None and not intersect([window], around)):
                continue
            check_stopped()
            try:
                self.frames[window] = self.wide.page(window).frame
            except SourceError:  # then the holes are asked for again
                self.frames.pop(window, None)

    @property
    def whole(self) -> list[Span]:
        """What can be compared."""
        return self._spans(self.opens.values())

    @property
    def unknown(self) -> list[Span]:
        """What can't, as the longer candles couldn't be had."""
        return [window for window in self.windows if window not in self.frames]

    @property
    def differing(self) -> list[Span]:
        """Where more, or less, was traded than the shorter candles tell."""
        return self._spans(
            self.opens[window][self.volumes.differing(self.opens[window], frame)]
            for window, frame in self.frames.items()
        )

    @property
    def agrees(self) -> bool:
        """Whether the two widths mostly tell the same; else their difference says nothing."""
        width = self.volumes.width
        differing = sum(width.between(*span) for span in self.differing)
        traded = sum(self.volumes.traded(self.opens[window]) for window in self.frames)
        return differing <= max(_FEW, traded // 2)

    def _spans(self, opens: Iterable[NDArray[np.int64]]) -> list[Span]:
        step = self.volumes.width.shortest
        return merge(Span(int(time), int(time) + step) for times in opens for time in times)


class _Again:
    """Asks for holes a second time."""

    def __init__(self, series: Series, found: Collection, keep: Keep | None, *, hold: bool) -> None:
        self.series = series
        self.found = found
        self.keep = keep
        self.hold = hold

    def ask(self, holes: Sequence[Span]) -> None:
        """Ask for holes; candles that are there after all are added and kept."""
        hopeless: SourceError | None = None
        for window in self._windows(holes):
            check_stopped()
            inside = intersect(holes, [window])
            try:
                if hopeless is not None:
                    raise hopeless
                page = self.series.page(window)
            except SourceError as error:
                if not isinstance(error, BadResponse):
                    hopeless = error  # the rest would fail alike
                self.found.failures += [Failure(hole, error) for hole in inside]
                self.found.holes = subtract(self.found.holes, inside)
                continue
            if not page.frame.is_empty():
                self._take(page.frame, inside)

    def _windows(self, holes: Sequence[Span]) -> list[Span]:
        windows = _windows(holes, self.series.timeframe, self.series.paging.page_size)
        broken = [failure.span for failure in self.found.failures]  # it would spoil the rest
        parts = (part for window in windows for part in subtract([window], broken))
        return [part for part in parts if intersect([part], holes)]

    def _take(self, frame: pl.DataFrame, holes: list[Span]) -> None:
        opens, width = times_of(frame), self.series.timeframe
        came = [part for hole in holes for part in subtract([hole], missing(opens, width, hole))]
        for part in came:
            rows = frame.filter((milliseconds() >= part.since) & (milliseconds() < part.until))
            kept = self.keep is not None and self.keep(part, Outcome(rows))
            if self.hold or not kept:
                self.found.frame = pl.concat([self.found.frame, rows]).sort("timestamp")
            self.series.volumes.add(rows)
        self.found.holes = subtract(self.found.holes, came)


def _windows(spans: Iterable[Span], width: Timeframe, most: int) -> list[Span]:
    """Give few windows of at most so many candles that cover ordered spans."""
    windows: list[Span] = []
    for span in spans:
        since = span.since
        if windows and width.between(windows[-1].since, span.until) <= most:
            windows[-1] = Span(windows[-1].since, span.until)
            continue
        while since < span.until:
            until = min(span.until, width.shift(since, most))
            windows.append(Span(since, until))
            since = until
    return windows
