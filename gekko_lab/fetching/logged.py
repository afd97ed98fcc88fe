"""A fetch through the data log: what is held is read, the rest is asked for, and it is kept.

Each page is durable, together with the range that it answers, before the same walk asks for the
next one, so that nothing has to be fetched twice, whatever ends the fetch. Holes count as known
once their reason is: an outage, the time before the listing, minutes without trades. What nobody
can explain, and what failed, is asked for again by the next fetch.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from gekko_lab import datalog
from gekko_lab.datalog.files import inside
from gekko_lab.errors import DiskFull, LogError
from gekko_lab.fetching.fetched import Extent
from gekko_lab.fetching.missing import explain, warn_of_log
from gekko_lab.fetching.tally import used
from gekko_lab.fetching.walk import Collection
from gekko_lab.frames.resample import gap_frame
from gekko_lab.frames.schemas import CANDLES_FULL, GAPS, empty
from gekko_lab.market.spans import Span, subtract

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gekko_lab.fetching.completion import Outcome
    from gekko_lab.fetching.request import Request
    from gekko_lab.fetching.supply import Supply

_LASTING = ("outage", "before_listing", "no_trades")
_WORTH_FOLDING = 1 << 20
_FOLD_BYTES = 8 << 20  # a fold holds about twice as much in memory
_COUNTED = 100_000
_GROWTHS = 6
_LATE_MS = 3_600_000  # in which an exchange may still deliver what it lacks


def collect_logged(
    supply: Supply,
    request: Request,
    *,
    report: Callable[[int], None],
    must: bool = True,
    rows: bool = True,
    columns: Sequence[str] | None = None,
) -> Logged:
    """Give the candles of a request and the table of what is missing, through the data log.

    Parameters
    ----------
    supply
        Where to ask for what the log doesn't know; with all columns.
    request
        The range or number of candles.
    report
        Is told how many candles are there.
    must
        Whether a log that can't be written ends the fetch; else it goes on without, and warns.
    rows
        Whether the candles of a range are wanted; else they are left in the log.
    columns
        Which of them are wanted; by default all.
    """
    series = supply.series
    log = datalog.Series(
        "candles", series.source, series.symbol, series.timeframe, fold_bytes=_FOLD_BYTES
    )
    walk = _Walk(supply, log, request, report, must=must, columns=columns)
    try:
        limit = request.limit
        found = walk.all(rows=rows) if limit is None else walk.counted(limit)
    finally:
        walk.close()
    walk.warn()
    return found


@dataclass(frozen=True, slots=True)
class Logged:
    """What a fetch through the log gives: candles, what is missing, and how many there are."""

    collection: Collection
    gaps: pl.DataFrame
    extent: Extent


@dataclass(frozen=True, slots=True)
class Explained:
    """What is missing in a collection, and what of it the log doesn't know."""

    gaps: pl.DataFrame
    unkept: pl.DataFrame


class _Walk:
    """One fetch of one series through its log."""

    def __init__(
        self,
        supply: Supply,
        log: datalog.Series,
        request: Request,
        report: Callable[[int], None],
        *,
        must: bool,
        columns: Sequence[str] | None = None,
    ) -> None:
        self.supply = supply
        self.series = supply.series
        self.log = log
        self.request = request
        self.report = report
        self.must = must
        self.columns = list(columns or CANDLES_FULL)
        self.broken: Exception | None = None
        self.ended = False
        self.lock = threading.Lock()
        self.held = 0
        self.settled = self.series.source.now() - _LATE_MS

    def all(self, *, rows: bool = True) -> Logged:
        """Give the whole range, or with `rows=False` only see to it that the log holds it."""
        return self._range(self.request.span, rows=rows)

    def _range(self, span: Span, *, rows: bool = True) -> Logged:
        known = self.log.coverage(span)
        lacking = known.missing(span)
        self._count_held(known.held)
        told, failures, loose = [empty(GAPS)], [], [empty(CANDLES_FULL)]
        if lacking:
            for found in self.supply.ranges(lacking, report=self._report, keep=self._keep):
                told.append(self._explained(found).unkept)
                failures += found.failures
                loose.append(found.frame)
            self._fold()
        if rows:
            held = self.log.read(span, self.columns)
            extra = pl.concat(loose).select(self.columns)
            frame, ledger = _with(held.frame, extra), held.ledger
            extent = Extent.of(frame)
        else:
            frame, ledger = empty(CANDLES_FULL).select(self.columns), self.log.coverage(span)
            extent = self._extent(ledger.held)
        width = self.series.timeframe
        lasting = gap_frame(
            (hole, width, reason, None) for reason, holes in ledger.empty.items() for hole in holes
        )
        gaps = pl.concat([lasting, *told]).sort("since")
        return Logged(Collection(span, frame, failures=failures), gaps, extent)

    def _extent(self, held: list[Span]) -> Extent:
        """Count the candles of ranges in the log, in memory that doesn't grow with them."""
        width = self.series.timeframe
        rows, first, last = 0, None, None
        for span in held:
            since = span.since
            while since < span.until:
                until = min(span.until, width.shift(since, _COUNTED))
                times = self.log.store.read(Span(since, until), ["timestamp"]).frame["timestamp"]
                rows += len(times)
                if len(times):
                    plain = times.to_physical()
                    first, last = plain[0] if first is None else first, plain[-1]
                since = until
        return Extent.between(rows, first, last)

    def _fold(self) -> None:
        """Let other programs see what came, where it is much, and the next reading be quick."""
        if self.log.unfolded_bytes > _WORTH_FOLDING:
            with suppress(DiskFull):  # it stays in the journal
                self.log.fold()

    def counted(self, limit: int) -> Logged:
        """Give the first or last so many candles."""
        grown = self._grown(limit)
        if grown is not None:
            return grown
        self.held = 0
        found = self.supply.some(
            self.request.span,
            limit,
            newest_first=self.request.newest_first,
            report=self._report,
            keep=self._keep,
        )
        gaps = self._explained(found).gaps
        found.frame = found.frame.select(self.columns)
        return Logged(found, gaps, Extent.of(found.frame))

    def _grown(self, limit: int) -> Logged | None:
        """Give the candles of the range where they are likely, grown as far as some are missing.

        None where one walk is better: where not every candle exists, or one page will do.
        """
        span = self._likely(limit)
        lacking = self.log.missing(span)
        paging = self.series.paging
        if lacking and (not paging.dense or (lacking == [span] and limit <= paging.page_size)):
            return None
        for _ in range(_GROWTHS):
            found = self._range(span)
            rows = found.extent.rows
            if rows == limit or found.collection.failures:
                return found
            if rows > limit or not paging.dense:
                return None
            wider = self._wider(span, limit - rows)
            if wider == span:
                return found
            span = wider
        return None

    def _likely(self, limit: int) -> Span:
        """Give the range that holds the candles if none is missing."""
        since, until = self.request.span
        if self.request.newest_first:
            return self._wider(Span(until, until), limit)
        return self._wider(Span(since, since), limit)

    def _wider(self, span: Span, candles: int) -> Span:
        """Give a range with so many candles more, as far as the request goes."""
        width, (since, until) = self.series.timeframe, self.request.span
        if self.request.newest_first:
            begin = width.ceil(since)
            if candles >= width.between(begin, span.since):
                return Span(begin, span.until)
            return Span(width.shift(span.since, -candles), span.until)
        if candles >= width.between(span.until, until):
            return Span(span.since, until)
        return Span(span.since, width.shift(span.until, candles))

    def _count_held(self, spans: list[Span]) -> None:
        self.held = sum(self.series.timeframe.between(*span) for span in spans)
        if self.held:
            used("log")
            self.report(self.held)

    def _report(self, rows: int) -> None:
        self.report(self.held + rows)

    def close(self) -> None:
        """Close the log; a thread that still ends its page, when interrupted, keeps nothing."""
        with self.lock:
            self.ended = True
            self.log.close()

    def _keep(self, page: Span, outcome: Outcome) -> bool:
        with self.lock:
            return self._kept(page, outcome)

    def _kept(self, page: Span, outcome: Outcome) -> bool:
        if self.broken is not None or self.ended:
            return False
        lacking = [*outcome.holes, *(failure.span for failure in outcome.failures)]
        try:
            parts = subtract([page], lacking)
            if parts:
                whole = parts == [page]
                rows = outcome.frame if whole else inside(outcome.frame, parts)
                self.log.append(rows, parts, closed_until=page.until, checked=whole)
        except (LogError, OSError) as error:
            self._give_up(error)
            return False
        return True

    def _give_up(self, error: Exception) -> None:
        if self.must:
            raise error
        self.broken = error

    def warn(self) -> None:
        """Tell of a log that can't be written."""
        if self.broken is not None:
            warn_of_log(self.broken)

    def _explained(self, found: Collection) -> Explained:
        """Give the table of what is missing, and let the log know what will stay so."""
        gaps = explain(self.series, found)
        if gaps.is_empty():
            return Explained(gaps, gaps)
        early = pl.col("reason") == "before_listing"
        if gaps.select(early.any()).item() and self._has_begun(found.span):
            inside = "outage" if self.series.paging.dense else "no_trades"
            gaps = gaps.with_columns(reason=pl.when(early).then(pl.lit(inside)).otherwise("reason"))
        lasts = self._lasts(found)
        lasting = _labeled(gaps.filter(lasts), "reason")
        failed = _labeled(gaps.filter(reason="failed"), "error")
        if (lasting or failed) and self.broken is None:
            try:
                self.log.append(
                    empty(CANDLES_FULL),
                    None,
                    closed_until=found.span.until,
                    empty=lasting,
                    failed=failed,
                )
            except (LogError, OSError) as error:
                self._give_up(error)
        unkept = gaps if self.broken is not None else gaps.filter(~lasts)
        return Explained(gaps, unkept)

    def _lasts(self, found: Collection) -> pl.Expr:
        """Tell which gaps have a reason that stays, and lie too far back to be filled late.

        That nothing was traded is certain once a later candle is there. Where every candle exists,
        trades that are missing don't mean that candles are.
        """
        paging = self.series.paging
        until = pl.col("until").dt.epoch("ms")
        reason = pl.col("reason")
        certain = reason == "outage"
        if paging.jumps:
            certain |= reason == "before_listing"
        if not paging.dense:
            held = max((span.until for span in self.log.coverage().held), default=0)
            certain |= reason.is_in(_LASTING) & (until <= max(held, found.latest or 0))
        return certain & (until <= self.settled)

    def _has_begun(self, span: Span) -> bool:
        """Tell whether the log holds candles from before a range, so that the market was listed."""
        return any(held.since < span.since for held in self.log.coverage().held)


def _with(held: pl.DataFrame, loose: pl.DataFrame) -> pl.DataFrame:
    """Give the rows of the log, and those that it could not take."""
    if loose.is_empty():
        return held
    new = loose.join(held, on="timestamp", how="anti")
    return pl.concat([held, new]).sort("timestamp")


def _labeled(gaps: pl.DataFrame, label: str) -> list[tuple[Span, str]]:
    rows = gaps.select(pl.col("since", "until").dt.epoch("ms"), label).rows()
    return [(Span(*ends), text) for *ends, text in rows]
