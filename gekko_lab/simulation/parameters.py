"""What the simulated market can be asked to be."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from hashlib import blake2b
from math import isfinite
from typing import Literal, get_args

from gekko_lab.errors import InvalidArgument, InvalidType

MODEL_VERSION = 3
"""Raised with every change that moves a byte of the market's history."""

GENESIS = 1_262_304_000_000
"""The first moment of every simulated market: 2010-01-01 UTC, in milliseconds."""

HORIZON = 7_258_118_400_000
"""Where the history ends: 2200-01-01 UTC, in milliseconds."""

Volatility = Literal["low", "moderate", "high"]
Process = Literal["multiscale", "gbm", "garch"]
Trend = Literal["fibonacci", "up", "down", "sideways"]

_VOLATILITIES = {"low": 0.5, "moderate": 1.0, "high": 2.0}

_CODE = re.compile(r"[A-Z0-9]{2,16}")


def _canonical(value: object) -> str:
    return float(value).hex() if isinstance(value, int | float) else str(value)


def _text(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise InvalidType(f"{name} is {value!r} ({type(value).__name__}): use a string")


def _number(name: str, value: object, low: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidType(f"{name} is {value!r} ({type(value).__name__}): use a number")
    if not (isfinite(value) and low <= value <= high):
        raise InvalidArgument(f"{name} is {value!r}: use a number from {low:g} to {high:g}")


def _choice(name: str, value: object, possible: tuple[str, ...]) -> None:
    names = ", ".join(repr(one) for one in possible)
    _text(f"{name} (one of {names})", value)
    if value not in possible:
        raise InvalidArgument(f"{name} is {value!r}: use one of {names}")


@dataclass(frozen=True, slots=True)
class Currency:
    """One currency of the simulated market.

    Attributes
    ----------
    code : str
        Such as `BTC`: 2 to 16 capital letters and digits.
    start : float
        Its value at the beginning, in the first currency of the market.
    volatility : float
        Relative to the market's; 0 pins the value to the start.
    correlation : float
        With the market as a whole, 0 to 1.
    activity : float
        How much it is traded; a market has base · quote · `Parameters.trades_per_minute`.
    quotes : bool
        Whether the currencies behind it in the list are also priced in this one.
    """

    code: str
    start: float = 1.0
    volatility: float = 1.0
    correlation: float = 0.8
    activity: float = 0.1
    quotes: bool = False

    def __post_init__(self) -> None:
        _text("code", self.code)
        if not _CODE.fullmatch(self.code):
            raise InvalidArgument(
                f"code {self.code!r} is no currency code: use 2 to 16 capital letters and digits, "
                "such as 'BTC'"
            )
        for name, low, high in (
            ("start", 1e-6, 1e6),
            ("volatility", 0.0, 3.0),
            ("correlation", 0.0, 1.0),
            ("activity", 1e-6, 10.0),
        ):
            _number(f"{name} of {self.code}", getattr(self, name), low, high)
        if not isinstance(self.quotes, bool):
            raise InvalidType(f"quotes of {self.code} is {self.quotes!r}: use True or False")


CURRENCIES = (
    Currency("USDT", 1.0, volatility=0.0, correlation=0.0, activity=1.0, quotes=True),
    Currency("USD", 1.0, volatility=0.004, correlation=0.0, activity=0.4, quotes=True),
    Currency("EUR", 1.1, volatility=0.1, correlation=0.0, activity=0.3, quotes=True),
    Currency("BTC", 30_000.0, volatility=0.85, correlation=0.85, activity=1.0, quotes=True),
    Currency("ETH", 2_000.0, volatility=1.0, correlation=0.85, activity=0.8, quotes=True),
    Currency("SOL", 60.0, volatility=1.25, correlation=0.75, activity=0.5),
    Currency("XRP", 0.5, volatility=1.1, correlation=0.7, activity=0.4),
    Currency("ADA", 0.4, volatility=1.1, correlation=0.75, activity=0.2),
    Currency("DOGE", 0.1, volatility=1.3, correlation=0.7, activity=0.3),
    Currency("LTC", 80.0, volatility=1.0, correlation=0.8, activity=0.1),
    Currency("GAIABOLT", 2.0, volatility=0.6, correlation=0.3, activity=0.1, quotes=True),
    Currency("GAIANUT", 20.0, volatility=0.9, correlation=0.4, activity=0.05),
)
"""The currencies of the default market; the first is what all values are measured in."""


@dataclass(frozen=True, slots=True)
class Number:
    """What one number of a market means: its unit and the range it may have."""

    name: str
    unit: str
    low: float
    high: float
    meaning: str


NUMBERS = (
    Number("annual_volatility", "fraction a year", 0.01, 5.0, "of the market as a whole"),
    Number("trend_strength", "daily sd", 0.0, 1.0, "drift of a bull or bear regime"),
    Number("shocks_per_day", "a day", 0.0, 1.0, "how often a burst of volatility begins"),
    Number("shock_size", "log volatility", 0.0, 1.5, "mean of what varies of a burst"),
    Number("season", "of the usual", 0.0, 3.0, "strength of the day's rhythm"),
    Number("trades_per_minute", "a minute", 0.01, 2_000.0, "of a market with activity 1"),
    Number("trade_value", "first currency", 0.01, 1e7, "mean value of a trade"),
    Number("spread", "sd of a minute", 0.0, 2.0, "usual, where trade is endlessly active"),
    Number("price_steps", "ticks", 50.0, 1e8, "in a market's first price at the least"),
    Number("garch_alpha", "share", 0.0, 1.0, "of the last squared move in the variance, if garch"),
    Number("garch_beta", "share", 0.0, 1.0, "of the last variance in the variance, if garch"),
)
"""The numbers among the parameters, in their order."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """Everything that decides what the simulated market does.

    Attributes
    ----------
    seed : int
        Another number gives another history.
    volatility : str
        `low` halves and `high` doubles the volatility of `moderate`, 70 percent a year.
    trend : str
        `fibonacci` alternates bull, bear and sideways regimes that last a Fibonacci number of days;
        `up` and `down` drift all the time; `sideways` doesn't.
    process : str
        How volatility and activity move: `multiscale` on scales from two minutes to two years, with
        bursts and a daily rhythm, as in real markets. For comparison, `gbm` is geometric Brownian
        motion and `garch` a GARCH(1,1) of each factor by the minute, both with steady activity.
    annual_volatility : float
        Of the market as a whole where `volatility` is moderate, as a fraction a year.
    trend_strength : float
        Drift of a bull or bear regime, in daily standard deviations.
    shocks_per_day : float
        How often a burst of volatility begins, in the market and in each currency.
    shock_size : float
        Mean of the part of a burst that varies, in log volatility.
    season : float
        Strength of the day's rhythm; 1 is the usual one.
    trades_per_minute : float
        Of a market whose currencies have activity 1, in the mean.
    trade_value : float
        Mean value of a trade, in the first currency.
    spread : float
        The usual one of an endlessly active market, in standard deviations of a minute's return;
        thin ones have up to seventeen times as much.
    price_steps : float
        Ticks that a market's first price has at the least, where eight decimals allow it.
    garch_alpha, garch_beta : float
        Shares of the last minute's squared move and of its variance in the variance of `garch`;
        less than 1 together.
    currencies : tuple of Currency
        The first is what all values are measured in, and doesn't move.

    Examples
    --------
    >>> Parameters(seed=7).fingerprint == Parameters(seed=8).fingerprint
    False
    """

    seed: int = 0
    volatility: Volatility = "moderate"
    trend: Trend = "fibonacci"
    process: Process = "multiscale"
    annual_volatility: float = 0.7
    trend_strength: float = 0.12
    shocks_per_day: float = 0.25
    shock_size: float = 0.45
    season: float = 1.0
    trades_per_minute: float = 120.0
    trade_value: float = 800.0
    spread: float = 0.12
    price_steps: float = 500_000.0
    garch_alpha: float = 0.1
    garch_beta: float = 0.85
    currencies: tuple[Currency, ...] = CURRENCIES

    def __post_init__(self) -> None:
        if isinstance(self.seed, bool) or not isinstance(self.seed, int):
            raise InvalidType(
                f"seed is {self.seed!r} ({type(self.seed).__name__}): use a whole number such as 7"
            )
        _choice("volatility", self.volatility, get_args(Volatility))
        _choice("trend", self.trend, get_args(Trend))
        _choice("process", self.process, get_args(Process))
        for number in NUMBERS:
            _number(number.name, getattr(self, number.name), number.low, number.high)
        if self.process == "garch" and self.garch_alpha + self.garch_beta >= 1.0:
            raise InvalidArgument(
                f"garch_alpha is {self.garch_alpha} and garch_beta {self.garch_beta}: they must be "
                "less than 1 together, or the variance has no mean"
            )
        _check_currencies(self.currencies)

    @property
    def annual(self) -> float:
        """The market's volatility as a fraction a year."""
        return self.annual_volatility * _VOLATILITIES[self.volatility]

    @property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that change with anything that changes the data."""
        return blake2b(self._text().encode(), digest_size=8).hexdigest()

    def _text(self) -> str:
        rows = [
            " ".join(_canonical(getattr(currency, field.name)) for field in fields(currency))
            for currency in self.currencies
        ]
        return "\n".join(
            [
                f"gekko_lab simulation {MODEL_VERSION}",
                str(self.seed),
                self.trend,
                self.process,
                _canonical(self.annual),
                *(_canonical(getattr(self, number.name)) for number in NUMBERS[1:]),
                *rows,
            ]
        )


def _check_currencies(currencies: object) -> None:
    if not isinstance(currencies, tuple):
        raise InvalidType(
            f"currencies is a {type(currencies).__name__}: use a tuple of Currency(...)"
        )
    for currency in currencies:
        if not isinstance(currency, Currency):
            raise InvalidType(f"currencies holds {currency!r}: use Currency(...) for each")
    codes = [currency.code for currency in currencies]
    twice = sorted({code for code in codes if codes.count(code) > 1})
    if twice:
        raise InvalidArgument(f"currencies holds {', '.join(twice)} twice: name each once")
    if len(codes) < 2 or not currencies[0].quotes:  # noqa: PLR2004 - a market needs two
        raise InvalidArgument(
            f"currencies has {len(codes)} entries, the first "
            f"{'' if codes and currencies[0].quotes else 'not '}quoting: use at least two and "
            "quotes=True for the first, so that there is a market"
        )
    if currencies[0].volatility:
        raise InvalidArgument(
            f"{codes[0]} has volatility {currencies[0].volatility}: the first currency measures "
            "all values, so use volatility=0"
        )
