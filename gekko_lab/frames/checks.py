"""What a table must be before anything trusts it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import polars as pl

from gekko_lab.errors import DataError
from gekko_lab.frames.schemas import CANDLES, TIME, TRADES
from gekko_lab.market.moments import show_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from gekko_lab.market.timeframe import Timeframe

_PRICES = ("open", "high", "low", "close")

Rule: TypeAlias = "tuple[str, NDArray[np.bool_]]"
"""What is wrong with a row, and which rows are right."""


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
    return _check_rules(frame, _candle_rules(frame, timeframe, since, until), "candle")


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
    return _check_rules(frame, _trade_rules(frame, since, until), "trade")


def check_prints(frame: pl.DataFrame) -> pl.DataFrame:
    """Give the frame back when its rows are trades that candles can be made of.

    These are: no nulls; price and amount finite, price > 0, amount ≥ 0; times never decreasing.

    Parameters
    ----------
    frame
        Trades in the columns of `PRINTS`.

    Raises
    ------
    DataError
        Names the first row that breaks a rule, and the rule.
    """
    return _check_rules(frame, _print_rules(frame), "trade")


def milliseconds(column: str = "timestamp") -> pl.Expr:
    """Give a time column as whole milliseconds."""
    return pl.col(column).dt.epoch("ms")


def times_of(frame: pl.DataFrame) -> pl.Series:
    """Give the times of a table as whole milliseconds."""
    return frame.select(milliseconds()).to_series()


def as_time(column: str = "timestamp") -> pl.Expr:
    """Give a column of milliseconds as the schema's time."""
    return (pl.col(column).cast(pl.Int64) * 1000).cast(TIME)


def _candle_rules(
    frame: pl.DataFrame, timeframe: Timeframe | None, since: int | None, until: int | None
) -> Iterator[Rule]:
    yield from _no_nulls(frame, CANDLES.names())
    opens, highs, lows, closes = (frame[name].to_numpy() for name in _PRICES)
    volumes = frame["volume"].to_numpy()
    finite = np.isfinite(opens) & np.isfinite(highs) & np.isfinite(lows) & np.isfinite(closes)
    yield "has a number that isn't finite", finite & np.isfinite(volumes)
    top = np.maximum(np.maximum(opens, closes), lows)
    yield "has a high below its open, close or low", highs >= top
    yield "has a low above its open or close", lows <= np.minimum(opens, closes)
    yield "has a negative volume", volumes >= 0
    times = _microseconds(frame)
    yield "doesn't open after the row before", _steps(times) > 0
    if timeframe is not None:
        yield f"isn't on the grid of {timeframe}", _on_grid(times, timeframe)
    yield from _range_rules(times, since, until)


def _trade_rules(frame: pl.DataFrame, since: int | None, until: int | None) -> Iterator[Rule]:
    yield from _no_nulls(frame, ["timestamp", "price", "amount"])
    amounts = frame["amount"].to_numpy()
    finite = np.isfinite(frame["price"].to_numpy()) & np.isfinite(amounts)
    yield "has a number that isn't finite", finite
    yield "has an amount that isn't positive", amounts > 0
    times = _microseconds(frame)
    yield "is older than the row before", _steps(times) >= 0
    ids = frame["id"]
    yield "repeats an id", (ids.is_null() | ids.is_first_distinct()).to_numpy()
    yield from _range_rules(times, since, until)


def _print_rules(frame: pl.DataFrame) -> Iterator[Rule]:
    yield from _no_nulls(frame, frame.columns)
    prices, amounts = frame["price"].to_numpy(), frame["amount"].to_numpy()
    finite = np.isfinite(prices) & np.isfinite(amounts)
    yield "has a number that isn't finite", finite
    yield "has a price that isn't positive", prices > 0
    yield "has a negative amount", amounts >= 0
    yield "is older than the row before", _steps(_microseconds(frame)) >= 0


def _no_nulls(frame: pl.DataFrame, names: list[str]) -> Iterator[Rule]:
    if any(frame[name].null_count() for name in names):
        held = frame.select(pl.all_horizontal(pl.col(names).is_not_null())).to_series()
        yield "has a null", held.to_numpy()


def _microseconds(frame: pl.DataFrame) -> NDArray[np.int64]:
    return frame["timestamp"].to_physical().to_numpy()


def _steps(times: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.diff(times, prepend=times[0] - 1)


def _on_grid(times: NDArray[np.int64], timeframe: Timeframe) -> NDArray[np.bool_]:
    on: NDArray[np.bool_]
    if timeframe.milliseconds is not None:
        on = (times - timeframe.origin * 1000) % (timeframe.milliseconds * 1000) == 0
        return on
    months = times.astype("datetime64[us]").astype("datetime64[M]")
    begins = months.astype("datetime64[us]").astype(np.int64) == times
    count = timeframe.count * (12 if timeframe.unit == "y" else 1)
    on = begins & (months.astype(np.int64) % count == 0)
    return on


def _range_rules(times: NDArray[np.int64], since: int | None, until: int | None) -> Iterator[Rule]:
    if since is not None:
        yield f"is before {show_time(since)}, which was not asked for", times >= since * 1000
    if until is not None:
        yield f"is not before {show_time(until)}, which was not asked for", times < until * 1000


def _check_columns(frame: pl.DataFrame, schema: Mapping[str, object]) -> None:
    found = dict(zip(frame.columns, frame.dtypes, strict=True))
    for name, dtype in schema.items():
        if found.get(name) != dtype:
            raise DataError(
                f"column {name!r} is {found.get(name, 'missing')}, where {dtype} is needed"
            )
    if frame.columns[: len(schema)] != list(schema):
        raise DataError(f"columns are {frame.columns}, where {list(schema)} come first")


def _check_rules(frame: pl.DataFrame, rules: Iterator[Rule], noun: str) -> pl.DataFrame:
    if frame.is_empty():
        return frame
    for text, kept in rules:
        if not kept.all():
            row = int(np.argmin(kept))
            values = ", ".join(
                f"{key}={value}" for key, value in frame.row(row, named=True).items()
            )
            raise DataError(f"{noun} {row} of {len(frame)} {text}: {values}")
    return frame
