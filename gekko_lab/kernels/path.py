"""The twin of the loops in `simulation.paths`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gekko_lab.kernels.compiler import compiled
from gekko_lab.kernels.randomness import daily, exp, read

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MINUTES = 1440


@compiled
def volatility(
    heat: NDArray[np.float64],
    variance: NDArray[np.float64],
    steps: NDArray[np.float64],
    fields: NDArray[np.float64],
    table: NDArray[np.float64],
    stream: np.uint64,
    first: int,
    weights: NDArray[np.float64],
    season: NDArray[np.float64],
) -> None:
    """Add fast fields and noise to `heat`; fill in each minute's variance and free return.

    `first` is the first day; `weights` are those of fields and noise, then mean, cap and the usual
    deviation of a minute.
    """
    random, noise = np.empty(_MINUTES, np.uint64), np.empty(_MINUTES)
    for day in range(heat.shape[0]):
        daily(random, stream, first + day)
        read(noise, table, random, 40)
        for minute in range(_MINUTES):
            now = heat[day, minute] + fields[day, minute] * weights[0]
            now += noise[minute] * weights[1]
            heat[day, minute] = min(now - weights[2], weights[3])
        read(noise, table, random, 16)
        for minute in range(_MINUTES):
            sigma = exp(heat[day, minute] + season[minute]) * weights[4]
            steps[day, minute] = noise[minute] * sigma
            variance[day, minute] = sigma * sigma


@compiled
def bridge(
    values: NDArray[np.float64],
    steps: NDArray[np.float64],
    variance: NDArray[np.float64],
    pins: NDArray[np.float64],
) -> None:
    """Walk each day from its pin to the next, as `paths.bridge` does."""
    clock, walk = np.empty(_MINUTES), np.empty(_MINUTES)
    for day in range(steps.shape[0]):
        passed, place = 0.0, 0.0
        for minute in range(_MINUTES):
            passed += variance[day, minute]
            place += steps[day, minute]
            clock[minute], walk[minute] = passed, place
        end = passed if passed > 0.0 else 1.0
        missing = (pins[day + 1] - pins[day]) - place
        values[day, 0] = pins[day]
        for minute in range(_MINUTES):
            values[day, minute + 1] = (walk[minute] + clock[minute] / end * missing) + pins[day]


def warm_up() -> None:
    """Make a day, so that the loops are there."""
    day, table = np.zeros((1, _MINUTES)), np.zeros((4096, 2))
    stream = np.uint64(0)
    variance, steps = np.zeros_like(day), np.zeros_like(day)
    volatility(day, variance, steps, day.copy(), table, stream, 0, np.ones(5), np.zeros(_MINUTES))
    bridge(np.empty((1, _MINUTES + 1)), steps, variance, np.zeros(2))
