"""What a table must be before anything trusts it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from gekko_lab.errors import DataError
from gekko_lab.frames.schemas import CANDLES, TIME, TRADES
from gekko_lab.market.moments import show_time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gekko_lab.market.timeframe import Timeframe

_PRICES = ("open", "high", "low", "close")
_ONE = pl.lit(True)


def check_candles(
    frame: pl.DataFrame,
    timeframe: Timeframe | None = None,
    *,
    since: int | None = None,
    until: int | None = None,
) -> pl.DataFrame:
    """Give the frame back when its rows are sound candles.

    Sound is: the schema's columns in their order; no nulls; finite numbers; high ≥ open, close
    and low ≤ both; volume ≥ 0; open times strictly increasing, on the timeframe's grid and in
    [since, until).

    Parameters
    ----------
    frame
        Candles, with or without `quote_volume` and `trade_count`, which may be null.
    timeframe
        Whose grid the open times are on; None checks no grid.
    since, until
        The range that open times lie in, milliseconds UTC; None leaves that end open.

    Raises
    ------
    DataError
        Names the first row that breaks a rule, and the rule.
    """
    _check_columns(frame, CANDLES)
    rules = {
        "has a null": ~pl.any_horizontal(pl.col(*CANDLES).is_null()),
        "has a number that isn't finite": pl.all_horizontal(pl.col(*_PRICES, "volume").is_finite()),
        "has a high below its open, close or low": pl.col("high")
        >= pl.max_horizontal("open", "close", "low"),
        "has a low above its open or close": pl.col("low") <= pl.min_horizontal("open", "close"),
        "has a negative volume": pl.col("volume") >= 0,
        "doesn't open after the row before": _follows(strictly=True),
        f"isn't on the grid of {timeframe}": _on_grid(timeframe),
        **_range_rules(since, until),
    }
    return _check_rules(frame, rules, "candle")


def check_trades(
    frame: pl.DataFrame, *, since: int | None = None, until: int | None = None
) -> pl.DataFrame:
    """Give the frame back when its rows are sound trades.

    Sound is: the schema's columns in their order; only `side` and `id` may be null; price and
    amount finite, amount > 0; times never decreasing and in [since, until); no id twice.

    Parameters
    ----------
    frame
        Trades.
    since, until
        The range that times lie in, milliseconds UTC; None leaves that end open.

    Raises
    ------
    DataError
        Names the first row that breaks a rule, and the rule.
    """
    _check_columns(frame, {**TRADES, "id": frame.schema.get("id", pl.String)})
    rules = {
        "has a null": ~pl.any_horizontal(pl.col("timestamp", "price", "amount").is_null()),
        "has a number that isn't finite": pl.all_horizontal(pl.col("price", "amount").is_finite()),
        "has an amount that isn't positive": pl.col("amount") > 0,
        "is older than the row before": _follows(strictly=False),
        "repeats an id": pl.col("id").is_null() | pl.col("id").is_first_distinct(),
        **_range_rules(since, until),
    }
    return _check_rules(frame, rules, "trade")


def milliseconds(column: str = "timestamp") -> pl.Expr:
    """Give a time column as whole milliseconds."""
    return pl.col(column).dt.epoch("ms")


def as_time(column: str = "timestamp") -> pl.Expr:
    """Give a column of milliseconds as the schema's time."""
    return (pl.col(column).cast(pl.Int64) * 1000).cast(TIME)


def _follows(*, strictly: bool) -> pl.Expr:
    step = pl.col("timestamp").diff().dt.total_microseconds()
    return ((step > 0) if strictly else (step >= 0)).fill_null(True)


def _on_grid(timeframe: Timeframe | None) -> pl.Expr:
    if timeframe is None:
        return _ONE
    time = pl.col("timestamp")
    if timeframe.milliseconds is not None:
        return (time.dt.epoch("us") - timeframe.origin * 1000) % (
            timeframe.milliseconds * 1000
        ) == 0
    months = timeframe.count * (12 if timeframe.unit == "y" else 1)
    elapsed = (time.dt.year().cast(pl.Int64) - 1970) * 12 + time.dt.month().cast(pl.Int64) - 1
    return (elapsed % months == 0) & (time.dt.truncate("1mo") == time)


def _range_rules(since: int | None, until: int | None) -> dict[str, pl.Expr]:
    rules = {}
    if since is not None:
        rules[f"is before {show_time(since)}, which was not asked for"] = milliseconds() >= since
    if until is not None:
        rules[f"is not before {show_time(until)}, which was not asked for"] = milliseconds() < until
    return rules


def _check_columns(frame: pl.DataFrame, schema: Mapping[str, object]) -> None:
    found = dict(zip(frame.columns, frame.dtypes, strict=True))
    for name, dtype in schema.items():
        if found.get(name) != dtype:
            raise DataError(
                f"column {name!r} is {found.get(name, 'missing')}, where {dtype} is needed"
            )
    if frame.columns[: len(schema)] != list(schema):
        raise DataError(f"columns are {frame.columns}, where {list(schema)} come first")


def _check_rules(frame: pl.DataFrame, rules: dict[str, pl.Expr], noun: str) -> pl.DataFrame:
    if frame.is_empty():
        return frame
    sound = frame.select(
        rule.fill_null(False).all().alias(text) for text, rule in rules.items()
    ).row(0, named=True)
    for text, rule in rules.items():
        if not sound[text]:
            row = frame.select((~rule.fill_null(False)).arg_max()).item()
            values = ", ".join(
                f"{key}={value}" for key, value in frame.row(row, named=True).items()
            )
            raise DataError(f"{noun} {row} of {len(frame)} {text}: {values}")
    return frame
