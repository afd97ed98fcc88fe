"""Contender: candles_from_trades, its loops compiled and warm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import making
import numpy as np
import polars as pl
import polars_bars
import tape

import gekko_lab
from gekko_lab import kernels
from gekko_lab.frames.schemas import SIDE, SIMULATED_TRADES, TIME

if TYPE_CHECKING:
    from polars import DataFrame


def _table(task: making.Task) -> DataFrame:
    arrays = tape.trades(task)
    columns = {
        "timestamp": pl.Series(arrays["timestamp"]).cast(TIME),
        "id": np.arange(task.rows),
        "side": pl.Series(["buy"], dtype=SIDE).new_from_index(0, task.rows),
        "price": arrays["price"],
        "amount": arrays["amount"],
    }
    return pl.DataFrame(columns, schema=SIMULATED_TRADES)


def _candles(trades: DataFrame, _: int) -> DataFrame:
    candles: DataFrame = gekko_lab.candles_from_trades(trades, "1m")
    return candles


def _columns(candles: DataFrame) -> tape.Arrays:
    return polars_bars.columns(candles.filter(pl.col("volume") > 0))


if __name__ == "__main__":
    kernels.warm_up()
    check = tape.rows_of(_columns)
    works = {"candles_from_trades": making.Work(_candles, check, _table)}
    making.run(works, "gekko-lab", "numba", "numpy", "polars")
