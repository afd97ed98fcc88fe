"""Places of candles on the axis of a chart, and the widths that joined candles can have there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from gekko_lab.errors import DataError
from gekko_lab.frames import blocks
from gekko_lab.frames.blocks import by_blocks
from gekko_lab.frames.resample import find_timeframe
from gekko_lab.frames.schemas import TIME
from gekko_lab.market.timeframe import DAY, HOUR, MINUTE, SECOND, Timeframe

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Whole = NDArray[np.int64]

_WEEK = 7 * DAY
_MONDAY = 4 * DAY  # 1970-01-05: days begin at midnight and weeks on Monday
_NICE = (
    *(count * SECOND for count in (1, 2, 5, 10, 15, 30)),
    *(count * MINUTE for count in (1, 2, 5, 10, 15, 30)),
    *(count * HOUR for count in (1, 2, 4, 6, 12)),
    *(count * DAY for count in (1, 2)),
    *(count * _WEEK for count in (1, 2, 4, 12, 52)),
)
_NICE_MONTHS = (1, 3, 6, 12, 24, 60, 120)
_COUNTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
_FAR = 10  # a next nice width so many times as wide leaves room for others
_MONTH_MS = 365.2425 * DAY / 12


@dataclass(frozen=True)
class Axis:
    """Where candles stand: microseconds since 1970 for fixed widths, else months since 1970.

    Attributes
    ----------
    timeframe : Timeframe
        Of the candles.
    origin : int
        The place that joined candles count from.
    """

    timeframe: Timeframe
    origin: int

    @classmethod
    def of(cls, candles: pl.DataFrame, timeframe: str | None = None) -> Axis:
        """Give the axis of a table of candles.

        Raises
        ------
        DataError
            When candles are closer than a second, or than the timeframe that is named.
        """
        places = _microseconds(candles)
        width = _seen_timeframe(candles) if timeframe is None else Timeframe.parse(timeframe)
        if width.milliseconds is None:
            return cls(width, 0)
        axis = cls(width, _origin(places, width.milliseconds))
        axis.check(places)
        return axis

    def check(self, places: Whole) -> None:
        """Raise `DataError` when not all places are on the axis."""

        def strays(block: slice) -> bool:
            return bool(((places[block] - self.origin) % self.step).any())

        if any(by_blocks(strays, places.size)):
            raise DataError(
                f"not all candles are on one grid of {self.timeframe}: name their timeframe, "
                "or resample them"
            )

    @cached_property
    def step(self) -> int:
        """How far apart neighboring candles are, in places."""
        width = self.timeframe.milliseconds
        months = self.timeframe.count * (12 if self.timeframe.unit == "y" else 1)
        return months if width is None else width * 1000

    @cached_property
    def steps(self) -> tuple[int, ...]:
        """The widths of joined candles, ascending, each a multiple of the candles' own."""
        nice = _NICE_MONTHS if self._calendar else tuple(width * 1000 for width in _NICE)
        fits = [width for width in nice if width > self.step and width % self.step == 0]
        counted = [count * self.step for count in _COUNTS]
        if fits and fits[0] <= _FAR * self.step:
            return (self.step, *fits)
        return tuple(width for width in counted if not fits or width < fits[0]) + tuple(fits)

    @property
    def _calendar(self) -> bool:
        return self.timeframe.milliseconds is None

    @cached_property
    def widths(self) -> list[float]:
        """The steps in milliseconds; months at their mean length."""
        unit = _MONTH_MS if self._calendar else 0.001
        return [step * unit for step in self.steps]

    def places(self, table: pl.DataFrame) -> Whole:
        """Give the places of a table's times; fixed widths without a copy."""
        times = _microseconds(table)
        return _month_numbers(times) if self._calendar else times

    def place(self, time: float) -> int:
        """Give the place that holds a time in milliseconds UTC."""
        if self._calendar:
            return int(_month_numbers(np.array([int(time * 1000)]))[0])
        return int(time * 1000)

    def ceil(self, time: float) -> int:
        """Give the first place of a candle at or after a time in milliseconds UTC."""
        place = self.floor(self.place(time), self.step)
        return place if self.time(place) >= time else place + self.step

    def floor(self, place: int, step: int) -> int:
        """Give the place where the joined candle begins that holds this place."""
        return place - (place - self.origin) % step

    def times(self, places: Whole) -> NDArray[np.float64]:
        """Give places as milliseconds UTC."""
        if self._calendar:
            months = places.astype("datetime64[M]").astype("datetime64[ms]")
            return months.astype(np.int64).astype(np.float64)
        return places / 1000.0

    def microseconds(self, places: Whole) -> Whole:
        """Give places as microseconds UTC."""
        if self._calendar:
            return places.astype("datetime64[M]").astype("datetime64[us]").astype(np.int64)
        return places

    def time(self, place: int) -> int:
        """Give a place in whole milliseconds UTC."""
        return int(self.times(np.array([place], dtype=np.int64))[0])


def _microseconds(table: pl.DataFrame) -> Whole:
    times: Whole = table["timestamp"].to_physical().to_numpy()
    return times


def _seen_timeframe(candles: pl.DataFrame) -> Timeframe:
    """Find the width of candles; of many of them, by a few that are as far apart."""
    if candles.height < 2:  # noqa: PLR2004 (one candle shows no width)
        return Timeframe(1, "m")
    few = candles if candles.height <= blocks.BLOCK else _as_far_apart(candles)
    seen = find_timeframe(few)
    if seen is None:
        raise DataError("candles closer than a second have no place on a chart: resample them")
    return seen


def _as_far_apart(candles: pl.DataFrame) -> pl.DataFrame:
    """Give the first time, and one more for each distance that neighbors have."""
    times = _microseconds(candles)
    distances: set[int] = set()
    for row in range(0, times.size - 1, blocks.BLOCK):
        steps = np.diff(times[row : row + blocks.BLOCK + 1])
        low, high = int(steps.min()), int(steps.max())
        distances.update([low] if low == high else np.unique(steps).tolist())
    few = np.cumsum([int(times[0]), *sorted(distances)])
    return pl.DataFrame({"timestamp": few}, schema={"timestamp": TIME})


def _month_numbers(times: Whole) -> Whole:
    return times.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64)


def _origin(places: Whole, width: int) -> int:
    """Give Monday, or what is nearest to it on the grid that the candles show."""
    step = width * 1000
    monday = _MONDAY * 1000
    phase = int(places[0] - monday) % step if places.size else 0
    return monday + phase
