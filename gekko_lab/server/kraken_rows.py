"""Kraken's candles and trades as JSON text, and the nanoseconds of its trades.

Formats follow Kraken's public API documents, 2026.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import polars as pl

from gekko_lab.server.aggregation import opens_of
from gekko_lab.server.rendering import PLACES, Rows, decimals, json_list, number

if TYPE_CHECKING:
    from gekko_lab.market.rules import MarketRules
    from gekko_lab.market.timeframe import Timeframe

STAMP = "stamp"

_SECOND = 1_000_000_000
_MICROSECOND = 1000
# A double keeps a time of today to 0.00000012 s. So far from its edges a microsecond is still
# told, and a client that counts in milliseconds doesn't fall into the one before.
_FIRST = 300
_PRICE_PLACES = 5


def candle_rows(candles: pl.DataFrame, _timeframe: Timeframe, rules: MarketRules) -> Rows:
    """Give `[time, open, high, low, close, vwap, volume, count]` of each candle.

    Where the market doesn't tell the quote volume, the mean price is that of open, high, low and
    close, and an unknown number of trades is 1 with volume, else 0.
    """
    row = _candle_row(decimals(rules.tick_size), decimals(rules.step_size))
    return Rows.of(opens_of(candles), candles.select(row)["row"])


def stamped(trades: pl.DataFrame) -> pl.DataFrame:
    """Add the time in nanoseconds, which no two trades share.

    Trades of one time follow each other by a nanosecond, so a frame must hold them from the first
    one on for the same trade to have the same stamp in every page.
    """
    place = pl.int_range(pl.len()).over("timestamp")
    time = pl.col("timestamp").to_physical() * _MICROSECOND
    return trades.with_columns((time + _FIRST + place).alias(STAMP))


def trade_rows(trades: pl.DataFrame, rules: MarketRules) -> bytes:
    """Give `[price, volume, time, side, order type, miscellaneous, id]` of stamped trades."""
    row = pl.concat_str(
        pl.lit('["'),
        *number("price", decimals(rules.tick_size), '","', places=_PRICE_PLACES),
        *number("amount", decimals(rules.step_size), '",'),
        pl.col(STAMP) // _SECOND,
        pl.lit("."),
        (pl.col(STAMP) % _SECOND).cast(pl.String).str.zfill(9),
        pl.lit(',"'),
        pl.col("side").cast(pl.String).str.head(1),
        pl.lit('","'),
        pl.when(pl.col("id") % 2 == 0).then(pl.lit("l")).otherwise(pl.lit("m")),
        pl.lit('","",'),
        pl.col("id"),
        pl.lit("]"),
    )
    return json_list(trades.select(row.alias("row"))["row"])


@lru_cache(maxsize=64)  # building the expression takes as long as running it
def _candle_row(tick: int, step: int) -> pl.Expr:
    price = (pl.col("open") + pl.col("high") + pl.col("low") + pl.col("close")) / 4
    mean = pl.coalesce(pl.col("quote_volume") / pl.col("volume"), price).round(tick)
    traded = pl.col("volume") > 0
    return pl.concat_str(
        pl.lit("["),
        pl.col("timestamp").dt.epoch("s"),
        pl.lit(',"'),
        *number("open", tick, '","', places=0),
        *number("high", tick, '","', places=0),
        *number("low", tick, '","', places=0),
        *number("close", tick, '","', places=0),
        *number(pl.when(traded).then(mean).otherwise(0.0), tick, '","', places=0),
        *number("volume", step, '",', places=PLACES),
        pl.coalesce("trade_count", traded.cast(pl.Int64)),
        pl.lit("]"),
    ).alias("row")
