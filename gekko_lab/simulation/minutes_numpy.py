"""One-minute candles, made by numpy: the twin of `kernels.minutes`.

High and low are the extremes of a Brownian bridge between open and close, whose law is exact
[1]_, drawn in a little because trades see the path at a few points only.

References
----------
.. [1] Karatzas and Shreve, Brownian Motion and Stochastic Calculus, 1991, section 4.3.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from gekko_lab.simulation import exact, keyed, tables
from gekko_lab.simulation.flow import buying, edge_sides
from gekko_lab.simulation.minutes import Minutes
from gekko_lab.simulation.skeleton import MINUTES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gekko_lab.simulation.flow import Flow
    from gekko_lab.simulation.minutes import Market
    from gekko_lab.simulation.paths import Path

PERIODS = (2, 10, 50, 250, 1250)  # minutes
MOST_TRADES = 20_000
# The wildest parameters would leave 64 bits: the log of price over start, and steps of a minute.
FARTHEST = 18.0
MOST_LOTS = 2.0**42
CALM = 0.2  # the mean log volatility lies below that of the mean variance
WIDER = 2.0  # the widest spread over the usual one
FAR = 4.0  # standard deviations, beyond which a return counts no more
_LEVEL = 0.15  # makes the mean number of trades what the market is asked for


def make(market: Market, first: int, path: Path) -> Minutes:
    """Make the candles of whole days.

    Parameters
    ----------
    market : Market
        Whose candles.
    first : int
        The first minute, from 1970; a day begins with it.
    path : Path
        Log-price, its variance and heat, a row a day.

    Returns
    -------
    Minutes
        One row a minute. The first minute of each day has at least one trade, so that the last
        price is never further away than the day's start.
    """
    values, variance = path.values, path.variance.ravel()
    minute = np.arange(first, first + variance.size, dtype=np.int64)
    returns = (values[:, 1:] - values[:, :-1]).ravel()
    moves = returns / np.sqrt(np.maximum(variance, 1e-24))
    count = _count(market, minute, path.heat, np.minimum(np.abs(moves), FAR))
    reach = _reach(market, path.heat)
    before, after = _middles(market, values, reach)
    pull = _pull(values, variance, moves, count)
    share = buying(market.stream, minute, market.flow, pull)
    sides = edge_sides(market.stream, minute, share)
    open_, close = _edges(reach, sides, before, after, count)
    up, down = _extremes(market, minute, returns, variance, count)
    bounce = reach * market.flow.bounce * tables.SEEN[count]
    high, low = _ticks(before * (1.0 + up + bounce)), _ticks(before * (1.0 - down - bounce))
    lots = _lots(market, minute, after, count)
    return _carry(_fit(Minutes(minute, open_, high, low, close, count, lots, share, reach)))


def mean_of_waves(flow: Flow) -> float:
    """Give what the waves of activity add to the log of the mean number of trades."""
    return 0.5 * len(PERIODS) * flow.waves * flow.waves


def mean_level(flow: Flow) -> float:
    """Give what makes the mean number of trades what the market is asked for."""
    return _LEVEL - 0.5 * flow.bursts * flow.bursts


def widest(market: Market) -> float:
    """Give half the widest spread, as a fraction of the price."""
    return market.half_spread / (1.0 + 0.5 * market.flow.resting)


def resting(market: Market) -> float:
    """Give how coarsely the quotes follow the middle, in half spreads."""
    return market.flow.resting if market.half_spread > 0.0 else 0.0


def usual_cost(market: Market) -> float:
    """Give the mean cost of a trade in ticks times lots."""
    return market.cost * float(10 ** (market.amount_decimals + market.price_decimals))


def _pull(
    values: NDArray[np.float64],
    variance: NDArray[np.float64],
    moves: NDArray[np.float64],
    count: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Give each minute's return in standard deviations, counted from the last trade before.

    Days begin with a trade, so that it is never sought in the day before.
    """
    pull = moves.copy()
    late = np.flatnonzero(count[:-1] == 0) + 1
    late = late[late % MINUTES != 0]
    end, rows = values[:, 1:].ravel(), np.arange(count.size)
    clock = np.add.accumulate(variance.reshape(-1, MINUTES), axis=1).ravel()
    last = np.maximum.accumulate(np.where(count > 0, rows, 0))[late - 1]
    passed = np.sqrt(np.maximum(clock[late] - clock[last], 1e-24))
    pull[late] = (end[late] - end[last]) / passed
    return np.minimum(np.maximum(pull, -FAR), FAR)


def _reach(market: Market, heat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give half the spread, which is wider in hours that move more, up to the widest."""
    level = exact.ordered_sum(heat.reshape(-1, 60)) / 60.0 + CALM
    level += np.tile(tables.volatility_season(market.season)[30::60], heat.shape[0])
    most = widest(market)
    return np.repeat(np.minimum(exact.exp(level) * (most / WIDER), most), 60)


def _middles(
    market: Market, values: NDArray[np.float64], reach: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the middle of the quotes before and after each minute, in ticks.

    Quotes rest at a price for a while, the longer the wider they are.
    """
    start, after = values[:, 0], values[:, 1:].ravel()
    if resting(market) > 0.0:
        grid = reach * market.flow.resting
        start, after = _on_grid(start, grid[::MINUTES]), _on_grid(after, grid)
    after = _price(after, market)
    before = np.append(0.0, after[:-1])
    before[::MINUTES] = _price(start, market)
    return before, after


def _price(value: NDArray[np.float64], market: Market) -> NDArray[np.float64]:
    price: NDArray[np.float64] = exact.exp(np.clip(value, -FARTHEST, FARTHEST)) * market.scale
    return price


def _on_grid(value: NDArray[np.float64], grid: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.floor(value / grid + 0.5) * grid
    return found


def _count(
    market: Market,
    minute: NDArray[np.int64],
    heat: NDArray[np.float64],
    surprise: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Draw the number of trades: about Poisson, by the root transform that makes it normal."""
    lattices = tuple(keyed.Lattice(market.key(f"activity {p}"), p) for p in PERIODS)
    level = keyed.blend(lattices, int(minute[0]), minute.size) * market.flow.waves
    level -= mean_of_waves(market.flow)
    level += mean_level(market.flow)
    random = keyed.daily(market.key("trading"), minute)
    level += market.flow.bursts * keyed.fine(tables.NORMAL, random, 40)
    level += market.flow.heat * heat.ravel()
    level += market.flow.surprise * (surprise - 0.8)
    level += np.tile(tables.activity_season(market.season), minute.size // MINUTES)
    rate = exact.exp(np.minimum(level, 5.0)) * market.rate
    root = np.sqrt(rate) + 0.5 * keyed.fine(tables.NORMAL, random, 16)
    root = np.maximum(root, 0.0)
    count = np.minimum(np.floor(root * root + 0.25), MOST_TRADES).astype(np.int64)
    count[::MINUTES] = np.maximum(count[::MINUTES], 1)
    return count


def _edges(
    reach: NDArray[np.float64],
    sides: tuple[NDArray[np.int64], ...],
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    count: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    open_ = _ticks(before * (1.0 + reach * sides[0]))
    close = _ticks(after * (1.0 + reach * sides[1]))
    return np.where(count == 1, close, open_), close


def _ticks(price: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.maximum(np.floor(price + 0.5), 1.0).astype(np.int64)


def _extremes(
    market: Market,
    minute: NDArray[np.int64],
    returns: NDArray[np.float64],
    variance: NDArray[np.float64],
    count: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give how far the price goes above and below its start, as fractions of it."""
    seen, square = tables.SEEN[count], returns * returns
    random = keyed.daily(market.key("extremes"), minute)
    ends = []
    for shift, sign in ((40, 1.0), (16, -1.0)):
        energy = keyed.fine(tables.EXPONENTIAL, random, shift)
        edge = np.maximum(sign * returns, 0.0)
        far = 0.5 * (sign * returns + np.sqrt(square + 2.0 * variance * energy))
        ends.append(np.minimum(edge + (far - edge) * seen, 0.5))
    return ends[0], ends[1]


def _lots(
    market: Market,
    minute: NDArray[np.int64],
    mid: NDArray[np.float64],
    count: NDArray[np.int64],
) -> NDArray[np.int64]:
    usual = usual_cost(market) / mid
    spread = tables.VOLUME_SPREAD[count]
    noise = keyed.fine(tables.NORMAL, keyed.daily(market.key("volume"), minute), 40)
    noise -= 0.5 * spread
    usual *= exact.exp(np.minimum(noise * spread, 5.0))
    lots = np.floor(np.minimum(usual * count, MOST_LOTS) + 0.5).astype(np.int64)
    return np.maximum(lots, count)


def _fit(made: Minutes) -> Minutes:
    """Hold high and low to what so many trades can reach: first, last, and one for each beyond."""
    top, bottom = np.maximum(made.open, made.close), np.minimum(made.open, made.close)
    above = (made.high > top) & (made.count >= 3)  # noqa: PLR2004 - first, last and the high
    below = (made.low < bottom) & (made.count >= np.where(above, 4, 3))
    high, low = np.where(above, made.high, top), np.where(below, made.low, bottom)
    return replace(made, high=high, low=low)


def _carry(candles: Minutes) -> Minutes:
    """Give minutes without trades the last price; each day begins with a trade."""
    traded = candles.count > 0
    if traded.all():
        return candles
    last = np.maximum.accumulate(np.where(traded, np.arange(traded.size), 0))
    flat = candles.close[last]
    return replace(
        candles,
        open=np.where(traded, candles.open, flat),
        high=np.where(traded, candles.high, flat),
        low=np.where(traded, candles.low, flat),
        close=flat,
        lots=np.where(traded, candles.lots, 0),
    )
