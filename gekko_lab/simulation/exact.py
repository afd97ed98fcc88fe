"""Elementary functions whose bytes are the same on every machine.

numpy picks `exp`, `log` and `cos` by the CPU's vector unit and Python takes them from the C
library, so their last digit varies. Everything here is made of single IEEE 754 operations, which
don't vary. The argument reductions and series are the textbook ones [1]_.

References
----------
.. [1] Muller, Elementary Functions: Algorithms and Implementation, 3rd ed., 2016.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LN2_HIGH = 0.6931471803691238  # 33 bits, so that a multiple of it up to 2**20 is exact
_LN2_LOW = 1.9082149292705877e-10
_TAU = 6.283185307179586
_PARTS = 32
_ROOTS = np.array([float(Decimal(2) ** (Decimal(part) / _PARTS)) for part in range(_PARTS)])
_PER_PART = 46.16624130844683  # _PARTS / log 2
_PART_HIGH = _LN2_HIGH / _PARTS
_PART_LOW = _LN2_LOW / _PARTS
_LOG_TERMS = tuple(2.0 / n for n in range(23, 1, -2))
_SQRT_HALF = 0.7071067811865476
_EXPONENT_BITS = 52
_BIAS = 1023


def exp(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give e**x for |x| < 700, to about one unit in the last place.

    Examples
    --------
    >>> exp(np.array([0.0, 1.0])).round(12).tolist()
    [1.0, 2.718281828459]
    """
    power = np.floor(x * _PER_PART + 0.5)
    rest = x - power * _PART_HIGH
    rest -= power * _PART_LOW
    series = rest * (1.0 / 720.0) + 1.0 / 120.0
    for term in (1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0):
        series *= rest
        series += term
    series *= rest
    whole = power.astype(np.int64)
    root = _ROOTS[whole & (_PARTS - 1)]
    value: NDArray[np.float64] = root + root * series
    whole >>= _PARTS.bit_length() - 1
    whole += _BIAS
    whole <<= _EXPONENT_BITS
    value *= whole.view(np.float64)
    return value


def log(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the natural logarithm of positive normal numbers.

    Examples
    --------
    >>> log(np.array([1.0, 2.0])).tolist()
    [0.0, 0.6931471805599453]
    """
    bits = np.ascontiguousarray(x, dtype=np.float64).view(np.int64)
    power = (bits >> _EXPONENT_BITS) - (_BIAS - 1)
    fraction = (bits & ((1 << _EXPONENT_BITS) - 1)) | ((_BIAS - 1) << _EXPONENT_BITS)
    mantissa = fraction.view(np.float64)
    small = mantissa < _SQRT_HALF
    mantissa = np.where(small, mantissa * 2.0, mantissa)
    scale = np.where(small, power - 1, power).astype(np.float64)
    ratio = (mantissa - 1.0) / (mantissa + 1.0)
    square = ratio * ratio
    value = np.zeros_like(ratio)
    for term in _LOG_TERMS:
        value += term
        value *= square
    value = ratio * (value + 2.0)
    return scale * _LN2_HIGH + (value + scale * _LN2_LOW)


def cos_turn(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the cosine of `x` full turns."""
    angle = (x - np.floor(x + 0.5)) * _TAU
    square = angle * angle
    value = np.ones_like(square)
    for n in range(30, 0, -2):
        value *= square
        value *= -1.0 / (n * (n - 1))
        value += 1.0
    return value


def ordered_sum(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add up each row from left to right, whatever numpy's own order of summing."""
    total: NDArray[np.float64] = np.add.accumulate(rows, axis=-1)[..., -1]
    return total
