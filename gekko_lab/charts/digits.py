"""Numbers as far as a picture needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def drawn(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give numbers with nine digits each.

    The last digits of a logarithm or a sum differ from one processor to another; without them a
    chart is the same everywhere, so that saved notebooks can be compared.
    """
    numbers = [float(f"{value:.9g}") for value in values.ravel().tolist()]
    return np.array(numbers, dtype=np.float64).reshape(values.shape)
