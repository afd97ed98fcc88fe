"""The keyed simulated market: any window of it, the same every time.

From the ground up: `exact` arithmetic, quantile `tables`, `keyed` randomness; each factor's daily
`skeleton` and the `paths` of its minutes, put together to prices in `factors`; how orders behave in
`flow`, one-minute candles in `minutes`, their trades in `tape` and the order book in `book`;
`presets` are markets by name; `history` gives any stretch of both, `aggregate` longer and
shorter candles, `rows` frames, and `market` is the door. `recorded` makes trades for candles of
any market, `recorded_series` and `recorded_market` a market of them.
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
from gekko_lab.simulation.recorded_market import RecordedMarket

__all__ = [
    "CURRENCIES",
    "GENESIS",
    "HORIZON",
    "MODEL_VERSION",
    "Currency",
    "Parameters",
    "RecordedMarket",
    "SimulatedMarket",
]
