"""Between events one by one and frames with one row an event."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from gekko_lab.events.types import Candle, OrderBook, Ticker, Trade
from gekko_lab.frames.schemas import (
    BOOK_SIDE,
    CANDLES_FULL,
    ORDER_BOOK,
    SIDE,
    TICKER,
    TIME,
    TRADES,
    streamed,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from gekko_lab.events.types import Event, Levels, MarketKind

SCHEMAS: Final[dict[MarketKind, pl.Schema]] = {
    "trade": TRADES,
    "candle": CANDLES_FULL,
    "order_book": ORDER_BOOK,
    "ticker": TICKER,
}
"""The columns of one symbol's rows of a kind."""

STREAMS: Final[dict[MarketKind, pl.Schema]] = {
    kind: streamed(schema) for kind, schema in SCHEMAS.items()
}
"""The same with symbol, received and sequence, as a feed gives them."""


def stamped(
    kind: MarketKind,
    symbol: str,
    frame: pl.DataFrame,
    sequence: NDArray[np.int64],
    received_us: int,
) -> pl.DataFrame:
    """Give one symbol's rows as a feed gives them; a column `received` stays as it is."""
    received = (
        pl.col("received")
        if "received" in frame.columns
        else pl.lit(received_us).cast(TIME).alias("received")
    )
    return frame.select(
        pl.lit(symbol).alias("symbol"),
        *SCHEMAS[kind].names(),
        received,
        pl.Series("sequence", sequence),
    )


def runs(times: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give the places at which a new time begins."""
    return np.flatnonzero(np.append(times.size > 0, times[1:] != times[:-1])[: times.size])


def to_events(
    kind: MarketKind, exchange: str, timeframe: str, rows: pl.DataFrame
) -> Sequence[Event]:
    """Give the events of stamped rows, in their order."""
    if rows.is_empty():
        return []
    if kind == "order_book":
        return _books(exchange, rows)
    symbols = rows["symbol"]
    symbol = repeat(symbols[0]) if symbols.n_unique() == 1 else symbols.to_list()
    times = _whole(rows["timestamp"])
    received, sequence = _whole(rows["received"]), rows["sequence"].to_list()
    head = (repeat(exchange), symbol, times, received, sequence)
    column = {name: rows[name] for name in SCHEMAS[kind].names()}
    if kind == "trade":
        rest = (column["id"].to_list(), _sides(column["side"]), *_floats(column, "price", "amount"))
        return list(map(Trade, *head, *rest))
    if kind == "candle":
        numbers = [column[name].to_list() for name in SCHEMAS[kind].names()[1:]]
        return list(map(Candle, *head, repeat(timeframe), *numbers))
    return list(map(Ticker, *head, *(column[n].to_list() for n in SCHEMAS[kind].names()[1:])))


def _whole(column: pl.Series) -> list[int]:
    return column.to_physical().to_list()


def _floats(column: dict[str, pl.Series], *names: str) -> Iterable[list[float]]:
    return (column[name].to_list() for name in names)


_SIDES: Final = SIDE.categories.to_list() if isinstance(SIDE, pl.Enum) else []


def _sides(side: pl.Series) -> list[str | None]:
    """Give texts by their number, which is several times as fast as polars' own way."""
    names: list[str | None] = [*_SIDES, None]
    codes = side.to_physical().fill_null(len(_SIDES)).to_list()
    return [names[code] for code in codes]


def _books(exchange: str, rows: pl.DataFrame) -> list[Event]:
    places = runs(rows["sequence"].to_numpy())
    prices, amounts = rows["price"].to_list(), rows["amount"].to_list()
    bid = (rows["side"] == "bid").to_numpy()
    levels = list(zip(prices, amounts, strict=True))
    ends = np.append(places[1:], rows.height)
    bids = np.add.reduceat(bid, places, dtype=np.int64)
    return [
        OrderBook(
            exchange,
            symbol,
            time,
            received,
            sequence,
            tuple(levels[start : start + count]),
            tuple(levels[start + count : end]),
            None,
        )
        for start, end, count, symbol, time, received, sequence in zip(
            places.tolist(),
            ends.tolist(),
            bids.tolist(),
            rows["symbol"].gather(places).to_list(),
            _whole(rows["timestamp"].gather(places)),
            _whole(rows["received"].gather(places)),
            rows["sequence"].gather(places).to_list(),
            strict=True,
        )
    ]


def to_rows(kind: MarketKind, events: Sequence[Event]) -> pl.DataFrame:
    """Give events of one kind as stamped rows, in their order."""
    if kind == "order_book":
        return _book_rows([each for each in events if isinstance(each, OrderBook)])
    names = [*STREAMS[kind].names()]
    columns = {name: [getattr(each, _FIELDS.get(name, name)) for each in events] for name in names}
    for name in ("timestamp", "received"):
        columns[name] = pl.Series(columns[name], dtype=pl.Int64).cast(TIME)  # type: ignore[assignment]
    return pl.DataFrame(columns, schema=STREAMS[kind])


_FIELDS: Final = {"timestamp": "timestamp_us", "received": "received_us"}


def _book_rows(books: Sequence[OrderBook]) -> pl.DataFrame:
    columns: dict[str, list[object]] = {name: [] for name in STREAMS["order_book"].names()}
    for book in books:
        sides: tuple[tuple[str, Levels], ...] = (("bid", book.bids), ("ask", book.asks))
        for side, levels in sides:
            count = len(levels)
            columns["symbol"] += repeat(book.symbol, count)
            columns["timestamp"] += repeat(book.timestamp_us, count)
            columns["side"] += repeat(side, count)
            columns["level"] += range(1, count + 1)
            columns["price"] += (price for price, _ in levels)
            columns["amount"] += (amount for _, amount in levels)
            columns["received"] += repeat(book.received_us, count)
            columns["sequence"] += repeat(book.sequence, count)
    made = {name: pl.Series(name, values, strict=False) for name, values in columns.items()}
    made["side"] = pl.Series("side", columns["side"], dtype=BOOK_SIDE)
    return pl.DataFrame(
        {
            name: made[name].cast(pl.Int64).cast(TIME) if dtype == TIME else made[name].cast(dtype)
            for name, dtype in STREAMS["order_book"].items()
        }
    )


def times_of(kind: MarketKind, frame: pl.DataFrame) -> NDArray[np.int64]:
    """Give the time of each event in rows of one symbol: one for all rows of an order book."""
    times = frame["timestamp"].to_physical().to_numpy()
    return times[runs(times)] if kind == "order_book" else times


def spread(kind: MarketKind, frame: pl.DataFrame, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give the numbers of events to each of their rows."""
    if kind != "order_book":
        return numbers
    times = frame["timestamp"].to_physical().to_numpy()
    places = runs(times)
    return np.repeat(numbers, np.diff(np.append(places, times.size)))
