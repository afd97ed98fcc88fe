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
        right = np.arange(period) / np.float64(period)
        left = 1.0 - right
        size = np.sqrt(left * left + right * right)
        left /= size
        right /= size
        start = first + np.int64(stream % np.uint64(period))
        knot = start // period
        now, place, skipped = draw(table, bits(stream, knot)), 0, start - knot * period
        while place < out.size:
            knot += 1
            then = draw(table, bits(stream, knot))
            many = min(period - skipped, out.size - place)
            for step in range(many):
                out[place + step] += now * left[skipped + step] + then * right[skipped + step]
            now, place, skipped = then, place + many, 0


def warm_up() -> None:
    """Read a lattice, so that the loop is there."""
    streams, periods = np.ones(1, dtype=np.uint64), np.ones(1, dtype=np.int64)
    blend(np.empty(1), np.zeros((4096, 2)), streams, periods, 0)
