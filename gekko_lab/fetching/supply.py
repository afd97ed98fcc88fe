"""Where candles are asked for: the exchange's archive, its REST interface, or its trades."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from gekko_lab.errors import InvalidArgument, UnsupportedBySource
from gekko_lab.fetching.collection import collect, collect_ranges
from gekko_lab.fetching.tally import used

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gekko_lab.fetching.completion import Series
    from gekko_lab.fetching.walk import Collection, Keep
    from gekko_lab.market.spans import Span

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
        "auto" prefers the archive for what lies in it, and REST for the rest; "rest", "archive" and
        "trades" use nothing else.
    n_jobs : int
        How many pages or files to ask for at a time.
    """

    series: Series
    way: Way = "auto"
    n_jobs: int = 1

    @property
    def _name(self) -> str:
        return "rest" if self.series.source.logged else "simulated"

    def ranges(
        self,
        spans: Sequence[Span],
        *,
        report: Callable[[int], None],
        keep: Keep | None = None,
    ) -> list[Collection]:
        """Give the candles of each range, as `collect_ranges` does."""
        used(self._name)
        return collect_ranges(self.series, spans, report=report, keep=keep, n_jobs=self.n_jobs)

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
        used(self._name)
        return collect(
            self.series, span, limit=limit, newest_first=newest_first, report=report, keep=keep
        )
