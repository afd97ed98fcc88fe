"""Candles out of trades, in one pass over their memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from gekko_lab.kernels.compiler import compiled, inlined

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Whole = NDArray[np.int64]
    Real = NDArray[np.float64]
    Trades = tuple[Whole, Real, Whole, Real]
    Grid = tuple[int, int, Whole]
    Scales = tuple[float, float, float, int]
    Table = tuple[Whole, Real]

DONE: Final = 0
DISORDER: Final = 1
PRICE: Final = 2
AMOUNT: Final = 3
TICK: Final = 4
COST: Final = 5
"""What `fill` ended with, or at: a trade older than the one before, a price that isn't positive, an
amount that is none or off its step, a price off its step, a cost beyond counting."""

START: Final = 0
OPEN: Final = 1
HIGH: Final = 2
LOW: Final = 3
CLOSE: Final = 4
COUNT: Final = 5
VOLUME: Final = 6
COST_SUM: Final = 8
ROWS: Final = 10
"""The rows of the table of candles; sums in steps take two, for their halves of 32 bits."""

NO_COST: Final = 0
WHOLE_COST: Final = 1
FLOAT_COST: Final = 2

BLOCK: Final = 1024
"""Trades at a time: their times stay in the nearest cache, and their steps sum up in 64 bits."""

_BLOCK: Final = np.uint64(BLOCK)
_ONE: Final = np.uint64(1)
_HALF: Final = 32
_LOWER: Final = (1 << _HALF) - 1
_EXACT: Final = 2.0**53
_MOST_COST: Final = 2.0**62
_INFINITY: Final = 0x7FF0000000000000  # as the bits of a double


@inlined
def _disorder(times: Whole, first: np.uint64, stop: np.uint64, before: np.int64) -> np.int64:
    older = np.int64(times[first] < before)
    for i in range(first + _ONE, stop):
        older |= np.int64(times[i] < times[i - _ONE])
    return older


@inlined
def _end(times: Whole, first: np.uint64, stop: np.uint64, until: np.int64) -> np.uint64:
    """Find the first time from `until` on in sorted ones, in ever longer leaps, then by halves."""
    if times[stop - _ONE] < until:
        return stop
    leap = _ONE
    low = first
    high = low + _ONE
    while high < stop and times[high] < until:
        low = high
        leap += leap
        high += leap
    high = min(high, stop)
    while high - low > _ONE:
        middle = (low + high) >> _ONE
        if times[middle] < until:
            low = middle
        else:
            high = middle
    return high


@inlined
def _steps(
    bits: Whole, amounts: Real, first: np.uint64, last: np.uint64, scale: float, noise: float
) -> tuple[np.int64, np.int64, np.int64, np.int64]:
    """Find highest and lowest, sum up amounts in steps, and tell whether one is off them.

    Positive doubles order as their bits do, and comparisons of these vectorize.
    """
    high = bits[first]
    low = bits[first]
    total = np.int64(0)
    off = np.int64(0)
    for i in range(first, last):
        high = max(high, bits[i])
        low = min(low, bits[i])
        amount = amounts[i]
        steps = np.rint(amount * scale)
        held = abs(steps / scale - amount) <= noise * amount
        off |= np.int64(not (held & (steps < _EXACT) & (amount >= 0.0)))
        total += np.int64(steps)
    return high, low, total, off


@inlined
def _floats(
    bits: Whole, amounts: Real, first: np.uint64, last: np.uint64, total: float
) -> tuple[np.int64, np.int64, float, np.int64]:
    """Find highest and lowest, sum up amounts from left to right, and tell whether one is none."""
    high = bits[first]
    low = bits[first]
    off = np.int64(0)
    for i in range(first, last):
        high = max(high, bits[i])
        low = min(low, bits[i])
        amount = amounts[i]
        off |= np.int64(not ((amount >= 0.0) & (amount < np.inf)))
        total += amount
    return high, low, total, off


@inlined
def _costs(
    prices: Real, amounts: Real, first: np.uint64, last: np.uint64, scales: Scales
) -> tuple[np.int64, np.int64, int]:
    """Sum up costs in ticks · steps, by halves; tell whether a price is off or a cost too high."""
    scale, _, price_scale, _ = scales
    off = np.int64(0)
    dear = np.int64(0)
    high = np.int64(0)
    low = np.int64(0)
    for i in range(first, last):
        price = prices[i]
        ticks = np.rint(price * price_scale)
        steps = np.rint(amounts[i] * scale)
        off |= np.int64(not ((ticks / price_scale == price) & (ticks < _EXACT)))
        dear |= np.int64(not (ticks * steps < _MOST_COST))
        cost = np.int64(ticks) * np.int64(steps)
        high += cost >> _HALF
        low += cost & _LOWER
    if off:
        return high, low, TICK
    return high, low, COST if dear else DONE


@inlined
def _float_costs(
    prices: Real, amounts: Real, first: np.uint64, last: np.uint64, total: float
) -> float:
    for i in range(first, last):
        total += prices[i] * amounts[i]
    return total


@inlined
def _range(
    time: np.int64, width: int, origin: int, edges: Whole, place: np.int64
) -> tuple[np.int64, np.int64, np.int64]:
    """Give the range of the candle that holds a time, and its place among the edges."""
    if width > 0:
        start = time - (time - origin) % width
        return start, start + width, place
    while place + 1 < edges.size and edges[place + 1] <= time:
        place += 1
    if place + 1 == edges.size:  # behind the last edge is no candle
        return time, time, place
    return edges[place], edges[place + 1], place


@inlined
def _add_steps(
    whole: Whole, row: int, place: np.uint64, high: np.int64, low: np.int64, fresh: bool
) -> None:
    if fresh:
        whole[row, place] = high
        whole[row + 1, place] = low
    else:
        whole[row, place] += high
        whole[row + 1, place] += low


@inlined
def _add(
    prices: Real,
    bits: Whole,
    amounts: Real,
    first: np.uint64,
    last: np.uint64,
    scales: Scales,
    whole: Whole,
    real: Real,
    place: np.uint64,
    fresh: bool,
) -> int:
    """Add trades, a block at most, to a candle that is fresh or has some."""
    if scales[0] > 0.0:
        high, low, steps, off = _steps(bits, amounts, first, last, scales[0], scales[1])
        _add_steps(whole, VOLUME, place, steps >> _HALF, steps & _LOWER, fresh)
    else:
        volume = 0.0 if fresh else real[0, place]
        high, low, volume, off = _floats(bits, amounts, first, last, volume)
        real[0, place] = volume
    if low <= 0 or high >= _INFINITY:
        return PRICE
    if off:
        return AMOUNT
    if fresh:
        whole[OPEN, place] = bits[first]
        whole[HIGH, place] = high
        whole[LOW, place] = low
        whole[COUNT, place] = np.int64(last - first)
    else:
        whole[HIGH, place] = max(high, whole[HIGH, place])
        whole[LOW, place] = min(low, whole[LOW, place])
        whole[COUNT, place] += np.int64(last - first)
    whole[CLOSE, place] = bits[last - _ONE]
    if scales[3] == WHOLE_COST:
        upper, lower, found = _costs(prices, amounts, first, last, scales)
        _add_steps(whole, COST_SUM, place, upper, lower, fresh)
        return found
    if scales[3] == FLOAT_COST:
        cost = 0.0 if fresh else real[1, place]
        real[1, place] = _float_costs(prices, amounts, first, last, cost)
    return DONE


@compiled
def fill(trades: Trades, grid: Grid, scales: Scales, state: Whole, table: Table) -> int:
    """Add trades to a table of candles; those of one candle may come in several calls.

    Parameters
    ----------
    trades
        Times, prices, the prices seen as whole numbers, and amounts.
    grid
        Width and origin of the candles, in the unit of the times; for width 0, their edges.
    scales
        The steps in 1 of the amounts, or 0.0 for sums of floats; how far amounts may be off them,
        relatively; the ticks in 1 of the prices; and NO_COST, WHOLE_COST or FLOAT_COST.
    state
        The last candle's place and end, the last trade's time, the place among the edges, and where
        the block begins that `fill` stopped in.
    table
        The candles: `ROWS` rows of whole numbers, and the sums of floats of amounts and costs.

    Returns
    -------
    int
        DONE, or why it stopped; the table is of no use then.
    """
    times, prices, bits, amounts = trades
    width, origin, edges = grid
    whole, real = table
    place, end, before, edge = state[0], state[1], state[2], state[3]
    begin = np.uint64(0)
    size = np.uint64(times.size)
    while begin < size:
        state[4] = begin
        stop = min(begin + _BLOCK, size)
        # Ahead of the search, which needs the order and finds the times in the cache.
        if _disorder(times, begin, stop, before):
            return DISORDER
        first = begin
        while first < stop:
            fresh = times[first] >= end
            if fresh:
                start, end, edge = _range(times[first], width, origin, edges, edge)
                place += 1
                if place == whole.shape[1] or start == end:  # the last time isn't the latest
                    return DISORDER
                whole[START, place] = start
            last = _end(times, first, stop, end)
            found = _add(
                prices, bits, amounts, first, last, scales, whole, real, np.uint64(place), fresh
            )
            if found:
                return found
            first = last
        before = times[stop - _ONE]
        begin = stop
    state[0], state[1], state[2], state[3] = place, end, before, edge
    return DONE


def warm_up() -> None:
    """Compile the loop, or load it, by filling one candle."""
    times, numbers = np.zeros(1, dtype=np.int64), np.ones(1)
    bits = numbers.view(np.int64)
    for each in (times, numbers, bits):
        each.flags.writeable = False  # as a frame's columns are
    table = np.zeros((ROWS, 1), dtype=np.int64), np.zeros((2, 1))
    state = np.array([-1, 0, 0, 0, 0])
    fill((times, numbers, bits, numbers), (1, 0, times), (1.0, 0.0, 1.0, NO_COST), state, table)
