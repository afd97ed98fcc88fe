"""Tickers out of quotes, trades and minutes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
import polars as pl

from gekko_lab.frames import steps
from gekko_lab.frames.checks import times_of
from gekko_lab.frames.schemas import TICKER, TIME, TRADES, empty
from gekko_lab.market.timeframe import DAY, MINUTE, Timeframe
from gekko_lab.sources.source import TradeCursor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gekko_lab.market.spans import Span
    from gekko_lab.sources.source import Source

    Whole = NDArray[np.int64]

_MINUTE = Timeframe.parse("1m")


@runtime_checkable
class QuoteSource(Protocol):
    """A source that knows its best quotes at any time."""

    def quotes(self, symbol: str, since: int, until: int) -> pl.DataFrame:
        """Give the best quotes after each moment with trades, in the columns of `QUOTES`."""


def tickers(
    source: Source, symbol: str, trades: pl.DataFrame, span: Span, step: int
) -> pl.DataFrame:
    """Give the tickers at whole steps of a span in whose step there were trades.

    Parameters
    ----------
    source, symbol
        Of which market.
    trades
        Those since `needed_from(since, step)`.
    span, step
        In milliseconds.

    Returns
    -------
    polars.DataFrame
        In the columns of `TICKER`; the volume is that of the last 24 hours and the running minute.
    """
    times = np.arange(-(-span.since // step) * step, span.until, step, dtype=np.int64)
    traded = times_of(trades).to_numpy()
    count = np.searchsorted(traded, times, "right")
    changed = count > np.searchsorted(traded, times - step, "right")
    times, count = times[changed], count[changed]
    if not times.size:
        return empty(TICKER)
    bids, asks = _best(source, symbol, times, step)
    columns = {
        "timestamp": pl.Series(times * 1000).cast(TIME),
        "bid": bids,
        "ask": asks,
        "last": trades["price"].gather(count - 1),
        "volume": _volumes(source, symbol, trades, times, count),
    }
    return pl.DataFrame(columns, schema=TICKER)


def ticker_at(source: Source, symbol: str, time: int) -> pl.DataFrame:
    """Give the ticker of a moment (milliseconds) of a source that knows its market at any time.

    Returns
    -------
    polars.DataFrame
        One row in the columns of `TICKER`; empty before the first trade.
    """
    minute = time // MINUTE * MINUTE
    trades = _trades(source, symbol, minute, time + 1)
    before = source.candles(symbol, _MINUTE, minute - DAY, minute).frame
    last = [*before["close"].tail(1), *trades["price"].tail(1)]
    if not last:
        return empty(TICKER)
    times, count = np.array([time]), np.array([trades.height])
    bids, asks = _tops(source, symbol, times)
    columns = {
        "timestamp": pl.Series(times * 1000).cast(TIME),
        "bid": bids,
        "ask": asks,
        "last": last[-1:],
        "volume": _volumes(source, symbol, trades, times, count),
    }
    return pl.DataFrame(columns, schema=TICKER)


def _trades(source: Source, symbol: str, since: int, until: int) -> pl.DataFrame:
    cursor: TradeCursor | None = TradeCursor(since)
    frames = [empty(TRADES)]
    while cursor is not None and cursor.time < until:
        page = source.trades(symbol, cursor, until)
        frames.append(page.frame)
        cursor = page.following
    return pl.concat(frames).filter(pl.col("timestamp") < pl.lit(until * 1000).cast(TIME))


def needed_from(since: int, step: int) -> int:
    """Tell from when on trades are needed for the tickers since a time."""
    first = -(-since // step) * step
    return min(first - step + 1, first // MINUTE * MINUTE)


def _best(
    source: Source, symbol: str, times: Whole, step: int
) -> tuple[list[float | None], list[float | None]]:
    if isinstance(source, QuoteSource):
        quotes = source.quotes(symbol, int(times[0]) - step + 1, int(times[-1]) + 1)
        place = np.searchsorted(times_of(quotes).to_numpy(), times, "right") - 1
        return quotes["bid"].gather(place).to_list(), quotes["ask"].gather(place).to_list()
    return _tops(source, symbol, times)


def _tops(
    source: Source, symbol: str, times: Whole
) -> tuple[list[float | None], list[float | None]]:
    order_book = getattr(source, "order_book", None)
    if order_book is None:
        return [None] * times.size, [None] * times.size
    tops = [dict(order_book(symbol, t, 1).select("side", "price").rows()) for t in times.tolist()]
    return [top.get("bid") for top in tops], [top.get("ask") for top in tops]


def _volumes(
    source: Source, symbol: str, trades: pl.DataFrame, times: Whole, count: Whole
) -> list[float] | list[None]:
    size = source.market(symbol).step_size
    if size is None:
        return [None] * times.size
    decimals = steps.read_step(size).decimals
    minutes = times // MINUTE * MINUTE
    begin, end = int(minutes[0]) - DAY, int(minutes[-1])
    candles = source.candles(symbol, _MINUTE, begin, end).frame
    # Whole steps add up exactly, so the sums don't depend on where they begin.
    closed = _sums(candles["volume"], decimals)
    opens = times_of(candles).to_numpy()
    day = closed[np.searchsorted(opens, minutes)] - closed[np.searchsorted(opens, minutes - DAY)]
    running = _sums(trades["amount"], decimals)
    before = np.searchsorted(times_of(trades).to_numpy(), minutes)
    volumes: list[float] = steps.decimal(day + running[count] - running[before], decimals).tolist()
    return volumes


def _sums(numbers: pl.Series, decimals: int) -> Whole:
    return np.append(0, np.cumsum(steps.to_steps(numbers.to_numpy(), decimals)))
