"""Numbers as whole steps of ten: how many decimals they have, and sums that round only once."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING

import numpy as np

from gekko_lab.errors import DataError, InvalidArgument, InvalidType

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

NOISE = 2.0**-50
"""What calculated numbers may be off their step, relatively: a few units in the last place."""

MOST_DECIMALS = 20
EXACT = 1 << 53
"""Whole numbers below are doubles; beyond it a double no longer counts each step."""

HALF = 32
"""The bits that a number of steps is cut at, so that sums of the halves don't overflow."""

LOW = (1 << HALF) - 1
"""The lower half."""

_EXACT_DECIMALS = 22
_SAMPLE = 1_000


@dataclass(frozen=True, slots=True)
class Step:
    """A step size: `count` times 10**-`decimals`."""

    decimals: int
    count: int = 1

    def __str__(self) -> str:
        return f"{self.count / 10**self.decimals:g}"


def read_step(step_size: object) -> Step:
    """Read a step size such as 0.001.

    Raises
    ------
    InvalidArgument
        When it isn't a positive number, or has too many decimals.

    Examples
    --------
    >>> read_step(0.005)
    Step(decimals=3, count=5)
    """
    if isinstance(step_size, bool) or not isinstance(step_size, Real):
        raise InvalidType(f"step_size={step_size!r}: give a number such as 0.001")
    size = float(step_size)
    if not 0 < size < np.inf:
        raise InvalidArgument(f"step_size={step_size!r}: give a positive number such as 0.001")
    exact = Decimal(repr(size)).normalize()
    decimals = max(0, -int(exact.as_tuple().exponent))
    if decimals > MOST_DECIMALS or exact >= EXACT:
        raise InvalidArgument(
            f"step_size={step_size!r}: give one from 1e-{MOST_DECIMALS} to {EXACT:.0e}"
        )
    return Step(decimals, int(exact.scaleb(decimals)))


def find_decimals(numbers: NDArray[np.float64], *, noise: float = 0.0) -> int | None:
    """Find the decimals that all numbers have; None where no step of ten goes into all of them.

    Parameters
    ----------
    numbers
        Finite numbers of any shape.
    noise
        How far off a number may be, relatively. Without it a number has so many decimals only when
        it is the double nearest to them.

    Examples
    --------
    >>> find_decimals(np.array([0.25, 3.0, 0.125]))
    3
    >>> find_decimals(np.array([1 / 3, 1000.0]))
    """
    flat = numbers.ravel()
    if flat.size > 2 * _SAMPLE:  # a sample seldom misses, and most guesses are wrong
        decimals = find_decimals(flat[:: flat.size // _SAMPLE], noise=noise)
    else:
        decimals = 0
    while decimals is not None and flat.size:
        off = misses(flat, decimals, noise=noise)
        place = int(np.argmax(off))
        if not off[place]:
            break
        decimals = finer_decimals(float(flat[place]), decimals, noise=noise)
    return decimals


def finer_decimals(number: float, decimals: int, *, noise: float = 0.0) -> int | None:
    """Find how many decimals a number has that has more than `decimals`."""
    one = np.array([number])
    finer = range(decimals + 1, MOST_DECIMALS + 1)
    return next((each for each in finer if not misses(one, each, noise=noise)[0]), None)


def misses(numbers: NDArray[np.float64], decimals: int, *, noise: float = 0.0) -> NDArray[np.bool_]:
    """Mark the numbers that don't have so many decimals, or are too large to tell."""
    scale = float(10**decimals)
    with np.errstate(invalid="ignore", over="ignore"):
        steps = np.rint(numbers * scale)
        held = np.abs(steps / scale - numbers) <= np.abs(numbers) * noise
    off: NDArray[np.bool_] = ~(held & (np.abs(steps) < EXACT))
    return off


def finest_decimals(numbers: NDArray[np.float64]) -> int:
    """Give the most decimals with which the largest number can still be counted in steps."""
    largest = np.abs(numbers).max(initial=0.0)
    finer = (each for each in range(MOST_DECIMALS, 0, -1) if largest * 10.0**each < EXACT)
    return next(finer, 0)


def to_steps(numbers: NDArray[np.float64], decimals: int) -> NDArray[np.int64]:
    """Give the whole numbers of 10**-decimals nearest to the numbers."""
    steps: NDArray[np.int64] = np.rint(numbers * float(10**decimals)).astype(np.int64)
    return steps


def check_steps(column: pl.Series, step: Step, *, noun: str) -> None:
    """Check that all numbers are whole multiples of a step, as near as calculated ones can be.

    Raises
    ------
    DataError
        Names the first row that isn't, as a `noun`.
    """
    numbers = column.to_numpy()
    off = misses(numbers, step.decimals, noise=NOISE)
    if step.count > 1:
        off |= to_steps(np.where(off, 0.0, numbers), step.decimals) % step.count != 0
    if off.any():
        row = int(np.argmax(off))
        raise DataError(
            f"{noun} {row} of {len(column)} has {column.name}={column[row]!r}, which isn't a whole "
            f"number of step_size={step}: give the market's step, or none to find it"
        )


def decimal(
    units: NDArray[np.int64], decimals: int, out: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Give the doubles nearest to units / 10**decimals, in `out` if it is there.

    Whole numbers below 2**53 and powers of ten up to 10**22 are exact doubles, so that one division
    rounds once; Python divides larger ones as whole numbers.

    Examples
    --------
    >>> decimal(np.array([1, 30_000_01]), 2).tolist()
    [0.01, 30000.01]
    """
    if decimals > _EXACT_DECIMALS or _largest(units) >= EXACT:
        wide = np.array([one / 10**decimals for one in units.tolist()], dtype=np.float64)
        return np.add(wide, 0.0, out=out)
    return np.divide(units, float(10**decimals), out=out)


def wide_decimal(
    high: NDArray[np.int64], low: NDArray[np.int64], decimals: int
) -> NDArray[np.float64]:
    """Give the doubles nearest to (high · 2**32 + low) / 10**decimals, without overflow."""
    if (_largest(high) << HALF) + _largest(low) >= EXACT:
        sums = zip(high.tolist(), low.tolist(), strict=True)
        return np.array([((h << HALF) + w) / 10**decimals for h, w in sums], dtype=np.float64)
    return decimal((high << HALF) + low, decimals)


def _largest(units: NDArray[np.int64]) -> int:
    return max(int(units.max()), -int(units.min())) if units.size else 0
