"""For reference: the same trades are read once and summed up, without minutes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import making
import numpy as np
import tape
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

_Sums = tuple[int, float, float]
_ROUNDING = 1e-6


@njit(fastmath=True, nogil=True)
def _loop(time: NDArray[Any], price: NDArray[Any], amount: NDArray[Any]) -> _Sums:
    times, prices, amounts = 0, 0.0, 0.0
    for place in range(time.size):
        times += time[place]
        prices += price[place]
        amounts += amount[place]
    return times, prices, amounts


def _by_loop(trades: tape.Arrays, _: int) -> _Sums:
    sums: _Sums = _loop(*trades.values())
    return sums


def _by_numpy(trades: tape.Arrays, _: int) -> _Sums:
    times, prices, amounts = (array.sum() for array in trades.values())
    return times, prices, amounts


def _rows(sums: _Sums, task: making.Task) -> int:
    trades = tape.trades(task)
    right = np.allclose(sums[1:], [trades["price"].sum(), trades["amount"].sum()], rtol=_ROUNDING)
    making.expect("the sums of the tape", true=right)
    return task.rows


if __name__ == "__main__":
    works = {
        "loop": making.Work(_by_loop, _rows, tape.trades),
        "numpy": making.Work(_by_numpy, _rows, tape.trades),
    }
    making.run(works, "numba", "numpy")
