"""The factors behind each symbol's price: the market as a whole and one per currency."""

from __future__ import annotations

from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from gekko_lab.simulation import exact, paths, skeleton
from gekko_lab.simulation.paths import Path
from gekko_lab.simulation.skeleton import Factor, Shocks

if TYPE_CHECKING:
    from gekko_lab.simulation.parameters import Currency, Parameters
    from gekko_lab.simulation.skeleton import Skeleton

_MARKET = ""
_LASTING = {"up": 1, "down": -1}
_EARLY_DAYS = 1_024  # are made at once for who asks for no later one
_LEAST_DAYS = 6_144  # to the end of October 2026


class Factors:
    """The log-values that prices are made of, with their skeletons kept.

    A currency's log-value is its start, plus its share of the market's, plus its own, so that
    currencies move together and all triangles of prices agree.
    """

    def __init__(self, parameters: Parameters) -> None:
        annual = parameters.annual
        usual = Factor(
            name=_MARKET,
            seed=parameters.seed,
            volatility=annual,
            trend=_LASTING.get(parameters.trend, 0),
            regimes=parameters.trend_strength if parameters.trend == "fibonacci" else 0.0,
            shocks=Shocks(parameters.shocks_per_day, parameters.shock_size),
            season=parameters.season,
        )
        self._factors = {_MARKET: usual}
        self._shares = {}
        for currency in parameters.currencies:
            whole = annual * currency.volatility
            rest = 1.0 - currency.correlation * currency.correlation
            own = whole * float(np.sqrt(rest))
            self._factors[currency.code] = replace(
                usual, name=currency.code, volatility=own, trend=0
            )
            self._shares[currency.code] = currency.volatility * currency.correlation
        self._skeletons: dict[str, Skeleton] = {}
        self._lock = Lock()

    def pair(self, base: Currency, quote: Currency, day: int, days: int) -> Path:
        """Give the log-price of a symbol over whole days, counted from the beginning."""
        market = paths.path(self._skeleton(_MARKET, day + days), day, days)
        above = paths.path(self._skeleton(base.code, day + days), day, days, market)
        share = self._shares[base.code] - self._shares[quote.code]
        values = market.values * share
        values += above.values
        variance = market.variance * (share * share)
        variance += above.variance
        if quote.volatility:
            below = paths.path(self._skeleton(quote.code, day + days), day, days, market)
            values -= below.values
            variance += below.variance
        values += _log(base.start / quote.start)
        return Path(values, variance, above.heat, above.own, above.shocks)

    def _skeleton(self, code: str, days: int) -> Skeleton:
        with self._lock:
            return self._grown(code, days)

    def _grown(self, code: str, days: int) -> Skeleton:
        kept = self._skeletons.get(code)
        if kept is not None and kept.days >= days:
            return kept
        least = _EARLY_DAYS if days <= _EARLY_DAYS else _LEAST_DAYS
        days = max(least, days + days // 4)
        market = None if code == _MARKET else self._grown(_MARKET, days)
        made = skeleton.build(self._factors[code], days, market)
        self._skeletons[code] = made
        return made


def _log(value: float) -> float:
    return float(exact.log(np.array([value]))[0])
