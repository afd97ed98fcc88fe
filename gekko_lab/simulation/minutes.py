"""One-minute candles of a symbol, in whole ticks and lots.

The candles are made without their trades; `gekko_lab.simulation.tape` makes trades that add up to
them. High and low are the extremes of a Brownian bridge between open and close, whose law is exact
[1]_, drawn in a little because trades see the path at a few points only.

References
----------
.. [1] Karatzas and Shreve, Brownian Motion and Stochastic Calculus, 1991, section 4.3.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gekko_lab.simulation import exact, keyed, tables
from gekko_lab.simulation.flow import edge_sides
from gekko_lab.simulation.skeleton import MINUTES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from gekko_lab.simulation.flow import Flow
    from gekko_lab.simulation.paths import Path

_PERIODS = (2, 10, 50, 250, 1250)  # minutes
_MOST_TRADES = 20_000
_FOLLOWS_HEAT = 0.95  # how activity grows with log volatility
_LEVEL = 0.15  # makes the mean number of trades what the market is asked for
_CALM = 0.2  # the mean log volatility lies below that of the mean variance
_WIDER = 2.0  # the widest spread over the usual one
_FAR = 4.0  # standard deviations, beyond which a return counts no more


@dataclass(frozen=True, slots=True)
class Minutes:
    """Consecutive one-minute candles in ticks and lots; `minute` counts from 1970.

    A minute without trades has the last price four times, and count and lots 0. `pull` is how far
    the middle went since the trade before, in standard deviations, which buyers and sellers follow;
    `reach` is half the spread, as a fraction of the price. Both are None where only the candle is
    known.
    """

    minute: NDArray[np.int64]
    open: NDArray[np.int64]
    high: NDArray[np.int64]
    low: NDArray[np.int64]
    close: NDArray[np.int64]
    count: NDArray[np.int64]
    lots: NDArray[np.int64]
    pull: NDArray[Any] | None = None
    reach: NDArray[Any] | None = None

    def __getitem__(self, rows: slice | NDArray[np.bool_]) -> Minutes:
        columns: list[Any] = [getattr(self, field.name) for field in fields(self)]
        picked: list[Any] = [None if column is None else column[rows] for column in columns]
        return Minutes(*picked)


def join(parts: Sequence[Minutes]) -> Minutes:
    """Put consecutive pieces behind each other."""
    if not parts:
        none = np.empty(0, dtype=np.int64)
        return Minutes(none, none, none, none, none, none, none)
    return Minutes(*(_joined([getattr(part, f.name) for part in parts]) for f in fields(Minutes)))


def _joined(columns: list[Any]) -> Any:  # noqa: ANN401 (arrays of one type, or None all along)
    return None if columns[0] is None else np.concatenate(columns)


@dataclass(frozen=True, slots=True)
class Market:
    """What a symbol's candles need to know of its market.

    Attributes
    ----------
    symbol : str
        Its name.
    stream : int
        The key that its own randomness hangs on.
    price_decimals, amount_decimals : int
        A tick is 10**-price_decimals of the quote currency, a lot 10**-amount_decimals of the base.
    rate : float
        Trades a minute, usually.
    cost : float
        Mean cost of a trade, in quote.
    half_spread : float
        How far from the middle trades are at the most, as a fraction of the price.
    flow : Flow
        How its orders behave.
    season : float
        Strength of the day's rhythm.
    """

    symbol: str
    stream: int
    price_decimals: int
    amount_decimals: int
    rate: float
    cost: float
    half_spread: float
    flow: Flow
    season: float

    def key(self, purpose: str) -> int:
        """Give the key of one of the market's streams of randomness."""
        return keyed.key(self.stream, purpose)


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
    count = _count(market, minute, path.heat, _surprise(returns, variance))
    pull, reach = _pull(values, variance, count), _reach(market, path.heat)
    before, after = _middles(market, values, reach)
    sides = edge_sides(market.stream, minute, market.flow, pull)
    open_, close = _edges(reach, sides, before, after, count)
    up, down = _extremes(market, minute, returns, variance, count)
    bounce = reach * market.flow.bounce * _seen(count)
    made = Minutes(
        minute=minute,
        open=open_,
        high=_ticks(before * (1.0 + up + bounce)),
        low=_ticks(before * (1.0 - down - bounce)),
        close=close,
        count=count,
        lots=_lots(market, minute, after, count),
        pull=pull,
        reach=reach,
    )
    return _carry(_fit(made))


def _surprise(returns: NDArray[np.float64], variance: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.minimum(np.abs(returns) / np.sqrt(np.maximum(variance, 1e-24)), _FAR)


def _pull(
    values: NDArray[np.float64], variance: NDArray[np.float64], count: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Give each minute's return in standard deviations, counted from the last trade before.

    Days begin with a trade, so that it is never sought in the day before.
    """
    end, rows = values[:, 1:].ravel(), np.arange(count.size)
    clock = np.add.accumulate(variance.reshape(-1, MINUTES), axis=1).ravel()
    last = np.maximum.accumulate(np.where(count > 0, rows, 0))
    before = np.append(0, last[:-1])
    start, since = end[before], clock[before]
    start[::MINUTES], since[::MINUTES] = values[:, 0], 0.0
    pull: NDArray[np.float64] = (end - start) / np.sqrt(np.maximum(clock - since, 1e-24))
    return np.minimum(np.maximum(pull, -_FAR), _FAR)


def _reach(market: Market, heat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give half the spread, which is wider in hours that move more, up to the widest."""
    level = exact.ordered_sum(heat.reshape(-1, 60)) / 60.0 + _CALM
    level += np.tile(tables.volatility_season(market.season)[30::60], heat.shape[0])
    widest = market.half_spread / (1.0 + 0.5 * market.flow.resting)
    return np.repeat(np.minimum(exact.exp(level) * (widest / _WIDER), widest), 60)


def _middles(
    market: Market, values: NDArray[np.float64], reach: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the middle of the quotes before and after each minute, in ticks.

    Quotes rest at a price for a while, the longer the wider they are.
    """
    scale, grid = float(10**market.price_decimals), reach * market.flow.resting
    before, after = values[:, :-1].ravel(), values[:, 1:].ravel()
    if market.flow.resting * market.half_spread > 0.0:
        before, after = (np.floor(v / grid + 0.5) * grid for v in (before, after))
    return exact.exp(before) * scale, exact.exp(after) * scale


def _count(
    market: Market,
    minute: NDArray[np.int64],
    heat: NDArray[np.float64],
    surprise: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Draw the number of trades: about Poisson, by the root transform that makes it normal."""
    lattices = tuple(keyed.Lattice(market.key(f"activity {p}"), p) for p in _PERIODS)
    level = keyed.blend(lattices, int(minute[0]), minute.size) * market.flow.waves
    level -= 0.5 * len(_PERIODS) * market.flow.waves * market.flow.waves
    level += _LEVEL - 0.5 * market.flow.bursts * market.flow.bursts
    level += market.flow.bursts * keyed.normal(market.key("burst"), minute)
    level += _FOLLOWS_HEAT * heat.ravel()
    level += market.flow.surprise * (surprise - 0.8)
    level += np.tile(tables.activity_season(market.season), minute.size // MINUTES)
    rate = exact.exp(np.minimum(level, 5.0)) * market.rate
    root = np.sqrt(rate) + 0.5 * keyed.normal(market.key("count"), minute)
    root = np.maximum(root, 0.0)
    count = np.minimum(np.floor(root * root + 0.25), _MOST_TRADES).astype(np.int64)
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
    seen, square = _seen(count), returns * returns
    ends = []
    for name, sign in (("high", 1.0), ("low", -1.0)):
        energy = keyed.draw(tables.EXPONENTIAL, keyed.bits(market.key(name), minute))
        edge = np.maximum(sign * returns, 0.0)
        far = 0.5 * (sign * returns + np.sqrt(square + 2.0 * variance * energy))
        ends.append(np.minimum(edge + (far - edge) * seen, 0.5))
    return ends[0], ends[1]


def _seen(count: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give how much of the path's extremes so many trades see."""
    seen: NDArray[np.float64] = np.maximum(1.0 - 1.2 / np.sqrt(np.maximum(count, 1)), 0.0)
    return seen * seen


def _lots(
    market: Market,
    minute: NDArray[np.int64],
    mid: NDArray[np.float64],
    count: NDArray[np.int64],
) -> NDArray[np.int64]:
    usual = market.cost * float(10 ** (market.amount_decimals + market.price_decimals)) / mid
    spread = tables.VOLUME_SPREAD[count]
    noise = keyed.normal(market.key("volume"), minute) - 0.5 * spread
    usual *= exact.exp(np.minimum(noise * spread, 5.0))
    lots = np.floor(usual * count + 0.5).astype(np.int64)
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
