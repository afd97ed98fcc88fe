"""Rows that are clearly sound: a quick yes, in a fraction of the time that a reason takes.

Whatever isn't clear goes through the checks that name the row and the rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from gekko_lab.frames.schemas import CANDLES, TRADES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gekko_lab.market.spans import Span
    from gekko_lab.market.timeframe import Timeframe

_NAMES = CANDLES.names()


def microseconds(frame: pl.DataFrame) -> NDArray[np.int64]:
    """Give the times of a frame, not copied where they lie in one piece."""
    times: NDArray[np.int64] = frame["timestamp"].to_numpy().view(np.int64)
    return times


def clearly_candles(frame: pl.DataFrame, width: Timeframe | None, span: Span | None) -> bool:
    """Tell whether rows in the columns of candles are sound ones, each right after the other."""
    if width is None or width.milliseconds is None or frame.is_empty():
        return False
    columns = [frame.get_column(name) for name in _NAMES]
    if any(column.null_count() for column in columns):
        return False
    times, step = columns[0].to_numpy().view(np.int64), width.milliseconds * 1000
    if (int(times[0]) - width.origin * 1000) % step or np.any(times[1:] - times[:-1] != step):
        return False
    if not _inside(times, span):
        return False
    opens, highs, lows, closes, volumes = (column.to_numpy() for column in columns[1:])
    ordered = (lows <= opens) & (lows <= closes) & (opens <= highs) & (closes <= highs)
    finite = np.isfinite(lows.min()) and np.isfinite(highs.max())
    return bool(finite and ordered.all() and volumes.min() >= 0 and np.isfinite(volumes.max()))


def clearly_trades(frame: pl.DataFrame, span: Span | None) -> bool:
    """Tell whether rows in the columns of trades are sound ones, with ids that count upwards."""
    if frame.is_empty() or frame.schema != TRADES:
        return False
    if any(frame[name].null_count() for name in ("timestamp", "id", "price", "amount")):
        return False
    numbers = frame["id"].cast(pl.Int64, strict=False)
    if numbers.null_count() or not _rises(numbers.to_numpy()):
        return False
    times, prices, amounts = (frame[name].to_numpy() for name in ("timestamp", "price", "amount"))
    plain = times.view(np.int64)
    return bool(
        np.all(plain[1:] >= plain[:-1])
        and _inside(plain, span)
        and np.isfinite(prices.min())
        and np.isfinite(prices.max())
        and amounts.min() > 0
        and np.isfinite(amounts.max())
    )


def _rises(numbers: NDArray[np.int64]) -> bool:
    return bool(np.all(numbers[1:] > numbers[:-1]))


def _inside(times: NDArray[np.int64], span: Span | None) -> bool:
    if span is None:
        return True
    return int(times[0]) >= span.since * 1000 and int(times[-1]) < span.until * 1000
