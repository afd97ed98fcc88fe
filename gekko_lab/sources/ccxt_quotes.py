"""Order books and tickers of now through ccxt's unified methods."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import polars as pl

from gekko_lab.errors import BadResponse
from gekko_lab.frames.schemas import BOOK_SIDE, ORDER_BOOK, TICKER, TIME

if TYPE_CHECKING:
    from gekko_lab.sources.ccxt_client import Client

# What exchanges accept as the number of levels, where they don't take any (ccxt 4.5.90, 2026).
_DEPTHS: dict[str, tuple[int, ...]] = {
    "binanceusdm": (5, 10, 20, 50, 100, 500, 1000),
    "bitfinex": (1, 25, 100),
    "kucoin": (20, 100),
}


def order_book(client: Client, market: dict[str, Any], depth: int, now: int) -> pl.DataFrame:
    """Give up to `depth` levels a side; `now` (milliseconds) where the exchange tells no time."""
    symbol = market["symbol"]
    steps = _DEPTHS.get(client.exchange)
    asked = depth if steps is None else next((n for n in steps if n >= depth), steps[-1])
    limit = None if client.exchange in {"coinbase", "coinbaseexchange"} else asked
    with client.asking(f"the order book of {symbol}") as ccxt, client.decoding():
        book = ccxt.fetch_order_book(symbol, limit)
    sides = {"bid": levels(book["bids"], depth), "ask": levels(book["asks"], depth)}
    check_sides(sides["bid"], sides["ask"], f"{client.exchange}'s order book of {symbol}")
    rows = [
        (name, place, *level) for name, side in sides.items() for place, level in enumerate(side, 1)
    ]
    time = book.get("timestamp") or now
    columns = list(zip(*rows, strict=True)) or [()] * 4
    return pl.DataFrame(
        {
            "timestamp": pl.Series([time * 1000] * len(rows), dtype=pl.Int64).cast(TIME),
            "side": pl.Series(columns[0], dtype=pl.String).cast(BOOK_SIDE),
            "level": pl.Series(columns[1], dtype=pl.Int64),
            "price": pl.Series(columns[2], dtype=pl.Float64),
            "amount": pl.Series(columns[3], dtype=pl.Float64),
        },
        schema=ORDER_BOOK,
    )


def ticker(client: Client, market: dict[str, Any], now: int) -> pl.DataFrame:
    """Give one row; `now` (milliseconds) where the exchange tells no time."""
    symbol = market["symbol"]
    with client.asking(f"the ticker of {symbol}") as ccxt, client.decoding():
        found = ccxt.fetch_ticker(symbol)
    row = ticker_values(found)
    if row == (None,) * 4:
        raise BadResponse(f"{client.exchange} sent a ticker of {symbol} without numbers; try again")
    time = found.get("timestamp") or now
    moment = pl.Series([time * 1000], dtype=pl.Int64).cast(TIME)
    values = dict(zip(TICKER.names(), (moment, *([value] for value in row)), strict=True))
    return pl.DataFrame(values, schema=TICKER)


def ticker_values(
    found: dict[str, Any],
) -> tuple[float | None, float | None, float | None, float | None]:
    """Give bid, ask, last and the volume of a day from one of ccxt's tickers."""
    bid, ask, last, volume = (
        _number(found.get(name)) for name in ("bid", "ask", "last", "baseVolume")
    )
    return bid, ask, last, volume


def levels(side: Any, depth: int) -> tuple[tuple[float, float], ...]:
    """Give the first levels of one of ccxt's sides, without those where nothing waits."""
    try:
        rows = [(float(row[0]), float(row[1])) for row in side[:depth]]
    except (TypeError, ValueError, IndexError) as error:
        raise BadResponse(
            f"levels that are no prices and amounts: {side[:2]}; try again"
        ) from error
    return tuple(row for row in rows if row[1] > 0)


def check_sides(
    bids: tuple[tuple[float, float], ...], asks: tuple[tuple[float, float], ...], what: str
) -> None:
    """Raise where a side isn't in order from the best outwards.

    Bids above asks pass: some exchanges show them for a moment.
    """
    for side, sign in ((bids, -1.0), (asks, 1.0)):
        for (better, _), (worse, _) in pairwise(side):
            if not 0 < (worse - better) * sign < math.inf:
                raise BadResponse(f"{what} has {better:g} before {worse:g}; try again")


def _number(value: object) -> float | None:
    if value is None:
        return None
    number = float(value)  # type: ignore[arg-type]
    return number if math.isfinite(number) else None
