"""Contenders: pandas' ways from trades to candles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import making
import pandas as pd
import tape

if TYPE_CHECKING:
    from pandas import DataFrame


def _table(task: making.Task) -> DataFrame:
    arrays = tape.trades(task)
    times = pd.DatetimeIndex(arrays.pop("timestamp").view("datetime64[us]"), tz="UTC")
    return pd.DataFrame(arrays, index=times)


def _resample(trades: DataFrame, _: int) -> DataFrame:
    grouped = trades.resample("1min")
    candles: DataFrame = grouped["price"].ohlc()
    return candles.assign(volume=grouped["amount"].sum())


def _buckets(trades: DataFrame, _: int) -> DataFrame:
    grouped = trades.groupby(trades.index.asi8 // tape.MINUTE_US, sort=False)
    price = grouped["price"]
    columns = {
        "open": price.first(),
        "high": price.max(),
        "low": price.min(),
        "close": price.last(),
        "volume": grouped["amount"].sum(),
    }
    candles = pd.DataFrame(columns)
    times = pd.DatetimeIndex((candles.index.to_numpy() * tape.MINUTE_US).view("datetime64[us]"))
    return candles.set_index(times.tz_localize("UTC"))


def _columns(candles: DataFrame) -> tape.Arrays:
    candles = candles.dropna()  # minutes without trades
    times = candles.index.as_unit("us").asi8
    return {"timestamp": times} | {name: candles[name].to_numpy() for name in candles}


if __name__ == "__main__":
    ways = {"resample": _resample, "buckets": _buckets}
    works = {name: making.Work(way, tape.rows_of(_columns), _table) for name, way in ways.items()}
    making.run(works, "pandas", "numpy")
