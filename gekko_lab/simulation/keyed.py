"""Randomness with random access: a number is a function of its key and its cell [1]_.

Nothing is drawn in sequence, so that any cell can be had alone, in any order, on any machine.

References
----------
.. [1] Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC'11, 2011. The mixing steps are
   those of Steele, Lea and Flood, Fast splittable pseudorandom number generators, OOPSLA 2014.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

from gekko_lab import kernels
from gekko_lab.simulation import tables

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gekko_lab.simulation.tables import Table

_GOLDEN = 0x9E3779B97F4A7C15
_FIRST = 0xBF58476D1CE4E5B9
_SECOND = 0x94D049BB133111EB
_MASK = (1 << 64) - 1
_MINUTES = 1440  # of a day
_NUMPY_S = 2e-8  # that numpy needs for a step of a lattice


def key(*parts: object) -> int:
    """Give 64 bits that depend on all parts, in their order.

    Examples
    --------
    >>> key("seed", 7) == key("seed", 7), key("seed", 7) == key("seed", 8)
    (True, False)
    """
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


def bits(stream: int, cells: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Give 64 random bits for each cell of a stream."""
    z = cells.astype(np.uint64)
    z *= np.uint64(_GOLDEN)
    z += np.uint64(stream)
    _mix(z)
    z += np.uint64((stream * _GOLDEN + _FIRST) & _MASK)
    _mix(z)
    return z


def within(bases: NDArray[np.uint64], places: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Give 64 random bits for each place in a cell, from the bits of the cell itself.

    They are the numbers that SplitMix64 gives one after the other from `bases` on.
    """
    z = places.astype(np.uint64)
    z += np.uint64(1)
    z *= np.uint64(_GOLDEN)
    z += bases
    _mix(z)
    return z


def daily(stream: int, minutes: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Give 64 random bits for each of some growing minutes, by its day and its place there."""
    days, places = np.divmod(minutes, _MINUTES)
    first = int(days[0])
    bases = bits(stream, np.arange(first, int(days[-1]) + 1, dtype=np.int64))
    return within(bases[days - first], places)


def _mix(z: NDArray[np.uint64]) -> None:
    z ^= z >> np.uint64(30)
    z *= np.uint64(_FIRST)
    z ^= z >> np.uint64(27)
    z *= np.uint64(_SECOND)
    z ^= z >> np.uint64(31)


def draw(table: Table, random: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Read a quantile table at random places; uses the upper 44 bits."""
    cell = (random >> np.uint64(52)).astype(np.int64)
    part = ((random >> np.uint64(20)) & np.uint64(0xFFFFFFFF)).astype(np.float64)
    part *= 2.0**-32
    part *= table.rises[cell]
    part += table.values[cell]
    return part


def fine(table: Table, random: NDArray[np.uint64], shift: int) -> NDArray[np.float64]:
    """Read a quantile table by 24 of the random bits, from `shift` on."""
    cell = ((random >> np.uint64(shift + 12)) & np.uint64(0xFFF)).astype(np.int64)
    part = ((random >> np.uint64(shift)) & np.uint64(0xFFF)).astype(np.float64)
    part *= 2.0**-12
    part *= table.rises[cell]
    part += table.values[cell]
    return part


def chance(random: NDArray[np.uint64], shift: int) -> NDArray[np.int64]:
    """Give 16 of the random bits, from `shift` on, as a number from 0 to 65535."""
    return ((random >> np.uint64(shift)) & np.uint64(0xFFFF)).astype(np.int64)


def normal(stream: int, cells: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give a standard normal number for each cell."""
    return draw(tables.NORMAL, bits(stream, cells))


def uniform(stream: int, cells: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give a number in [0, 1) for each cell."""
    value = (bits(stream, cells) >> np.uint64(11)).astype(np.float64)
    value *= 2.0**-53
    return value


@dataclass(frozen=True, slots=True)
class Lattice:
    """A standard normal process that forgets over `period` steps.

    Independent normals stand at every `period`-th step, offset by a keyed phase; between them the
    value is interpolated and scaled back to unit variance.
    """

    stream: int
    period: int

    def at(self, first: int, count: int) -> NDArray[np.float64]:
        """Give the process at `count` consecutive steps from `first` ≥ 0 on."""
        start = first + self.stream % self.period
        knot = start // self.period
        knots = (start + count - 1) // self.period - knot + 2
        value = normal(self.stream, np.arange(knot, knot + knots, dtype=np.int64))[:, None]
        left, right = weights((self.period,))
        between = value[:-1] * left
        between += value[1:] * right
        skipped = start - knot * self.period
        found: NDArray[np.float64] = between.reshape(-1)[skipped : skipped + count]
        return found


@lru_cache(maxsize=64)
def weights(periods: tuple[int, ...]) -> NDArray[np.float64]:
    """Give the weights of the knots left and right at each step of one period after the other."""
    right = np.concatenate([np.arange(period) / float(period) for period in periods])
    left = 1.0 - right
    both = np.stack([left, right])
    scaled: NDArray[np.float64] = both / np.sqrt(left * left + right * right)
    return scaled


def blend(lattices: tuple[Lattice, ...], first: int, count: int) -> NDArray[np.float64]:
    """Add up lattices of equal weight, in their order."""
    total = np.zeros(count)
    if kernels.wanted(count * len(lattices) * _NUMPY_S):
        from gekko_lab.kernels import randomness as loops

        streams = np.array([lattice.stream for lattice in lattices], dtype=np.uint64)
        periods = tuple(lattice.period for lattice in lattices)
        table = tables.NORMAL.pairs
        loops.blend(total, table, streams, np.array(periods), weights(periods), first)
        return total
    for lattice in lattices:
        total += lattice.at(first, count)
    return total
