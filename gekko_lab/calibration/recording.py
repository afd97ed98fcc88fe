"""What was recorded, read and put on an even grid of candles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from gekko_lab.errors import DataError, InvalidArgument
from gekko_lab.frames import steps
from gekko_lab.frames.checks import check_candles, times_of
from gekko_lab.frames.convert import to_candles
from gekko_lab.frames.resample import find_timeframe
from gekko_lab.frames.schemas import CANDLES, TIME
from gekko_lab.market.moments import show_time
from gekko_lab.market.timeframe import DAY, HOUR, MINUTE
from gekko_lab.realism import trades as flows
from gekko_lab.simulation import GENESIS, HORIZON

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gekko_lab.market.timeframe import Timeframe

_LEAST_DAYS = 2
_LEAST_CANDLES = 500
_LEAST_TRADED = 100
_MOST_TIME = 90 * DAY
_PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True)
class Recorded:
    """Recorded candles, ready to be measured.

    Attributes
    ----------
    table : polars.DataFrame
        `CANDLES` and `trade_count` (null where unknown); quiet rows stand where candles without
        trades were left out.
    width : Timeframe
        Of the candles.
    tick : int or None
        Decimals of prices; None where they have no common ones.
    """

    table: pl.DataFrame
    width: Timeframe
    tick: int | None

    @property
    def since(self) -> int:
        """The first open time."""
        return int(times_of(self.table)[0])

    @property
    def until(self) -> int:
        """The last close."""
        return int(times_of(self.table)[-1]) + self.width.shortest


def read(candles: object, trades: object = None) -> Recorded:
    """Read candles, and their trades where there are some; refuse what can't be calibrated to."""
    table = to_candles(candles)
    width = find_timeframe(table)
    if width is None:
        raise DataError("too few candles to see their width: two days are needed at the least")
    _check_width(width)
    check_candles(table, width)
    opens = times_of(table)
    table = table.filter(opens >= opens[-1] + width.shortest - _MOST_TIME)
    if "trade_count" not in table.columns:
        table = table.with_columns(trade_count=pl.lit(None, pl.Int64))
    if trades is not None:
        table = _counted(table, flows.read(trades), width.shortest)
    kept = table.select(*CANDLES.names(), "trade_count")
    prices = np.stack([kept[name].to_numpy() for name in _PRICES])
    tick = steps.find_decimals(prices, noise=steps.NOISE)
    found = Recorded(_evened(kept, width.shortest), width, tick)
    _check_enough(found)
    return found


def _check_width(width: Timeframe) -> None:
    length = width.milliseconds
    if length is None or length % MINUTE or length > HOUR or HOUR % length:
        raise InvalidArgument(
            f"candles of {width} don't show how a day goes: give candles of 1m (the best), or of "
            "other minutes that divide an hour"
        )


def _check_enough(found: Recorded) -> None:
    length, traded = found.until - found.since, int((found.table["volume"] > 0).sum())
    short = length < _LEAST_DAYS * DAY - HOUR  # quiet minutes at the ends may have been left out
    if short or len(found.table) < _LEAST_CANDLES or traded < _LEAST_TRADED:
        raise DataError(
            f"{len(found.table)} candles of {found.width} over {length / DAY:.1f} days, {traded} "
            f"with trades, say too little: give {_LEAST_DAYS} days and {_LEAST_CANDLES} candles, "
            f"{_LEAST_TRADED} of them with trades, at the least"
        )
    if (found.table["low"] <= 0).any():
        raise DataError("candles with prices of zero or less are those of no simulated market")
    if found.since < GENESIS or found.until > HORIZON:
        raise InvalidArgument(
            f"the candles are from {show_time(found.since)} to {show_time(found.until)}, and the "
            f"simulated market exists from {show_time(GENESIS)} to {show_time(HORIZON)}"
        )


def _counted(table: pl.DataFrame, trades: pl.DataFrame, width: int) -> pl.DataFrame:
    """Count the trades of each candle, as far as trades were recorded."""
    opens, places = times_of(table).to_numpy(), times_of(trades).to_numpy() // width * width
    if not places.size:
        raise DataError("there are no trades among the trades")
    first, last = (np.searchsorted(places, opens, side) for side in ("left", "right"))
    inside = (opens >= places[0]) & (opens <= places[-1])
    counts = pl.Series(last - first).cast(pl.Int64)
    return table.with_columns(trade_count=pl.when(pl.Series(inside)).then(counts))


def _evened(table: pl.DataFrame, width: int) -> pl.DataFrame:
    """Put quiet candles into gaps up to an hour, where exchanges leave out what wasn't traded."""
    opens = times_of(table).to_numpy()
    lacking = np.diff(opens, append=opens[-1] + width) // width - 1
    lacking[lacking * width > HOUR] = 0
    row = np.repeat(np.arange(opens.size), lacking + 1)
    place = np.arange(row.size) - np.searchsorted(row, row)
    return _quieted(table[row], place, opens[row] + place * width)


def _quieted(
    table: pl.DataFrame, place: NDArray[np.int64], opens: NDArray[np.int64]
) -> pl.DataFrame:
    quiet = pl.Series(place > 0)
    known = pl.col("trade_count").is_not_null()
    return table.with_columns(
        pl.Series("timestamp", opens * 1000, dtype=pl.Int64).cast(TIME),
        *(pl.when(quiet).then(pl.col("close")).otherwise(name).alias(name) for name in _PRICES),
        volume=pl.when(quiet).then(0.0).otherwise("volume"),
        trade_count=pl.when(quiet & known).then(0).otherwise("trade_count"),
    )
