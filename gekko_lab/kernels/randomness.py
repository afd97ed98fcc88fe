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
def daily(out: NDArray[np.uint64], stream: np.uint64, day: int) -> None:
    """Fill with the bits of `keyed.daily` for the minutes of a day."""
    base = bits(stream, day)
    for minute in range(out.size):
        out[minute] = within(base, minute)


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
def read(
    out: NDArray[np.float64], table: NDArray[np.float64], random: NDArray[np.uint64], shift: int
) -> None:
    """Read a table by 24 of each number's bits.

    Table look-ups apart leave loops of plain arithmetic, which the compiler makes vectors of.
    """
    for place in range(out.size):
        out[place] = fine(table, random[place], shift)


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
    random = np.empty(out.size, np.uint64)
    for place in range(out.size):
        random[place] = bits(stream, first + place)
    for place in range(out.size):
        out[place] = draw(table, random[place])


@compiled
def blend(
    out: NDArray[np.float64],
    table: NDArray[np.float64],
    streams: NDArray[np.uint64],
    periods: NDArray[np.int64],
    weights: NDArray[np.float64],
    first: int,
) -> None:
    """Fill with the sum of lattices, as `keyed.blend` does.

    `weights` holds those of the knots on the left and on the right, of one period after the other.
    """
    out[:] = 0.0
    at = 0
    for which in range(periods.size):
        period, stream = periods[which], streams[which]
        start = first + np.int64(stream % np.uint64(period))
        knot = start // period
        knots = np.empty((start + out.size - 1) // period - knot + 2)
        normals(knots, table, stream, knot)
        left, right = weights[0, at : at + period], weights[1, at : at + period]
        if period == 2:
            _add_pairs(out, knots, left, right, start - knot * 2)
        else:
            _add(out, knots, left, right, start - knot * period)
        at += period


@compiled
def _add_pairs(
    out: NDArray[np.float64],
    knots: NDArray[np.float64],
    left: NDArray[np.float64],
    right: NDArray[np.float64],
    skipped: int,
) -> None:
    """Do what `_add` does for the commonest period, too short for a loop within a loop."""
    if skipped:
        out[0] += knots[0] * left[1] + knots[1] * right[1]
    for pair in range((out.size - skipped) // 2):
        now, then = knots[pair + skipped], knots[pair + skipped + 1]
        out[2 * pair + skipped] += now * left[0] + then * right[0]
        out[2 * pair + skipped + 1] += now * left[1] + then * right[1]
    if (out.size - skipped) % 2:
        last = knots.size - 2
        out[out.size - 1] += knots[last] * left[0] + knots[last + 1] * right[0]


@compiled
def _add(
    out: NDArray[np.float64],
    knots: NDArray[np.float64],
    left: NDArray[np.float64],
    right: NDArray[np.float64],
    skipped: int,
) -> None:
    period = left.size
    place = -skipped
    for knot in range(knots.size - 1):
        now, then = knots[knot], knots[knot + 1]
        for step in range(max(0, -place), min(period, out.size - place)):
            out[place + step] += now * left[step] + then * right[step]
        place += period


def warm_up() -> None:
    """Read a lattice, so that the loop is there."""
    streams, periods = np.ones(1, dtype=np.uint64), np.array([2])
    blend(np.empty(1), np.zeros((4096, 2)), streams, periods, np.ones((2, 2)), 0)
