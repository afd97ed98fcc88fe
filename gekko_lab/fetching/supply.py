"""Where candles are asked for: the exchange's archive, its REST interface, or its trades."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import polars as pl

from gekko_lab.errors import InvalidArgument, RequestRefused, UnsupportedBySource
from gekko_lab.fetching.archive_and_pages import collect_with_archive
from gekko_lab.fetching.archive_plan import plan_archive
from gekko_lab.fetching.archived import collect_archived
from gekko_lab.fetching.asking import ask
from gekko_lab.fetching.collection import collect, collect_ranges
from gekko_lab.fetching.completion import Failure, Outcome
from gekko_lab.fetching.defaults import origin
from gekko_lab.fetching.tally import used
from gekko_lab.fetching.walk import Collection
from gekko_lab.frames.schemas import CANDLES_FULL, empty
from gekko_lab.market.moments import show_time
from gekko_lab.market.spans import Span, subtract
from gekko_lab.sources.source import Archive, Archived

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gekko_lab.fetching.completion import Series
    from gekko_lab.fetching.walk import Keep

Way = Literal["auto", "rest", "archive", "trades", "log"]


def check_way(way: str) -> None:
    """Raise when that is no source of candles."""
    if way not in get_args(Way):
        names = ", ".join(map(repr, get_args(Way)))
        raise InvalidArgument(f"source={way!r}: choose one of {names}")


@dataclass(frozen=True, slots=True)
class Supply:
    """How candles of a series are had.

    Attributes
    ----------
    series : Series
        What to ask for.
    way : str
        "auto" prefers the archive for what is old and long, and REST for the rest; "rest",
        "archive" and "trades" use nothing else.
    n_jobs : int
        How many pages or files to ask for at a time.
    logged : bool
        Whether trades that candles are made of go through the data log.
    """

    series: Series
    way: Way = "auto"
    n_jobs: int = 1
    logged: bool = True

    def ranges(
        self,
        spans: Sequence[Span],
        *,
        report: Callable[[int], None],
        keep: Keep | None = None,
    ) -> list[Collection]:
        """Give the candles of each range, as `collect_ranges` does."""
        if self.way == "trades":
            return [self._built(span, report, keep) for span in spans]
        archive = self._archive()
        if archive is None:
            return self._pages(spans, report, keep)
        if self.way == "archive":
            return [self._files(archive, span, report, keep) for span in spans]
        old = [span for span in spans if plan_archive(self.series, archive, span)]
        found = {
            span: collect_with_archive(
                self.series, archive, span, report=report, keep=keep, n_jobs=self.n_jobs
            )
            for span in old
        }
        rest = [span for span in spans if span not in found]
        if rest:
            found |= zip(rest, self._pages(rest, report, keep), strict=True)
        return [found[span] for span in spans]

    def some(
        self,
        span: Span,
        limit: int,
        *,
        newest_first: bool,
        report: Callable[[int], None],
        keep: Keep | None = None,
    ) -> Collection:
        """Give the first or last so many candles, as `collect` does."""
        if self.way in ("archive", "trades"):
            raise UnsupportedBySource(
                f"source={self.way!r} serves ranges: give since and until instead of limit={limit}"
            )
        used(origin(self.series.source, "rest"))
        return collect(
            self.series, span, limit=limit, newest_first=newest_first, report=report, keep=keep
        )

    def _archive(self) -> Archive | None:
        source = self.series.source
        found = None
        if self.way in ("auto", "archive") and isinstance(source, Archived):
            found = ask(lambda: source.archive(self.series.symbol))
        if found is None and self.way == "archive":
            raise UnsupportedBySource(
                f"{source.exchange} has no archive of {self.series.symbol} that is known here: "
                "leave source out, or name one, as in CcxtMarketData('binance', archive=url)"
            )
        return found

    def _pages(
        self, spans: Sequence[Span], report: Callable[[int], None], keep: Keep | None
    ) -> list[Collection]:
        used(origin(self.series.source, "rest"))
        return collect_ranges(self.series, spans, report=report, keep=keep, n_jobs=self.n_jobs)

    def _files(
        self,
        archive: Archive,
        span: Span,
        report: Callable[[int], None],
        keep: Keep | None,
    ) -> Collection:
        """Give what files alone hold of a range; the rest counts as failed."""
        frames = [empty(CANDLES_FULL)]

        def take(part: Span, outcome: Outcome) -> bool:
            kept = keep is not None and keep(part, outcome)
            if not kept:
                frames.append(outcome.frame)
            return kept

        files = collect_archived(
            self.series, archive, span, report=report, keep=take, n_jobs=self.n_jobs
        )
        told = {failure.span: failure.error for failure in files.failures}
        failures = [Failure(part, error) for part, error in told.items()]
        failures += [
            Failure(left, _not_in_archive(self.series, left)) for left in subtract(files.left, told)
        ]
        return Collection(span, pl.concat(frames).sort("timestamp"), failures=failures)

    def _built(self, span: Span, report: Callable[[int], None], keep: Keep | None) -> Collection:
        """Give candles made of trades; a time without trades has none."""
        from gekko_lab.fetching.built import collect_built  # it loads the data log

        found = collect_built(self.series, span, report=report, logged=self.logged)
        lacking = [*found.holes, *(failure.span for failure in found.failures)]
        outcome = Outcome(found.frame, lacking)
        if keep is not None and keep(span, outcome):
            found.frame = empty(CANDLES_FULL)
        found.quiet, found.holes = found.holes, []
        return found


def _not_in_archive(series: Series, span: Span) -> RequestRefused:
    return RequestRefused(
        f"the archive of {series.source.exchange} has no file that serves {series.symbol} "
        f"{series.timeframe} from {show_time(span.since)} to {show_time(span.until)}: leave source "
        "out, so that the exchange is asked"
    )
