"""What a recorder knows of one series: rows that wait to be kept, and the time that they answer.

Decided: a row is kept only together with its time, and time only when nothing can be missing in it
any more. So whatever ends a recorder, what the data log holds is whole, and a fetch fills the rest.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from gekko_lab.datalog.kinds import SCHEMAS
from gekko_lab.market.spans import Span, merge, subtract

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gekko_lab.datalog.layout import Kind
    from gekko_lab.datalog.series import Series
    from gekko_lab.market.timeframe import Timeframe

    Row = tuple[Any, ...]

_PAGE_ROWS: Final = 2_000
"""From so many rows on a page costs less than single rows."""

_QUIET: Final = "no_trades"


@dataclass(slots=True)
class Portion:
    """What is to be kept at once.

    Attributes
    ----------
    rows : list of tuple
        Single rows, their time in milliseconds.
    held : list of Span
        The time that they answer.
    pages : list of (Span, DataFrame)
        Many rows, each page with the time that it answers.
    quiet : list of Span
        Time in which no candle exists, as nothing was traded.
    """

    rows: list[Row] = field(default_factory=list)
    held: list[Span] = field(default_factory=list)
    pages: list[tuple[Span, pl.DataFrame]] = field(default_factory=list)
    quiet: list[Span] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.rows or self.held or self.pages or self.quiet)

    def __len__(self) -> int:
        return len(self.rows) + sum(page.height for _, page in self.pages)

    def keep(self, series: Series) -> None:
        """Write it, so that it outlasts the death of this process."""
        for span, page in self.pages:
            series.append(page, span, closed_until=span.until)
        if self.rows or self.held:
            width = series.width
            times = [row[0] for row in self.rows]
            ends = [time + 1 if width is None else width.next(time) for time in times]
            last = max([*ends, *(span.until for span in self.held)])
            series.record(self.rows, closed_until=last, held=self.held)
        if self.quiet:
            series.append(
                pl.DataFrame(schema=SCHEMAS[series.key.kind]),
                None,
                closed_until=self.quiet[-1].until,
                empty=[(span, _QUIET) for span in self.quiet],
            )


class SeriesTape:
    """Rows of one series on their way into the data log.

    Parameters
    ----------
    kind
        What the rows are.
    width
        Of candles; their time is counted in whole ones.
    dense
        Whether a candle exists also where nothing was traded.

    Attributes
    ----------
    reached : int or None
        The time up to which nothing can be missing any more, but for what is lost.
    lost : list of Span
        Where something is missing.
    """

    def __init__(self, kind: Kind, width: Timeframe | None = None, *, dense: bool = True) -> None:
        self.kind, self.width = kind, width
        self.reached: int | None = None
        self.lost: list[Span] = []
        self._dense = dense
        self._began = self._mark = 0
        self._rows: list[Row] = []
        self._frames: list[pl.DataFrame] = []

    def __len__(self) -> int:
        """Tell how many rows wait."""
        return len(self._rows) + sum(frame.height for frame in self._frames)

    def begin(self, time: int) -> None:
        """Count from a time on, in milliseconds; only the first begin counts."""
        if self.reached is None:
            self._began = self._mark = self.reached = self._ceil(time)

    def add(self, row: Row) -> None:
        """Take a row; its time in milliseconds comes first."""
        self._rows.append(row)

    def add_frame(self, frame: pl.DataFrame) -> None:
        """Take rows in the kind's columns, ascending."""
        if not frame.is_empty():
            self._frames.append(frame)

    def lose(self, since: int, until: int) -> None:
        """Say that something of [since, until) is missing."""
        span = Span(self._floor(since), self._ceil(until))
        if span.since < span.until:
            self.lost = merge([*self.lost, span])

    def reach(self, time: int) -> None:
        """Say that nothing can be missing any more before a time, but for what is lost."""
        if self.reached is not None:
            self.reached = max(self.reached, self._floor(time))

    def forget(self) -> int:
        """Drop the rows that wait, and tell how many these were."""
        count = len(self)
        self._rows, self._frames = [], []
        return count

    def take(self) -> Portion:
        """Give what is to be kept now; it won't be given again."""
        if self.reached is None:
            return Portion()
        held = subtract([Span(self._mark, self.reached)], self.lost)
        mark, self._mark = self._mark, self.reached
        many = sum(frame.height for frame in self._frames) > _PAGE_ROWS
        portion = Portion(held=held)
        if many:
            portion.pages, portion.held = self._taken_pages(held, mark), []
        else:
            self._rows += [row for frame in self._frames for row in _rows_of(frame)]
            self._frames = []
        portion.rows = self._taken_rows()
        if not self._dense:
            self._tell_quiet(portion)
        return portion

    def _taken_rows(self) -> list[Row]:
        reached = self.reached or 0
        ready = [row for row in self._rows if row[0] < reached]
        if ready:
            self._rows = [row for row in self._rows if row[0] >= reached]
        return [row for row in ready if self._is_whole(row[0])]

    def _taken_pages(self, held: list[Span], mark: int) -> list[tuple[Span, pl.DataFrame]]:
        """Give the rows of the ranges that are new; all others become single rows."""
        whole = pl.concat(self._frames)
        times = _times_of(whole)
        self._frames = []
        order = np.argsort(times, kind="stable")
        whole, times = whole[order], times[order]
        pages = [(span, _between(whole, times, *span)) for span in held]
        before, after = int(np.searchsorted(times, mark)), self.reached or 0
        rest = [whole[:before], whole[int(np.searchsorted(times, after)) :]]
        self._rows += [row for frame in rest for row in _rows_of(frame)]
        return pages

    def _is_whole(self, time: int) -> bool:
        if time < self._began:
            return False
        place = bisect_right(self.lost, time, key=lambda span: span.since) - 1
        return place < 0 or time >= self.lost[place].until

    def _tell_quiet(self, portion: Portion) -> None:
        """Tell candles that don't exist from those that are held."""
        if self.width is None:
            return
        next_open = self.width.next
        quiet = subtract(portion.held, (Span(row[0], next_open(row[0])) for row in portion.rows))
        pages = []
        for span, page in portion.pages:
            opens = [Span(time, next_open(time)) for time in _times_of(page).tolist()]
            quiet += subtract([span], opens)
            pages += [(part, _between(page, _times_of(page), *part)) for part in merge(opens)]
        portion.held = subtract(portion.held, quiet)
        portion.pages, portion.quiet = pages, merge(quiet)

    def _floor(self, time: int) -> int:
        return time if self.width is None else self.width.floor(time)

    def _ceil(self, time: int) -> int:
        return time if self.width is None else self.width.ceil(time)


def _rows_of(frame: pl.DataFrame) -> list[Row]:
    return frame.with_columns(pl.col("timestamp").dt.epoch("ms")).rows()


def _times_of(frame: pl.DataFrame) -> NDArray[np.int64]:
    times: NDArray[np.int64] = frame["timestamp"].to_physical().to_numpy() // 1000
    return times


def _between(frame: pl.DataFrame, times: NDArray[np.int64], since: int, until: int) -> pl.DataFrame:
    first, end = np.searchsorted(times, [since, until]).tolist()
    return frame[first:end]
