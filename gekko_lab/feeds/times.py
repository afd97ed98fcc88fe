"""The exchange time at which a row is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from gekko_lab.events.types import MarketKind
    from gekko_lab.market.timeframe import Timeframe


def row_times(kind: MarketKind, frame: pl.DataFrame, width: Timeframe | None) -> NDArray[np.int64]:
    """Give the time of each row in microseconds: a candle's is its close."""
    times: NDArray[np.int64] = frame["timestamp"].to_physical().to_numpy()
    return times if kind != "candle" or width is None else closes(times, width)


def closes(opens: NDArray[np.int64], width: Timeframe) -> NDArray[np.int64]:
    """Give the times at which candles close that open at some times, in microseconds."""
    if width.milliseconds is not None:
        return opens + width.milliseconds * 1000
    ends = [width.next(time // 1000) * 1000 for time in opens.tolist()]
    return np.array(ends, dtype=np.int64)
