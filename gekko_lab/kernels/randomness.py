"""Twins of `simulation.keyed` and `simulation.exact`, a number at a time."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from gekko_lab.kernels.compiler import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


@compiled
def mixed(z: np.uint64) -> np.uint64:
    """Mix 64 bits."""
    z = (z ^ (z >> np.uint64(30))) * _FIRST
    z = (z ^ (z >> np.uint64(27))) * _SECOND
    return z ^ (z >> np.uint64(31))


@compiled
def bits(stream: np.uint64, cell: int) -> np.uint64:
    """Give the bits of `keyed.bits` for one cell."""
    z = mixed(np.uint64(cell) * _GOLDEN + stream)
    return mixed(z + (stream * _GOLDEN + _FIRST))


@compiled
def within(base: np.uint64, place: int) -> np.uint64:
    """Give the bits of `keyed.within` for one place."""
    return mixed(base + np.uint64(place + 1) * _GOLDEN)


@compiled
def fine(table: NDArray[np.float64], random: np.uint64, shift: int) -> float:
    """Read a table by 24 bits, as `keyed.fine` does; a row is a cell's value and rise."""
    cell = np.int64((random >> np.uint64(shift + 12)) & np.uint64(0xFFF))
    part = np.float64(np.int64((random >> np.uint64(shift)) & np.uint64(0xFFF))) * 2.0**-12
    return part * table[cell, 1] + table[cell, 0]


@compiled
def draw(table: NDArray[np.float64], random: np.uint64) -> float:
    """Read a table by 44 bits, as `keyed.draw` does."""
    cell = np.int64(random >> np.uint64(52))
    part = np.float64(np.int64((random >> np.uint64(20)) & np.uint64(0xFFFFFFFF))) * 2.0**-32
    return part * table[cell, 1] + table[cell, 0]


@compiled
def chance(random: np.uint64, shift: int) -> int:
    """Give 16 of the bits, as `keyed.chance` does."""
    return np.int64((random >> np.uint64(shift)) & np.uint64(0xFFFF))


@compiled
def uniform(random: np.uint64) -> float:
    """Give a number in [0, 1), as `keyed.uniform` does."""
    return np.float64(np.int64(random >> np.uint64(11))) * 2.0**-53


_ROOTS = np.array([float(Decimal(2) ** (Decimal(part) / 32)) for part in range(32)])


@compiled
def exp(x: float) -> float:
    """Give e**x, as `exact.exp` does."""
    power = np.floor(x * 46.16624130844683 + 0.5)
    rest = x - power * (0.6931471803691238 / 32)
    rest -= power * (1.9082149292705877e-10 / 32)
    series = rest * (1.0 / 720.0) + 1.0 / 120.0
    series = series * rest + 1.0 / 24.0
    series = series * rest + 1.0 / 6.0
    series = series * rest + 0.5
    series = series * rest + 1.0
    series *= rest
    whole = np.int64(power)
    root = _ROOTS[whole & 31]
    bits_of_power = np.int64(((whole >> 5) + 1023) << 52)
    return (root + root * series) * np.int64(bits_of_power).view(np.float64)


@compiled
def normals(
    out: NDArray[np.float64], table: NDArray[np.float64], stream: np.uint64, first: int
) -> None:
    """Fill with the standard normal numbers of the cells from `first` on."""
    for place in range(out.size):
        out[place] = draw(table, bits(stream, first + place))


@compiled
def blend(
    out: NDArray[np.float64],
    table: NDArray[np.float64],
    streams: NDArray[np.uint64],
    periods: NDArray[np.int64],
    first: int,
) -> None:
    """Fill with the sum of lattices, as `keyed.blend` does."""
    out[:] = 0.0
    for which in range(periods.size):
        period, stream = periods[which], streams[which]
        start = first + np.int64(stream % np.uint64(period))
        knot = start // period
        knots = np.empty((start + out.size - 1) // period - knot + 2)
        normals(knots, table, stream, knot)
        if period == 2:
            _add_pairs(out, knots, start - knot * 2)
        else:
            _add(out, knots, period, start - knot * period)


@compiled
def _add_pairs(out: NDArray[np.float64], knots: NDArray[np.float64], skipped: int) -> None:
    half = 0.5 / np.sqrt(0.5 * 0.5 + 0.5 * 0.5)
    if skipped:
        out[0] += knots[0] * half + knots[1] * half
    for pair in range((out.size - skipped) // 2):
        left, right = knots[pair + skipped], knots[pair + skipped + 1]
        out[2 * pair + skipped] += left * 1.0 + right * 0.0
        out[2 * pair + skipped + 1] += left * half + right * half
    if (out.size - skipped) % 2:
        last = knots.size - 2
        out[out.size - 1] += knots[last] * 1.0 + knots[last + 1] * 0.0


@compiled
def _add(out: NDArray[np.float64], knots: NDArray[np.float64], period: int, skipped: int) -> None:
    left, right = np.empty(period), np.empty(period)
    for step in range(period):
        right[step] = step / np.float64(period)
        left[step] = 1.0 - right[step]
        size = np.sqrt(left[step] * left[step] + right[step] * right[step])
        left[step] /= size
        right[step] /= size
    place = -skipped
    for knot in range(knots.size - 1):
        now, then = knots[knot], knots[knot + 1]
        for step in range(max(0, -place), min(period, out.size - place)):
            out[place + step] += now * left[step] + then * right[step]
        place += period


def warm_up() -> None:
    """Read a lattice, so that the loop is there."""
    streams, periods = np.ones(1, dtype=np.uint64), np.array([2])
    blend(np.empty(1), np.zeros((4096, 2)), streams, periods, 0)
