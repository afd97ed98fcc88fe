"""Contenders: polars' ways from trades to candles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import making
import numpy as np
import polars as pl
import tape

if TYPE_CHECKING:
    from polars import DataFrame

_TIME = pl.Datetime("us", "UTC")
_OHLCV = (
    pl.col("price").first().alias("open"),
    pl.col("price").max().alias("high"),
    pl.col("price").min().alias("low"),
    pl.col("price").last().alias("close"),
    pl.col("amount").sum().alias("volume"),
)
_MINUTE = pl.col("timestamp").to_physical() // tape.MINUTE_US
_AS_TIME = (pl.col("timestamp") * tape.MINUTE_US).cast(_TIME)


def _table(task: making.Task) -> DataFrame:
    arrays = tape.trades(task)
    times = pl.Series("timestamp", arrays.pop("timestamp")).cast(_TIME).set_sorted()
    return pl.DataFrame([times, *(pl.Series(name, array) for name, array in arrays.items())])


def _buckets(trades: DataFrame, _: int) -> DataFrame:
    grouped = trades.group_by(_MINUTE.alias("timestamp"), maintain_order=True)
    return grouped.agg(_OHLCV).with_columns(_AS_TIME)


def _sorted_buckets(trades: DataFrame, _: int) -> DataFrame:
    return _buckets_of(trades.with_columns(_MINUTE.set_sorted().alias("timestamp")))


def _buckets_of(trades: DataFrame) -> DataFrame:
    return trades.group_by("timestamp", maintain_order=True).agg(_OHLCV).with_columns(_AS_TIME)


def _streaming(trades: DataFrame, _: int) -> DataFrame:
    grouped = trades.lazy().group_by(_MINUTE.alias("timestamp")).agg(_OHLCV)
    return grouped.sort("timestamp").with_columns(_AS_TIME).collect(engine="streaming")


def _dynamic(trades: DataFrame, _: int) -> DataFrame:
    return trades.group_by_dynamic("timestamp", every="1m").agg(_OHLCV)


def _dynamic_integers(trades: DataFrame, _: int) -> DataFrame:
    plain = trades.with_columns(pl.col("timestamp").to_physical().set_sorted())
    every = f"{tape.MINUTE_US}i"
    candles = plain.group_by_dynamic("timestamp", every=every).agg(_OHLCV)
    return candles.with_columns(pl.col("timestamp").cast(_TIME))


def _runs(trades: DataFrame, _: int) -> DataFrame:
    """Let polars find the runs of a minute, and numpy work along them."""
    runs = trades.select(_MINUTE.rle().alias("run")).unnest("run")
    sizes = runs["len"].cast(pl.Int64).to_numpy()
    first = np.cumsum(sizes) - sizes
    price, amount = trades["price"].to_numpy(), trades["amount"].to_numpy()
    columns = {
        "timestamp": runs["value"],
        "open": price[first],
        "high": np.maximum.reduceat(price, first),
        "low": np.minimum.reduceat(price, first),
        "close": price[first + sizes - 1],
        "volume": np.add.reduceat(amount, first),
    }
    return pl.DataFrame(columns).with_columns(_AS_TIME)


def columns(candles: DataFrame) -> tape.Arrays:
    plain = candles.with_columns(pl.col("timestamp").to_physical())
    return {name: plain[name].to_numpy() for name in tape.CANDLES}


_WAYS = {
    "buckets": _buckets,
    "sorted buckets": _sorted_buckets,
    "streaming": _streaming,
    "dynamic": _dynamic,
    "dynamic integers": _dynamic_integers,
    "runs": _runs,
}

if __name__ == "__main__":
    works = {name: making.Work(way, tape.rows_of(columns), _table) for name, way in _WAYS.items()}
    making.run(works, "polars", "numpy")
