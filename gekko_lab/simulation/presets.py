"""Markets by name, from crowded to thin, and what their parameters mean."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from gekko_lab.errors import InvalidArgument, InvalidType
from gekko_lab.simulation.parameters import CURRENCIES, NUMBERS, Currency, Parameters

if TYPE_CHECKING:
    from collections.abc import Mapping

Preset = Literal["liquid", "thin", "fx", "stress", "gekko-m4"]

_FOLLOWER = 0.7  # correlation with the market of currencies that follow it
_EVEN = tuple(replace(currency, activity=1.0) for currency in CURRENCIES)
# Altcoins that hardly anybody trades follow the large ones more than they go ways of their own.
_ALIKE = tuple(
    replace(currency, correlation=currency.correlation * 0.6 + 0.4)
    if currency.correlation >= _FOLLOWER
    else currency
    for currency in _EVEN
)
_FX = (
    Currency("USD", 1.0, volatility=0.0, correlation=0.0, activity=1.0, quotes=True),
    Currency("EUR", 1.1, volatility=1.0, correlation=0.75, activity=1.0, quotes=True),
    Currency("GBP", 1.3, volatility=1.1, correlation=0.7, activity=0.8, quotes=True),
    Currency("CHF", 1.1, volatility=0.9, correlation=0.6, activity=0.6, quotes=True),
    Currency("AUD", 0.7, volatility=1.2, correlation=0.6, activity=0.6),
    Currency("JPY", 0.008, volatility=1.1, correlation=0.4, activity=0.9),
)
_GAIA = (
    Currency("GAIABOLT", 1.0, volatility=0.0, correlation=0.0, activity=1.0, quotes=True),
    Currency("GAIANUT", 10.0, volatility=1.0, correlation=0.0, activity=1.0),
)

PRESETS: Mapping[str | None, Mapping[str, Any]] = {
    "liquid": {"currencies": _EVEN},
    "thin": {"currencies": _ALIKE, "trades_per_minute": 6.0, "trade_value": 150.0},
    "fx": {
        "currencies": _FX,
        "annual_volatility": 0.09,
        "trend_strength": 0.06,
        "trades_per_minute": 200.0,
        "trade_value": 100_000.0,
        "price_steps": 100_000.0,
        "shocks_per_day": 0.15,
    },
    "stress": {
        "annual_volatility": 1.6,
        "trend_strength": 0.2,
        "shocks_per_day": 0.8,
        "shock_size": 0.6,
        "spread": 0.3,
    },
    "gekko-m4": {"currencies": _GAIA, "trades_per_minute": 60.0, "trade_value": 50.0},
}
"""What each preset changes of the default market.

`liquid` trades all its markets as much as Bitcoin's, `thin` none more than an altcoin's, with
minutes without trades; `fx` has calm currencies with fine ticks, `stress` bursts nearly every day,
and `gekko-m4` the one market of Gekko M4's own simulator, whose trends it also knows.
"""

MEANING = pl.Schema(
    {"parameter": pl.String, "value": pl.String, "unit": pl.String, "meaning": pl.String}
)


def choose(preset: str | None, changes: Mapping[str, Any]) -> Parameters:
    """Give the parameters of a preset, or the default ones for None, some of them changed.

    Raises
    ------
    InvalidArgument
        When there is no such preset or no such parameter, or a value is out of range.
    InvalidType
        When a value is of the wrong kind.

    Examples
    --------
    >>> choose("thin", {"seed": 7}).trades_per_minute
    6.0
    """
    if preset is not None and not isinstance(preset, str):
        raise InvalidType(f"preset is {preset!r}: use a name such as 'thin'")
    if preset is not None and preset not in PRESETS:
        raise InvalidArgument(f"preset is {preset!r}: use one of {', '.join(map(repr, PRESETS))}")
    known = [field.name for field in fields(Parameters)]
    unknown = [name for name in changes if name not in known]
    if unknown:
        raise InvalidArgument(
            f"the simulated market has no parameter {unknown[0]!r}: use {', '.join(known)}"
        )
    return Parameters(**{**PRESETS.get(preset, {}), **changes})


def describe(parameters: Parameters) -> pl.DataFrame:
    """Give each parameter's value, unit and meaning, then each currency's."""
    rows = [
        ("seed", str(parameters.seed), "", "which of the possible markets"),
        ("volatility", parameters.volatility, "", "low halves it, high doubles it"),
        ("trend", parameters.trend, "", "where prices go"),
        ("process", parameters.process, "", "how volatility and activity move"),
    ]
    rows += [
        (
            each.name,
            f"{getattr(parameters, each.name):g}",
            each.unit,
            f"{each.meaning} ({each.low:g} to {each.high:g})",
        )
        for each in NUMBERS
    ]
    first = parameters.currencies[0].code
    rows += [
        (
            currency.code,
            f"{currency.start:g}",
            first,
            _character(currency),
        )
        for currency in parameters.currencies
    ]
    return pl.DataFrame(rows, schema=MEANING, orient="row")


def _character(currency: Currency) -> str:
    names = ("volatility", "correlation", "activity")
    values = ", ".join(f"{name} {getattr(currency, name):g}" for name in names)
    return f"value at the beginning; {values}"
