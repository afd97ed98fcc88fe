"""The symbols of the simulated market and the steps they move in."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

from gekko_lab.market.rules import MarketRules
from gekko_lab.simulation import keyed
from gekko_lab.simulation.flow import flow, steady
from gekko_lab.simulation.minutes import Market

if TYPE_CHECKING:
    from gekko_lab.simulation.parameters import Currency, Parameters

_LEAST_TICKS = 1_000  # in the first price, or the market isn't listed
_MOST_DECIMALS = 8  # as on the exchanges
_LOT_VALUE = 0.5  # at the most, in the currency that values are measured in
_THIN = 9.0  # trades a minute at which a market is half way from crowded to thin
_MIN_ORDER_VALUE = 5.0
_FEE = 0.001
_WIDEST = 2.0  # half spread of the thinnest markets, in standard deviations of a minute
_THINNER = 14.0  # how much wider than an endlessly active market's it may be
_MINUTES_PER_YEAR = 525_960.0


def symbols(currencies: tuple[Currency, ...]) -> dict[str, tuple[Currency, Currency]]:
    """Give base and quote of each listed symbol: each currency in those that quote before it."""
    return {
        f"{base.code}/{quote.code}": (base, quote)
        for place, base in enumerate(currencies)
        for quote in currencies[:place]
        if quote.quotes and base.start / quote.start * 10**_MOST_DECIMALS >= _LEAST_TICKS
    }


def rules(parameters: Parameters, base: Currency, quote: Currency) -> MarketRules:
    """Give the trading rules of a symbol."""
    step = 1.0 / 10 ** _amount_decimals(base)
    return MarketRules(
        symbol=f"{base.code}/{quote.code}",
        market_id=f"{base.code}{quote.code}",
        base=base.code,
        quote=quote.code,
        tick_size=1.0 / 10 ** _price_decimals(parameters, base, quote),
        step_size=step,
        min_amount=step,
        min_cost=_min_cost(quote),
        maker=_FEE,
        taker=_FEE,
    )


def market(parameters: Parameters, base: Currency, quote: Currency) -> Market:
    """Give what a symbol's candles need to know."""
    symbol = f"{base.code}/{quote.code}"
    rate = parameters.trades_per_minute * base.activity * quote.activity
    multiscale = parameters.process == "multiscale"
    thinness = 1.0 / (1.0 + rate / _THIN * (rate / _THIN))
    return Market(
        symbol=symbol,
        stream=keyed.key("market", parameters.seed, symbol),
        price_decimals=_price_decimals(parameters, base, quote),
        amount_decimals=_amount_decimals(base),
        rate=rate,
        cost=parameters.trade_value / quote.start,
        half_spread=_deviation(parameters, base, quote)
        * min(_WIDEST, parameters.spread * (1.0 + _THINNER * thinness * thinness)),
        flow=flow(thinness) if multiscale else steady(thinness),
        season=parameters.season if multiscale else 0.0,
    )


def _deviation(parameters: Parameters, base: Currency, quote: Currency) -> float:
    """Give the usual standard deviation of a minute's return."""
    common = base.volatility * base.correlation - quote.volatility * quote.correlation
    variance = common * common + _own_variance(base) + _own_variance(quote)
    return parameters.annual * sqrt(variance / _MINUTES_PER_YEAR)


def _own_variance(currency: Currency) -> float:
    rest = 1.0 - currency.correlation * currency.correlation
    return currency.volatility * currency.volatility * rest


def _price_decimals(parameters: Parameters, base: Currency, quote: Currency) -> int:
    price = base.start / quote.start
    return next(
        (k for k in range(_MOST_DECIMALS) if price * 10**k >= parameters.price_steps),
        _MOST_DECIMALS,
    )


def _amount_decimals(base: Currency) -> int:
    return next((k for k in range(8) if base.start <= _LOT_VALUE * 10**k), 8)


def _min_cost(quote: Currency) -> float:
    value = _MIN_ORDER_VALUE / quote.start
    return 1.0 / next((10**k for k in range(8) if value * 10**k >= 1.0), 10**8)
