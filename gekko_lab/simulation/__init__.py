"""The keyed simulated market: any window of it, the same every time.

From the ground up: `exact` arithmetic, quantile `tables`, `keyed` randomness; each factor's daily
`skeleton` and the `paths` of its minutes, put together to prices in `factors`; one-minute candles
in `minutes` and their trades in `tape`; `history` gives any stretch of both, `aggregate` longer and
shorter candles, `rows` frames, and `market` is the door.
"""

from __future__ import annotations

from gekko_lab.simulation.market import SimulatedMarket
from gekko_lab.simulation.parameters import (
    CURRENCIES,
    GENESIS,
    HORIZON,
    MODEL_VERSION,
    Currency,
    Parameters,
)

__all__ = [
    "CURRENCIES",
    "GENESIS",
    "HORIZON",
    "MODEL_VERSION",
    "Currency",
    "Parameters",
    "SimulatedMarket",
]
