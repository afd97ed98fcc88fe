"""Exact sums of what trades show: whole steps of ten, where numbers have them."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from gekko_lab.frames import steps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_FEW: Final = 24  # decimal numbers are faster up to there
_EXACT: Final = 10**15  # with fifteen digits, a decimal is the only one that a double shows
_ROOM: Final = 2**62


class _Whole(NamedTuple):
    units: NDArray[np.int64]
    decimals: int
    largest: int


def exact_sums(prices: Sequence[float], amounts: Sequence[float]) -> tuple[Decimal, Decimal]:
    """Give the sum of amounts and that of prices times amounts, as the decimals that they show.

    Parameters
    ----------
    prices, amounts
        Of each trade.

    Examples
    --------
    >>> exact_sums([10.1, 10.2], [0.1, 0.2])
    (Decimal('0.3'), Decimal('3.05'))
    """
    if len(prices) > _FEW:
        price, amount = _whole(prices), _whole(amounts)
        if price and amount and price.largest * amount.largest * len(prices) < _ROOM:
            volume, cost = int(amount.units.sum()), int(price.units @ amount.units)
            decimals = amount.decimals
            return Decimal(volume).scaleb(-decimals), Decimal(cost).scaleb(
                -decimals - price.decimals
            )
    sizes = [Decimal(repr(amount)) for amount in amounts]
    costs = (Decimal(repr(price)) * size for price, size in zip(prices, sizes, strict=True))
    return sum(sizes, Decimal(0)), sum(costs, Decimal(0))


def _whole(numbers: Sequence[float]) -> _Whole | None:
    """Give numbers as multiples of the largest step of ten that all of them show, if they do."""
    values = np.array(numbers)
    decimals = steps.find_decimals(values)
    if decimals is None:
        return None
    units = steps.to_steps(values, decimals)
    largest = int(np.abs(units).max())
    return _Whole(units, decimals, largest) if largest < _EXACT else None
