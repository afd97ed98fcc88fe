"""Rows of the protocol as JSON text, made column by column.

Prices and amounts are strings with eight decimals, as Binance writes them (Binance spot API
documents, 2026-07), or with more where the market's steps are finer.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from gekko_lab.server.aggregation import opens_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gekko_lab.market.rules import MarketRules
    from gekko_lab.market.timeframe import Timeframe

PLACES = 8
_HALF = 0.5
_TILT = 0.25


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows as text with commas between, and where each begins.

    Attributes
    ----------
    keys : numpy.ndarray
        Open time, milliseconds, of each row, in order.
    text : bytes
        The rows, joined.
    starts : numpy.ndarray
        Where each row begins, and one past the last comma.
    """

    keys: NDArray[np.int64]
    text: bytes
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, keys: NDArray[np.int64], rows: pl.Series) -> Rows:
        """Join rows of text."""
        starts = np.zeros(len(rows) + 1, np.int64)
        np.cumsum(rows.str.len_bytes().to_numpy() + 1, out=starts[1:])
        return cls(keys, ",".join(rows.to_list()).encode(), starts)

    def then(self, later: Rows) -> Rows:
        """Give these rows and later ones."""
        text = b",".join(part for part in (self.text, later.text) if part)
        starts = np.concatenate([self.starts, later.starts[1:] + self.starts[-1]])
        return Rows(np.concatenate([self.keys, later.keys]), text, starts)

    def cut(self, first: int, last: int) -> bytes:
        """Give the rows from place `first` to before `last`."""
        return self.text[self.starts[first] : max(0, self.starts[last] - 1)]


def decimals(step: float | None) -> int:
    """Count the decimals of a step; eight where it isn't known."""
    if step is None or step <= 0:
        return PLACES
    exponent = Decimal(repr(float(step))).normalize().as_tuple().exponent
    return max(0, -int(exponent))


def fixed(value: float, places: int = PLACES) -> str:
    """Give one number as the protocol writes it."""
    return f"{value:.{max(PLACES, places)}f}"


def kline_rows(candles: pl.DataFrame, timeframe: Timeframe, rules: MarketRules) -> Rows:
    """Give the twelve columns of each candle.

    Where the market doesn't tell the quote volume it is volume * (open + high + low + close) / 4,
    and an unknown number of trades is 1 with volume, else 0. The taker's part of the volume is
    0.5 + 0.25 * (close - open) / (high - low), rounded to the step; that of the quote volume is in
    proportion. They depend on the candle alone, so the same candle is always the same text.
    """
    opens = opens_of(candles)
    body = candles.with_columns(
        pl.Series("opens", opens), pl.Series("closes", _closes(opens, timeframe))
    )
    row = _kline_row(decimals(rules.tick_size), decimals(rules.step_size))
    return Rows.of(opens, body.select(row)["row"])


def trade_rows(trades: pl.DataFrame, rules: MarketRules) -> bytes:
    """Give the aggregate trades as a JSON list; each aggregates one trade."""
    number = pl.col("id").cast(pl.String)
    maker = pl.when(pl.col("side") == "sell").then(pl.lit("true")).otherwise(pl.lit("false"))
    row = pl.concat_str(
        pl.lit('{"a":'),
        number,
        pl.lit(',"p":"'),
        *_text("price", decimals(rules.tick_size), '","q":"'),
        *_text("amount", decimals(rules.step_size), '","f":'),
        number,
        pl.lit(',"l":'),
        number,
        pl.lit(',"T":'),
        pl.col("timestamp").dt.epoch("ms"),
        pl.lit(',"m":'),
        maker,
        pl.lit(',"M":true}'),
    )
    return b"[" + ",".join(trades.select(row.alias("row"))["row"].to_list()).encode() + b"]"


@lru_cache(maxsize=64)  # building the expression takes as long as running it
def _kline_row(tick: int, step: int) -> pl.Expr:
    cost = min(PLACES, tick + step)
    price = (pl.col("open") + pl.col("high") + pl.col("low") + pl.col("close")) / 4
    quote_volume = pl.coalesce("quote_volume", pl.col("volume") * price)
    count = pl.coalesce("trade_count", (pl.col("volume") > 0).cast(pl.Int64))
    width = pl.col("high") - pl.col("low")
    lean = (pl.col("close") - pl.col("open")) / width
    share = _HALF + _TILT * pl.when(width > 0).then(lean).otherwise(0.0)
    return pl.concat_str(
        pl.lit("["),
        pl.col("opens"),
        pl.lit(',"'),
        *_text("open", tick, '","'),
        *_text("high", tick, '","'),
        *_text("low", tick, '","'),
        *_text("close", tick, '","'),
        *_text("volume", step, '",'),
        pl.col("closes"),
        pl.lit(',"'),
        *_text(quote_volume, cost, '",'),
        count,
        pl.lit(',"'),
        *_text(pl.col("volume") * share, step, '","'),
        *_text(quote_volume * share, cost, '","0"]'),
    ).alias("row")


def _closes(opens: NDArray[np.int64], timeframe: Timeframe) -> NDArray[np.int64]:
    if timeframe.milliseconds is not None:
        return opens + (timeframe.milliseconds - 1)
    return np.array([timeframe.next(int(time)) - 1 for time in opens], np.int64)


def _text(value: str | pl.Expr, digits: int, then: str) -> list[pl.Expr]:
    """Give a number with `digits` decimals and zeros up to eight, and the text that follows."""
    number = pl.col(value) if isinstance(value, str) else value
    filler = "0" * max(0, PLACES - digits)
    point = "" if digits else "."
    return [number.cast(pl.Decimal(38, digits)).cast(pl.String), pl.lit(point + filler + then)]
