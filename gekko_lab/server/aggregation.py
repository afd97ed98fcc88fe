"""Candles from trades and from shorter candles, independent of what clients compute."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from gekko_lab.frames.schemas import CANDLES_FULL, TIME

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gekko_lab.market.timeframe import Timeframe

_MILLISECOND = np.int64(1000)
_TAKEN = {"taker_volume": pl.Float64(), "taker_quote_volume": pl.Float64()}
_COLUMNS = {**CANDLES_FULL, **_TAKEN}


def opens_of(frame: pl.DataFrame) -> NDArray[np.int64]:
    """Give the times of a frame as milliseconds."""
    times: NDArray[np.int64] = frame["timestamp"].to_physical().to_numpy()
    return times // _MILLISECOND


def candles_from_trades(
    trades: pl.DataFrame, timeframe: Timeframe, *, taken: bool = False
) -> pl.DataFrame:
    """Give the candles of those trades; a time without trades has none.

    With `taken` they tell as well what buyers took, `taker_volume` and `taker_quote_volume`.
    """
    bought = pl.col("side") == "buy"
    more = {
        "taker_volume": pl.col("amount").filter(bought).sum(),
        "taker_quote_volume": (pl.col("price") * pl.col("amount")).filter(bought).sum(),
    }
    return _collect(
        trades,
        timeframe,
        open=pl.col("price").first(),
        high=pl.col("price").max(),
        low=pl.col("price").min(),
        close=pl.col("price").last(),
        volume=pl.col("amount").sum(),
        quote_volume=(pl.col("price") * pl.col("amount")).sum(),
        trade_count=pl.len(),
        **(more if taken else {}),
    )


def with_sums(candles: pl.DataFrame, sums: pl.DataFrame) -> pl.DataFrame:
    """Give the candles with what buyers took, and costs and counts where they aren't known.

    `sums` are the candles of their trades, with what was taken.
    """
    known = ["quote_volume", "trade_count"]
    told = sums.select("timestamp", *known, *_TAKEN)
    return (
        candles.join(told, on="timestamp", how="left", maintain_order="left", suffix="_told")
        .with_columns(
            *(pl.coalesce(name, f"{name}_told", pl.lit(0)) for name in known),
            *(pl.col(name).fill_null(0.0) for name in _TAKEN),
        )
        .select(pl.col(name).cast(dtype) for name, dtype in _COLUMNS.items())
    )


def join_candles(candles: pl.DataFrame, timeframe: Timeframe) -> pl.DataFrame:
    """Give the longer candles of shorter ones, in order; what is missing is left out.

    As on the real exchange the first trade opens a candle, not a quiet minute before it.
    """
    alive = (pl.col("volume") > 0) | (pl.col("high") > pl.col("low"))
    told = alive | ~(pl.col("volume") > 0).any()
    return _collect(
        candles,
        timeframe,
        open=pl.col("open").filter(told).first(),
        high=pl.col("high").filter(told).max(),
        low=pl.col("low").filter(told).min(),
        close=pl.col("close").last(),
        volume=pl.col("volume").sum(),
        quote_volume=_known_sum("quote_volume"),
        trade_count=_known_sum("trade_count"),
        **{name: _known_sum(name) for name in _TAKEN if name in candles.columns},
    )


def _known_sum(name: str) -> pl.Expr:
    return pl.when(pl.col(name).is_not_null().all()).then(pl.col(name).sum())


def _collect(frame: pl.DataFrame, timeframe: Timeframe, **columns: pl.Expr) -> pl.DataFrame:
    floors = pl.Series("timestamp", _floors(opens_of(frame), timeframe) * _MILLISECOND)
    return (
        frame.with_columns(floors.cast(TIME))
        .group_by("timestamp", maintain_order=True)
        .agg(**columns)
        .select(
            pl.col(name).cast(dtype)
            for name, dtype in _COLUMNS.items()
            if name == "timestamp" or name in columns
        )
    )


def _floors(times: NDArray[np.int64], timeframe: Timeframe) -> NDArray[np.int64]:
    width = timeframe.milliseconds
    if width is not None:
        return times - (times - timeframe.origin) % width
    if not len(times):
        return times
    last = int(times[-1]) + 1
    edges = np.fromiter(timeframe.opens(timeframe.floor(int(times[0])), last), np.int64)
    return edges[np.searchsorted(edges, times, side="right") - 1]
