"""The twin of `simulation.tape`: a minute at a time, in memory that stays in the CPU's cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gekko_lab.kernels.compiler import compiled, inlined
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
        Keys: fill, pace 2, pace 5, hesitation, rest, run, trading, extremes, move.
    tables
        Exponential, size, step, run, pace, hesitation; for each cell its value and rise.
    orders
        Chances in 65536: of a new order, that the price stays, that it follows the side.
    width_ms, hesitates
        As of the numpy twin.
    id_, time, side, ticks, lots
        Columns to fill.
    """
    whole, real = _room(candles[5])
    at = 0
    for row in range(candles.shape[1]):
        count = candles[5, row]
        if count == 0:
            continue
        scale = _minute(
            whole,
            real,
            candles[:, row],
            share[row],
            reach[row],
            streams,
            tables,
            orders,
            width_ms,
            hesitates,
        )
        start = candles[0, row] * width_ms
        for place in range(count):
            id_[at + place] = (candles[0, row] << _ID_BITS) + place
            time[at + place] = start + np.int64(np.float64(whole[0, place]) * scale)
            side[at + place] = whole[1, place]
            ticks[at + place] = whole[2, place]
            lots[at + place] = whole[3, place]
        at += count


@compiled
def fill_frame(
    candles: NDArray[np.int64],
    share: NDArray[np.float64],
    reach: NDArray[np.float64],
    streams: NDArray[np.uint64],
    tables: NDArray[np.float64],
    orders: NDArray[np.int64],
    width_ms: int,
    hesitates: bool,
    units: NDArray[np.float64],
    id_: NDArray[np.int64],
    time: NDArray[np.int64],
    sell: NDArray[np.uint8],
    price: NDArray[np.float64],
    amount: NDArray[np.float64],
) -> None:
    """Write the trades of candles as a frame has them: microseconds, prices and amounts.

    `units` are the ticks and lots in one of price and amount; all else is as of `fill`.
    """
    whole, real = _room(candles[5])
    at = 0
    for row in range(candles.shape[1]):
        count = candles[5, row]
        if count == 0:
            continue
        scale = _minute(
            whole,
            real,
            candles[:, row],
            share[row],
            reach[row],
            streams,
            tables,
            orders,
            width_ms,
            hesitates,
        )
        start = candles[0, row] * width_ms
        for place in range(count):
            id_[at + place] = (candles[0, row] << _ID_BITS) + place
            within_ms = np.int64(np.float64(whole[0, place]) * scale)
            time[at + place] = (start + within_ms) * 1000
            sell[at + place] = whole[1, place] < 0
        for place in range(count):
            price[at + place] = np.float64(whole[2, place]) / units[0]
            amount[at + place] = np.float64(whole[3, place]) / units[1]
        at += count


@inlined
def _room(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Give what a minute is worked out in: small enough to stay in the CPU's cache."""
    most = 1
    for count in counts:
        most = max(most, count)
    return np.empty((7, most), np.int64), np.empty((3, most + 2))


@inlined
def _minute(
    whole: NDArray[np.int64],
    real: NDArray[np.float64],
    candle: NDArray[np.int64],
    share: float,
    reach: float,
    streams: NDArray[np.uint64],
    tables: NDArray[np.float64],
    orders: NDArray[np.int64],
    width_ms: int,
    hesitates: bool,
) -> float:
    """Work out a minute: elapsed units, sides, ticks and lots, and how long a unit is."""
    minute, count = candle[0], candle[5]
    elapsed, side, ticks, lots = (
        whole[0, :count],
        whole[1, :count],
        whole[2, :count],
        whole[3, :count],
    )
    new, fills, moves = whole[4, :count], whole[5].view(np.uint64), whole[6].view(np.uint64)
    clock, walk, path = real[0, :count], real[1, :count], real[2, :count]
    base, move = bits(streams[0], minute), bits(streams[8], minute)
    for place in range(count):
        fills[place] = within(base, place)
        moves[place] = within(move, place)
        new[place] = chance(fills[place], 0) < orders[0]
    new[0] = 1
    _gaps(elapsed, path, real[0], fills, new, streams, minute, tables, hesitates)
    _sides(side, new, streams, minute, tables[3], share, candle)
    _walk(walk, clock, path, ticks, moves, side, tables[2], orders)
    _path(path, walk, clock, side, candle, reach)
    _hold(ticks, path, candle)
    _lots(lots, new, fills, tables[1], candle[6])
    rest = np.int64(draw(tables[0], bits(streams[4], minute)) * 65536.0)
    return width_ms / np.float64(elapsed[count - 1] + rest + 1)


@inlined
def _gaps(
    elapsed: NDArray[np.int64],
    gap: NDArray[np.float64],
    pace: NDArray[np.float64],
    fills: NDArray[np.uint64],
    new: NDArray[np.int64],
    streams: NDArray[np.uint64],
    minute: int,
    tables: NDArray[np.float64],
    hesitates: bool,
) -> None:
    short, long = bits(streams[1], minute), bits(streams[2], minute)
    base = bits(streams[3], minute)
    count = elapsed.size
    for place in range(count):
        gap[place] = fine(tables[0], fills[place], 40)
    quick, slow = (count + 3) // 4, (count + 31) // 32
    for stretch in range(quick):
        pace[stretch] = fine(tables[4], within(short, stretch), 40)
    for stretch in range(slow):
        pace[quick + stretch] = fine(tables[4], within(long, stretch), 40)
    for place in range(count):
        gap[place] = gap[place] * pace[place >> 2] * pace[quick + (place >> 5)]
    if hesitates:
        for place in range(count):
            gap[place] *= fine(tables[5], within(base, place), 40)
    for place in range(count):
        # A product costs less than a branch that nobody can predict.
        elapsed[place] = (np.int64(gap[place] * 65536.0) + 1) * new[place]
    total = 0
    for place in range(count):
        total += elapsed[place]
        elapsed[place] = total


@inlined
def _sides(
    sides: NDArray[np.int64],
    new: NDArray[np.int64],
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
        now = run_side if new[place] != 0 else now
        sides[place] = now
    sides[sides.size - 1] = last


@inlined
def _walk(
    walk: NDArray[np.float64],
    clock: NDArray[np.float64],
    size: NDArray[np.float64],
    steps: NDArray[np.int64],
    moves: NDArray[np.uint64],
    sides: NDArray[np.int64],
    sizes: NDArray[np.float64],
    orders: NDArray[np.int64],
) -> None:
    count = walk.size
    for place in range(count):
        size[place] = fine(sizes, moves[place], 40) * 1024.0
    for place in range(count):
        goes = np.int64(chance(moves[place], 24) >= orders[1])
        follows = 2 * np.int64(chance(moves[place], 0) < orders[2]) - 1
        clock[place] = goes
        steps[place] = np.int64(size[place]) * sides[place] * follows
    clock[0] = 0.0
    clock[count - 1] = 1.0
    now, moved = 0, 0
    for place in range(count):
        goes = np.int64(clock[place])
        now += steps[place] * goes
        moved += goes
        walk[place] = now
        clock[place] = moved
    scale = 1.0 / np.float64(max(moved, 1))
    end = np.float64(now)
    for place in range(count):
        clock[place] *= scale
        walk[place] -= end * clock[place]


@inlined
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


@inlined
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


@inlined
def _stretch(reach: float, wanted: int) -> float:
    return np.float64(wanted) / reach if 0.0 < reach < np.inf else 0.0


@inlined
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
    sell, real = np.empty(1, dtype=np.uint8), np.empty(1)
    tables, orders = np.ones((6, 4096, 2)), np.ones(3, dtype=np.int64)
    streams, one = np.ones(9, dtype=np.uint64), np.ones(1)
    how = (streams, tables, orders, 60_000, False)
    fill(numbers, one, one, *how, whole, whole.copy(), side, whole.copy(), whole.copy())
    units = np.ones(2)
    fill_frame(numbers, one, one, *how, units, whole, whole.copy(), sell, real, real.copy())
