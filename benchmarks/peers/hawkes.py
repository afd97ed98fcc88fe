"""Contender: trades one after the other, as a compiled loop makes them best.

Hawkes arrivals with an exponential kernel, drawn exactly and without rejections [1]_; volatility
whose logarithm is an Ornstein-Uhlenbeck process; sides in runs, Pareto sizes, prices in ticks.

References
----------
.. [1] Dassios and Zhao, Exact simulation of Hawkes process with exponentially decaying intensity,
   Electron. Commun. Probab. 18, 2013.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import making
import numpy as np
import polars as pl
import pyarrow as pa
from numba import njit

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_TIME = pl.Datetime("us", "UTC")
_SIDE = pl.Enum(["buy", "sell"])
_SCHEMA = {
    "timestamp": _TIME,
    "id": pl.Int64,
    "side": _SIDE,
    "price": pl.Float64,
    "amount": pl.Float64,
}
_FAST = {"nnan", "ninf", "nsz", "contract", "reassoc", "afn"}  # but prices remain decimals
_TICKS, _LOTS = 100.0, 1e5  # a unit
_CALM_RATE, _DECAY, _JUMP = 0.55, 2.0, 1.4  # a second: 1.8 trades, most of them set off by others
_REVERSION, _VOL_OF_VOL, _USUAL = 1 / 3600, 0.02, math.log(1e-4)
_TURNS = 0.3
_TAIL = 1 / 1.6


def _walk_with(
    exponential: Callable[[Any], float],
    normal: Callable[[Any], float],
    uniform: Callable[[Any], float],
) -> Callable[..., None]:
    @njit(nogil=True, error_model="numpy", fastmath=_FAST)
    def walk(  # noqa: PLR0917 (compiled code takes no keywords)
        rng: Any,  # noqa: ANN401 (a generator or nothing)
        since: int,
        time: NDArray[np.int64],
        ids: NDArray[np.int64],
        side: NDArray[np.uint8],
        price: NDArray[np.float64],
        amount: NDArray[np.float64],
    ) -> None:
        excited, now, log_volatility, value, sells = 0.0, 0.0, _USUAL, 30_000.0, 0
        for place in range(time.size):
            wait = exponential(rng) / _CALM_RATE
            left = 1.0 - exponential(rng) * _DECAY / excited if excited > 0.0 else 0.0
            if left > 0.0:
                wait = min(wait, -math.log(left) / _DECAY)
            now += wait
            excited = excited * math.exp(-_DECAY * wait) + _JUMP
            root = math.sqrt(wait)
            log_volatility += _REVERSION * (_USUAL - log_volatility) * wait
            log_volatility += _VOL_OF_VOL * root * normal(rng)
            value += value * math.exp(log_volatility) * root * normal(rng)
            if uniform(rng) < _TURNS:
                sells ^= 1
            time[place] = (since + int(now * 1000.0)) * 1000
            ids[place] = place
            side[place] = sells
            price[place] = math.floor(value * _TICKS + 0.5) / _TICKS
            amount[place] = math.ceil(math.exp(exponential(rng) * _TAIL) * 100.0) / _LOTS

    return walk


@njit
def _drawn_exponential(rng: np.random.Generator) -> float:
    return rng.standard_exponential()


@njit
def _drawn_normal(rng: np.random.Generator) -> float:
    return rng.standard_normal()


@njit
def _drawn_uniform(rng: np.random.Generator) -> float:
    return rng.random()


@njit
def _usual_exponential(_: None) -> float:
    return np.random.standard_exponential()  # noqa: NPY002 (this is what is measured)


@njit
def _usual_normal(_: None) -> float:
    return np.random.standard_normal()  # noqa: NPY002


@njit
def _usual_uniform(_: None) -> float:
    return np.random.random()  # noqa: NPY002


@njit
def _seed(seed: int) -> None:
    np.random.seed(seed)  # noqa: NPY002


_fast_walk = _walk_with(_drawn_exponential, _drawn_normal, _drawn_uniform)
_usual_walk = _walk_with(_usual_exponential, _usual_normal, _usual_uniform)


def _with_generator(task: making.Task, seed: int) -> pl.DataFrame:
    """Draw from numpy's fastest generator."""
    return _table(_fast_walk, np.random.Generator(np.random.SFC64(seed)), task)


def _with_numbas(task: making.Task, seed: int) -> pl.DataFrame:
    """Draw from numba's np.random, as loops usually do."""
    _seed(seed)
    return _table(_usual_walk, None, task)


def _table(walk: Callable[..., None], rng: object, task: making.Task) -> pl.DataFrame:
    rows = task.rows
    time, ids, side = np.empty(rows, np.int64), np.empty(rows, np.int64), np.empty(rows, np.uint8)
    price, amount = np.empty(rows), np.empty(rows)
    walk(rng, task.since, time, ids, side, price, amount)
    arrays = [pa.array(each) for each in (time, ids, side, price, amount)]  # no copies
    table = pl.DataFrame(pa.table(arrays, names=list(_SCHEMA)))
    return table.with_columns(pl.col("timestamp").cast(_TIME), pl.col("side").cat.to(_SIDE))


def _rows(table: pl.DataFrame, task: making.Task) -> int:
    making.expect("the columns of trades", true=dict(table.schema) == _SCHEMA)
    making.expect("rows as asked for", true=table.height == task.rows)
    making.expect("times in order", true=table["timestamp"].is_sorted())
    making.expect("both sides", true=table["side"].n_unique() == len(_SIDE.categories))
    making.expect("prices", true=bool(table["price"].min() > 0 and table["price"].n_unique() > 100))  # noqa: PLR2004
    return table.height


WORKS = {
    "generator": making.Work(_with_generator, _rows),
    "np.random": making.Work(_with_numbas, _rows),
}

if __name__ == "__main__":
    making.run(WORKS, "numba", "numpy", "polars")
