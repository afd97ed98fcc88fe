"""Candles that grow by trades as they come."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl

from gekko_lab.frames.candles import candles_from_trades
from gekko_lab.frames.schemas import CANDLES, PRINTS, empty

if TYPE_CHECKING:
    from datetime import datetime

_COLUMNS = list(PRINTS)
_MOST = 5_000


class Forming:
    """Candles of one market: closed ones, and the one that trades are still made in.

    The first candle that trades come into has begun before them. Where nobody told by `join` what
    it was then, it isn't shown before it is put in whole.

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
    >>> whole = gekko_lab.candles_from_trades(trades, "1m")
    >>> forming = Forming("1m")
    >>> forming.join(whole[:0])
    >>> for part in trades.iter_slices(50):
    ...     _ = forming.add(part)
    >>> forming.candles.equals(whole)
    True
    """

    def __init__(self, timeframe: str) -> None:
        self._timeframe = timeframe
        self._open: pl.DataFrame | None = None  # the newest candle that trades came into
        self._closed: datetime | None = None  # the newest one that is known to be whole
        self.candles = empty(CANDLES)

    @property
    def joined(self) -> bool:
        """Whether trades have come, or what was before them."""
        return self._open is not None

    def join(self, candle: pl.DataFrame) -> None:
        """Go on with a candle as far as it had come before the first trade; no row for nothing."""
        self._open = candle.select(CANDLES.names())

    def add(self, trades: pl.DataFrame) -> pl.DataFrame:
        """Take newer trades, and give the candles that changed."""
        made: pl.DataFrame = candles_from_trades(trades.select(_COLUMNS), self._timeframe)
        made = made.select(CANDLES.names())
        if self._open is None:
            self._closed = made["timestamp"].first()  # type: ignore[assignment]
        else:
            made = _joined(self._open, made)
        self._open = made.tail(1)
        if self._closed is not None:  # what was told whole doesn't change by trades that come late
            made = made.filter(pl.col("timestamp") > self._closed)
        before = self.candles
        if not made.is_empty():
            before = before.filter(pl.col("timestamp") < made["timestamp"].first())
        self.candles = pl.concat([before, made]).tail(_MOST)
        return made

    def close(self, closed: pl.DataFrame) -> pl.DataFrame:
        """Take candles as they closed, and give all from the first one on that it changed."""
        last: datetime = closed["timestamp"].last()  # type: ignore[assignment]
        self._closed = last if self._closed is None else max(last, self._closed)
        before = self.candles
        self.put(closed)
        same = closed.join(before, on=CANDLES.names(), how="semi")["timestamp"].implode()
        changed = closed.filter(~pl.col("timestamp").is_in(same))
        if changed.is_empty():
            return empty(CANDLES)
        return self.candles.filter(pl.col("timestamp") >= changed["timestamp"].first())

    def put(self, closed: pl.DataFrame) -> None:
        """Put closed candles in the place of what is known of their time."""
        times = closed["timestamp"].implode()
        others = self.candles.filter(~pl.col("timestamp").is_in(times))
        both = pl.concat([others, closed.select(CANDLES.names())])
        self.candles = both.sort("timestamp").tail(_MOST)


def _joined(opened: pl.DataFrame, made: pl.DataFrame) -> pl.DataFrame:
    """Go on with an open candle; trades from before it are in candles that have closed."""
    if opened.is_empty():
        return made
    made = made.filter(pl.col("timestamp") >= opened["timestamp"].first())
    if made.is_empty() or made["timestamp"].first() != opened["timestamp"].first():
        return pl.concat([opened, made])
    time, first, high, low, _, volume = opened.row(0)
    _, _, most, least, last, more = made.row(0)
    whole = float(Decimal(repr(volume)) + Decimal(repr(more)))  # as the decimals that they show
    row = (time, first, max(high, most), min(low, least), last, whole)
    return pl.concat([pl.DataFrame([row], schema=CANDLES, orient="row"), made[1:]])
