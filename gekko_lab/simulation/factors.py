"""The factors behind each symbol's price: the market as a whole and one per currency."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from gekko_lab.simulation import exact, paths, skeleton
from gekko_lab.simulation.paths import Path
from gekko_lab.simulation.skeleton import HOURS, LOOKBACK, Factor, Garch, Shocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gekko_lab.simulation.parameters import Currency, Parameters
    from gekko_lab.simulation.skeleton import Skeleton

_MARKET = ""
_LASTING = {"up": 1, "down": -1}
_EARLY_DAYS = 1_024  # are made at once for who asks for no later one
_LEAST_DAYS = 6_144  # to the end of October 2026


@dataclass(frozen=True, slots=True)
class Window:
    """Some days of the factors behind a symbol, a row each: the market, base and perhaps quote.

    Attributes
    ----------
    day, factors : int
        The first day, from the beginning; how many factors there are.
    share, start : float
        The market's share in the symbol, and the log of the symbol's first price.
    hours, pins : ndarray
        Volatility at each full hour; values at each midnight.
    sizes, minutes : ndarray
        The days' shocks from `LOOKBACK` days before on.
    streams, numbers : ndarray
        Keys of the fast lattices and of the minutes; numbers as `path.factor` asks for.
    """

    day: int
    factors: int
    share: float
    start: float
    hours: NDArray[np.float64]
    pins: NDArray[np.float64]
    sizes: NDArray[np.float64]
    minutes: NDArray[np.int64]
    streams: NDArray[np.uint64]
    numbers: NDArray[np.float64]


class Factors:
    """The log-values that prices are made of, with their skeletons kept.

    A currency's log-value is its start, plus its share of the market's, plus its own, so that
    currencies move together and all triangles of prices agree.
    """

    def __init__(self, parameters: Parameters) -> None:
        annual = parameters.annual
        garch = _garch(parameters)
        usual = Factor(
            name=_MARKET,
            seed=parameters.seed,
            volatility=annual,
            trend=_LASTING.get(parameters.trend, 0),
            regimes=parameters.trend_strength if parameters.trend == "fibonacci" else 0.0,
            shocks=Shocks(parameters.shocks_per_day, parameters.shock_size),
            season=parameters.season if garch is None else 0.0,
            garch=garch,
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

    def window(self, base: Currency, quote: Currency, day: int, days: int) -> Window:
        """Give what a compiled loop needs for the days of a symbol, counted from the beginning."""
        names = [_MARKET, base.code, *([quote.code] if quote.volatility else [])]
        kept = [self._skeleton(name, day + days) for name in names]
        return Window(
            day=day,
            factors=len(names),
            share=self._shares[base.code] - self._shares[quote.code],
            start=_log(base.start / quote.start),
            hours=np.stack([one.hours[day * HOURS : (day + days) * HOURS + 1] for one in kept]),
            pins=np.stack([one.values[day : day + days + 1] for one in kept]),
            sizes=np.stack([_before(one.sizes, day, days) for one in kept]),
            minutes=np.stack([_before(one.minutes, day, days) for one in kept]),
            streams=np.array([_streams(one.factor) for one in kept], dtype=np.uint64),
            numbers=np.array([_numbers(one.factor) for one in kept]),
        )

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


def _garch(parameters: Parameters) -> Garch | None:
    if parameters.process == "multiscale":
        return None
    if parameters.process == "gbm":
        return Garch(0.0, 0.0)
    return Garch(parameters.garch_alpha, parameters.garch_beta)


def _before(values: NDArray[Any], day: int, days: int) -> NDArray[Any]:
    """Give a window of days with those before it in which a shock may have come."""
    missing = max(0, LOOKBACK - day)
    known = values[max(0, day - LOOKBACK) : day + days]
    return np.concatenate([np.zeros(missing, dtype=values.dtype), known])


def _streams(factor: Factor) -> list[int]:
    return [*(lattice.stream for lattice in paths.lattices(factor)), factor.stream("minute")]


def _numbers(factor: Factor) -> list[float]:
    garch = factor.garch
    plain = [0.0, 0.0, 0.0] if garch is None else [1.0, garch.alpha, garch.beta]
    return [*paths.weights(factor), *plain]


@lru_cache(maxsize=1024)
def _log(value: float) -> float:
    return float(exact.log(np.array([value]))[0])
