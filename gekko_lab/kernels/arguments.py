"""What compiled loops are told about a market, by name."""

from __future__ import annotations

from typing import NamedTuple


class Trading(NamedTuple):
    """The numbers behind a market's candles; `simulation.minutes_numpy` says what they do.

    All are floats: numba compiles a loop for the types that it is given.
    """

    waves: float
    mean_of_waves: float
    mean_level: float
    bursts: float
    heat: float
    surprise: float
    rate: float
    far: float
    most_trades: float
    calm: float
    widest: float
    usual_spread: float
    resting: float
    scale: float
    farthest: float
    most_lots: float
    orders: float
    follows: float
    most_share: float
    bounce: float
    cost: float
