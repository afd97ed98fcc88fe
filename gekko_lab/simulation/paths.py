"""A factor's log-value at every minute, pinned to its daily skeleton."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gekko_lab import kernels
from gekko_lab.simulation import exact, keyed, tables
from gekko_lab.simulation import skeleton as daily
from gekko_lab.simulation.skeleton import DAYS_PER_YEAR, HOURS, MINUTES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gekko_lab.simulation.skeleton import Factor, Skeleton

_NUMPY_S = 2e-7  # that numpy needs for a minute
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
    factor = skeleton.factor
    first, shape = day * MINUTES, (days, MINUTES)
    lattices = tuple(
        keyed.Lattice(factor.stream(f"volatility {p}m"), p) for p in daily.FAST_PERIODS
    )
    own = keyed.blend(lattices, first, days * MINUTES).reshape(shape)
    shocks = _shocks(skeleton, day, days)
    fields, heat = own, _hourly(skeleton, day, days)
    heat += shocks
    if market is not None:
        fields = (own + market.own) * _HALF
        heat += market.shocks
    weights = _weights(factor)
    if kernels.wanted(heat.size * _NUMPY_S):
        values, variance = _compiled(skeleton, day, heat, fields, weights)
        return Path(values, variance, heat, own, shocks)
    heat += fields * weights[0]
    cells = np.arange(first, first + days * MINUTES, dtype=np.int64)
    random = keyed.daily(factor.stream("minute"), cells).reshape(shape)
    heat += keyed.fine(tables.NORMAL, random, 40) * weights[1]
    heat -= weights[2]
    np.minimum(heat, weights[3], out=heat)
    sigma = exact.exp(heat + tables.volatility_season(factor.season))
    sigma *= weights[4]
    steps = keyed.fine(tables.NORMAL, random, 16) * sigma
    variance = sigma * sigma
    values = _bridge(steps, variance, skeleton.values[day : day + days + 1])
    return Path(values, variance, heat, own, shocks)


def _weights(factor: Factor) -> NDArray[np.float64]:
    """Give weight of fields and noise, mean, cap, and the usual deviation of a minute."""
    usual = factor.volatility / float(np.sqrt(DAYS_PER_YEAR * MINUTES))
    mean = _MEAN + factor.shocks.level
    return np.array([daily.FAST_WEIGHT, daily.WHITE_WEIGHT, mean, _CAP, usual])


def _compiled(
    skeleton: Skeleton,
    day: int,
    heat: NDArray[np.float64],
    fields: NDArray[np.float64],
    weights: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    from gekko_lab.kernels import path as loops

    factor, days = skeleton.factor, heat.shape[0]
    variance, steps = np.empty_like(heat), np.empty_like(heat)
    season, table = tables.volatility_season(factor.season), tables.NORMAL.pairs
    stream = np.uint64(factor.stream("minute"))
    loops.volatility(heat, variance, steps, fields, table, stream, day, weights, season)
    values = np.empty((days, MINUTES + 1))
    loops.bridge(values, steps, variance, skeleton.values[day : day + days + 1])
    return values, variance


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
