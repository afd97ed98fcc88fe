"""The twin of `simulation.paths`: a factor's day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gekko_lab.kernels.compiler import compiled
from gekko_lab.kernels.randomness import blend, daily, exp, read

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MINUTES = 1440
_HOURS = 24
_LOOKBACK = 2
_HALF = 0.7071067811865476
_FIELDS, _NOISE, _MEAN, _CAP, _USUAL, _PLAIN, _ALPHA, _BETA = range(8)  # of a factor's numbers


@compiled
def factor(
    which: int,
    day: int,
    place: int,
    paths: NDArray[np.float64],
    window: tuple[NDArray[np.float64], ...],
    shock_minutes: NDArray[np.int64],
    streams: NDArray[np.uint64],
    periods: NDArray[np.int64],
    weights: NDArray[np.float64],
    season: NDArray[np.float64],
    decay: NDArray[np.float64],
    table: NDArray[np.float64],
) -> None:
    """Write a factor's day; factor 0 is the market, whose day is there when others ask for it.

    Parameters
    ----------
    which, day, place
        The factor, the day from the beginning, and its place in the window.
    paths
        For each factor, rows of 1441 to fill: values, variance, heat, own fields, shocks, and one
        to work in.
    window
        For each factor: volatility by the hour, values at midnight, shocks from two days before
        on, and its numbers as `factors` gives them.
    shock_minutes
        When the shocks come.
    streams, periods, weights
        For each factor, those of the fast lattices and of the minutes' noise; the lattices.
    season, decay, table
        Of volatility by the minute; of a shock; of the normal.
    """
    hours, pins, sizes, numbers = window
    mine, market = paths[which], paths[0]
    random = np.empty(_MINUTES, np.uint64)
    if numbers[which, _PLAIN] == 0.0:
        lattices = periods.size
        blend(
            mine[3, :_MINUTES], table, streams[which, :lattices], periods, weights, day * _MINUTES
        )
        _shocks(mine[4], sizes[which], shock_minutes[which], place, decay)
        daily(random, streams[which, lattices], day)
        read(mine[5], table, random, 40)
        _heat(mine, market, hours[which], place, numbers[which], which > 0)
        _variance(mine[1], mine[2], numbers[which], season)
    else:
        mine[2:5] = 0.0
        noise = streams[which, periods.size]
        _garch(mine[1], mine[5], random, table, noise, day, numbers[which])
        daily(random, noise, day)
    read(mine[5], table, random, 16)
    _bridge(mine, pins[which, place], pins[which, place + 1])


@compiled
def _shocks(
    shocks: NDArray[np.float64],
    sizes: NDArray[np.float64],
    minutes: NDArray[np.int64],
    place: int,
    decay: NDArray[np.float64],
) -> None:
    shocks[:] = 0.0
    for ago in range(_LOOKBACK + 1):
        size = sizes[place + _LOOKBACK - ago]
        if size != 0.0:
            start = (1 + ago) * _MINUTES - minutes[place + _LOOKBACK - ago]
            for minute in range(_MINUTES):
                shocks[minute] += size * decay[start + minute]


@compiled
def _heat(
    mine: NDArray[np.float64],
    market: NDArray[np.float64],
    hours: NDArray[np.float64],
    place: int,
    numbers: NDArray[np.float64],
    follows: bool,
) -> None:
    heat, own, shocks, noise = mine[2], mine[3], mine[4], mine[5]
    for hour in range(_HOURS):
        knot = hours[place * _HOURS + hour]
        rise = hours[place * _HOURS + hour + 1] - knot
        for minute in range(60):
            heat[hour * 60 + minute] = knot + rise * (minute / 60.0)
    if follows:
        for minute in range(_MINUTES):
            now = heat[minute] + shocks[minute] + market[4, minute]
            now += (own[minute] + market[3, minute]) * _HALF * numbers[_FIELDS]
            now += noise[minute] * numbers[_NOISE]
            heat[minute] = min(now - numbers[_MEAN], numbers[_CAP])
    else:
        for minute in range(_MINUTES):
            now = heat[minute] + shocks[minute]
            now += own[minute] * numbers[_FIELDS]
            now += noise[minute] * numbers[_NOISE]
            heat[minute] = min(now - numbers[_MEAN], numbers[_CAP])


@compiled
def _variance(
    variance: NDArray[np.float64],
    heat: NDArray[np.float64],
    numbers: NDArray[np.float64],
    season: NDArray[np.float64],
) -> None:
    for minute in range(_MINUTES):
        sigma = exp(heat[minute] + season[minute]) * numbers[_USUAL]
        variance[minute] = sigma * sigma


@compiled
def _garch(
    variance: NDArray[np.float64],
    noise: NDArray[np.float64],
    random: NDArray[np.uint64],
    table: NDArray[np.float64],
    stream: np.uint64,
    day: int,
    numbers: NDArray[np.float64],
) -> None:
    """Walk a variance from the beginning of the day before; alpha and beta 0 leave it alone."""
    reacts, lasts, usual = numbers[_ALPHA], numbers[_BETA], numbers[_USUAL] * numbers[_USUAL]
    rest, now = 1.0 - reacts - lasts, 1.0
    for ago in range(1, -1, -1):
        daily(random, stream, day - ago)
        read(noise, table, random, 16)
        for minute in range(_MINUTES):
            variance[minute] = now * usual
            now = rest + now * (noise[minute] * noise[minute] * reacts + lasts)


@compiled
def _bridge(mine: NDArray[np.float64], start: float, end: float) -> None:
    """Walk the day from one midnight's value to the next's."""
    values, variance, noise = mine[0], mine[1], mine[5]
    passed, place = 0.0, 0.0
    values[0] = start
    for minute in range(_MINUTES):
        noise[minute] = noise[minute] * np.sqrt(variance[minute])
    for minute in range(_MINUTES):
        passed += variance[minute]
        place += noise[minute]
        noise[minute] = passed
        values[minute + 1] = place
    whole = passed if passed > 0.0 else 1.0
    missing = (end - start) - place
    for minute in range(_MINUTES):
        values[minute + 1] = (values[minute + 1] + noise[minute] / whole * missing) + start
