"""A factor's log-value at every minute, pinned to its daily skeleton."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gekko_lab.simulation import exact, keyed, tables
from gekko_lab.simulation import skeleton as daily
from gekko_lab.simulation.skeleton import DAYS_PER_YEAR, HOURS, MINUTES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gekko_lab.simulation.skeleton import Factor, Garch, Skeleton

_CAP = 2.6  # log volatility above its usual level; a rarer burst would outweigh years
_WEIGHTS = np.arange(60) / 60.0
_HALF = 0.7071067811865476
_MEAN = 3.0 * daily.FAST_WEIGHT * daily.FAST_WEIGHT + daily.WHITE_WEIGHT * daily.WHITE_WEIGHT


@dataclass(frozen=True, slots=True)
class Path:
    """A factor over whole days, one row a day.

    Attributes
    ----------
    values : ndarray
        Log-value at each minute's start, and at the day's end (1441 columns).
    variance : ndarray
        Of each minute's return.
    heat : ndarray
        Log of the relative volatility without the season of the day.
    own, shocks : ndarray
        The factor's own fast fields, unit weight, and its shocks.
    """

    values: NDArray[np.float64]
    variance: NDArray[np.float64]
    heat: NDArray[np.float64]
    own: NDArray[np.float64]
    shocks: NDArray[np.float64]


def path(skeleton: Skeleton, day: int, days: int, market: Path | None = None) -> Path:
    """Give a factor's minutes over `days` days from `day` on."""
    factor, shape = skeleton.factor, (days, MINUTES)
    random = _random(factor, day, days)
    numbers = weights(factor)
    own, shocks, heat = (np.zeros(shape) for _ in range(3))
    if factor.garch is None:
        own = keyed.blend(lattices(factor), day * MINUTES, days * MINUTES).reshape(shape)
        shocks = _shocks(skeleton, day, days)
        heat = _hourly(skeleton, day, days) + shocks
        fields = own
        if market is not None:
            heat += market.shocks
            fields = (own + market.own) * _HALF
        heat += fields * numbers[0]
        heat += keyed.fine(tables.NORMAL, random, 40) * numbers[1]
        heat = np.minimum(heat - numbers[2], numbers[3])
        sigma = exact.exp(heat + tables.volatility_season(factor.season)) * numbers[4]
        variance = sigma * sigma
    else:
        variance = _garch(factor.garch, _random(factor, day - 1, days + 1)) * numbers[4] ** 2
    steps = keyed.fine(tables.NORMAL, random, 16) * np.sqrt(variance)
    values = _bridge(steps, variance, skeleton.values[day : day + days + 1])
    return Path(values, variance, heat, own, shocks)


def lattices(factor: Factor) -> tuple[keyed.Lattice, ...]:
    """Give the fast fields of a factor's volatility."""
    return tuple(keyed.Lattice(factor.stream(f"volatility {p}m"), p) for p in daily.FAST_PERIODS)


def weights(factor: Factor) -> tuple[float, float, float, float, float]:
    """Give weight of fields and noise, mean, cap, and the usual deviation of a minute."""
    usual = factor.volatility / float(np.sqrt(DAYS_PER_YEAR * MINUTES))
    mean = _MEAN + factor.shocks.level
    return daily.FAST_WEIGHT, daily.WHITE_WEIGHT, mean, _CAP, usual


def _random(factor: Factor, day: int, days: int) -> NDArray[np.uint64]:
    minutes = np.arange(day * MINUTES, (day + days) * MINUTES, dtype=np.int64)
    return keyed.daily(factor.stream("minute"), minutes).reshape(days, MINUTES)


def _garch(garch: Garch, random: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Walk each day's variance, mean 1, from the beginning of the day before it.

    What lies further back is forgotten, so that any day can be had alone.
    """
    noise = keyed.fine(tables.NORMAL, random, 16)
    shock, rest = (noise * noise * garch.alpha + garch.beta).T, 1.0 - garch.alpha - garch.beta
    now = np.ones(shock.shape[1] - 1)
    variance = np.empty((MINUTES, now.size))
    for minute in range(MINUTES):
        now = rest + now * shock[minute, :-1]
    for minute in range(MINUTES):
        variance[minute] = now
        now = rest + now * shock[minute, 1:]
    return np.ascontiguousarray(variance.T)


def _hourly(skeleton: Skeleton, day: int, days: int) -> NDArray[np.float64]:
    knots = skeleton.hours[day * HOURS : (day + days) * HOURS + 1]
    rises = knots[1:] - knots[:-1]
    between = knots[:-1, None] + rises[:, None] * _WEIGHTS
    return between.reshape(days, MINUTES)


def _shocks(skeleton: Skeleton, day: int, days: int) -> NDArray[np.float64]:
    total = np.zeros((days, MINUTES))
    for ago in range(daily.LOOKBACK + 1):
        for row in range(max(0, ago - day), days):
            size = skeleton.sizes[day + row - ago]
            if size:
                start = (1 + ago) * MINUTES - int(skeleton.minutes[day + row - ago])
                total[row] += size * daily.DECAY[start : start + MINUTES]
    return total


def _bridge(
    steps: NDArray[np.float64], variance: NDArray[np.float64], pins: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Walk each day from its pin to the next: a Brownian bridge in trading time."""
    values = np.empty((steps.shape[0], MINUTES + 1))
    values[:, 0] = pins[:-1]
    clock = np.add.accumulate(variance, axis=1)
    walk = np.add.accumulate(steps, axis=1)
    end = np.where(clock[:, -1:] > 0.0, clock[:, -1:], 1.0)
    missing = (pins[1:] - pins[:-1])[:, None] - walk[:, -1:]
    walk += clock / end * missing
    np.add(walk, pins[:-1, None], out=values[:, 1:])
    return values
