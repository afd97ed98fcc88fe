"""Trades summed up by candle: with polars, and with a compiled loop that gives the same bytes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import polars as pl

from gekko_lab.errors import DataError
from gekko_lab.frames import steps
from gekko_lab.frames.checks import check_prints
from gekko_lab.market.timeframe import END

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from numpy.typing import NDArray

    from gekko_lab.market.timeframe import Timeframe

    Whole = NDArray[np.int64]
    Real = NDArray[np.float64]

_NEVER = np.iinfo(np.int64).min
_MOST_COST = 2.0**62  # in ticks · steps, for a product of 64 bits


@dataclass(frozen=True, slots=True)
class Grid:
    """Where candles begin: each `width` from `origin`, or at `edges` where the width is 0.

    Microseconds.
    """

    width: int
    origin: int
    edges: Whole

    @classmethod
    def of(cls, timeframe: Timeframe, first: int, last: int) -> Self:
        """Give the grid of a timeframe, which reaches from the first to the last time."""
        width = timeframe.milliseconds
        opens: list[int] = []
        if width is None:
            if last >= END * 1000:
                raise DataError(f"there are times after the year 9999, where no {timeframe} ends")
            end = timeframe.next(timeframe.floor(last // 1000))
            opens = [*timeframe.opens(timeframe.floor(first // 1000), end), end]
        edges = np.array(opens, dtype=np.int64) * 1000
        edges.flags.writeable = False
        return cls((width or 0) * 1000, timeframe.origin * 1000, edges)

    def starts(self, times: Whole) -> Whole:
        """Give each time the open time of its candle."""
        found: Whole
        if not self.width:
            found = self.edges[np.searchsorted(self.edges, times, "right") - 1]
            return found
        found = (times - self.origin) // self.width
        found *= self.width
        found += self.origin
        return found

    def most(self, times: pl.Series) -> int:
        """Tell how many candles ordered times can fall into at most."""
        if not self.width:
            return self.edges.size
        span = int(times[-1]) - int(times[0])
        return min(len(times), max(0, span // self.width + 2))


@dataclass(frozen=True, slots=True)
class Counting:
    """How amounts and costs are summed up.

    Attributes
    ----------
    amount, price : int or None
        Their decimals. Without those of the amounts both sums are of floats, without those of the
        prices that of costs is.
    noise : float
        How far amounts may be off their step, relatively.
    full : bool
        Whether costs are asked for.
    """

    amount: int | None
    price: int | None
    noise: float
    full: bool

    @property
    def decimals(self) -> dict[str, int]:
        """Those of the sums that are of whole steps: volume, and cost in ticks · steps."""
        found = {}
        if self.amount is not None:
            found["volume"] = self.amount
            if self.full and self.price is not None:
                found["cost"] = self.amount + self.price
        return found

    def after(self, miss: Miss) -> Counting:
        """Give the way of counting that a number asks for which this one missed."""
        if miss.column == "amount" and self.amount is not None:
            return replace(self, amount=steps.finer_decimals(miss.number, self.amount))
        if miss.column == "price" and self.price is not None:
            return replace(self, price=steps.finer_decimals(miss.number, self.price))
        return replace(self, price=None)


class Miss(NamedTuple):
    """A number that isn't on its step, or a cost that is too high to be counted."""

    column: Literal["amount", "price", "cost"]
    number: float


@dataclass(frozen=True, slots=True)
class Sums:
    """Candles as arrays; times in microseconds."""

    start: Whole
    open: Real
    high: Real
    low: Real
    close: Real
    count: Whole
    volume: Real
    cost: Real | None


def by_polars(table: pl.DataFrame, grid: Grid, counting: Counting) -> Sums | Miss:
    """Sum up trades, in the columns of `PRINTS`, with polars and numpy.

    Raises
    ------
    DataError
        Names the first row that is no trade or out of order.
    """
    check_prints(table)
    prices, amounts = table["price"].to_numpy(), table["amount"].to_numpy()
    miss = _find_miss(prices, amounts, counting)
    if miss is not None:
        return miss
    starts = grid.starts(table["timestamp"].to_physical().to_numpy())
    opens = pl.Series(starts).set_sorted()
    trades = pl.DataFrame({"start": opens, "price": prices, **_halves(prices, amounts, counting)})
    price = pl.col("price")
    made = trades.group_by("start", maintain_order=True).agg(
        price.first().alias("open"),
        price.max().alias("high"),
        price.min().alias("low"),
        price.last().alias("close"),
        pl.len().cast(pl.Int64).alias("count"),
        pl.col("^(volume|cost)_(high|low)$").sum(),
    )
    column = {name: made[name].to_numpy() for name in made.columns}
    sums = {
        name: steps.wide_decimal(column.pop(f"{name}_high"), column.pop(f"{name}_low"), decimals)
        for name, decimals in counting.decimals.items()
    }
    if "volume" not in sums:
        sums["volume"] = _from_left(amounts, starts)
    if counting.full and "cost" not in sums:
        sums["cost"] = _from_left(prices * amounts, starts)
    return Sums(**column, volume=sums["volume"], cost=sums.get("cost"))


def _find_miss(prices: Real, amounts: Real, counting: Counting) -> Miss | None:
    if counting.amount is not None:
        off = steps.misses(amounts, counting.amount, noise=counting.noise)
        if off.any():
            return Miss("amount", float(amounts[np.argmax(off)]))
    if counting.amount is None or counting.price is None or not counting.full:
        return None
    off = steps.misses(prices, counting.price)
    if off.any():
        return Miss("price", float(prices[np.argmax(off)]))
    ticks = np.rint(prices * float(10**counting.price))
    dear = ticks * np.rint(amounts * float(10**counting.amount)) >= _MOST_COST
    return Miss("cost", float(prices[np.argmax(dear)])) if dear.any() else None


def _halves(prices: Real, amounts: Real, counting: Counting) -> dict[str, Whole]:
    """Give amounts and costs in steps, in halves whose sums don't overflow."""
    whole = {}
    if counting.amount is not None:
        whole["volume"] = steps.to_steps(amounts, counting.amount)
        if counting.full and counting.price is not None:
            whole["cost"] = steps.to_steps(prices, counting.price) * whole["volume"]
    high = {f"{name}_high": each >> steps.HALF for name, each in whole.items()}
    return high | {f"{name}_low": each & steps.LOW for name, each in whole.items()}


def _from_left(numbers: Real, starts: Whole) -> Real:
    """Sum up each candle from left to right, as a loop does."""
    place = np.cumsum(np.append(False, starts[1:] != starts[:-1]))
    return np.bincount(place, weights=numbers).astype(np.float64, copy=False)


def by_loop(table: pl.DataFrame, grid: Grid, counting: Counting) -> Sums | Miss:
    """Sum up trades, in the columns of `PRINTS`, with a compiled loop.

    Raises
    ------
    DataError
        Names the first row that is no trade or out of order.
    """
    from gekko_lab.kernels import candles as loop

    if any(table.null_count().row(0)):
        check_prints(table)
    most = grid.most(table["timestamp"].to_physical())
    whole, real = np.empty((loop.ROWS, most), dtype=np.int64), np.empty((2, most))
    state = np.array([-1, _NEVER, _NEVER, 0, 0])
    cost = loop.WHOLE_COST if "cost" in counting.decimals else loop.FLOAT_COST
    scales = (
        _scale(counting.amount),
        counting.noise,
        _scale(counting.price),
        cost if counting.full else loop.NO_COST,
    )
    for times, prices, amounts in _parts(table):
        trades = times, prices, prices.view(np.int64), amounts
        end = loop.fill(trades, (grid.width, grid.origin, grid.edges), scales, state, (whole, real))
        if end != loop.DONE:
            check_prints(table)
            block = slice(int(state[4]), int(state[4]) + loop.BLOCK)
            return _miss_of(prices[block], amounts[block], counting)
    candles = slice(int(state[0]) + 1)
    return _sums(whole[:, candles], real[:, candles], counting)


def _miss_of(prices: Real, amounts: Real, counting: Counting) -> Miss:
    miss = _find_miss(prices, amounts, counting)
    if miss is None:
        raise AssertionError("the loop missed a number that numpy finds on its step")
    return miss


def _scale(decimals: int | None) -> float:
    return 0.0 if decimals is None else float(10**decimals)


def _parts(table: pl.DataFrame) -> Iterator[tuple[Whole, Real, Real]]:
    """Give the columns chunk by chunk, without a copy."""
    table = table.with_columns(pl.col("timestamp").to_physical())
    chunks = [column.get_chunks() for column in table.get_columns()]
    if len({tuple(map(len, parts)) for parts in chunks}) > 1:
        chunks = [[column] for column in table.rechunk().get_columns()]
    for parts in zip(*chunks, strict=True):
        times, prices, amounts = (part.to_numpy() for part in parts)
        for array in (times, prices, amounts):
            array.flags.writeable = False  # loops are compiled for arrays that nobody writes to
        yield times, prices, amounts


def _sums(whole: Whole, real: Real, counting: Counting) -> Sums:
    from gekko_lab.kernels import candles as loop

    sums = {"volume": real[0], "cost": real[1]}
    for name, decimals in counting.decimals.items():
        row = loop.VOLUME if name == "volume" else loop.COST_SUM
        sums[name] = steps.wide_decimal(whole[row], whole[row + 1], decimals)
    prices = whole.view(np.float64)
    return Sums(
        start=whole[loop.START],
        open=prices[loop.OPEN],
        high=prices[loop.HIGH],
        low=prices[loop.LOW],
        close=prices[loop.CLOSE],
        count=whole[loop.COUNT],
        volume=sums["volume"],
        cost=sums["cost"] if counting.full else None,
    )
