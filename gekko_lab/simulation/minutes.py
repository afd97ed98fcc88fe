"""One-minute candles of a symbol, in whole ticks and lots.

The candles are made without their trades; `gekko_lab.simulation.tape` makes trades that add up to
them. numpy makes a few days, a compiled loop many; both give the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from gekko_lab import kernels
from gekko_lab.simulation import keyed, minutes_numpy, tables
from gekko_lab.simulation.flow import MOST, ORDER_PERIODS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from gekko_lab.simulation.flow import Flow
    from gekko_lab.simulation.paths import Path

_NUMPY_S = 4e-7  # that numpy needs for a minute
_STREAMS = ("trading", "extremes", "volume")


@dataclass(frozen=True, slots=True)
class Minutes:
    """Consecutive one-minute candles in ticks and lots; `minute` counts from 1970.

    A minute without trades has the last price four times, and count and lots 0. `share` is
    the share of buys, `reach` half the spread as a fraction of the price; both are None where only
    the candle is known.
    """

    minute: NDArray[np.int64]
    open: NDArray[np.int64]
    high: NDArray[np.int64]
    low: NDArray[np.int64]
    close: NDArray[np.int64]
    count: NDArray[np.int64]
    lots: NDArray[np.int64]
    share: NDArray[Any] | None = None
    reach: NDArray[Any] | None = None

    def __getitem__(self, rows: slice | NDArray[np.bool_]) -> Minutes:
        columns: list[Any] = [getattr(self, field.name) for field in fields(self)]
        picked: list[Any] = [None if column is None else column[rows] for column in columns]
        return Minutes(*picked)


def join(parts: Sequence[Minutes]) -> Minutes:
    """Put consecutive pieces behind each other."""
    if len(parts) == 1:
        return parts[0]
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

    @property
    def scale(self) -> float:
        """Ticks in one unit of the quote currency."""
        return float(10**self.price_decimals)

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
    minute = np.arange(first, first + path.variance.size, dtype=np.int64)
    if kernels.wanted(minute.size * _NUMPY_S):
        return _compiled(market, minute, path)
    columns, share, reach = minutes_numpy.columns(market, minute, path)
    open_, high, low, close, count, lots = columns
    return Minutes(minute, open_, high, low, close, count, lots, share, reach)


def _compiled(market: Market, minute: NDArray[np.int64], path: Path) -> Minutes:
    from gekko_lab.kernels import minutes as loops

    size = path.variance.size
    out, share, reach = np.empty((6, size), dtype=np.int64), np.empty(size), np.empty(size)
    periods = (*minutes_numpy.PERIODS, *ORDER_PERIODS)
    loops.make(
        path.values,
        path.variance,
        path.heat,
        int(minute[0]),
        _streams(market.stream),
        np.array(periods),
        keyed.weights(periods),
        _numbers(market),
        _seasons(market.season),
        _tables(),
        _by_count(),
        out,
        share,
        reach,
    )
    open_, high, low, close, count, lots = out
    return Minutes(minute, open_, high, low, close, count, lots, share, reach)


@lru_cache(maxsize=1024)
def _streams(stream: int) -> NDArray[np.uint64]:
    names = [(name,) for name in _STREAMS]
    names += [(f"activity {period}",) for period in minutes_numpy.PERIODS]
    lattices = [keyed.key(stream, "orders", period) for period in ORDER_PERIODS]
    return np.array([*(keyed.key(stream, *name) for name in names), *lattices], dtype=np.uint64)


@lru_cache(maxsize=64)
def _seasons(strength: float) -> NDArray[np.float64]:
    return np.stack([tables.activity_season(strength), tables.volatility_season(strength)])


@lru_cache(maxsize=1)
def _tables() -> NDArray[np.float64]:
    return np.stack([tables.NORMAL.pairs, tables.EXPONENTIAL.pairs])


@lru_cache(maxsize=1)
def _by_count() -> NDArray[np.float64]:
    return np.stack([tables.VOLUME_SPREAD, tables.SEEN])


def _numbers(market: Market) -> NDArray[np.float64]:
    """Give what the compiled loop needs to know, in its order."""
    flow, twin = market.flow, minutes_numpy
    widest = twin.widest(market)
    activity = (flow.waves, twin.mean_of_waves(flow), twin.mean_level(flow), flow.bursts)
    follows = (flow.heat, flow.surprise, market.rate, twin.FAR, float(twin.MOST_TRADES))
    spread = (twin.CALM, widest, widest / twin.WIDER, twin.resting(market))
    sides = (flow.orders, flow.follows, MOST, flow.bounce)
    return np.array([*activity, *follows, *spread, market.scale, *sides, twin.usual_cost(market)])
