"""What lies over the candles of a chart: lines, and marks at trades and events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import polars as pl

from gekko_lab.errors import DataError, InvalidArgument
from gekko_lab.frames.convert import is_timed_series, to_polars

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from gekko_lab.frames.axis import Axis

    Whole = NDArray[np.int64]
    Real = NDArray[np.float64]

Mark: TypeAlias = "tuple[int, str | None, str, float | None]"
"""Place of the bar, side, text, price."""

_MOST_TEXTS = 60
"""Marks in a window that still have room for their texts."""


@dataclass(frozen=True, slots=True)
class Line:
    """A number at each of some places, and the color to draw them in."""

    places: Whole
    values: Real
    color: str | None

    def at(self, bars: Whole, step: int) -> Real:
        """Give the last number inside of each bar, NaN where there is none."""
        if not self.places.size:
            return np.full(bars.size, np.nan)
        rows = np.searchsorted(self.places, bars + step) - 1
        inside = (rows >= 0) & (self.places[rows] >= bars)
        return np.where(inside, self.values[rows], np.nan)


def read_line(
    values: object, axis: Axis, places_of_candles: Callable[[], Whole], color: str | None
) -> Line:
    """Give the line that a user means: values with times, or a number for each candle.

    Raises
    ------
    DataError
        When a frame has no single column of numbers beside its times, or they aren't sorted.
    InvalidArgument
        When a sequence isn't as long as the candles.
    """
    if _is_frame(values):
        table = to_polars(values)
        names = [name for name in table.columns if name != "timestamp"]
        if len(names) != 1:
            raise DataError(f"an overlay is one column beside 'timestamp', not {names}")
        places, numbers = axis.places(table), _numbers(table[names[0]])
        if (np.diff(places) <= 0).any():
            raise DataError("the times of an overlay must ascend, each once")
    else:
        numbers = _numbers(pl.Series(values, strict=False))  # type: ignore[arg-type]
        places = places_of_candles()
        if numbers.size != places.size:
            raise InvalidArgument(
                f"{numbers.size} values for {places.size} candles: give one for each, or a frame "
                "or a pandas Series with their times"
            )
    known = np.isfinite(numbers)
    return Line(places[known], numbers[known], color)


def _is_frame(values: object) -> bool:
    return hasattr(values, "columns") or is_timed_series(values)


def _numbers(column: pl.Series) -> Real:
    if not column.dtype.is_numeric() and column.dtype != pl.Null:
        raise DataError(f"an overlay of {column.dtype}, where numbers are needed")
    return column.cast(pl.Float64).to_numpy()


@dataclass(frozen=True, slots=True)
class Marks:
    """Marks in order of their places; sides are "buy", "sell" or None, prices NaN if unknown."""

    places: Whole
    texts: tuple[str, ...]
    sides: tuple[str | None, ...]
    prices: Real

    def within(self, begin: int, end: int, step: int, axis: Axis) -> list[Mark]:
        """Give the marks in [begin, end) bar by bar: place of the bar, side, text, price.

        What is marked more than once in a bar becomes one mark that tells how often.
        """
        since, until = (int(row) for row in np.searchsorted(self.places, [begin, end]))
        found = list(self._joined(range(since, until), step, axis))
        if len(found) > _MOST_TEXTS:
            return [(place, side, "", price) for place, side, _, price in found]
        return found

    def _joined(self, rows: Iterable[int], step: int, axis: Axis) -> Iterator[Mark]:
        groups: dict[tuple[int, str | None], list[int]] = {}
        for row in rows:
            bar = axis.floor(int(self.places[row]), step)
            groups.setdefault((bar, self.sides[row]), []).append(row)
        for (bar, side), same in groups.items():
            price = float(self.prices[same].mean())
            text = self.texts[same[0]] if len(same) == 1 else f"{len(same)} times"
            yield bar, side, text, price if np.isfinite(price) else None


def read_marks(markers: object, axis: Axis) -> Marks:
    """Give the marks of a user's frame: timestamp, text, and side and price where it has them.

    Raises
    ------
    DataError
        When a side is neither "buy" nor "sell" nor null.
    """
    table = to_polars(markers).sort("timestamp", maintain_order=True)
    missing = pl.repeat(None, table.height, eager=True)
    column = {name: table[name] if name in table.columns else missing for name in _COLUMNS}
    sides = tuple(column["side"].cast(pl.String).to_list())
    strange = {side for side in sides if side not in {"buy", "sell", None}}
    if strange:
        raise DataError(f"sides are 'buy', 'sell' or null, not {sorted(map(repr, strange))}")
    texts = tuple(column["text"].cast(pl.String).fill_null("").to_list())
    prices = column["price"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    return Marks(axis.places(table), texts, sides, prices)


_COLUMNS = ("text", "side", "price")
