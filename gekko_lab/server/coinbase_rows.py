"""Coinbase Exchange's candles and trades as JSON text (public API documents, 2026)."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import polars as pl

from gekko_lab.server.aggregation import opens_of
from gekko_lab.server.rendering import Rows, decimals, json_list, number

if TYPE_CHECKING:
    from gekko_lab.market.rules import MarketRules
    from gekko_lab.market.timeframe import Timeframe

_MICROSECONDS = "%Y-%m-%dT%H:%M:%S%.6fZ"


def candle_rows(candles: pl.DataFrame, _timeframe: Timeframe, rules: MarketRules) -> Rows:
    """Give `[time, low, high, open, close, volume]`, all numbers, of each candle with a trade."""
    traded = candles.filter(pl.col("volume") > 0)
    row = _candle_row(decimals(rules.tick_size), decimals(rules.step_size))
    return Rows.of(opens_of(traded), traded.select(row)["row"])


def trade_rows(trades: pl.DataFrame, rules: MarketRules) -> bytes:
    """Give trades as a JSON list, newest first; the side is that of the maker."""
    maker = pl.when(pl.col("side") == "buy").then(pl.lit("sell")).otherwise(pl.lit("buy"))
    row = pl.concat_str(
        pl.lit('{"trade_id":'),
        pl.col("id"),
        pl.lit(',"side":"'),
        maker,
        pl.lit('","size":"'),
        *number("amount", decimals(rules.step_size), '","price":"'),
        *number("price", decimals(rules.tick_size), '","time":"'),
        pl.col("timestamp").dt.strftime(_MICROSECONDS),
        pl.lit('"}'),
    )
    return json_list(trades.reverse().select(row.alias("row"))["row"])


@lru_cache(maxsize=64)  # building the expression takes as long as running it
def _candle_row(tick: int, step: int) -> pl.Expr:
    return pl.concat_str(
        pl.lit("["),
        pl.col("timestamp").dt.epoch("s"),
        pl.lit(","),
        *number("low", tick, ",", places=0),
        *number("high", tick, ",", places=0),
        *number("open", tick, ",", places=0),
        *number("close", tick, ",", places=0),
        *number("volume", step, "]", places=0),
    ).alias("row")
