"""How the orders of a market behave, from crowded to thin, and which side they take.

What a market's activity doesn't decide alone follows its thinness: in thin markets trades come in
bursts, prices rest and bounce, and buyers follow each other for minutes instead of seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from gekko_lab.simulation import keyed, tables

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gekko_lab.simulation.tables import Table

ORDER_PERIODS = (5, 40)  # minutes
EDGES = ("trading", "extremes")
"""The streams that decide the sides of a minute's first and last trade, by their lowest bits."""

_CROWDED = 0.2  # thinness below which orders arrive without hesitation
MOST = 0.97  # share of buys or sells in a minute


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """The behavior of a market's orders.

    Attributes
    ----------
    waves, bursts : float
        Standard deviation of the log number of trades: of each wave (there are five, of 2 minutes
        to a day) and from minute to minute.
    heat : float
        How much more is traded when volatility is high.
    surprise : float
        How much more is traded when the price moves.
    resting : float
        How coarsely the quotes follow the middle, in half spreads; 0 follows every tick.
    bounce : float
        Share of the half spread that trades bounce by within a minute.
    orders : float
        How much large orders, worked over minutes, tilt the share of buys.
    follows : float
        How much the price's way does.
    new_order : float
        Probability that a trade isn't a fill of the order before.
    unchanged : float
        Probability that a trade leaves the middle where it was.
    pace : Table
        How much slower or faster than usual a stretch of orders arrives.
    hesitation : Table or None
        The same, of each order alone; None where it makes no difference.
    """

    waves: float
    bursts: float
    heat: float
    surprise: float
    resting: float
    bounce: float
    orders: float
    follows: float
    new_order: float
    unchanged: float
    pace: Table
    hesitation: Table | None


@lru_cache(maxsize=256)
def flow(thinness: float) -> Flow:
    """Give the orders of a market between endlessly active (0) and hardly traded (1)."""
    return Flow(
        waves=0.28 + 0.21 * thinness,
        bursts=0.42 * thinness,
        heat=0.95 - 0.45 * thinness,
        surprise=0.3 + 0.95 * thinness,
        resting=1.2 * thinness,
        bounce=min(1.0, 1.25 * thinness),
        orders=0.09 + 0.16 * thinness,
        follows=0.05 + 0.25 * thinness,
        new_order=1.0 / (1.8 + 0.8 * thinness),
        unchanged=0.65 + 0.3 * thinness,
        pace=tables.lognormal(0.6 + 0.2 * thinness),
        hesitation=tables.lognormal(1.6 * (thinness - _CROWDED)) if thinness > _CROWDED else None,
    )


@lru_cache(maxsize=256)
def steady(thinness: float) -> Flow:
    """Give the same orders, as many in each minute but for chance."""
    return replace(flow(thinness), waves=0.0, bursts=0.0, heat=0.0, surprise=0.0)


CROWDED = flow(0.0)
"""For candles of which nothing else is known."""


def buying(
    stream: int, minute: NDArray[np.int64], flow: Flow, pull: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Give the share of buys in each minute: large orders' and of those who follow the price."""
    first = int(minute[0])
    lattices = tuple(keyed.Lattice(keyed.key(stream, "orders", p), p) for p in ORDER_PERIODS)
    level = keyed.blend(lattices, first, int(minute[-1]) - first + 1)[minute - first]
    share = 0.5 + flow.orders * level
    if pull is not None:
        share += flow.follows * pull
    return np.minimum(np.maximum(share, 1.0 - MOST), MOST)


def edge_sides(
    stream: int, minute: NDArray[np.int64], share: NDArray[np.float64]
) -> tuple[NDArray[np.int64], ...]:
    """Give the sides (1 buy, -1 sell) of each minute's first and last trade."""
    first, last = (
        np.where(
            keyed.chance(keyed.daily(keyed.key(stream, name), minute), 0) < share * 65536.0, 1, -1
        )
        for name in EDGES
    )
    return first, last
