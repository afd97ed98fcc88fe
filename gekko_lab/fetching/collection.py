"""The candles of ranges, by as many walks beside each other as help."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from gekko_lab.errors import BadResponse, HistoryUnavailable, SourceError
from gekko_lab.fetching.beside import beside
from gekko_lab.fetching.completion import Failure
from gekko_lab.fetching.quiet import certify
from gekko_lab.fetching.served import check_reach, collect_newest
from gekko_lab.fetching.walk import Collection, Walk, trim
from gekko_lab.frames.schemas import CANDLES_FULL, empty
from gekko_lab.market.moments import show_time
from gekko_lab.market.spans import Span, merge, subtract

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gekko_lab.fetching.completion import Series
    from gekko_lab.fetching.walk import Keep

_LONGEST_STRETCH = 16
_STRETCHES = 4


def collect(
    series: Series,
    span: Span,
    *,
    limit: int | None = None,
    newest_first: bool = False,
    report: Callable[[int], None],
    keep: Keep | None = None,
    n_jobs: int = 1,
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
        Is given each page and what came of it, before the same walk asks for the next one; whether
        it took the rows, which then aren't held here.
    n_jobs
        How many pages to ask for at a time, where there is no limit.
    """
    if limit is None:
        return collect_ranges(series, [span], report=report, keep=keep, n_jobs=n_jobs)[0]
    if series.paging.newest_only:
        return collect_newest(series, span, limit=limit, newest_first=newest_first, keep=keep)
    check_reach(series, span, limit if newest_first else None)
    walk = Walk(series, span, _Sum(report), keep, limit=limit, newest_first=newest_first)
    found = walk.run()
    if settle(series, found, keep, hold=True):
        trim(found, span, series.timeframe, limit, newest_first=newest_first)
    return found


def collect_ranges(
    series: Series,
    spans: Sequence[Span],
    *,
    report: Callable[[int], None],
    keep: Keep | None = None,
    n_jobs: int = 1,
) -> list[Collection]:
    """Give the candles of each range.

    The first walk goes alone up to the first candles, as it may leap over years before a listing.
    What is left is cut into stretches that are walked beside each other.

    Parameters
    ----------
    series
        What to ask for.
    spans
        Ranges of open times on the timeframe's grid, in order.
    report, keep, n_jobs
        As in `collect`; `keep` is called by several threads.
    """
    if series.paging.newest_only:
        return _newest(series, spans, keep)
    for span in spans:
        check_reach(series, span, None)
    hopeless: list[SourceError] = []
    rows = _Sum(report)

    def walk(part: Span) -> Walk:
        return Walk(series, part, rows, keep, hopeless=hopeless)

    def stretch(place: int, part: Span) -> tuple[int, Collection]:
        return place, walk(part).run()

    head = walk(spans[0])
    parts = [[head.run(head=True)], *([] for _ in spans[1:])]
    lefts = [head.plan.left, *spans[1:]]
    tasks = [
        partial(stretch, place, part)
        for place, left in enumerate(lefts)
        for part in _stretches(series, left, n_jobs)
    ]
    for place, found in beside(tasks, n_jobs) if n_jobs > 1 else (task() for task in tasks):
        parts[place].append(found)
    joined = [_joined(span, found) for span, found in zip(spans, parts, strict=True)]
    for found in joined:
        settle(series, found, keep)
    return joined


def _newest(series: Series, spans: Sequence[Span], keep: Keep | None) -> list[Collection]:
    """Keep what is served of all ranges before one that is too old is refused."""
    found: list[Collection] = []
    refused: HistoryUnavailable | None = None
    for span in reversed(spans):
        try:
            found.append(collect_newest(series, span, keep=keep))
        except HistoryUnavailable as error:
            refused = error
    if refused is not None:
        raise refused
    return found[::-1]


def settle(series: Series, found: Collection, keep: Keep | None, *, hold: bool = False) -> bool:
    """Ask once more for holes that may be none.

    Where an exchange jumps over gaps, an answer from inside one shows the next candle. One that
    shows none, between candles that exist, is wrong, however often it comes.

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
    asked, still = False, []
    for end in merge(found.ends):
        asked = True
        try:
            page = series.page(Span(end.since, series.timeframe.next(end.since)))
        except SourceError:  # it was told so already, and isn't certain
            still.append(end)
            continue
        if page.frame.is_empty() and page.resumes_at is None:
            still.append(end)
            continue
        again = Walk(series, end, _nobody, keep, hold=hold).run()
        found.frame = pl.concat([found.frame, again.frame]).sort("timestamp")
        found.latest = max(filter(None, (found.latest, again.latest)), default=None)
        found.holes = merge([*subtract(found.holes, [end]), *again.holes])
        found.failures += again.failures
        still += again.ends
    found.ends = []
    for end in still:
        if found.latest is None or found.latest < end.until:
            found.ends.append(end)
            continue
        lie = BadResponse(
            f"{series.source.exchange} says that no candles of {series.symbol} {series.timeframe} "
            f"follow {show_time(end.since)}, but gave later ones; try again"
        )
        found.holes = subtract(found.holes, [end])
        found.failures.append(Failure(end, lie))
    return certify(series, found, keep, hold=hold) or asked


def _nobody(rows: int) -> None:
    """Tell nobody of so many rows."""
    del rows


def _stretches(series: Series, span: Span, n_jobs: int) -> list[Span]:
    """Cut a range into stretches of whole pages: several for each job, so that all end together."""
    if span.since >= span.until:
        return []
    if n_jobs == 1:
        return [span]
    size = series.paging.page_size
    pages = -(-series.timeframe.between(*span) // size)
    length = size * min(_LONGEST_STRETCH, max(1, pages // (_STRETCHES * n_jobs)))
    stretches, since = [], span.since
    while since < span.until:
        until = min(span.until, series.timeframe.shift(since, length))
        stretches.append(Span(since, until))
        since = until
    return stretches


def _joined(span: Span, found: list[Collection]) -> Collection:
    found = sorted(found, key=lambda part: part.span)
    return Collection(
        span,
        pl.concat([empty(CANDLES_FULL), *(part.frame for part in found)]),
        merge(hole for part in found for hole in part.holes),
        [failure for part in found for failure in part.failures],
        [end for part in found for end in part.ends],
        max((part.latest for part in found if part.latest is not None), default=None),
    )


class _Sum:
    """Adds up the candles of walks beside each other."""

    def __init__(self, report: Callable[[int], None]) -> None:
        self._report = report
        self._rows = 0
        self._lock = threading.Lock()

    def __call__(self, rows: int) -> None:
        with self._lock:
            self._rows += rows
            self._report(self._rows)
