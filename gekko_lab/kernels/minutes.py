"""The twin of `simulation.minutes_numpy`: a day at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gekko_lab.kernels.compiler import compiled
from gekko_lab.kernels.randomness import bits, blend, draw, exp, normals, uniform

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
        Keys: burst, count, first side, last side, high, low, volume, then those of the activity's
        lattices and of the large orders'.
    periods
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
    noise, level = np.empty(_MINUTES), np.empty(_MINUTES)
    before, after = np.empty(_MINUTES), np.empty(_MINUTES)
    pull = np.empty(_MINUTES)
    waves = periods.size - 2
    for day in range(values.shape[0]):
        cell, here = first + day * _MINUTES, slice(day * _MINUTES, (day + 1) * _MINUTES)
        count = out[4, here]
        path, moved = values[day], variance[day]
        blend(level, tables[0], streams[7 : 7 + waves], periods[:waves], cell)
        normals(noise, tables[0], streams[0], cell)
        _rates(level, noise, path, moved, heat[day], seasons[0], numbers)
        normals(noise, tables[0], streams[1], cell)
        _counts(count, level, noise, numbers)
        _pull(pull, path, moved, count, numbers)
        _reach(reach[here], heat[day], seasons[1], numbers)
        _middles(before, after, path, reach[here], numbers)
        blend(level, tables[0], streams[7 + waves :], periods[waves:], cell)
        _shares(share[here], level, pull, numbers)
        _edges(out[:, here], before, after, reach[here], share[here], streams, cell)
        _extremes(
            out[:, here],
            before,
            path,
            moved,
            reach[here],
            streams,
            cell,
            tables[1],
            by_count[1],
            numbers,
        )
        normals(noise, tables[0], streams[6], cell)
        _lots(out[5, here], count, after, noise, by_count[0], numbers)
        _fit(out[:, here])


@compiled
def _rates(
    level: NDArray[np.float64],
    noise: NDArray[np.float64],
    path: NDArray[np.float64],
    moved: NDArray[np.float64],
    heat: NDArray[np.float64],
    season: NDArray[np.float64],
    numbers: NDArray[np.float64],
) -> None:
    for minute in range(level.size):
        change = path[minute + 1] - path[minute]
        surprise = min(abs(change) / np.sqrt(max(moved[minute], 1e-24)), numbers[7])
        now = level[minute] * numbers[0] - numbers[1]
        now += numbers[2]
        now += numbers[3] * noise[minute]
        now += numbers[4] * heat[minute]
        now += numbers[5] * (surprise - 0.8)
        now += season[minute]
        level[minute] = exp(min(now, 5.0)) * numbers[6]


@compiled
def _counts(
    count: NDArray[np.int64],
    rate: NDArray[np.float64],
    noise: NDArray[np.float64],
    numbers: NDArray[np.float64],
) -> None:
    for minute in range(count.size):
        root = max(np.sqrt(rate[minute]) + 0.5 * noise[minute], 0.0)
        count[minute] = np.int64(min(np.floor(root * root + 0.25), numbers[8]))
    count[0] = max(count[0], 1)


@compiled
def _pull(
    pull: NDArray[np.float64],
    path: NDArray[np.float64],
    moved: NDArray[np.float64],
    count: NDArray[np.int64],
    numbers: NDArray[np.float64],
) -> None:
    start, since, clock, far = path[0], 0.0, 0.0, numbers[7]
    for minute in range(count.size):
        clock += moved[minute]
        way = (path[minute + 1] - start) / np.sqrt(max(clock - since, 1e-24))
        pull[minute] = min(max(way, -far), far)
        if count[minute] > 0:
            start, since = path[minute + 1], clock


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
    for minute in range(before.size):
        start, end = path[minute], path[minute + 1]
        if numbers[12] > 0.0:
            grid = reach[minute] * numbers[12]
            start, end = np.floor(start / grid + 0.5) * grid, np.floor(end / grid + 0.5) * grid
        before[minute], after[minute] = exp(start) * numbers[13], exp(end) * numbers[13]


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
    streams: NDArray[np.uint64],
    cell: int,
) -> None:
    for minute in range(share.size):
        first = 1 if uniform(bits(streams[2], cell + minute)) < share[minute] else -1
        last = 1 if uniform(bits(streams[3], cell + minute)) < share[minute] else -1
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
    streams: NDArray[np.uint64],
    cell: int,
    table: NDArray[np.float64],
    shares: NDArray[np.float64],
    numbers: NDArray[np.float64],
) -> None:
    for minute in range(before.size):
        change = path[minute + 1] - path[minute]
        seen = shares[out[4, minute]]
        bounce = reach[minute] * numbers[17] * seen
        up = draw(table, bits(streams[4], cell + minute))
        down = draw(table, bits(streams[5], cell + minute))
        up = _beyond(change, moved[minute], up, seen)
        down = _beyond(-change, moved[minute], down, seen)
        out[1, minute] = _ticks(before[minute] * (1.0 + up + bounce))
        out[2, minute] = _ticks(before[minute] * (1.0 - down - bounce))


@compiled
def _beyond(change: float, moved: float, energy: float, seen: float) -> float:
    edge = max(change, 0.0)
    far = 0.5 * (change + np.sqrt(change * change + 2.0 * moved * energy))
    return min(edge + (far - edge) * seen, 0.5)


@compiled
def _lots(
    lots: NDArray[np.int64],
    count: NDArray[np.int64],
    middle: NDArray[np.float64],
    noise: NDArray[np.float64],
    spreads: NDArray[np.float64],
    numbers: NDArray[np.float64],
) -> None:
    for minute in range(lots.size):
        spread = spreads[count[minute]]
        now = noise[minute] - 0.5 * spread
        usual = numbers[18] / middle[minute] * exp(min(now * spread, 5.0))
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
    streams, periods = np.ones(9, dtype=np.uint64), np.ones(2, dtype=np.int64)
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
        numbers,
        seasons,
        tables,
        spreads,
        out,
        column,
        column.copy(),
    )
