"""A fetch through the data log: what is held is read, the rest is asked for, and it is kept.

Each page is durable before the next one is asked for, together with the range that it answers, so
that nothing has to be fetched twice, whatever ends the fetch. Holes count as known once their
reason is: an outage, the time before the listing, minutes without trades. What nobody can explain,
and what failed, is asked for again by the next fetch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from gekko_lab import datalog
from gekko_lab.fetching.collection import Collection, collect
from gekko_lab.fetching.missing import explain
from gekko_lab.frames.checks import milliseconds
from gekko_lab.frames.resample import gap_frame
from gekko_lab.frames.schemas import CANDLES_FULL, GAPS, empty
from gekko_lab.market.spans import Span, subtract

if TYPE_CHECKING:
    from collections.abc import Callable

    from gekko_lab.fetching.completion import Outcome, Series
    from gekko_lab.fetching.request import Request

_LASTING = ("outage", "before_listing", "no_trades")
_LATE_MS = 3_600_000  # in which an exchange may still deliver what it lacks


def collect_logged(
    series: Series, request: Request, *, report: Callable[[int], None]
) -> tuple[Collection, pl.DataFrame]:
    """Give what `collect` and `explain` give, through the data log.

    Parameters
    ----------
    series
        What to ask for where the log doesn't know; with all columns.
    request
        The range or number of candles.
    report
        Is told how many candles are there.
    """
    with datalog.Series("candles", series.source, series.symbol, series.timeframe) as log:
        walk = _Walk(series, log, request, report)
        return walk.all() if request.limit is None else walk.counted(request.limit)


class _Walk:
    """One fetch of one series through its log."""

    def __init__(
        self,
        series: Series,
        log: datalog.Series,
        request: Request,
        report: Callable[[int], None],
    ) -> None:
        self.series = series
        self.log = log
        self.request = request
        self.report = report
        self.rows = 0
        self.settled = series.source.now() - _LATE_MS

    def all(self) -> tuple[Collection, pl.DataFrame]:
        """Give the whole range."""
        span = self.request.span
        found = Collection(span)
        told = []
        for part in self.log.missing(span):
            part_found = self._ask(part)
            self.rows += len(part_found.frame)
            told.append(self._explained(part_found))
            found.failures += part_found.failures
        held = self.log.read(span)
        found.frame = held.frame
        width = self.series.timeframe
        known = gap_frame(
            (hole, width, reason, None)
            for reason, holes in held.ledger.empty.items()
            for hole in holes
        )
        rest = pl.concat([empty(GAPS), *told]).filter(~self._lasts())
        return found, pl.concat([known, rest]).sort("since")

    def counted(self, limit: int) -> tuple[Collection, pl.DataFrame]:
        """Give the first or last so many candles."""
        span = self._likely(limit)
        if span is not None and not self.log.missing(span):
            held = self.log.read(span).frame
            if len(held) == limit:
                self.report(limit)
                return Collection(span, held), empty(GAPS)
        found = self._ask(self.request.span, limit)
        return found, self._explained(found)

    def _likely(self, limit: int) -> Span | None:
        """Give the range that holds the candles if none is missing."""
        width, (since, until) = self.series.timeframe, self.request.span
        if self.request.newest_first:
            return Span(width.shift(until, -limit), until)
        end = width.shift(since, limit)
        return Span(since, end) if end <= until else None

    def _ask(self, span: Span, limit: int | None = None) -> Collection:
        return collect(
            self.series,
            span,
            limit=limit,
            newest_first=self.request.newest_first,
            report=self._report,
            keep=self._keep,
        )

    def _report(self, rows: int) -> None:
        self.report(self.rows + rows)

    def _keep(self, page: Span, outcome: Outcome) -> None:
        lacking = [*outcome.holes, *(failure.span for failure in outcome.failures)]
        for part in subtract([page], lacking):
            rows = outcome.frame if part == page else outcome.frame.filter(_inside(part))
            self.log.append(rows, part, closed_until=page.until)

    def _explained(self, found: Collection) -> pl.DataFrame:
        """Give the table of what is missing, and let the log know what will stay so."""
        gaps = explain(self.series, found)
        early = pl.col("reason") == "before_listing"
        if gaps.select(early.any()).item() and self._has_begun(found.span):
            inside = "outage" if self.series.paging.dense else "no_trades"
            gaps = gaps.with_columns(reason=pl.when(early).then(pl.lit(inside)).otherwise("reason"))
        lasting = _labeled(gaps.filter(self._lasts()), "reason")
        failed = _labeled(gaps.filter(reason="failed"), "error")
        if lasting or failed:
            self.log.append(
                empty(CANDLES_FULL),
                None,
                closed_until=found.span.until,
                empty=lasting,
                failed=failed,
            )
        return gaps

    def _lasts(self) -> pl.Expr:
        """Tell which gaps have a reason that stays, and lie too far back to be filled late."""
        settled = pl.col("until").dt.epoch("ms") <= self.settled
        return pl.col("reason").is_in(_LASTING) & settled

    def _has_begun(self, span: Span) -> bool:
        """Tell whether the log holds candles from before a range, so that the market was listed."""
        return any(held.since < span.since for held in self.log.coverage().held)


def _labeled(gaps: pl.DataFrame, label: str) -> list[tuple[Span, str]]:
    rows = gaps.select(pl.col("since", "until").dt.epoch("ms"), label).rows()
    return [(Span(*ends), text) for *ends, text in rows]


def _inside(span: Span) -> pl.Expr:
    return (milliseconds() >= span.since) & (milliseconds() < span.until)
