"""The timeline of a source that knows its market at any time, such as the simulator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
import polars as pl

from gekko_lab.feeds.channel import Batch, Table
from gekko_lab.fetching.tickers import needed_from, tickers
from gekko_lab.frames.schemas import CANDLES_FULL, ORDER_BOOK, TRADES, empty
from gekko_lab.market.spans import Span
from gekko_lab.sources.source import Source, TradeCursor

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from gekko_lab.events.types import Event
    from gekko_lab.market.timeframe import Timeframe


@runtime_checkable
class BookSource(Protocol):
    """A source that knows its order book at any time."""

    def order_book(self, symbol: str, time: int, depth: int) -> pl.DataFrame:
        """Give the book at a time (milliseconds UTC) in the columns of `ORDER_BOOK`."""


class SourceTimeline:
    """What a source tells of its markets, page after page.

    Parameters
    ----------
    source
        Who is asked.
    symbols, kinds, width
        What for.
    interval_ms
        How far order books and tickers are apart, in milliseconds of exchange time; those that
        haven't changed since are left out.
    depth
        Levels on each side of an order book.
    """

    def __init__(
        self,
        source: Source,
        symbols: Sequence[str],
        kinds: Collection[str],
        width: Timeframe | None,
        *,
        interval_ms: int,
        depth: int,
    ) -> None:
        self.exchange, self.symbols, self.width = source.exchange, tuple(symbols), width
        self.builds = self.symbols if width is not None and source.foresees else ()
        self.dense = width is not None and source.paging(self.symbols[0], width).dense
        self._source, self._kinds = source, frozenset(kinds)
        self._interval, self._depth = interval_ms, depth

    def warmup(self, since_us: int) -> Batch | None:
        """Give the trades of the candles that are open at a time, and the closes before."""
        if self.width is None or not (self.builds or "trade" in self._kinds):
            return None
        opened = self.width.floor(since_us // 1000)
        before = self.width.shift(opened, -1)
        tables = []
        for symbol in self.symbols:
            candles = self._source.candles(symbol, self.width, before, opened).frame
            tables.append(Table("candle", symbol, candles))
            trades = self._trades(symbol, opened, -(-since_us // 1000))
            tables.append(Table("trade", symbol, trades))
        return Batch(tables=tables, warmup=True, complete_from_us=opened * 1000)

    def load(self, since_us: int, until_us: int) -> tuple[Sequence[Table], Sequence[Event]]:
        """Give the rows of [since, until); candles that close in (since, until]."""
        since, until = since_us // 1000, until_us // 1000
        return [
            table for symbol in self.symbols for table in self._tables(symbol, since, until)
        ], ()

    def _tables(self, symbol: str, since: int, until: int) -> Iterator[Table]:
        if self.builds or "trade" in self._kinds:
            yield Table("trade", symbol, self._trades(symbol, since, until))
        if self.width is not None and not self.builds:
            yield Table("candle", symbol, self._candles(symbol, self.width, since, until))
        if "order_book" in self._kinds:
            yield Table("order_book", symbol, self._books(symbol, since, until))
        if "ticker" in self._kinds:
            yield Table("ticker", symbol, self._tickers(symbol, since, until))

    def _trades(self, symbol: str, since: int, until: int) -> pl.DataFrame:
        cursor: TradeCursor | None = TradeCursor(since)
        frames = [empty(TRADES)]
        while cursor is not None and cursor.time < until:
            page = self._source.trades(symbol, cursor, until)
            frames.append(page.frame)
            cursor = page.following
        end = pl.lit(until * 1000).cast(TRADES["timestamp"])
        return pl.concat(frames).filter(pl.col("timestamp") < end)

    def _candles(self, symbol: str, width: Timeframe, since: int, until: int) -> pl.DataFrame:
        begin = width.floor(since)  # the first that closes after `since`
        return _whole(self._source.candles(symbol, width, begin, width.floor(until)).frame)

    def _tickers(self, symbol: str, since: int, until: int) -> pl.DataFrame:
        trades = self._trades(symbol, needed_from(since, self._interval), until)
        return tickers(self._source, symbol, trades, Span(since, until), self._interval)

    def _books(self, symbol: str, since: int, until: int) -> pl.DataFrame:
        if not isinstance(self._source, BookSource):
            return empty(ORDER_BOOK)
        step = self._interval
        first = -(-since // step) * step
        begins = self._source.oldest_trade(symbol, first - step)
        times = range(max(first, -(-(begins or 0) // step) * step), until, step)
        if not times:
            return empty(ORDER_BOOK)
        before = empty(ORDER_BOOK)
        if begins is None:
            before = self._source.order_book(symbol, times[0] - step, self._depth)
        frames = [empty(ORDER_BOOK)]
        for time in times:
            book = self._source.order_book(symbol, time, self._depth)
            if not _same(before, book):
                frames.append(book)
            before = book
        return pl.concat(frames)


def _same(one: pl.DataFrame, other: pl.DataFrame) -> bool:
    return one.height == other.height and all(
        np.array_equal(one[name].to_numpy(), other[name].to_numpy()) for name in ("price", "amount")
    )


def _whole(candles: pl.DataFrame) -> pl.DataFrame:
    """Give candles with all columns, null where unknown."""
    lacking = [name for name in CANDLES_FULL if name not in candles.columns]
    return candles.with_columns(
        pl.lit(None, dtype=CANDLES_FULL[name]).alias(name) for name in lacking
    ).select(CANDLES_FULL.names())
