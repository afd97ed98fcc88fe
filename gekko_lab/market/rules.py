"""What can be traded, in which steps."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketRules:
    """One market of an exchange and the steps its prices and amounts move in.

    Steps and minima are None where the exchange doesn't tell.

    Attributes
    ----------
    symbol : str
        The unified name, `BTC/USDT` or, for a contract, `BTC/USDT:USDT`.
    market_id : str
        The exchange's own name.
    base, quote : str
        What is traded, and what it's priced in.
    settle : str or None
        The currency that a contract settles in; None for spot.
    type : str
        `spot`, `swap`, `future`, `option` …
    active : bool or None
        Whether it trades now; None where unknown.
    tick_size : float or None
        Step of the price, quote per base.
    step_size : float or None
        Step of the amount, in base (contracts for derivatives).
    min_amount, min_cost : float or None
        The smallest order, in base and in quote.
    maker, taker : float or None
        Fees as fractions of the cost.
    """

    symbol: str
    market_id: str
    base: str
    quote: str
    settle: str | None = None
    type: str = "spot"
    active: bool | None = True
    tick_size: float | None = None
    step_size: float | None = None
    min_amount: float | None = None
    min_cost: float | None = None
    maker: float | None = None
    taker: float | None = None
