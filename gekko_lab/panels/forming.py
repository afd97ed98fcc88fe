"""Candles that grow by trades as they come."""

from __future__ import annotations

import polars as pl

from gekko_lab.frames.candles import candles_from_trades
from gekko_lab.frames.schemas import CANDLES, PRINTS, empty

_COLUMNS = list(PRINTS)
_MOST = 5_000


class Forming:
    """Candles of one market: closed ones, and the one that trades are still made in.

    Not safe to change from two threads at once.

    Parameters
    ----------
    timeframe
        Their width.

    Examples
    --------
    >>> import gekko_lab
    >>> day = {"since": "2024-01-01T00:00", "until": "2024-01-01T00:03"}
    >>> trades = gekko_lab.fetch_trades("simulator", "BTC/USDT", **day)
    >>> forming = Forming("1m")
    >>> for part in trades.iter_slices(50):
    ...     _ = forming.add(part)
    >>> forming.candles["close"].to_list() == gekko_lab.candles_from_trades(trades, "1m")[
    ...     "close"
    ... ].to_list()
    True
    """

    def __init__(self, timeframe: str) -> None:
        self._timeframe = timeframe
        self._open = empty(PRINTS)  # trades of the newest candle
        self.candles = empty(CANDLES)
        self.begun = 0
        """How many candles began while trades came."""

    def add(self, trades: pl.DataFrame) -> pl.DataFrame:
        """Take newer trades, and give the candles that changed."""
        rows = pl.concat([self._open, trades.select(_COLUMNS)])
        changed: pl.DataFrame = candles_from_trades(rows, self._timeframe)
        newest = changed["timestamp"].last()
        self.begun += changed.height - (not self._open.is_empty())
        self._open = rows.filter(pl.col("timestamp") >= newest)
        before = self.candles.filter(pl.col("timestamp") < changed["timestamp"].first())
        self.candles = pl.concat([before, changed.select(CANDLES.names())]).tail(_MOST)
        return changed

    def put(self, closed: pl.DataFrame) -> None:
        """Put closed candles in the place of what is known of their time."""
        times = closed["timestamp"].implode()
        others = self.candles.filter(~pl.col("timestamp").is_in(times))
        both = pl.concat([others, closed.select(CANDLES.names())])
        self.candles = both.sort("timestamp").tail(_MOST)
