"""The rows of Binance's archive files as frames.

Columns: github.com/binance/binance-public-data, README; microseconds since 2025 for spot. A first
line that doesn't begin with a number is a header.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from gekko_lab.errors import DataError
from gekko_lab.frames.schemas import CANDLES_FULL, SIDE, TIME, TRADES, empty

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_KLINE = pl.Schema(
    {
        "timestamp": pl.Int64(),
        "open": pl.Float64(),
        "high": pl.Float64(),
        "low": pl.Float64(),
        "close": pl.Float64(),
        "volume": pl.Float64(),
        "close_time": pl.Int64(),
        "quote_volume": pl.Float64(),
        "trade_count": pl.Int64(),
        "taker_volume": pl.Float64(),
        "taker_quote_volume": pl.Float64(),
        "ignore": pl.String(),
    }
)
_AGG_TRADE = pl.Schema(
    {
        "id": pl.Int64(),
        "price": pl.Float64(),
        "amount": pl.Float64(),
        "first_id": pl.Int64(),
        "last_id": pl.Int64(),
        "timestamp": pl.Int64(),
        "maker": pl.String(),
        "best": pl.String(),  # spot only
    }
)
_AGG_TRADE_FIELDS = 7
_MICROSECONDS_FROM = 10**14  # as milliseconds this would be the year 5138, as microseconds 1973

_SIDES = {"true": "sell", "false": "buy"}  # the buyer was the maker, so the taker sold


def candles(blocks: Iterable[bytes]) -> pl.DataFrame:
    """Give the candles of the text, in its order.

    Raises
    ------
    DataError, polars.exceptions.PolarsError
        When the text isn't such rows.
    """
    parts = [_read(block, _KLINE, CANDLES_FULL.names()) for block in _without_header(blocks)]
    rows = pl.concat(parts) if parts else pl.DataFrame(schema=_KLINE).select(CANDLES_FULL.names())
    return rows.with_columns(_times(rows["timestamp"]).cast(TIME)).cast(CANDLES_FULL)


def trades(blocks: Iterable[bytes]) -> pl.DataFrame:
    """Give the aggregate trades of the text; times are whole milliseconds, as REST gives them.

    Raises
    ------
    DataError, polars.exceptions.PolarsError
        When the text isn't such rows, or ids don't follow each other.
    """
    parts = [_trade_part(block) for block in _without_header(blocks)]
    rows = pl.concat(parts) if parts else empty({**TRADES, "id": pl.Int64})
    if len(rows) and (rows["id"].diff().drop_nulls() != 1).any():
        raise DataError("trades are missing, doubled or in no order: ids don't follow each other")
    return rows.cast({"id": pl.String})


def _trade_part(block: bytes) -> pl.DataFrame:
    fields = block.partition(b"\n")[0].count(b",") + 1
    schema = pl.Schema(list(_AGG_TRADE.items())[: max(fields, _AGG_TRADE_FIELDS)])
    rows = _read(block, schema, ["timestamp", "id", "maker", "price", "amount"])
    maker = pl.col("maker").str.to_lowercase()
    side = maker.replace_strict(_SIDES, default=None, return_dtype=SIDE)
    table = rows.with_columns(
        (_times(rows["timestamp"]) // 1000 * 1000).cast(TIME), side=side
    ).select(TRADES.names())
    if table["side"].null_count():
        raise DataError("a trade's maker is neither true nor false")
    return table


def _without_header(blocks: Iterable[bytes]) -> Iterator[bytes]:
    for place, block in enumerate(blocks):
        if place == 0 and not block[:1].isdigit():
            rest = block.partition(b"\n")[2]
            if rest:
                yield rest
        else:
            yield block


def _read(block: bytes, schema: pl.Schema, names: list[str]) -> pl.DataFrame:
    places = sorted(schema.names().index(name) for name in names)
    rows = pl.read_csv(block, has_header=False, schema=schema, columns=places).select(names)
    if any(rows[name].null_count() for name in names):
        raise DataError("a row lacks a value")
    if block.count(b",") != len(rows) * (len(schema) - 1):
        raise DataError(f"a row hasn't {len(schema)} values")
    return rows


def _times(values: pl.Series) -> pl.Series:
    """Give microseconds of times in milliseconds or microseconds; a file has one of them."""
    if values.is_empty():
        return values
    micro = values >= _MICROSECONDS_FROM
    if micro.all():
        return values
    if micro.any():
        raise DataError("times are partly milliseconds, partly microseconds")
    return values * 1000
