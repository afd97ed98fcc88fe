"""Binance's klines and trades as JSON text.

Prices and amounts are strings with eight decimals, as Binance writes them (Binance spot API
documents, 2026-07), or with more where the market's steps are finer.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from gekko_lab.server.aggregation import opens_of
from gekko_lab.server.rendering import PLACES, Rows, decimals, json_list, number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gekko_lab.market.rules import MarketRules
    from gekko_lab.market.timeframe import Timeframe

_HALF = 0.5
_TILT = 0.25


def kline_rows(candles: pl.DataFrame, timeframe: Timeframe, rules: MarketRules) -> Rows:
    """Give the twelve columns of each candle.

    Where the market doesn't tell the quote volume it is volume * (open + high + low + close) / 4,
    and an unknown number of trades is 1 with volume, else 0. Without `taker_volume` the taker's
    part of the volume is 0.5 + 0.25 * (close - open) / (high - low), rounded to the step; that of
    the quote volume is in proportion. They depend on the candle alone, so the same candle is always
    the same text.
    """
    opens = opens_of(candles)
    body = candles.with_columns(
        pl.Series("opens", opens), pl.Series("closes", _closes(opens, timeframe))
    )
    taken = "taker_volume" in candles.columns
    row = _kline_row(decimals(rules.tick_size), decimals(rules.step_size), taken=taken)
    return Rows.of(opens, body.select(row)["row"])


def trade_rows(trades: pl.DataFrame, rules: MarketRules) -> bytes:
    """Give the aggregate trades as a JSON list; each aggregates one trade."""
    name = pl.col("id").cast(pl.String)
    maker = pl.when(pl.col("side") == "sell").then(pl.lit("true")).otherwise(pl.lit("false"))
    row = pl.concat_str(
        pl.lit('{"a":'),
        name,
        pl.lit(',"p":"'),
        *number("price", decimals(rules.tick_size), '","q":"'),
        *number("amount", decimals(rules.step_size), '","f":'),
        name,
        pl.lit(',"l":'),
        name,
        pl.lit(',"T":'),
        pl.col("timestamp").dt.epoch("ms"),
        pl.lit(',"m":'),
        maker,
        pl.lit(',"M":true}'),
    )
    return json_list(trades.select(row.alias("row"))["row"])


def print_rows(trades: pl.DataFrame, rules: MarketRules) -> bytes:
    """Give single trades as a JSON list, each with its cost."""
    tick, step = decimals(rules.tick_size), decimals(rules.step_size)
    maker = pl.when(pl.col("side") == "sell").then(pl.lit("true")).otherwise(pl.lit("false"))
    row = pl.concat_str(
        pl.lit('{"id":'),
        pl.col("id"),
        pl.lit(',"price":"'),
        *number("price", tick, '","qty":"'),
        *number("amount", step, '","quoteQty":"'),
        *number(pl.col("price") * pl.col("amount"), min(PLACES, tick + step), '","time":'),
        pl.col("timestamp").dt.epoch("ms"),
        pl.lit(',"isBuyerMaker":'),
        maker,
        pl.lit(',"isBestMatch":true}'),
    )
    return json_list(trades.select(row.alias("row"))["row"])


@lru_cache(maxsize=64)  # building the expression takes as long as running it
def _kline_row(tick: int, step: int, *, taken: bool) -> pl.Expr:
    cost = min(PLACES, tick + step)
    price = (pl.col("open") + pl.col("high") + pl.col("low") + pl.col("close")) / 4
    quote_volume = pl.coalesce("quote_volume", pl.col("volume") * price)
    count = pl.coalesce("trade_count", (pl.col("volume") > 0).cast(pl.Int64))
    width = pl.col("high") - pl.col("low")
    lean = (pl.col("close") - pl.col("open")) / width
    share = _HALF + _TILT * pl.when(width > 0).then(lean).otherwise(0.0)
    bought = pl.col("taker_volume") if taken else pl.col("volume") * share
    paid = pl.col("taker_quote_volume") if taken else quote_volume * share
    return pl.concat_str(
        pl.lit("["),
        pl.col("opens"),
        pl.lit(',"'),
        *number("open", tick, '","'),
        *number("high", tick, '","'),
        *number("low", tick, '","'),
        *number("close", tick, '","'),
        *number("volume", step, '",'),
        pl.col("closes"),
        pl.lit(',"'),
        *number(quote_volume, cost, '",'),
        count,
        pl.lit(',"'),
        *number(bought, step, '","'),
        *number(paid, cost, '","0"]'),
    ).alias("row")


def _closes(opens: NDArray[np.int64], timeframe: Timeframe) -> NDArray[np.int64]:
    if timeframe.milliseconds is not None:
        return opens + (timeframe.milliseconds - 1)
    return np.array([timeframe.next(int(time)) - 1 for time in opens], np.int64)
