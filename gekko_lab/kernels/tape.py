"""The twin of `simulation.tape`: a minute at a time, in memory that stays in the CPU's cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gekko_lab.kernels.compiler import compiled
from gekko_lab.kernels.randomness import bits, chance, draw, fine, within

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ID_BITS = 20


@compiled
def fill(
    candles: NDArray[np.int64],
    share: NDArray[np.float64],
    reach: NDArray[np.float64],
    streams: NDArray[np.uint64],
    tables: NDArray[np.float64],
    orders: NDArray[np.int64],
    width_ms: int,
    hesitates: bool,
    id_: NDArray[np.int64],
    time: NDArray[np.int64],
    side: NDArray[np.int8],
    ticks: NDArray[np.int64],
    lots: NDArray[np.int64],
) -> None:
    """Write the trades of candles into columns that are as long as there are trades.

    Parameters
    ----------
    candles
        Rows: minute, open, high, low, close, count, lots.
    share, reach
        Share of buys, and how far trades bounce from the middle in ticks.
    streams
        Keys: fill, pace 2, pace 5, hesitation, rest, run, first side, last side, move.
    tables
        Exponential, size, step, run, pace, hesitation; for each cell its value and rise.
    orders
        Chances in 65536: of a new order, that the price stays, that it follows the side.
    width_ms, hesitates
        As of the numpy twin.
    id_, time, side, ticks, lots
        Columns to fill.
    """
    most = 1
    for row in range(candles.shape[1]):
        most = max(most, candles[5, row])
    fills, moves = np.empty(most, np.uint64), np.empty(most, np.uint64)
    new, sides = np.empty(most, np.bool_), np.empty(most, np.int64)
    elapsed, weights = np.empty(most, np.int64), np.empty(most, np.int64)
    clock, walk, path = np.empty(most), np.empty(most), np.empty(most)
    at = 0
    for row in range(candles.shape[1]):
        minute, count = candles[0, row], candles[5, row]
        if count == 0:
            continue
        base, move = bits(streams[0], minute), bits(streams[8], minute)
        for place in range(count):
            fills[place] = within(base, place)
            moves[place] = within(move, place)
            new[place] = chance(fills[place], 0) < orders[0]
        new[0] = True
        _gaps(elapsed[:count], fills, new, streams, minute, tables, hesitates)
        _sides(sides[:count], new, streams, minute, tables[3], share[row], candles[:, row])
        _walk(walk[:count], clock, moves, sides, tables[2], orders)
        _path(path[:count], walk, clock, sides, candles[:, row], reach[row])
        end = at + count
        _hold(ticks[at:end], path, candles[:, row])
        _lots(lots[at:end], weights, fills, tables[1], candles[6, row])
        rest = np.int64(draw(tables[0], bits(streams[4], minute)) * 65536.0)
        scale = width_ms / np.float64(elapsed[count - 1] + rest + 1)
        for place in range(count):
            id_[at + place] = (minute << _ID_BITS) + place
            side[at + place] = sides[place]
            time[at + place] = minute * width_ms + np.int64(np.float64(elapsed[place]) * scale)
        at = end


@compiled
def _gaps(
    elapsed: NDArray[np.int64],
    fills: NDArray[np.uint64],
    new: NDArray[np.bool_],
    streams: NDArray[np.uint64],
    minute: int,
    tables: NDArray[np.float64],
    hesitates: bool,
) -> None:
    short, long = bits(streams[1], minute), bits(streams[2], minute)
    base = bits(streams[3], minute)
    total, quick, slow = 0, 1.0, 1.0
    for place in range(elapsed.size):
        if place & 3 == 0:
            quick = fine(tables[4], within(short, place >> 2), 40)
        if place & 31 == 0:
            slow = fine(tables[4], within(long, place >> 5), 40)
        gap = fine(tables[0], fills[place], 40) * quick * slow
        if hesitates:
            gap *= fine(tables[5], within(base, place), 40)
        # A product costs less than a branch that nobody can predict.
        total += (np.int64(gap * 65536.0) + 1) * new[place]
        elapsed[place] = total


@compiled
def _sides(
    sides: NDArray[np.int64],
    new: NDArray[np.bool_],
    streams: NDArray[np.uint64],
    minute: int,
    lengths: NDArray[np.float64],
    share: float,
    candle: NDArray[np.int64],
) -> None:
    wide = np.float64(candle[2] - candle[3] + 1)
    tilt = 0.25 + 0.5 * share + 0.26 * (np.float64(candle[4] - candle[1]) / wide)
    day, place = minute // 1440, minute % 1440
    first = 1 if chance(within(bits(streams[6], day), place), 0) < share * 65536.0 else -1
    last = 1 if chance(within(bits(streams[7], day), place), 0) < share * 65536.0 else -1
    base = bits(streams[5], minute)
    sides[:] = 0
    run, start = 0, 0
    while start < sides.size:
        random = within(base, run)
        sides[start] = 1 if np.float64(chance(random, 24)) * 2.0**-16 < tilt else -1
        start += np.int64(fine(lengths, random, 40))
        run += 1
    now, run_side = first, sides[0]
    sides[0] = first
    for place in range(1, sides.size):
        run_side = sides[place] if sides[place] != 0 else run_side
        now = run_side if new[place] else now
        sides[place] = now
    sides[sides.size - 1] = last


@compiled
def _walk(
    walk: NDArray[np.float64],
    clock: NDArray[np.float64],
    moves: NDArray[np.uint64],
    sides: NDArray[np.int64],
    sizes: NDArray[np.float64],
    orders: NDArray[np.int64],
) -> None:
    count = walk.size
    place_now, moved = 0, 0
    for place in range(count):
        random = moves[place]
        moves_now = np.int64(chance(random, 24) >= orders[1])
        moves_now = moves_now if place > 0 else 0
        moves_now = moves_now if place < count - 1 else 1
        step = np.int64(fine(sizes, random, 40) * 1024.0) * sides[place] * moves_now
        place_now += step if chance(random, 0) < orders[2] else -step
        moved += moves_now
        walk[place] = place_now
        clock[place] = moved
    scale = 1.0 / np.float64(max(moved, 1))
    end = np.float64(place_now)
    for place in range(count):
        clock[place] *= scale
        walk[place] -= end * clock[place]


@compiled
def _path(
    path: NDArray[np.float64],
    walk: NDArray[np.float64],
    clock: NDArray[np.float64],
    sides: NDArray[np.int64],
    candle: NDArray[np.int64],
    reach: float,
) -> None:
    count = path.size
    highest = lowest = walk[0]
    for place in range(count):
        highest = max(highest, walk[place])
        lowest = min(lowest, walk[place])
    span = np.float64(candle[2] - candle[3]) / max(highest - lowest, 1.0)
    start = candle[1] - reach * sides[0]
    rise = candle[4] - reach * sides[count - 1] - start
    for place in range(count):
        path[place] = walk[place] * span + clock[place] * rise + start + reach * sides[place]


@compiled
def _hold(ticks: NDArray[np.int64], path: NDArray[np.float64], candle: NDArray[np.int64]) -> None:
    count = ticks.size
    highest, lowest, at_high, at_low = -np.inf, np.inf, -1, -1
    for place in range(1, count - 1):
        if path[place] > highest:
            highest, at_high = path[place], place
        if path[place] < lowest:
            lowest, at_low = path[place], place
    high, low = candle[2], candle[3]
    top, bottom = max(candle[1], candle[4]), min(candle[1], candle[4])
    up, down = _stretch(highest - top, high - top), _stretch(bottom - lowest, bottom - low)
    for place in range(count):
        over = max(path[place] - top, 0.0)
        under = max(bottom - path[place], 0.0)
        held = path[place] - over + under
        held = held + over * up - under * down
        ticks[place] = min(max(np.int64(np.floor(held + 0.5)), low), high)
    if low < bottom and high > top and at_low == at_high:
        at_low = at_high + 1 if at_high + 1 < count - 1 else at_high - 1
    if high > top:
        ticks[at_high] = high
    if low < bottom:
        ticks[at_low] = low
    ticks[0] = candle[1]
    ticks[count - 1] = candle[4]


@compiled
def _stretch(reach: float, wanted: int) -> float:
    return np.float64(wanted) / reach if 0.0 < reach < np.inf else 0.0


@compiled
def _lots(
    lots: NDArray[np.int64],
    weights: NDArray[np.int64],
    fills: NDArray[np.uint64],
    sizes: NDArray[np.float64],
    whole: int,
) -> None:
    count = lots.size
    for place in range(count):
        weights[place] = np.int64(fine(sizes, fills[place], 16) * 1024.0) + 1
    total = 0
    for place in range(count):
        total += weights[place]
        weights[place] = total
    spare = whole - count
    scale = np.float64(spare) / np.float64(total)
    before = 0
    for place in range(count - 1):
        given = np.int64(np.floor(np.float64(weights[place]) * scale))
        lots[place] = given - before + 1
        before = given
    lots[count - 1] = spare - before + 1


def warm_up() -> None:
    """Make a trade, so that the loop is there."""
    numbers = np.array([[1], [1], [1], [1], [1], [1], [1]], dtype=np.int64)
    whole, side = np.empty(1, dtype=np.int64), np.empty(1, dtype=np.int8)
    tables, orders = np.ones((6, 4096, 2)), np.ones(3, dtype=np.int64)
    streams, one = np.ones(9, dtype=np.uint64), np.ones(1)
    how = (streams, tables, orders, 60_000, False)
    fill(numbers, one, one, *how, whole, whole.copy(), side, whole.copy(), whole.copy())
