"""The twin of the loops in `simulation.skeleton`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gekko_lab.kernels.compiler import compiled
from gekko_lab.kernels.randomness import exp

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MINUTES = 1440
_HOURS = 24
_LOOKBACK = 2


@compiled
def day_variance(
    hours: NDArray[np.float64],
    sizes: NDArray[np.float64],
    minutes: NDArray[np.int64],
    decay: NDArray[np.float64],
    season: NDArray[np.float64],
    usual: float,
) -> NDArray[np.float64]:
    """Give each day's variance from its hours, and from the shocks of one or two factors' rows."""
    days = sizes.shape[1]
    variance, shocks = np.empty(days), np.empty(_HOURS)
    for day in range(days):
        shocks[:] = 0.0
        for factor in range(sizes.shape[0]):
            if sizes[factor, max(0, day - _LOOKBACK) : day + 1].any():
                for hour in range(_HOURS):
                    shocks[hour] += _shock(sizes[factor], minutes[factor], decay, day, hour)
        for hour in range(_HOURS):
            now = (hours[day * _HOURS + hour] + hours[day * _HOURS + hour + 1]) * 0.5
            shocks[hour] = exp(2.0 * (now + shocks[hour] + season[hour] - usual))
        total = 0.0
        for hour in range(_HOURS):
            total += shocks[hour]
        variance[day] = total / _HOURS
    return variance


@compiled
def _shock(
    sizes: NDArray[np.float64],
    minutes: NDArray[np.int64],
    decay: NDArray[np.float64],
    day: int,
    hour: int,
) -> float:
    total = 0.0
    for ago in range(min(_LOOKBACK, day) + 1):
        if sizes[day - ago] != 0.0:
            since = hour * 60 + 30 + _MINUTES + ago * _MINUTES - minutes[day - ago]
            total += sizes[day - ago] * decay[since]
    return total


@compiled
def walk(steps: NDArray[np.float64], reversion: float) -> NDArray[np.float64]:
    """Give where a walk is before its first step and after each."""
    values = np.empty(steps.size + 1)
    now = 0.0
    values[0] = now
    for day in range(steps.size):
        now = now * reversion + steps[day]
        values[day + 1] = now
    return values


def warm_up() -> None:
    """Make a day, so that the loops are there."""
    sizes, minutes = np.zeros((1, 1)), np.zeros((1, 1), dtype=np.int64)
    for rows in (sizes, np.zeros((2, 1))):
        day_variance(
            np.zeros(25),
            rows,
            np.repeat(minutes, len(rows), axis=0),
            np.zeros(4 * _MINUTES),
            np.zeros(_HOURS),
            0.0,
        )
    walk(np.zeros(1), 1.0)
