"""Candles joined ahead in several widths, so that any window of many millions is there at once."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from gekko_lab.errors import InvalidArgument
from gekko_lab.frames import blocks
from gekko_lab.frames.blocks import by_blocks

if TYPE_CHECKING:
    from collections.abc import Iterable

    import polars as pl
    from numpy.typing import NDArray

    from gekko_lab.frames.axis import Axis

    Whole = NDArray[np.int64]
    Real = NDArray[np.float64]

_GROWTH = 12  # from level to level at least; a window then joins few rows, and levels cost 9 %
_FEW = 4096  # candles that need no level above them
_TAIL = 1 << 18  # live candles after which the levels are built anew
_ROWS_AT_FIRST = 1024


@dataclass(frozen=True, slots=True)
class Bars:
    """Candles as arrays: places on the axis, prices in quote, volumes in base."""

    places: Whole
    open: Real
    high: Real
    low: Real
    close: Real
    volume: Real

    def __len__(self) -> int:
        return self.places.size

    @property
    def columns(self) -> tuple[Whole | Real, ...]:
        """All arrays, places first."""
        return tuple(getattr(self, field.name) for field in fields(self))

    def between(self, begin: int, end: int) -> Bars:
        """Give the bars in [begin, end), without a copy."""
        rows = slice(*np.searchsorted(self.places, [begin, end]))
        return self[rows]

    def __getitem__(self, rows: slice) -> Bars:
        return Bars(*(column[rows] for column in self.columns))  # type: ignore[arg-type]


def bars_of(table: pl.DataFrame, axis: Axis) -> Bars:
    """Give a table of candles as arrays, without a copy where that can be."""
    names = ("open", "high", "low", "close", "volume")
    return Bars(axis.places(table), *(table[name].to_numpy() for name in names))


def concatenate(parts: Iterable[Bars]) -> Bars:
    """Give bars that follow each other as one."""
    return Bars(*map(np.concatenate, zip(*(part.columns for part in parts), strict=True)))


def join(bars: Bars, step: int, origin: int) -> Bars:
    """Join bars into those of a longer step, by the rules of `resample`.

    A quiet row, without volume and at one price, repeats the last price: it counts only where there
    is no volume at all. Joined rows can be joined again, as long as all rows without volume are
    such.
    """
    if len(bars) <= blocks.BLOCK:
        return _join(bars, step, origin)
    parts = by_blocks(lambda block: _join(bars[block], step, origin), len(bars))
    return _join(concatenate(parts), step, origin)


def _join(bars: Bars, step: int, origin: int) -> Bars:
    if not len(bars):
        return bars
    keys, starts = _groups(bars.places, step, origin)
    last = np.append(starts[1:], len(bars)) - 1
    volume = np.add.reduceat(bars.volume, starts)
    seen = _without_quiet(bars, starts, volume)
    if len(seen) < len(bars):
        _, starts = _groups(seen.places, step, origin)
    return Bars(
        keys * step + origin,
        seen.open[starts],
        np.maximum.reduceat(seen.high, starts),
        np.minimum.reduceat(seen.low, starts),
        bars.close[last],
        volume,
    )


def _groups(places: Whole, step: int, origin: int) -> tuple[Whole, Whole]:
    """Give the number of each group, and the row it begins at."""
    keys = (places - origin) // step
    starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
    return keys[starts], starts


def _without_quiet(bars: Bars, starts: Whole, volume: Real) -> Bars:
    """Leave out quiet rows where other rows have volume."""
    quiet = (bars.volume == 0) & (bars.high == bars.low)
    if not quiet.any():
        return bars
    sizes = np.diff(np.append(starts, len(bars)))
    counts = ~quiet | np.repeat(volume <= 0, sizes)
    return bars if counts.all() else Bars(*(column[counts] for column in bars.columns))


class Pyramid:
    """Candles of any number, of which every window is joined in a moment.

    Parameters
    ----------
    candles
        Sound candles, sorted.
    axis
        Where they stand.
    """

    def __init__(self, candles: pl.DataFrame, axis: Axis) -> None:
        self.axis = axis
        self._build(bars_of(candles, axis))

    def _build(self, bars: Bars) -> None:
        """Make the levels of all but the newest candle, which may still be forming."""
        settled, newest = bars[: max(0, len(bars) - 1)], bars[max(0, len(bars) - 1) :]
        self._levels = [(self.axis.step, settled)]
        for step in self.axis.steps:
            below, finer = self._levels[-1]
            if len(finer) <= _FEW:
                break
            if step >= below * _GROWTH and step % below == 0:
                self._levels.append((step, join(finer, step, self.axis.origin)))
        self._tail = _Tail(newest)

    @property
    def rows(self) -> int:
        """How many candles there are."""
        return len(self._levels[0][1]) + self._tail.rows

    @property
    def first(self) -> int | None:
        """The place of the first candle; None without any."""
        bars = self._levels[0][1] if len(self._levels[0][1]) else self._tail.bars
        return int(bars.places[0]) if len(bars) else None

    @property
    def last(self) -> int | None:
        """The place of the newest candle; None without any."""
        return int(self._tail.bars.places[-1]) if self._tail.rows else None

    @property
    def missing(self) -> int:
        """How many candles lack between the first and the newest."""
        if self.first is None or self.last is None:
            return 0
        return (self.last - self.first) // self.axis.step + 1 - self.rows

    @property
    def places(self) -> Whole:
        """The places of all candles."""
        return np.concatenate([self._levels[0][1].places, self._tail.bars.places])

    def candles(self, begin: int | None = None, end: int | None = None) -> Bars:
        """Give the candles as they came that open in [begin, end); all where an end is None."""
        edges = (-(2**62) if begin is None else begin, 2**62 if end is None else end)
        settled = self._levels[0][1]
        return concatenate([settled.between(*edges), self._tail.bars.between(*edges)])

    def append(self, bars: Bars) -> None:
        """Add newer candles, of which the first may stand in for the newest one.

        Raises
        ------
        InvalidArgument
            When they begin before the newest candle.
        DataError
            When they aren't on the axis.
        """
        self.check_newer(bars)
        self.axis.check(bars.places)
        self._tail.append(bars)
        if self._tail.rows > _TAIL:
            self._build(concatenate([self._levels[0][1], self._tail.bars]))

    def check_newer(self, bars: Bars) -> None:
        """Raise `InvalidArgument` when bars begin before the newest candle."""
        begin = int(bars.places[0])
        if self.last is not None and begin < self.last:
            raise InvalidArgument(
                f"candles from {self._show(begin)} on come before the newest, "
                f"{self._show(self.last)}: use show() to replace what is there"
            )

    def _show(self, place: int) -> str:
        from gekko_lab.market.moments import show_time

        return show_time(self.axis.time(place))

    def window(self, begin: int, end: int, step: int) -> Bars:
        """Give the candles in [begin, end), both on the step's grid, joined into such of a step."""
        source, bars = next(
            (below, level) for below, level in reversed(self._levels) if step % below == 0
        )
        parts = [join(bars.between(begin, end), step, self.axis.origin)]
        live = self._tail.bars.between(begin, end)
        if len(live):
            parts.append(live)
        whole = concatenate(parts)
        return whole if source == step and not len(live) else join(whole, step, self.axis.origin)

    def dense(self, begin: int, end: int, step: int) -> Bars:
        """Give a window with a bar at each place, NaN where there is no candle."""
        found = self.window(begin, end, step)
        places = np.arange(begin, end, step, dtype=np.int64)
        rows = (found.places - begin) // step
        columns = []
        for column in found.columns[1:]:
            filled = np.full(places.size, np.nan)
            filled[rows] = column
            columns.append(filled)
        return Bars(places, *columns)


class _Tail:
    """Candles that come one after the other, in arrays with room for more."""

    def __init__(self, bars: Bars) -> None:
        self.rows = 0
        self._columns = [np.empty(_ROWS_AT_FIRST, dtype=each.dtype) for each in bars.columns]
        self.append(bars)

    @property
    def bars(self) -> Bars:
        return Bars(*(column[: self.rows] for column in self._columns))  # type: ignore[arg-type]

    def append(self, bars: Bars) -> None:
        if not len(bars):
            return
        begin = self.rows
        if begin and self._columns[0][begin - 1] == bars.places[0]:
            begin -= 1
        end = begin + len(bars)
        while end > self._columns[0].size:
            self._columns = [np.concatenate([each, np.empty_like(each)]) for each in self._columns]
        for column, new in zip(self._columns, bars.columns, strict=True):
            column[begin:end] = new
        self.rows = end
