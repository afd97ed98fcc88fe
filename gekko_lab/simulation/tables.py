"""Quantile tables and curves, computed once from exact arithmetic.

A table has 4096 equal cells of probability, read with linear interpolation. The normal quantile is
Wichura's rational approximation [1]_, good to 1e-15 at the knots.

References
----------
.. [1] Wichura, Algorithm AS 241: The percentage points of the normal distribution, Applied
   Statistics 37, 1988.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from gekko_lab.simulation import exact

if TYPE_CHECKING:
    from numpy.typing import NDArray

CELLS = 4096
_TAIL = 1.0 / 16.0  # the outermost knots stand where a sixteenth of the last cell remains

_CENTRAL = (
    (
        2.5090809287301226727e3,
        3.3430575583588128105e4,
        6.7265770927008700853e4,
        4.5921953931549871457e4,
        1.3731693765509461125e4,
        1.9715909503065514427e3,
        1.3314166789178437745e2,
        3.3871328727963666080e0,
    ),
    (
        5.2264952788528545610e3,
        2.8729085735721942674e4,
        3.9307895800092710610e4,
        2.1213794301586595867e4,
        5.3941960214247511077e3,
        6.8718700749205790830e2,
        4.2313330701600911252e1,
        1.0,
    ),
)
_MIDDLE = (
    (
        7.74545014278341407640e-4,
        2.27238449892691845833e-2,
        2.41780725177450611770e-1,
        1.27045825245236838258e0,
        3.64784832476320460504e0,
        5.76949722146069140550e0,
        4.63033784615654529590e0,
        1.42343711074968357734e0,
    ),
    (
        1.05075007164441684324e-9,
        5.47593808499534494600e-4,
        1.51986665636164571966e-2,
        1.48103976427480074590e-1,
        6.89767334985100004550e-1,
        1.67638483018380384940e0,
        2.05319162663775882187e0,
        1.0,
    ),
)


@dataclass(frozen=True, slots=True)
class Table:
    """A quantile function: the value at each cell's left edge and its rise across the cell.

    `pairs` holds both with a row a cell, as compiled loops read them.
    """

    values: NDArray[np.float64]
    rises: NDArray[np.float64]
    pairs: NDArray[np.float64]

    @classmethod
    def of(cls, knots: NDArray[np.float64]) -> Table:
        """Make a table from one knot more than it has cells."""
        values, rises = np.ascontiguousarray(knots[:-1]), knots[1:] - knots[:-1]
        return cls(values, rises, np.stack([values, rises], axis=1))


def normal_quantile(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the standard normal quantile for probabilities between 1e-10 and 1 - 1e-10."""
    offset = p - 0.5
    square = 0.180625 - offset * offset
    central = offset * _ratio(_CENTRAL, square)
    tail = np.minimum(p, 1.0 - p)
    root = np.sqrt(-exact.log(tail)) - 1.6
    outer = _ratio(_MIDDLE, root)
    outer = np.where(offset < 0.0, -outer, outer)
    return np.where(square >= 0.0, central, outer)


def _ratio(
    terms: tuple[tuple[float, ...], tuple[float, ...]], x: NDArray[np.float64]
) -> NDArray[np.float64]:
    above, below = np.zeros_like(x), np.zeros_like(x)
    for a, b in zip(*terms, strict=True):
        above = above * x + a
        below = below * x + b
    return above / below


@cache
def volatility_season(strength: float) -> NDArray[np.float64]:
    """Give what is added to log volatility at each minute of the day (UTC).

    The mean variance factor is one.
    """
    season = _season(0.25 * strength, 0.08 * strength)
    return season - 0.5 * exact.log(exact.ordered_sum(exact.exp(2.0 * season))[None] / 1440.0)


@cache
def activity_season(strength: float) -> NDArray[np.float64]:
    """Give what is added to the log number of trades at each minute of the day (UTC)."""
    return _season(0.45 * strength, 0.15 * strength)


def _season(first: float, second: float) -> NDArray[np.float64]:
    turn = np.arange(1440) / 1440.0 - 15.0 / 24.0
    return first * exact.cos_turn(turn) + second * exact.cos_turn(2.0 * turn)


def lognormal(spread: float) -> Table:
    """Give the quantiles of a lognormal with median one."""
    return Table.of(exact.exp(spread * _Z))


_P = np.arange(CELLS + 1) / CELLS
_P[0], _P[-1] = _TAIL / CELLS, 1.0 - _TAIL / CELLS
_Z = normal_quantile(_P)
_E = -exact.log(1.0 - _P)

NORMAL = Table.of(_Z)
EXPONENTIAL = Table.of(np.concatenate([np.zeros(1), _E[1:]]))
RUN = Table.of(exact.exp(_E / 1.65))
"""Length of a run of orders on one side, Pareto with exponent 1.65 [Lillo, Mike, Farmer 2005]."""
SIZE = Table.of(exact.exp(np.where(_Z > 3.0, _E / 1.6 + 1.57, 1.9 * _Z)))  # noqa: PLR2004
"""Weight of a fill within its minute: a lognormal body and, where it is as steep, a Pareto tail."""
_COUNT = np.maximum(np.arange(20_001), 1)
VOLUME_SPREAD = np.sqrt(0.12 + exact.log(1.0 + 24.0 / _COUNT))
"""Standard deviation of a minute's log volume, by its number of trades."""
SEEN = np.maximum(1.0 - 1.0 / np.sqrt(_COUNT), 0.0) ** 2
"""How much of a path's extremes trades see, by their number."""
STEP = Table.of(exact.exp(0.9 * _Z))
"""Size of a price step within its minute."""
