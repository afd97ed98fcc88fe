"""Frames out of whole ticks and lots."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from gekko_lab.frames import steps
from gekko_lab.frames.schemas import (
    BOOK_SIDE,
    CANDLES_FULL,
    ORDER_BOOK,
    QUOTES,
    SIDE,
    TIME,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gekko_lab.simulation.aggregate import Candles
    from gekko_lab.simulation.book import Book, Tops
    from gekko_lab.simulation.minutes import Market
    from gekko_lab.simulation.minutes_compiled import Columns
    from gekko_lab.simulation.tape import Prints

_BOOK_SIDES = pl.Series(["bid", "ask"], dtype=BOOK_SIDE)


def candles(
    market: Market, opens: NDArray[np.int64], made: Candles, *, quote_volume: bool
) -> pl.DataFrame:
    """Give candles as a frame; without `quote_volume` that column is null."""
    ticks, lots = market.price_decimals, market.amount_decimals
    costs = pl.Series([None], dtype=pl.Float64).new_from_index(0, opens.size)
    if quote_volume and made.cost_high is not None and made.cost_low is not None:
        costs = pl.Series(steps.wide_decimal(made.cost_high, made.cost_low, ticks + lots))
    prices = np.empty((4, opens.size))
    for column, units in zip(prices, (made.open, made.high, made.low, made.close), strict=True):
        steps.decimal(units, ticks, out=column)
    open_, high, low, close = prices
    columns = {
        "timestamp": _moments(opens),
        "open": open_,
        "high": high,
        "low": low,
        "close": close,
        "volume": steps.decimal(made.lots, lots),
        "quote_volume": costs,
        "trade_count": made.count,
    }
    return pl.DataFrame(columns, schema=CANDLES_FULL)


def minutes(opens: NDArray[np.int64], made: Columns) -> pl.DataFrame:
    """Give one-minute candles that are in units already as a frame, without quote volume."""
    columns = {
        "timestamp": _moments(opens),
        "open": made.open,
        "high": made.high,
        "low": made.low,
        "close": made.close,
        "volume": made.volume,
        "quote_volume": pl.Series([None], dtype=pl.Float64).new_from_index(0, opens.size),
        "trade_count": made.count,
    }
    return pl.DataFrame(columns, schema=CANDLES_FULL)


def trades(made: Prints, since: int, until: int) -> pl.DataFrame:
    """Give the trades in [since, until) (milliseconds) as a frame."""
    first, last = np.searchsorted(made.time, [since * 1000, until * 1000]).tolist()
    columns = [
        pl.Series("timestamp", made.time[first:last]).cast(TIME),
        pl.Series("id", made.id[first:last]),
        sides(made.sell[first:last]).alias("side"),
        pl.Series("price", made.price[first:last]),
        pl.Series("amount", made.amount[first:last]),
    ]
    return pl.DataFrame(columns)


def sides(sell: NDArray[np.uint8]) -> pl.Series:
    """Give the sides of trades, of which 1 marks the sells."""
    codes = pl.Series(sell)
    to = getattr(codes.cat, "to", None)  # polars 2 no longer casts whole numbers to an Enum
    side: pl.Series = codes.cast(SIDE) if to is None else to(SIDE)
    return side


def order_book(market: Market, time: int, made: Book) -> pl.DataFrame:
    """Give a book as a frame."""
    counts = made.bids.size, made.asks.size
    level = np.concatenate([np.arange(1, count + 1) for count in counts])
    side = _BOOK_SIDES.gather(np.repeat(np.array([0, 1], dtype=np.uint32), counts))
    ticks = np.concatenate([made.bids, made.asks])
    lots = np.concatenate([made.bid_lots, made.ask_lots])
    columns = {
        "timestamp": _moments(np.full(level.size, time, dtype=np.int64)),
        "side": side,
        "level": level,
        "price": steps.decimal(ticks, market.price_decimals),
        "amount": steps.decimal(lots, market.amount_decimals),
    }
    return pl.DataFrame(columns, schema=ORDER_BOOK)


def quotes(market: Market, time: NDArray[np.int64], made: Tops) -> pl.DataFrame:
    """Give best quotes from some times on as a frame."""
    columns = {
        "timestamp": _moments(time),
        "bid": steps.decimal(made.bids, market.price_decimals),
        "ask": steps.decimal(made.asks, market.price_decimals),
        "bid_amount": steps.decimal(made.bid_lots, market.amount_decimals),
        "ask_amount": steps.decimal(made.ask_lots, market.amount_decimals),
    }
    return pl.DataFrame(columns, schema=QUOTES)


def _moments(time: NDArray[np.int64]) -> pl.Series:
    return pl.Series(time * 1000, dtype=pl.Int64).cast(TIME)
