"""One symbol's recording: its candles of any width, and the trades around a moment."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from gekko_lab.errors import DataError, InvalidArgument, UnknownTimeframe
from gekko_lab.frames import steps
from gekko_lab.frames.resample import resample
from gekko_lab.frames.schemas import CANDLES_FULL, TIME, empty
from gekko_lab.frames.spreads import usual_spread
from gekko_lab.market.rules import MarketRules
from gekko_lab.market.spans import Span
from gekko_lab.market.timeframe import DAY
from gekko_lab.simulation import aggregate, keyed
from gekko_lab.simulation.book import AHEAD, Around
from gekko_lab.simulation.flow import CROWDED
from gekko_lab.simulation.minutes import Market

if TYPE_CHECKING:
    from gekko_lab.market.timeframe import Timeframe
    from gekko_lab.simulation.recorded import Recording, Whole

_SYMBOL = re.compile(r"([^/:\s]+)/([^/:\s]+?)(?::([^/:\s]+))?")
_NUMBERS = ("open", "high", "low", "close")


class Series:
    """What was recorded of one symbol."""

    def __init__(self, symbol: str, recording: Recording) -> None:
        self.recording = recording
        self.rules = _rules(symbol, recording)
        _check_rows(recording.candles)
        opens, width = recording.opens, recording.width.shortest
        self.span = Span(int(opens[0]), int(opens[-1]) + width)

    def rows_between(self, since: int, until: int) -> tuple[int, int]:
        """Give the rows that hold some of the time in [since, until)."""
        opens, width = self.recording.opens, self.recording.width.shortest
        first = int(np.searchsorted(opens, since - width, "right"))
        return first, max(first, int(np.searchsorted(opens, until)))

    def traded_until(self, since: int, most: int) -> int | None:
        """Give where the row ends by which so many trades came from a time on; None without any."""
        first, _ = self.rows_between(since, since)
        begun = int(self._trades_before[first])
        if begun == self._trades_before[-1]:
            return None
        row = min(self.row_of_trade(begun + most - 1), self.recording.opens.size - 1)
        return int(self.recording.opens[row]) + self.recording.width.shortest

    def row_of_trade(self, place: int) -> int:
        """Give the row of a trade by its place in the whole recording; behind the last for none."""
        return int(np.searchsorted(self._trades_before, place, "right")) - 1

    def trades_before(self, row: int) -> int:
        """Give how many trades lie before a row."""
        return int(self._trades_before[row])

    @cached_property
    def _trades_before(self) -> Whole:
        return np.append(0, np.cumsum(self.recording.rows.count))

    def resumes_at(self, timeframe: Timeframe, time: int) -> int | None:
        """Give where the first candle from an open time on opens, None where none does."""
        time = max(time, timeframe.ceil(self.span.since))
        row, _ = self.rows_between(time, time)
        if row == self.recording.opens.size:
            return None
        found = timeframe.floor(max(time, int(self.recording.opens[row])))
        return found if timeframe.next(found) <= self.span.until else None

    def candles(self, timeframe: Timeframe, since: int, until: int) -> pl.DataFrame:
        """Give the candles that open in [since, until); see `RecordedMarket.candles`."""
        if not fits(self.recording.width, timeframe):
            raise UnknownTimeframe(
                f"candles of {self.recording.width} can be neither joined nor cut into {timeframe}"
            )
        since, until = max(since, self.span.since), min(until, self.span.until)
        if timeframe.shortest < self.recording.width.shortest:
            return self._shorter(timeframe, since, until)
        first = timeframe.ceil(since)
        last = min(timeframe.ceil(until), timeframe.floor(self.span.until))
        if first >= last:
            return empty(CANDLES_FULL)
        low, high = (int(edge) for edge in np.searchsorted(self.recording.opens, [first, last]))
        rows = self.recording.candles[low:high]
        if timeframe.milliseconds != self.recording.width.milliseconds:
            given = {"present": str(self.recording.width), "since": first, "until": last}
            rows = resample(rows, str(timeframe), **given)  # type: ignore[arg-type]
        return _full(rows)

    def _shorter(self, timeframe: Timeframe, since: int, until: int) -> pl.DataFrame:
        """Make candles out of the trades; those of a quiet row have its price."""
        recording, width = self.recording, timeframe.shortest
        first, last = self.rows_between(since, until)
        parts = recording.width.shortest // width
        opens = (recording.opens[first:last, None] + np.arange(parts) * width).ravel()
        row = np.repeat(np.arange(first, last), parts)
        inside = (opens >= since) & (opens < until)
        opens, row = opens[inside], row[inside]
        if not opens.size:
            return empty(CANDLES_FULL)
        rows = recording.rows
        before = int(rows.close[first - 1] if first else rows.open[first])
        tapes = (recording.tape(*block) for block in recording.blocks(first, last))
        made = aggregate.trades(tapes, opens, int(opens[-1]) + width, before)
        return self._framed(made, opens, row)

    def _framed(self, made: aggregate.Candles, opens: Whole, row: Whole) -> pl.DataFrame:
        rows, step = self.recording.rows, self.recording.step
        quiet = rows.count[row] == 0
        prices = {
            name: self.recording.prices(np.where(quiet, rows.close[row], getattr(made, name)), row)
            for name in _NUMBERS
        }
        decimals = self.recording.tick + step
        columns = {
            "timestamp": pl.Series(opens * 1000, dtype=pl.Int64).cast(TIME),
            **prices,
            "volume": steps.decimal(made.lots, step),
            "quote_volume": steps.wide_decimal(made.cost_high, made.cost_low, decimals),  # type: ignore[arg-type]
            "trade_count": made.count,
        }
        return pl.DataFrame(columns, schema=CANDLES_FULL)

    def around(self, time: int) -> Around:
        """Give the last trade at a moment and some after it, as far as there are any."""
        recording, size = self.recording, self.recording.opens.size
        row = int(np.searchsorted(recording.opens, time, "right")) - 1
        start = min(row, self.row_of_trade(max(0, self.trades_before(row) - 1)))
        end = min(size, self.row_of_trade(self.trades_before(row + 1) + AHEAD) + 1)
        made = recording.tape(start, end)
        reach = np.full(made.time.size, self.market.half_spread)
        return Around(time, made, int(np.searchsorted(made.time, time, "right")) - 1, reach)

    @cached_property
    def market(self) -> Market:
        """What an order book needs to know."""
        recording = self.recording
        table, count = recording.candles, int(recording.rows.count.sum())
        if not count:
            raise InvalidArgument(f"{self.rules.symbol} was recorded without any trade")
        cost = float((table["close"] * table["volume"]).sum()) / count
        tick = 10.0**-recording.tick / float(np.abs(table["close"].to_numpy()).mean())
        spread = usual_spread(table, recording.width.shortest)
        return Market(
            symbol=self.rules.symbol,
            stream=keyed.key(recording.stream, self.rules.symbol),
            price_decimals=recording.tick,
            amount_decimals=recording.step,
            rate=count * 60_000.0 / (self.span.until - self.span.since),
            cost=cost,
            half_spread=max(spread if spread > 0 else tick, tick) / 2.0,
            flow=CROWDED,
            season=0.0,
        )


def _check_rows(table: pl.DataFrame) -> None:
    if table.is_empty():
        raise DataError("no candles, so there is nothing to replay")
    fallen = np.flatnonzero(table["low"].to_numpy() <= 0.0)
    if fallen.size:
        row = int(fallen[0])
        raise DataError(
            f"candle {row} of {len(table)} has a low of {table['low'][row]}: an order book needs "
            "positive prices"
        )


def fits(width: Timeframe, timeframe: Timeframe) -> bool:
    """Tell whether candles of `width` can be joined or cut into those of `timeframe`."""
    present, wanted = width.milliseconds, timeframe.milliseconds
    if present is None:
        return False
    if wanted is None:
        return DAY % present == 0
    short, long = sorted((present, wanted))
    return long % short == 0 and (timeframe.origin - width.origin) % short == 0


def _full(table: pl.DataFrame) -> pl.DataFrame:
    lacking = [name for name in CANDLES_FULL if name not in table.columns]
    return table.with_columns(
        pl.lit(None, CANDLES_FULL[name]).alias(name) for name in lacking
    ).select(CANDLES_FULL.names())


def _rules(symbol: str, recording: Recording) -> MarketRules:
    named = _SYMBOL.fullmatch(symbol)
    if named is None:
        raise InvalidArgument(f"{symbol!r} is no symbol: write base and quote, as in 'BTC/USDT'")
    step = 1.0 / 10**recording.step
    return MarketRules(
        symbol=symbol,
        market_id=symbol.replace("/", "").replace(":", "_"),
        base=named[1],
        quote=named[2],
        settle=named[3],
        type="spot" if named[3] is None else "swap",
        tick_size=1.0 / 10**recording.tick,
        step_size=step,
        min_amount=step,
    )
