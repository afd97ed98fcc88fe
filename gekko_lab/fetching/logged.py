"""A fetch through the data log: what is held is read, the rest is asked for, and it is kept.

Each page is durable, together with the range that it answers, before the same walk asks for the
next one, so that nothing has to be fetched twice, whatever ends the fetch. Holes count as known
once their reason is: an outage, the time before the listing, minutes without trades. What nobody
can explain, and what failed, is asked for again by the next fetch.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import polars as pl

from gekko_lab import datalog
from gekko_lab.errors import DiskFull, LogError
from gekko_lab.fetching.missing import explain, warn_of_log
from gekko_lab.fetching.tally import used
from gekko_lab.fetching.walk import Collection
from gekko_lab.frames.checks import milliseconds
from gekko_lab.frames.resample import gap_frame
from gekko_lab.frames.schemas import CANDLES_FULL, GAPS, empty
from gekko_lab.market.spans import Span, subtract

if TYPE_CHECKING:
    from collections.abc import Callable

    from gekko_lab.fetching.completion import Outcome
    from gekko_lab.fetching.request import Request
    from gekko_lab.fetching.supply import Supply

_LASTING = ("outage", "before_listing", "no_trades")
_WORTH_FOLDING = 1 << 20
_LATE_MS = 3_600_000  # in which an exchange may still deliver what it lacks


def collect_logged(
    supply: Supply, request: Request, *, report: Callable[[int], None], must: bool = True
) -> tuple[Collection, pl.DataFrame]:
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
    """
    series = supply.series
    with datalog.Series("candles", series.source, series.symbol, series.timeframe) as log:
        walk = _Walk(supply, log, request, report, must=must)
        found = walk.all() if request.limit is None else walk.counted(request.limit)
        walk.warn()
    return found


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
    ) -> None:
        self.supply = supply
        self.series = supply.series
        self.log = log
        self.request = request
        self.report = report
        self.must = must
        self.broken: Exception | None = None
        self.held = 0
        self.settled = self.series.source.now() - _LATE_MS

    def all(self) -> tuple[Collection, pl.DataFrame]:
        """Give the whole range."""
        span = self.request.span
        known = self.log.coverage(span)
        lacking = known.missing(span)
        self._count_held(known.held)
        told, failures, loose = [], [], [empty(CANDLES_FULL)]
        if lacking:
            for found in self.supply.ranges(lacking, report=self._report, keep=self._keep):
                told.append(self._explained(found))
                failures += found.failures
                loose.append(found.frame)
            self._fold()
        held = self.log.read(span)
        frame = _with(held.frame, pl.concat(loose))
        width = self.series.timeframe
        lasting = gap_frame(
            (hole, width, reason, None)
            for reason, holes in held.ledger.empty.items()
            for hole in holes
        )
        rest = pl.concat([empty(GAPS), *told])
        if self.broken is None:  # else the log doesn't know of them
            rest = rest.filter(~self._lasts())
        return Collection(span, frame, failures=failures), pl.concat([lasting, rest]).sort("since")

    def _fold(self) -> None:
        """Let other programs see what came, where it is much, and the next reading be quick."""
        if self.log.unfolded_bytes > _WORTH_FOLDING:
            with suppress(DiskFull):  # it stays in the journal
                self.log.fold()

    def counted(self, limit: int) -> tuple[Collection, pl.DataFrame]:
        """Give the first or last so many candles."""
        span = self._likely(limit)
        held = None if span is None else self._filled(span, limit)
        if span is not None and held is not None:
            self.report(limit)
            return Collection(span, held), empty(GAPS)
        self.held = 0
        found = self.supply.some(
            self.request.span,
            limit,
            newest_first=self.request.newest_first,
            report=self._report,
            keep=self._keep,
        )
        return found, self._explained(found)

    def _filled(self, span: Span, limit: int) -> pl.DataFrame | None:
        """Give the candles of the likely range, if so many are there once it is asked for."""
        lacking = self.log.missing(span)
        paging = self.series.paging
        if lacking:
            if not paging.dense or (lacking == [span] and limit <= paging.page_size):
                return None
            self.supply.ranges(lacking, report=self._report, keep=self._keep)
        held = self.log.read(span).frame
        if len(held) != limit:
            return None
        used("log")
        return held

    def _likely(self, limit: int) -> Span | None:
        """Give the range that holds the candles if none is missing."""
        width, (since, until) = self.series.timeframe, self.request.span
        if self.request.newest_first:
            return Span(width.shift(until, -limit), until)
        end = width.shift(since, limit)
        return Span(since, end) if end <= until else None

    def _count_held(self, spans: list[Span]) -> None:
        self.held = sum(self.series.timeframe.between(*span) for span in spans)
        if self.held:
            used("log")
            self.report(self.held)

    def _report(self, rows: int) -> None:
        self.report(self.held + rows)

    def _keep(self, page: Span, outcome: Outcome) -> bool:
        if self.broken is not None:
            return False
        lacking = [*outcome.holes, *(failure.span for failure in outcome.failures)]
        try:
            for part in subtract([page], lacking):
                rows = outcome.frame if part == page else outcome.frame.filter(_inside(part))
                self.log.append(rows, part, closed_until=page.until)
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

    def _explained(self, found: Collection) -> pl.DataFrame:
        """Give the table of what is missing, and let the log know what will stay so."""
        gaps = explain(self.series, found)
        early = pl.col("reason") == "before_listing"
        if gaps.select(early.any()).item() and self._has_begun(found.span):
            inside = "outage" if self.series.paging.dense else "no_trades"
            gaps = gaps.with_columns(reason=pl.when(early).then(pl.lit(inside)).otherwise("reason"))
        lasting = _labeled(gaps.filter(self._lasts()), "reason")
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
        return gaps

    def _lasts(self) -> pl.Expr:
        """Tell which gaps have a reason that stays, and lie too far back to be filled late."""
        settled = pl.col("until").dt.epoch("ms") <= self.settled
        # Where every candle exists, trades that are missing don't mean that candles are.
        dense = self.series.paging.dense
        reasons = [reason for reason in _LASTING if not (dense and reason == "no_trades")]
        return pl.col("reason").is_in(reasons) & settled

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


def _inside(span: Span) -> pl.Expr:
    return (milliseconds() >= span.since) & (milliseconds() < span.until)
