"""One-minute candles of a symbol, in whole ticks and lots.

The candles are made without their trades; `gekko_lab.simulation.tape` makes trades that add up to
them. `minutes_numpy` makes a few days, `minutes_compiled` many; both give the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from gekko_lab.simulation import keyed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from gekko_lab.simulation.flow import Flow


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
