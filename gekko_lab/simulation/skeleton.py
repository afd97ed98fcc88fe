"""The daily skeleton of a factor: the only part of the market that is walked from its beginning.

A factor is a log-value that moves by itself: the market as a whole, or what is particular to one
currency. Its skeleton holds the value at the start of each day, the volatility at each hour and
the day's shock. It grows with the latest day asked for, and its beginning never changes.

References
----------
.. [1] Bollerslev, Generalized autoregressive conditional heteroskedasticity, Journal of
   Econometrics 31, 1986.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

from gekko_lab import kernels
from gekko_lab.simulation import exact, keyed, tables

if TYPE_CHECKING:
    from numpy.typing import NDArray

HOURS = 24
MINUTES = 1440
LOOKBACK = 2
"""Days after its own in which a shock is still felt."""

DAYS_PER_YEAR = 365.25
FAST_WEIGHT = 0.25
MEDIUM_WEIGHT = 0.19
SLOW_WEIGHT = 0.14
WHITE_WEIGHT = 0.3
FAST_PERIODS = (2, 8, 32)  # minutes
_MEDIUM_PERIODS = (2, 8, 34)  # hours
_SLOW_PERIODS = (264, 1080, 4368, 17520)  # hours: 11, 45, 182 days, 2 years

_NUMPY_S = 1e-6  # that numpy needs for a day of either loop
_REVERSION = 0.999  # of a day's deviation that is left the next day
_REGIMES = (5, 8, 13, 21, 34, 55, 89)  # days
_DRIFT = 0.35  # a year, at the beginning of a lasting trend
_DRIFT_YEARS = 40.0  # after which a lasting trend has lost three quarters of its slope
_LEAST_SHOCK = 0.35  # in log volatility
_LARGEST_SHOCK = 4.0  # in means of the part that varies
_LASTING_SHOCK = 0.3  # what a shock adds to a day's log volatility, of its size

_SINCE_SHOCK = np.arange(-MINUTES, (LOOKBACK + 1) * MINUTES)
DECAY: NDArray[np.float64] = np.where(
    (_SINCE_SHOCK >= 0) & (_SINCE_SHOCK < LOOKBACK * MINUTES),
    1.0 / np.sqrt(1.0 + 0.12 * np.maximum(_SINCE_SHOCK, 0)),
    0.0,
)
"""What is left of a shock, from a day before it on, by the minute."""


@dataclass(frozen=True, slots=True)
class Shocks:
    """How often a day bursts of volatility begin, and the mean of the part of them that varies."""

    rate: float
    size: float

    @property
    def level(self) -> float:
        """What they add to log volatility in the long run."""
        return _LASTING_SHOCK * self.rate * (_LEAST_SHOCK + self.size)


@dataclass(frozen=True, slots=True)
class Garch:
    """A volatility that only remembers its own moves: a GARCH(1,1) by the minute [1]_.

    How much the last squared move counts, and the last variance; 0 and 0 is geometric Brownian
    motion.
    """

    alpha: float
    beta: float


@dataclass(frozen=True, slots=True)
class Factor:
    """A log-value of its own.

    Attributes
    ----------
    name, seed : str, int
        What its randomness hangs on.
    volatility : float
        A year.
    trend : int
        The direction of a lasting trend: -1, 0 or 1.
    regimes : float
        Drift of the regimes that come and go, in daily standard deviations.
    shocks : Shocks
        Its bursts of volatility.
    season : float
        Strength of the day's rhythm.
    garch : Garch or None
        Its volatility, if that isn't the usual one of many scales.
    """

    name: str
    seed: int
    volatility: float
    trend: int
    regimes: float
    shocks: Shocks
    season: float
    garch: Garch | None = None

    def stream(self, purpose: str) -> int:
        """Give the key of one of the factor's streams of randomness."""
        return keyed.key("factor", self.seed, self.name, purpose)


@dataclass(frozen=True, slots=True)
class Skeleton:
    """A factor's days: value at the start of each, log volatility per hour, and shocks.

    Attributes
    ----------
    factor : Factor
        Whose skeleton it is.
    own : ndarray
        The factor's own slow fields at each full hour, unit weight.
    hours : ndarray
        Log of the relative volatility at each full hour, shocks and season left out.
    sizes, minutes : ndarray
        Each day's shock in log volatility (0: none) and the minute it comes at.
    values : ndarray
        The log-value at the start of each day, and at the end of the last.
    """

    factor: Factor
    own: NDArray[np.float64]
    hours: NDArray[np.float64]
    sizes: NDArray[np.float64]
    minutes: NDArray[np.int64]
    values: NDArray[np.float64]

    @property
    def days(self) -> int:
        """The number of whole days it covers."""
        return self.sizes.size


def build(factor: Factor, days: int, market: Skeleton | None = None) -> Skeleton:
    """Walk a factor from the beginning over a number of days.

    Without `market` it is the market itself; otherwise half of the volatility's variance, and all
    of the shocks, are the market's, whose skeleton is at least as long.
    """
    if factor.garch is not None:
        return _plain(factor, days)
    own = _fields(factor, days * HOURS + 1)
    sizes, minutes = _shocks(factor, days)
    hours, shocked = own, [(sizes, minutes)]
    if market is not None:
        hours = (own + market.own[: own.size]) * 0.7071067811865476
        shocked.append((market.sizes[:days], market.minutes[:days]))
    variance = _day_variance(factor, hours, shocked)
    return Skeleton(factor, own, hours, sizes, minutes, _values(factor, variance))


def _plain(factor: Factor, days: int) -> Skeleton:
    """Walk a factor whose mean variance is the same on each day."""
    hours, sizes = np.zeros(days * HOURS + 1), np.zeros(days)
    minutes = np.zeros(days, dtype=np.int64)
    return Skeleton(factor, hours, hours, sizes, minutes, _values(factor, np.ones(days)))


def _fields(factor: Factor, count: int) -> NDArray[np.float64]:
    stream = factor.stream
    medium = tuple(keyed.Lattice(stream(f"volatility {p}h"), p) for p in _MEDIUM_PERIODS)
    slow = tuple(keyed.Lattice(stream(f"volatility {p}h"), p) for p in _SLOW_PERIODS)
    total = keyed.blend(medium, 0, count) * MEDIUM_WEIGHT
    total += keyed.blend(slow, 0, count) * SLOW_WEIGHT
    # E exp(2 N(-v, v)) = 1: the fields leave the mean variance alone.
    mean = 3.0 * MEDIUM_WEIGHT * MEDIUM_WEIGHT + 4.0 * SLOW_WEIGHT * SLOW_WEIGHT
    return total - mean


def _shocks(factor: Factor, days: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    cells = np.arange(days, dtype=np.int64)
    happens = keyed.uniform(factor.stream("shock"), cells) < factor.shocks.rate
    size = keyed.draw(tables.EXPONENTIAL, keyed.bits(factor.stream("shock size"), cells))
    minute = np.floor(keyed.uniform(factor.stream("shock minute"), cells) * MINUTES)
    size = _LEAST_SHOCK + factor.shocks.size * np.minimum(size, _LARGEST_SHOCK)
    return np.where(happens, size, 0.0), minute.astype(np.int64)


def shocks_by_hour(sizes: NDArray[np.float64], minutes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give what shocks add to log volatility in the middle of each hour, a row per day."""
    middles = np.arange(HOURS) * 60 + 30 + MINUTES
    total = np.zeros((sizes.size, HOURS))
    shocked = np.flatnonzero(sizes)
    for ago in range(LOOKBACK + 1):
        rows = shocked[shocked < sizes.size - ago]
        place = middles + (ago * MINUTES - minutes[rows, None])
        total[rows + ago] += sizes[rows, None] * DECAY[place]
    return total


def _day_variance(
    factor: Factor,
    hours: NDArray[np.float64],
    shocked: list[tuple[NDArray[np.float64], NDArray[np.int64]]],
) -> NDArray[np.float64]:
    """Give each day's variance from its hours, and from the shocks of those who feel them."""
    season, usual = tables.volatility_season(factor.season)[30::60], factor.shocks.level
    if kernels.wanted(shocked[0][0].size * _NUMPY_S):
        from gekko_lab.kernels import skeleton as loops

        sizes, minutes = (np.stack(rows) for rows in zip(*shocked, strict=True))
        made: NDArray[np.float64] = loops.day_variance(
            hours, sizes, minutes, DECAY, np.ascontiguousarray(season), usual
        )
        return made
    level = (hours[:-1] + hours[1:]).reshape(-1, HOURS) * 0.5
    shocks = shocks_by_hour(*shocked[0])
    for rows in shocked[1:]:
        shocks += shocks_by_hour(*rows)
    level += shocks
    level += season
    level -= usual
    return exact.ordered_sum(exact.exp(2.0 * level)) / HOURS


def _values(factor: Factor, variance: NDArray[np.float64]) -> NDArray[np.float64]:
    days = variance.size
    if factor.volatility == 0.0:
        return np.zeros(days + 1)
    cells = np.arange(days, dtype=np.int64)
    spread = factor.volatility / float(np.sqrt(DAYS_PER_YEAR))
    steps = np.sqrt(variance) * keyed.normal(factor.stream("day"), cells) * spread
    if factor.regimes:
        steps += _regimes(factor, days) * (factor.regimes * spread)
    years = np.arange(days + 1) / DAYS_PER_YEAR
    line = years / (years + _DRIFT_YEARS) * (factor.trend * _DRIFT * _DRIFT_YEARS)
    return _walk(steps) + line


def _walk(steps: NDArray[np.float64]) -> NDArray[np.float64]:
    if kernels.wanted(steps.size * _NUMPY_S):
        from gekko_lab.kernels import skeleton as loops

        made: NDArray[np.float64] = loops.walk(steps, _REVERSION)
        return made
    walk = accumulate(steps.tolist(), lambda value, step: value * _REVERSION + step, initial=0.0)
    return np.array(list(walk))


def _regimes(factor: Factor, days: int) -> NDArray[np.float64]:
    """Give each day's direction; a regime lasts a Fibonacci number of days."""
    count = days // _REGIMES[0] + 1
    random = keyed.bits(factor.stream("regime"), np.arange(count, dtype=np.int64))
    lengths = np.array(_REGIMES)[(random >> np.uint64(8)) % np.uint64(len(_REGIMES))]
    # Each regime differs from the one before: a step of one or two around (bear, sideways, bull).
    turns = 1 + (random >> np.uint64(40)).astype(np.int64) % 2
    kinds = np.cumsum(turns) % 3 - 1
    return np.repeat(kinds, lengths)[:days].astype(np.float64)
