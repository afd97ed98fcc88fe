"""Old candles from an exchange's archive of files, as far as they can be trusted.

A file is believed when its checksum vouches for it, its rows keep the rules of candles, and its
first and last candles are those that the exchange gives. Everything else is left to pages: files
that are missing, late, damaged or different, and candles that a file lacks, which may exist all the
same. So the archive can save requests but never decides that there is no candle.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from gekko_lab.errors import BadResponse, SourceError
from gekko_lab.fetching.archive_borders import Borders
from gekko_lab.fetching.archive_plan import plan_archive
from gekko_lab.fetching.archive_reading import read_file
from gekko_lab.fetching.completion import Failure, Outcome
from gekko_lab.fetching.tally import count
from gekko_lab.frames.checks import milliseconds, times_of
from gekko_lab.frames.resample import missing
from gekko_lab.market.moments import show_time
from gekko_lab.market.spans import Span, merge, subtract

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    import polars as pl

    from gekko_lab.fetching.archive_plan import Files
    from gekko_lab.fetching.completion import Series
    from gekko_lab.fetching.walk import Keep
    from gekko_lab.sources.source import Archive, ArchiveFile

_log = logging.getLogger("gekko_lab")


@dataclass(slots=True)
class ArchiveCollection:
    """What came from an archive.

    Attributes
    ----------
    span : Span
        What was wanted.
    rows : int
        How many candles came.
    done : list of Span
        Where every candle came.
    holes : list of Span
        Where a file has no candles; the exchange hasn't been asked.
    failures : list of Failure
        Files that couldn't be had or trusted, and why.
    """

    span: Span
    rows: int = 0
    done: list[Span] = field(default_factory=list)
    holes: list[Span] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    @property
    def left(self) -> list[Span]:
        """What is still to be asked of the exchange."""
        return subtract([self.span], self.done)


def collect_archived(
    series: Series,
    archive: Archive,
    span: Span,
    *,
    report: Callable[[int], None],
    keep: Keep,
    n_jobs: int = 8,
) -> ArchiveCollection:
    """Take from an archive what it has of a range; the rest is told in `left`.

    Parameters
    ----------
    series
        What to ask the exchange for, where files meet.
    archive
        The files of its market.
    span
        Where the candles open, on the timeframe's grid.
    report
        Is told how many candles are there, after each file.
    keep
        Is given each part and what came of it, in order of time and as soon as it is there; holes
        in it are what the exchange is to be asked for. Nobody else holds the rows.
    n_jobs
        How many files are downloaded at a time.
    """
    return _Walk(series, archive, span, report, keep).run(n_jobs)


@dataclass(frozen=True, slots=True)
class _Read:
    """What became of a part: its candles, or an error, or neither where there is no file."""

    part: Span
    file: ArchiveFile
    frame: pl.DataFrame | None = None
    error: SourceError | None = None
    skipped: bool = False


class _Walk:
    """The state of one walk over the files of a range."""

    def __init__(
        self,
        series: Series,
        archive: Archive,
        span: Span,
        report: Callable[[int], None],
        keep: Keep,
    ) -> None:
        self.series = series
        self.archive = archive
        self.report = report
        self.keep = keep
        self.found = ArchiveCollection(span)
        self.borders = Borders(series, span)
        self.off = threading.Event()  # set when asking for more would be in vain

    def run(self, n_jobs: int) -> ArchiveCollection:
        """Read the files, a few ahead of the one that is due."""
        waiting = deque(self._plan())
        running: deque[Future[_Read]] = deque()
        pool = ThreadPoolExecutor(n_jobs, thread_name_prefix="gekko-lab-archive")
        try:
            while waiting or running:
                while waiting and len(running) < 2 * n_jobs:
                    running.append(self._start(pool, *waiting.popleft()))
                read = running.popleft().result()
                smaller = self._take(read)
                started = [self._start(pool, *one) for one in smaller]
                running.extendleft(reversed(started))
        finally:
            self.off.set()
            pool.shutdown(wait=False, cancel_futures=True)
        self.found.done = merge(self.found.done)
        return self.found

    def _plan(self) -> Files:
        """Give the plan from the market's first candle on: before it there are no files."""
        since, until = self.found.span
        planned = plan_archive(self.series, self.archive, self.found.span)
        if not planned:
            return []
        try:
            listed = self.series.listed
        except SourceError:
            listed = None
        if listed is None or listed <= since:
            return planned
        return plan_archive(self.series, self.archive, Span(min(listed, until), until))

    def _start(self, pool: ThreadPoolExecutor, part: Span, file: ArchiveFile) -> Future[_Read]:
        return pool.submit(copy_context().run, self._read, part, file)

    def _read(self, part: Span, file: ArchiveFile) -> _Read:
        """Read a file, in a thread of its own."""
        if self.off.is_set():
            return _Read(part, file, skipped=True)
        try:
            frame = read_file(partial(self._candles, file))
            if frame is None:
                return _Read(part, file)
            inside = (milliseconds() >= part.since) & (milliseconds() < part.until)
            frame = frame.filter(inside)
            difference = self.borders.difference(frame)
        except SourceError as error:
            vain = self.off.is_set() and not isinstance(error, BadResponse)
            return _Read(part, file, error=error, skipped=vain)
        if difference is not None:
            told = f"{file.url} differs from {self.series.source.exchange}: {difference}"
            return _Read(part, file, error=BadResponse(told))
        return _Read(part, file, frame)

    def _candles(self, file: ArchiveFile) -> pl.DataFrame | None:
        if self.off.is_set():
            raise SourceError(f"{file.url} isn't needed any more")
        return self.archive.candles(file)

    def _take(self, read: _Read) -> Files:
        """Keep what came of a part, and give what to read in its place when it's missing."""
        if read.skipped:
            return []
        if read.error is not None:
            self._distrust(read, read.error)
            return []
        if read.frame is None:
            _log.info("%s isn't there: asking elsewhere", read.file.url)
            length = read.file.span.until - read.file.span.since
            return plan_archive(self.series, self.archive, read.part, smaller_than=length)
        holes = missing(times_of(read.frame), self.series.timeframe, read.part)
        self.keep(read.part, Outcome(read.frame, holes))
        self.found.rows += len(read.frame)
        count(pages=1)
        self.found.holes += holes
        self.found.done += subtract([read.part], holes)
        self.report(self.found.rows)
        return []

    def _distrust(self, read: _Read, error: SourceError) -> None:
        self.found.failures.append(Failure(read.part, error))
        _log.warning(
            "candles of %s from %s to %s are asked of the exchange, not of its archive: %s",
            self.series.symbol,
            show_time(read.part.since),
            show_time(read.part.until),
            error,
        )
        if not isinstance(error, BadResponse) and not self.off.is_set():
            self.off.set()
            _log.warning("no more files are asked for, as that would fail alike")
