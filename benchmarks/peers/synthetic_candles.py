"""Contender: synthetic-ohlcv, which makes up to 100,000 candles a call."""

from __future__ import annotations

from typing import Any

import making
import polars as pl
from synthetic_ohlcv import SyntheticKlinesConfig, VolatilityClusterConfig, make_synthetic_ohlcv

_MINUTE = 60_000
_MOST = 100_000


def _quickstart(task: making.Task, seed: int) -> pl.DataFrame:
    """Do what its README begins with: noise around two cycles."""
    return _candles(task, seed)


def _clusters(task: making.Task, seed: int) -> pl.DataFrame:
    """Let volatility cluster, which ours always does."""
    return _candles(task, seed, volatility_cluster=VolatilityClusterConfig(enabled=True))


def _candles(task: making.Task, seed: int, **settings: Any) -> pl.DataFrame:  # noqa: ANN401
    calls = -(-task.rows // _MOST)
    size = -(-task.rows // calls)
    return pl.concat(
        make_synthetic_ohlcv(
            SyntheticKlinesConfig(
                rows=min(size, task.rows - first),
                seed=seed * calls + first // size,
                interval_ms=_MINUTE,
                start_timestamp=task.since + first * _MINUTE,
                **settings,
            )
        )
        for first in range(0, task.rows, size)
    )


def _rows(table: pl.DataFrame, task: making.Task) -> int:
    steps = table["timestamp"].diff().drop_nulls()
    making.expect("a candle each minute", true=bool((steps == _MINUTE).all()))
    making.expect("rows as asked for", true=table.height == task.rows)
    low, high = pl.min_horizontal("open", "close"), pl.max_horizontal("open", "close")
    inside = (pl.col("low") <= low) & (pl.col("high") >= high)
    making.expect("possible candles", true=bool(table.select(inside.all()).item()))
    return table.height


if __name__ == "__main__":
    works = {
        "quickstart": making.Work(_quickstart, _rows),
        "clusters": making.Work(_clusters, _rows),
    }
    making.run(works, "synthetic-ohlcv", "numpy", "polars")
