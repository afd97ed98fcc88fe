"""What a chart shows, and windows of it as the front end asks for them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from gekko_lab.frames.axis import Axis
from gekko_lab.frames.blocks import by_blocks
from gekko_lab.frames.checks import check_candles
from gekko_lab.frames.convert import to_candles
from gekko_lab.frames.pyramid import Pyramid, bars_of
from gekko_lab.frames.schemas import CANDLES, TIME, empty
from gekko_lab.frames.steps import find_decimals
from gekko_lab.widgets.marks import Line, Mark, Marks, read_line, read_marks

if TYPE_CHECKING:
    from gekko_lab.frames.pyramid import Bars, Whole

VISIBLE = 660
"""Bars on a screen at most; with a screen of margin on each side a window has some 2,000."""

USUAL = 370
"""Bars that suit a usual width, for the first paint, of whose width nobody knows."""

_SAMPLE = 1000
_DIGITS = 7


@dataclass(frozen=True, slots=True)
class Window:
    """Bars for the front end: what they are, and their numbers column after column."""

    head: dict[str, Any]
    numbers: bytes


class Content:
    """Candles, lines and marks of a chart; not safe to change from two threads at once.

    Parameters
    ----------
    candles
        A frame of sound candles, or None.
    timeframe
        Their width; None for the one that their spacing shows, or that of candles which come later.
    """

    def __init__(self, candles: object, timeframe: str | None = None) -> None:
        self.version = 0
        self.lines: dict[str, Line] = {}
        self.marks: Marks | None = None
        self._told = timeframe
        self._begin(empty(CANDLES) if candles is None else _read(candles))

    def _begin(self, table: pl.DataFrame) -> None:
        self.axis = Axis.of(table, self._told)
        self.sized = self._told is not None or table.height > 1
        self.pyramid = Pyramid(table, self.axis)
        self.decimals = _decimals(table)
        self._table: pl.DataFrame | None = table

    @property
    def table(self) -> pl.DataFrame:
        """All candles."""
        if self._table is None:
            self._table = self._frame(self.pyramid.candles())
        return self._table

    def rows_between(self, since: float, until: float) -> pl.DataFrame:
        """Give the candles that open in [since, until), in milliseconds."""
        edges = (self.axis.ceil(since), self.axis.ceil(until))
        return self._frame(self.pyramid.candles(*edges))

    def _frame(self, bars: Bars) -> pl.DataFrame:
        times = self.axis.microseconds(bars.places)
        return pl.DataFrame([times, *bars.columns[1:]], schema=CANDLES)

    @property
    def span(self) -> tuple[int, int] | None:
        """From the first open to the last close in milliseconds; None without candles."""
        first, last = self.pyramid.first, self.pyramid.last
        if first is None or last is None:
            return None
        return self.axis.time(first), self.axis.time(last + self.axis.step)

    def append(self, candles: object) -> int | None:
        """Add newer candles, and give the first place that is different; None where none is.

        Gaps before them are different too, so it is at most the place of what was the newest.
        """
        table = _read(candles)
        if table.is_empty():
            return None
        newest = self.pyramid.last
        if newest is None or not self.sized:
            self._begin_anew(table)
            return self.pyramid.first
        self.pyramid.append(bars_of(table, self.axis))
        self._table = None
        return newest

    def _begin_anew(self, table: pl.DataFrame) -> None:
        """Let newer candles decide on the axis, and keep what there is, which is one at most."""
        self.pyramid.check_newer(bars_of(table, self.axis))
        kept = self.table.filter(pl.col("timestamp") < table["timestamp"][0])
        self._begin(pl.concat([kept, table]))
        for name, line in self.lines.items():
            self.lines[name] = replace(line, places=self._moved(line.places))
        if self.marks is not None:
            self.marks = replace(self.marks, places=self._moved(self.marks.places))

    def _moved(self, places: Whole) -> Whole:
        """Give places of the axis by the ones that they had before, which were microseconds."""
        if self.axis.timeframe.milliseconds is not None:
            return places
        return self.axis.places(pl.DataFrame({"timestamp": pl.Series(places).cast(TIME)}))

    def draw(self, name: str, values: object, color: str | None) -> None:
        """Lay a line over the candles."""
        self.lines[name] = read_line(values, self.axis, lambda: self.pyramid.places, color)

    def mark(self, markers: object) -> None:
        """Put marks in place of earlier ones."""
        self.marks = None if markers is None else read_marks(markers, self.axis)

    def step_for(self, length: float, most: int = VISIBLE) -> int:
        """Give the number of the shortest step with few enough bars in so many milliseconds."""
        fits = [row for row, width in enumerate(self.axis.widths) if length <= width * most]
        return fits[0] if fits else len(self.axis.widths) - 1

    def window(
        self, since: float, until: float, step: int | None = None, *, most: int = VISIBLE
    ) -> Window:
        """Give the bars of a range in milliseconds, with as much again on both sides.

        Parameters
        ----------
        since, until
            What is seen.
        step
            The number of the step among those of the axis; by default, and where it would give too
            many bars, the shortest that doesn't.
        most
            Bars that may be seen.
        """
        length = max(until - since, self.axis.widths[0])
        number = max(self.step_for(length, most), -1 if step is None else step)
        bars = self._bars(since - length, until + length, self.axis.steps[number])
        columns = [self.axis.times(bars.places), *bars.columns[1:]]
        columns += [line.at(bars.places, self.axis.steps[number]) for line in self.lines.values()]
        head = {
            **self.about(),
            "step": number,
            "rows": len(bars),
            "marks": self._marks(bars, number),
        }
        return Window(head, np.ascontiguousarray(columns, dtype="<f8").tobytes())

    def seen(self, since: float, until: float, *, most: int) -> Bars:
        """Give the bars of a range in milliseconds, so many at most and no margin."""
        step = self.axis.steps[self.step_for(until - since, most - 1)]
        return self._bars(since, until - 1, step)

    def about(self) -> dict[str, Any]:
        """Give what holds for every window."""
        return {
            "version": self.version,
            "steps": self.axis.widths,
            "timeframe": str(self.axis.timeframe) if self.sized else "",
            "calendar": self.axis.timeframe.milliseconds is None,
            "span": self.span,
            "count": self.pyramid.rows,
            "decimals": self.decimals,
            "lines": [{"name": name, "color": line.color} for name, line in self.lines.items()],
        }

    def bars_since(self, place: int, number: int) -> list[list[float | None]]:
        """Give bars of a step from the one that holds a place on: time, numbers, lines."""
        step = self.axis.steps[number]
        if self.pyramid.last is None:
            return []
        begin = self.axis.floor(place, step)
        bars = self.pyramid.dense(begin, self.axis.floor(self.pyramid.last, step) + step, step)
        columns = [self.axis.times(bars.places), *bars.columns[1:]]
        columns += [line.at(bars.places, step) for line in self.lines.values()]
        return [_plain(row) for row in zip(*(each.tolist() for each in columns), strict=True)]

    def _bars(self, since: float, until: float, step: int) -> Bars:
        first, last = self.pyramid.first, self.pyramid.last
        if first is None or last is None:
            return self.pyramid.dense(0, 0, step)
        begin = max(self.axis.floor(self.axis.place(since), step), self.axis.floor(first, step))
        end = min(self.axis.place(until), last)
        return self.pyramid.dense(begin, max(begin, self.axis.floor(end, step) + step), step)

    def _marks(self, bars: Bars, number: int) -> list[Mark]:
        if self.marks is None or not len(bars):
            return []
        step = self.axis.steps[number]
        edges = int(bars.places[0]), int(bars.places[-1]) + step
        found = self.marks.within(*edges, step, self.axis)
        return [(self.axis.time(bar), side, text, price) for bar, side, text, price in found]


def _plain(row: tuple[float, ...]) -> list[float | None]:
    """Give a row as JSON knows it, which has no NaN."""
    return [number if number == number else None for number in row]  # noqa: PLR0124 (NaN)


def _read(candles: object) -> pl.DataFrame:
    """Give a user's candles, checked; each block with the row before it, as they must ascend."""
    table = to_candles(candles).select(CANDLES.names())
    by_blocks(
        lambda block: check_candles(table[max(0, block.start - 1) : block.stop]), table.height
    )
    return table


def _decimals(table: pl.DataFrame) -> int:
    """Give how many decimals prices are shown with."""
    every = max(1, table.height // _SAMPLE)
    closes = table["close"].gather_every(every).to_numpy()
    if not closes.size:
        return 2
    digits = _DIGITS - len(str(int(abs(closes).max())))
    found = find_decimals(closes)
    return max(0, min(8, digits if found is None else min(found, digits + 1)))
