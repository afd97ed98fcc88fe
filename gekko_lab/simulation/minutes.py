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
from typing import TYPE_CHECKING

import numpy as np

from gekko_lab.simulation import exact, keyed, tables
from gekko_lab.simulation.skeleton import MINUTES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from gekko_lab.simulation.paths import Path

_PERIODS = (2, 10, 50, 250, 1250)  # minutes
_ACTIVITY_WEIGHT = 0.28
_MOST_TRADES = 20_000
_ORDER_PERIODS = (5, 40)  # minutes
_ORDER_WEIGHT = 0.16


@dataclass(frozen=True, slots=True)
class Minutes:
    """Consecutive one-minute candles in ticks and lots; `minute` counts from 1970.

    A minute without trades has the last price four times, and count and lots 0.
    """

    minute: NDArray[np.int64]
    open: NDArray[np.int64]
    high: NDArray[np.int64]
    low: NDArray[np.int64]
    close: NDArray[np.int64]
    count: NDArray[np.int64]
    lots: NDArray[np.int64]

    def __getitem__(self, rows: slice | NDArray[np.bool_]) -> Minutes:
        return Minutes(*(getattr(self, field.name)[rows] for field in fields(self)))


def join(parts: Sequence[Minutes]) -> Minutes:
    """Put consecutive pieces behind each other."""
    if not parts:
        return Minutes(*(np.empty(0, dtype=np.int64) for _ in fields(Minutes)))
    return Minutes(
        *(
            np.concatenate([getattr(part, field.name) for part in parts])
            for field in fields(Minutes)
        )
    )


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
        How far buyers pay above the middle and sellers get below, as a fraction of the price.
    """

    symbol: str
    stream: int
    price_decimals: int
    amount_decimals: int
    rate: float
    cost: float
    half_spread: float

    def key(self, purpose: str) -> int:
        """Give the key of one of the market's streams of randomness."""
        return keyed.key(self.stream, purpose)


def buying(stream: int, minute: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give the share of buys that large orders, worked over many minutes, leave in each minute."""
    first = int(minute[0])
    lattices = tuple(keyed.Lattice(keyed.key(stream, "orders", p), p) for p in _ORDER_PERIODS)
    level = keyed.blend(lattices, first, int(minute[-1]) - first + 1)[minute - first]
    return np.minimum(np.maximum(0.5 + _ORDER_WEIGHT * level, 0.03), 0.97)


def edge_sides(stream: int, minute: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
    """Give the sides (1 buy, -1 sell) of each minute's first and last trade."""
    share = buying(stream, minute)
    first, last = (
        np.where(keyed.uniform(keyed.key(stream, name), minute) < share, 1, -1)
        for name in ("first side", "last side")
    )
    return first, last


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
    mid = exact.exp(values) * float(10**market.price_decimals)
    before, after = mid[:, :-1].ravel(), mid[:, 1:].ravel()
    open_, close = _edges(market, minute, before, after, count)
    up, down = _extremes(market, minute, returns, variance, count)
    made = Minutes(
        minute=minute,
        open=open_,
        high=_ticks(before * (1.0 + up)),
        low=_ticks(before * (1.0 - down)),
        close=close,
        count=count,
        lots=_lots(market, minute, after, count),
    )
    return _carry(_fit(made))


def _surprise(returns: NDArray[np.float64], variance: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.minimum(np.abs(returns) / np.sqrt(np.maximum(variance, 1e-24)), 4.0)


def _count(
    market: Market,
    minute: NDArray[np.int64],
    heat: NDArray[np.float64],
    surprise: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Draw the number of trades: about Poisson, by the root transform that makes it normal."""
    lattices = tuple(keyed.Lattice(market.key(f"activity {p}"), p) for p in _PERIODS)
    level = keyed.blend(lattices, int(minute[0]), minute.size) * _ACTIVITY_WEIGHT
    level += 0.75 * heat.ravel()
    level += 0.3 * (surprise - 0.8)
    level += np.tile(tables.ACTIVITY_SEASON, minute.size // MINUTES)
    rate = exact.exp(np.minimum(level, 5.0)) * market.rate
    root = np.sqrt(rate) + 0.5 * keyed.normal(market.key("count"), minute)
    root = np.maximum(root, 0.0)
    count = np.minimum(np.floor(root * root + 0.25), _MOST_TRADES).astype(np.int64)
    count[::MINUTES] = np.maximum(count[::MINUTES], 1)
    return count


def _edges(
    market: Market,
    minute: NDArray[np.int64],
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    count: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    first, last = edge_sides(market.stream, minute)
    open_ = _ticks(before * (1.0 + market.half_spread * first))
    close = _ticks(after * (1.0 + market.half_spread * last))
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
    seen = np.maximum(1.0 - 1.2 / np.sqrt(np.maximum(count, 1)), 0.0)
    seen *= seen
    square = returns * returns
    reach = []
    for name, sign in (("high", 1.0), ("low", -1.0)):
        energy = keyed.draw(tables.EXPONENTIAL, keyed.bits(market.key(name), minute))
        edge = np.maximum(sign * returns, 0.0)
        far = 0.5 * (sign * returns + np.sqrt(square + 2.0 * variance * energy))
        reach.append(np.minimum(edge + (far - edge) * seen, 0.5))
    return reach[0], reach[1]


def _lots(
    market: Market,
    minute: NDArray[np.int64],
    mid: NDArray[np.float64],
    count: NDArray[np.int64],
) -> NDArray[np.int64]:
    usual = market.cost * float(10 ** (market.amount_decimals + market.price_decimals)) / mid
    usual *= keyed.draw(tables.VOLUME, keyed.bits(market.key("volume"), minute))
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
