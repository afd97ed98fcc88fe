"""Contender: vectorbt's geometric Brownian motion, a price a step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import making
import numpy as np
import pandas as pd
import vectorbt
from vectorbt.data.custom import generate_gbm_paths

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SIGMA = 1e-4


def _path(task: making.Task, seed: int) -> NDArray[np.float64]:
    made: NDArray[np.float64] = generate_gbm_paths(
        30_000.0, 0.0, _SIGMA, task.rows, task.rows, 1, seed=seed
    )
    return made[1:, 0]


def _closes(task: making.Task, seed: int) -> pd.Series[float]:
    data: Any = vectorbt.GBMData.download(
        "GBM",
        start=pd.Timestamp(task.since, unit="ms", tz="UTC"),
        end=pd.Timestamp(task.until - 60_000, unit="ms", tz="UTC"),  # inclusive
        freq="1min",
        S0=30_000.0,
        sigma=_SIGMA,
        seed=seed,
    )
    made: pd.Series[float] = data.get()
    return made


def _rows(prices: NDArray[np.float64] | pd.Series[float], task: making.Task) -> int:
    values = np.asarray(prices)
    making.expect("positive prices that move", true=bool(values.min() > 0 and values.std() > 0))
    making.expect("rows as asked for", true=values.size == task.rows)
    return values.size


if __name__ == "__main__":
    works = {"path": making.Work(_path, _rows), "closes": making.Work(_closes, _rows)}
    making.run(works, "vectorbt", "numpy", "pandas")
