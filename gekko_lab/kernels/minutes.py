"""The twin of `simulation.minutes_numpy`: a day at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gekko_lab.kernels.compiler import compiled
from gekko_lab.kernels.randomness import blend, chance, daily, exp, read

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MINUTES = 1440
_HOURS = 24


@compiled
def make(
    values: NDArray[np.float64],
    variance: NDArray[np.float64],
    heat: NDArray[np.float64],
    first: int,
    streams: NDArray[np.uint64],
    periods: NDArray[np.int64],
    weights: NDArray[np.float64],
    numbers: NDArray[np.float64],
    seasons: NDArray[np.float64],
    tables: NDArray[np.float64],
    by_count: NDArray[np.float64],
    out: NDArray[np.int64],
    share: NDArray[np.float64],
    reach: NDArray[np.float64],
) -> None:
    """Write the candles of whole days.

    Parameters
    ----------
    values, variance, heat
        The path, a row a day.
    first
        The first minute, from 1970.
    streams
        Keys: trading, extremes, volume, then those of the activity's lattices and of the large
        orders'.
    periods, weights
        Of these lattices; the last two are the orders'.
    numbers
        As `minutes.numbers` gives them.
    seasons
        Rows: of activity by the minute, of volatility by the minute.
    tables
        Normal and exponential.
    by_count
        Rows: deviation of log volume, and the share of the extremes that so many trades see.
    out
        Rows to fill: open, high, low, close, count, lots.
    share, reach
        Columns to fill: share of buys, half the spread.
    """
    level, moves = np.empty(_MINUTES), np.empty(_MINUTES)
    before, after = np.empty(_MINUTES), np.empty(_MINUTES)
    trading, edges = np.empty(_MINUTES, np.uint64), np.empty(_MINUTES, np.uint64)
    volume = np.empty(_MINUTES, np.uint64)
    one, other = np.empty(_MINUTES), np.empty(_MINUTES)
    waves = periods.size - 2
    behind = periods[:waves].sum()
    for day in range(values.shape[0]):
        cell, here = first + day * _MINUTES, slice(day * _MINUTES, (day + 1) * _MINUTES)
        path, moved, count = values[day], variance[day], out[4, here]
        daily(trading, streams[0], cell // _MINUTES)
        daily(edges, streams[1], cell // _MINUTES)
        daily(volume, streams[2], cell // _MINUTES)
        blend(level, tables[0], streams[3 : 3 + waves], periods[:waves], weights, cell)
        _moves(moves, path, moved)
        read(one, tables[0], trading, 40)
        read(other, tables[0], trading, 16)
        _rates(level, one, moves, heat[day], seasons[0], numbers)
        _counts(count, level, other, numbers[8])
        _pull(moves, path, moved, count, numbers[7])
        _reach(reach[here], heat[day], seasons[1], numbers)
        _middles(before, after, path, reach[here], numbers)
        blend(level, tables[0], streams[3 + waves :], periods[waves:], weights[:, behind:], cell)
        _shares(share[here], level, moves, numbers)
        _edges(out[:, here], before, after, reach[here], share[here], trading, edges)
        read(one, tables[1], edges, 40)
        read(other, tables[1], edges, 16)
        for minute in range(_MINUTES):
            level[minute] = by_count[1, count[minute]]
        _extremes(out[1, here], before, path, moved, reach[here], one, level, 1.0, numbers)
        _extremes(out[2, here], before, path, moved, reach[here], other, level, -1.0, numbers)
        read(one, tables[0], volume, 40)
        for minute in range(_MINUTES):
            level[minute] = by_count[0, count[minute]]
        _lots(out[5, here], count, after, one, level, numbers[18])
        _fit(out[:, here])


@compiled
def _moves(
    moves: NDArray[np.float64], path: NDArray[np.float64], moved: NDArray[np.float64]
) -> None:
    for minute in range(moves.size):
        change = path[minute + 1] - path[minute]
        moves[minute] = change / np.sqrt(max(moved[minute], 1e-24))


@compiled
def _rates(
    level: NDArray[np.float64],
    noise: NDArray[np.float64],
    moves: NDArray[np.float64],
    heat: NDArray[np.float64],
    season: NDArray[np.float64],
    numbers: NDArray[np.float64],
) -> None:
    for minute in range(level.size):
        now = level[minute] * numbers[0] - numbers[1]
        now += numbers[2]
        now += numbers[3] * noise[minute]
        now += numbers[4] * heat[minute]
        now += numbers[5] * (min(abs(moves[minute]), numbers[7]) - 0.8)
        now += season[minute]
        level[minute] = exp(min(now, 5.0)) * numbers[6]


@compiled
def _counts(
    count: NDArray[np.int64],
    rate: NDArray[np.float64],
    noise: NDArray[np.float64],
    most: float,
) -> None:
    for minute in range(count.size):
        root = max(np.sqrt(rate[minute]) + 0.5 * noise[minute], 0.0)
        count[minute] = np.int64(min(np.floor(root * root + 0.25), most))
    count[0] = max(count[0], 1)


@compiled
def _pull(
    moves: NDArray[np.float64],
    path: NDArray[np.float64],
    moved: NDArray[np.float64],
    count: NDArray[np.int64],
    far: float,
) -> None:
    """Count moves from the last trade before, where that wasn't the minute before."""
    clock, since, start = 0.0, 0.0, 0.0
    for minute in range(count.size):
        clock += moved[minute]
        if minute > 0 and count[minute - 1] == 0:
            passed = np.sqrt(max(clock - since, 1e-24))
            moves[minute] = (path[minute + 1] - start) / passed
        if count[minute] > 0:
            since, start = clock, path[minute + 1]
    for minute in range(count.size):
        moves[minute] = min(max(moves[minute], -far), far)


@compiled
def _reach(
    reach: NDArray[np.float64],
    heat: NDArray[np.float64],
    season: NDArray[np.float64],
    numbers: NDArray[np.float64],
) -> None:
    for hour in range(_HOURS):
        total = 0.0
        for minute in range(60):
            total += heat[hour * 60 + minute]
        level = total / 60.0 + numbers[9] + season[hour * 60 + 30]
        wide = min(exp(level) * numbers[11], numbers[10])
        reach[hour * 60 : (hour + 1) * 60] = wide


@compiled
def _middles(
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    path: NDArray[np.float64],
    reach: NDArray[np.float64],
    numbers: NDArray[np.float64],
) -> None:
    scale, resting = numbers[13], numbers[12]
    if resting > 0.0:
        for minute in range(after.size):
            grid = reach[minute] * resting
            after[minute] = exp(np.floor(path[minute + 1] / grid + 0.5) * grid) * scale
        grid = reach[0] * resting
        before[0] = exp(np.floor(path[0] / grid + 0.5) * grid) * scale
    else:
        for minute in range(after.size):
            after[minute] = exp(path[minute + 1]) * scale
        before[0] = exp(path[0]) * scale
    before[1:] = after[:-1]


@compiled
def _shares(
    share: NDArray[np.float64],
    level: NDArray[np.float64],
    pull: NDArray[np.float64],
    numbers: NDArray[np.float64],
) -> None:
    for minute in range(share.size):
        buys = 0.5 + numbers[14] * level[minute]
        buys += numbers[15] * pull[minute]
        share[minute] = min(max(buys, 1.0 - numbers[16]), numbers[16])


@compiled
def _edges(
    out: NDArray[np.int64],
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    reach: NDArray[np.float64],
    share: NDArray[np.float64],
    trading: NDArray[np.uint64],
    edges: NDArray[np.uint64],
) -> None:
    for minute in range(share.size):
        wanted = share[minute] * 65536.0
        first = 1.0 if chance(trading[minute], 0) < wanted else -1.0
        last = 1.0 if chance(edges[minute], 0) < wanted else -1.0
        out[0, minute] = _ticks(before[minute] * (1.0 + reach[minute] * first))
        out[3, minute] = _ticks(after[minute] * (1.0 + reach[minute] * last))
        if out[4, minute] == 1:
            out[0, minute] = out[3, minute]


@compiled
def _ticks(price: float) -> int:
    return np.int64(max(np.floor(price + 0.5), 1.0))


@compiled
def _extremes(
    out: NDArray[np.int64],
    before: NDArray[np.float64],
    path: NDArray[np.float64],
    moved: NDArray[np.float64],
    reach: NDArray[np.float64],
    energy: NDArray[np.float64],
    seen: NDArray[np.float64],
    sign: float,
    numbers: NDArray[np.float64],
) -> None:
    for minute in range(before.size):
        change = path[minute + 1] - path[minute]
        spread = change * change + 2.0 * moved[minute] * energy[minute]
        far = 0.5 * (sign * change + np.sqrt(spread))
        edge = max(sign * change, 0.0)
        beyond = min(edge + (far - edge) * seen[minute], 0.5)
        bounce = reach[minute] * numbers[17] * seen[minute]
        out[minute] = _ticks(before[minute] * (1.0 + sign * beyond + sign * bounce))


@compiled
def _lots(
    lots: NDArray[np.int64],
    count: NDArray[np.int64],
    middle: NDArray[np.float64],
    noise: NDArray[np.float64],
    spread: NDArray[np.float64],
    usual_cost: float,
) -> None:
    for minute in range(lots.size):
        now = noise[minute] - 0.5 * spread[minute]
        usual = usual_cost / middle[minute] * exp(min(now * spread[minute], 5.0))
        whole = np.int64(np.floor(usual * np.float64(count[minute]) + 0.5))
        lots[minute] = max(whole, count[minute])


@compiled
def _fit(out: NDArray[np.int64]) -> None:
    last = out[3, 0]
    for minute in range(out.shape[1]):
        count = out[4, minute]
        if count == 0:
            out[0, minute] = out[1, minute] = out[2, minute] = out[3, minute] = last
            out[5, minute] = 0
            continue
        top = max(out[0, minute], out[3, minute])
        bottom = min(out[0, minute], out[3, minute])
        above = out[1, minute] > top and count >= 3
        below = out[2, minute] < bottom and count >= (4 if above else 3)
        if not above:
            out[1, minute] = top
        if not below:
            out[2, minute] = bottom
        last = out[3, minute]


def warm_up() -> None:
    """Make a day, so that the loop is there."""
    day = np.zeros((1, _MINUTES))
    streams, periods = np.ones(5, dtype=np.uint64), np.ones(2, dtype=np.int64)
    weights = np.ones((2, 2))
    out, column = np.zeros((6, _MINUTES), dtype=np.int64), np.zeros(_MINUTES)
    path, seasons, tables = (
        np.zeros((1, _MINUTES + 1)),
        np.zeros((2, _MINUTES)),
        np.ones((2, 4096, 2)),
    )
    numbers, spreads = np.ones(19), np.ones((2, 20_001))
    make(
        path,
        day,
        day,
        0,
        streams,
        periods,
        weights,
        numbers,
        seasons,
        tables,
        spreads,
        out,
        column,
        column.copy(),
    )
