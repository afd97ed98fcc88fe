"""What the compiled loop in `kernels.minutes` asks for, in its order."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from gekko_lab.frames import steps
from gekko_lab.kernels.arguments import Trading
from gekko_lab.simulation import keyed, minutes_numpy, skeleton, tables
from gekko_lab.simulation.flow import MOST, ORDER_PERIODS
from gekko_lab.simulation.minutes import Minutes
from gekko_lab.simulation.skeleton import FAST_PERIODS, MINUTES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gekko_lab.simulation.factors import Window
    from gekko_lab.simulation.minutes import Market

_STREAMS = ("trading", "extremes", "volume")


def make(market: Market, first: int, days: int, window: Window) -> Minutes:
    """Make the candles of whole days from `first` on, counted from 1970."""
    size = days * MINUTES
    # Columns in one piece of memory, for which the system has large pages.
    whole, (share, reach) = np.empty((6, size), dtype=np.int64), np.empty((2, size))
    _fill(market, first, window, whole, share, reach, np.empty(0))
    minute = np.arange(first * MINUTES, first * MINUTES + size, dtype=np.int64)
    open_, high, low, close, count, lots = whole
    return Minutes(minute, open_, high, low, close, count, lots, share, reach)


@dataclass(frozen=True, slots=True)
class Columns:
    """One-minute candles in units of price and amount."""

    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]
    count: NDArray[np.int64]

    def __getitem__(self, rows: slice) -> Columns:
        return Columns(*(getattr(self, field.name)[rows] for field in fields(self)))


def columns(market: Market, first: int, days: int, window: Window) -> Columns | None:
    """Make them at once, unless there are numbers that one division wouldn't give exactly."""
    whole, (share, reach) = np.empty((6, days * MINUTES), dtype=np.int64), np.empty((2, MINUTES))
    units = np.array([market.scale, float(10**market.amount_decimals)])
    if _fill(market, first, window, whole, share, reach, units) >= steps.EXACT:
        return None
    open_, high, low, close, _, volume = whole.view(np.float64)
    return Columns(open_, high, low, close, volume, whole[4])


def _fill(
    market: Market,
    first: int,
    window: Window,
    whole: NDArray[np.int64],
    *kept: NDArray[np.float64],
) -> int:
    from gekko_lab.kernels import minutes as loops

    periods = (*minutes_numpy.PERIODS, *ORDER_PERIODS)
    largest: int = loops.make(
        first,
        first - window.day,
        window.factors,
        np.array([window.share, window.start]),
        (window.hours, window.pins, window.sizes, window.numbers),
        window.minutes,
        window.streams,
        np.array(FAST_PERIODS),
        keyed.weights(FAST_PERIODS),
        _streams(market.stream),
        np.array(periods),
        keyed.weights(periods),
        _trading(market),
        _seasons(market.season),
        _tables(),
        skeleton.DECAY,
        _by_count(),
        tuple(whole),
        *kept,
    )
    return largest


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


def _trading(market: Market) -> Trading:
    flow, twin = market.flow, minutes_numpy
    widest = twin.widest(market)
    return Trading(
        waves=flow.waves,
        mean_of_waves=twin.mean_of_waves(flow),
        mean_level=twin.mean_level(flow),
        bursts=flow.bursts,
        heat=flow.heat,
        surprise=flow.surprise,
        rate=market.rate,
        far=twin.FAR,
        most_trades=float(twin.MOST_TRADES),
        calm=twin.CALM,
        widest=widest,
        usual_spread=widest / twin.WIDER,
        resting=twin.resting(market),
        scale=market.scale,
        farthest=twin.FARTHEST,
        most_lots=twin.MOST_LOTS,
        orders=flow.orders,
        follows=flow.follows,
        most_share=MOST,
        bounce=flow.bounce,
        cost=twin.usual_cost(market),
    )
