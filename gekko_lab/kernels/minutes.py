"""The twin of `simulation.minutes_numpy`: a day at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gekko_lab.kernels.arguments import Trading
from gekko_lab.kernels.compiler import compiled
from gekko_lab.kernels.path import factor
from gekko_lab.kernels.randomness import blend, chance, daily, exp, read

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MINUTES = 1440
_HOURS = 24


@compiled
def make(
    first: int,
    genesis: int,
    factors: int,
    shares: NDArray[np.float64],
    window: tuple[NDArray[np.float64], ...],
    shock_minutes: NDArray[np.int64],
    factor_streams: NDArray[np.uint64],
    factor_periods: NDArray[np.int64],
    factor_weights: NDArray[np.float64],
    streams: NDArray[np.uint64],
    periods: NDArray[np.int64],
    weights: NDArray[np.float64],
    trading: Trading,
    seasons: NDArray[np.float64],
    tables: NDArray[np.float64],
    decay: NDArray[np.float64],
    by_count: NDArray[np.float64],
    out: tuple[NDArray[np.int64], ...],
    share: NDArray[np.float64],
    reach: NDArray[np.float64],
    units: NDArray[np.float64],
) -> int:
    """Write the candles of whole days, and give the largest number of ticks or lots.

    Parameters
    ----------
    first, genesis
        The first day to make and the first of all, from 1970.
    factors, shares
        How many there are: the market, base and perhaps quote; the market's share in the symbol,
        and the log of its first price.
    window, shock_minutes, factor_streams, factor_periods, factor_weights
        What `path.factor` asks for.
    streams
        Keys: trading, extremes, volume, then those of the activity's lattices and of the large
        orders'.
    periods, weights
        Of these lattices; the last two are the orders'.
    trading
        The market's numbers.
    seasons
        Rows: of activity by the minute, of volatility by the minute.
    tables, decay
        Normal and exponential; what is left of a shock by the minute.
    by_count
        Rows: deviation of log volume, and the share of the extremes that so many trades see.
    out
        Columns to fill: open, high, low, close, count, lots.
    share, reach
        Columns to fill: share of buys, half the spread; where they are a day long, with the last.
    units
        Empty, or ticks and lots in one of price and amount: prices and lots are then written as
        doubles of these, into the same memory.
    """
    paths = np.empty((3, 6, _MINUTES + 1))
    level, moves = np.empty(_MINUTES), np.empty(_MINUTES)
    before, after = np.empty(_MINUTES), np.empty(_MINUTES)
    flow, edges = np.empty(_MINUTES, np.uint64), np.empty(_MINUTES, np.uint64)
    volume = np.empty(_MINUTES, np.uint64)
    one, other = np.empty(_MINUTES), np.empty(_MINUTES)
    waves = periods.size - 2
    behind = periods[:waves].sum()
    largest = 0
    for place in range(out[0].size // _MINUTES):
        day, here = first + place, slice(place * _MINUTES, (place + 1) * _MINUTES)
        kept = here if share.size > _MINUTES else slice(0, _MINUTES)
        for which in range(factors):
            factor(
                which,
                day - genesis,
                place,
                paths,
                window,
                shock_minutes,
                factor_streams,
                factor_periods,
                factor_weights,
                seasons[1],
                decay,
                tables[0],
            )
        _join(paths, factors, shares[0], shares[1])
        path, moved, heat, cell = paths[0, 0], paths[0, 1], paths[1, 2], day * _MINUTES
        open_, high, low, close = out[0][here], out[1][here], out[2][here], out[3][here]
        count, lots = out[4][here], out[5][here]
        daily(flow, streams[0], day)
        daily(edges, streams[1], day)
        daily(volume, streams[2], day)
        blend(level, tables[0], streams[3 : 3 + waves], periods[:waves], weights, cell)
        _moves(moves, path, moved)
        read(one, tables[0], flow, 40)
        read(other, tables[0], flow, 16)
        _rates(level, one, moves, heat, seasons[0], trading)
        _counts(count, level, other, trading.most_trades)
        _pull(moves, path, moved, count, trading.far)
        _reach(reach[kept], heat, seasons[1], trading)
        _middles(before, after, path, reach[kept], trading)
        blend(level, tables[0], streams[3 + waves :], periods[waves:], weights[:, behind:], cell)
        _shares(share[kept], level, moves, trading)
        _edges(open_, before, reach[kept], share[kept], flow)
        _edges(close, after, reach[kept], share[kept], edges)
        read(one, tables[1], edges, 40)
        read(other, tables[1], edges, 16)
        for minute in range(_MINUTES):
            level[minute] = by_count[1, count[minute]]
        _extremes(high, before, path, moved, reach[kept], one, level, 1.0, trading)
        _extremes(low, before, path, moved, reach[kept], other, level, -1.0, trading)
        read(one, tables[0], volume, 40)
        for minute in range(_MINUTES):
            level[minute] = by_count[0, count[minute]]
        _lots(lots, count, after, one, level, trading)
        _fit(open_, high, low, close, count, lots)
        for minute in range(_MINUTES):
            largest = max(largest, high[minute], lots[minute])
        if units.size > 0:
            for prices in (open_, high, low, close):
                _as_doubles(prices, units[0])
            _as_doubles(lots, units[1])
    return largest


@compiled
def _as_doubles(whole: NDArray[np.int64], unit: float) -> None:
    real = whole.view(np.float64)
    for place in range(whole.size):
        real[place] = np.float64(whole[place]) / unit


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
    trading: Trading,
) -> None:
    for minute in range(level.size):
        now = level[minute] * trading.waves - trading.mean_of_waves
        now += trading.mean_level
        now += trading.bursts * noise[minute]
        now += trading.heat * heat[minute]
        now += trading.surprise * (min(abs(moves[minute]), trading.far) - 0.8)
        now += season[minute]
        level[minute] = exp(min(now, 5.0)) * trading.rate


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
    trading: Trading,
) -> None:
    for hour in range(_HOURS):
        total = 0.0
        for minute in range(60):
            total += heat[hour * 60 + minute]
        level = total / 60.0 + trading.calm + season[hour * 60 + 30]
        wide = min(exp(level) * trading.usual_spread, trading.widest)
        reach[hour * 60 : (hour + 1) * 60] = wide


@compiled
def _middles(
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    path: NDArray[np.float64],
    reach: NDArray[np.float64],
    trading: Trading,
) -> None:
    resting = trading.resting
    if resting > 0.0:
        for minute in range(after.size):
            grid = reach[minute] * resting
            after[minute] = _price(np.floor(path[minute + 1] / grid + 0.5) * grid, trading)
        grid = reach[0] * resting
        before[0] = _price(np.floor(path[0] / grid + 0.5) * grid, trading)
    else:
        for minute in range(after.size):
            after[minute] = _price(path[minute + 1], trading)
        before[0] = _price(path[0], trading)
    before[1:] = after[:-1]


@compiled
def _price(path: float, trading: Trading) -> float:
    return exp(min(max(path, -trading.farthest), trading.farthest)) * trading.scale


@compiled
def _shares(
    share: NDArray[np.float64],
    level: NDArray[np.float64],
    pull: NDArray[np.float64],
    trading: Trading,
) -> None:
    for minute in range(share.size):
        buys = 0.5 + trading.orders * level[minute]
        buys += trading.follows * pull[minute]
        share[minute] = min(max(buys, 1.0 - trading.most_share), trading.most_share)


@compiled
def _edges(
    out: NDArray[np.int64],
    middle: NDArray[np.float64],
    reach: NDArray[np.float64],
    share: NDArray[np.float64],
    random: NDArray[np.uint64],
) -> None:
    for minute in range(share.size):
        side = 1.0 if chance(random[minute], 0) < share[minute] * 65536.0 else -1.0
        out[minute] = _ticks(middle[minute] * (1.0 + reach[minute] * side))


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
    trading: Trading,
) -> None:
    for minute in range(before.size):
        change = path[minute + 1] - path[minute]
        spread = change * change + 2.0 * moved[minute] * energy[minute]
        far = 0.5 * (sign * change + np.sqrt(spread))
        edge = max(sign * change, 0.0)
        beyond = min(edge + (far - edge) * seen[minute], 0.5)
        bounce = reach[minute] * trading.bounce * seen[minute]
        out[minute] = _ticks(before[minute] * (1.0 + sign * beyond + sign * bounce))


@compiled
def _lots(
    lots: NDArray[np.int64],
    count: NDArray[np.int64],
    middle: NDArray[np.float64],
    noise: NDArray[np.float64],
    spread: NDArray[np.float64],
    trading: Trading,
) -> None:
    for minute in range(lots.size):
        now = noise[minute] - 0.5 * spread[minute]
        usual = trading.cost / middle[minute] * exp(min(now * spread[minute], 5.0))
        many = min(usual * np.float64(count[minute]), trading.most_lots)
        whole = np.int64(np.floor(many + 0.5))
        lots[minute] = max(whole, count[minute])


@compiled
def _fit(
    open_: NDArray[np.int64],
    high: NDArray[np.int64],
    low: NDArray[np.int64],
    close: NDArray[np.int64],
    count: NDArray[np.int64],
    lots: NDArray[np.int64],
) -> None:
    """Hold prices to what so many trades can reach; without any, to the last price."""
    last = close[0]
    for minute in range(count.size):
        trades = count[minute]
        if trades == 0:
            open_[minute] = high[minute] = low[minute] = close[minute] = last
            lots[minute] = 0
            continue
        if trades == 1:
            open_[minute] = close[minute]
        top, bottom = max(open_[minute], close[minute]), min(open_[minute], close[minute])
        above = high[minute] > top and trades >= 3
        below = low[minute] < bottom and trades >= (4 if above else 3)
        high[minute] = high[minute] if above else top
        low[minute] = low[minute] if below else bottom
        last = close[minute]


@compiled
def _join(paths: NDArray[np.float64], factors: int, share: float, start: float) -> None:
    """Make the market's path that of the symbol."""
    for minute in range(_MINUTES + 1):
        value = paths[0, 0, minute] * share + paths[1, 0, minute]
        moved = paths[0, 1, minute] * (share * share) + paths[1, 1, minute]
        if factors == 3:
            value -= paths[2, 0, minute]
            moved += paths[2, 1, minute]
        paths[0, 0, minute] = value + start
        paths[0, 1, minute] = moved


def warm_up() -> None:
    """Make a day, so that the loop is there."""
    season, whole = np.zeros(_MINUTES), np.zeros((3, 3), dtype=np.int64)
    window = (np.zeros((3, 25)), np.zeros((3, 2)), np.zeros((3, 3)), np.zeros((3, 8)))
    streams, periods = np.ones((3, 2), dtype=np.uint64), np.ones(1, dtype=np.int64)
    lattices, both = np.ones((2, 1)), np.ones(2, dtype=np.int64)
    out = tuple(np.zeros(_MINUTES, dtype=np.int64) for _ in range(6))
    make(
        1,
        0,
        2,
        np.ones(2),
        window,
        whole,
        streams,
        periods,
        lattices,
        np.ones(5, dtype=np.uint64),
        both,
        np.ones((2, 2)),
        Trading(*[1.0] * len(Trading._fields)),
        np.zeros((2, _MINUTES)),
        np.ones((2, 4096, 2)),
        np.zeros(4 * _MINUTES),
        np.ones((2, 20_001)),
        out,
        season,
        season + 1.0,
        np.ones(2),
    )
