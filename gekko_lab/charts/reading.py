"""What charts of prices and equity read: a column of values over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from gekko_lab.errors import DataError, InvalidArgument
from gekko_lab.frames.checks import check_candles, milliseconds
from gekko_lab.frames.convert import to_candles, to_polars
from gekko_lab.frames.schemas import CANDLES
from gekko_lab.market.timeframe import DAY

if TYPE_CHECKING:
    from gekko_lab.realism.statistics import Numbers

_USUAL = ("equity", "close")
_TOLERANCE = 1.5
_SHORTEST_MONTH, _MONTHS = 28 * DAY, 31 / 28  # and how much longer the longest is


class Values(NamedTuple):
    """A column of a user's frame: a table of `timestamp` and `value`, and what it was called.

    Attributes
    ----------
    table
        In order of time.
    name
        Of the column.
    start
        The value before the first row: of candles the first open, else nothing.
    """

    table: pl.DataFrame
    name: str
    start: float | None


def read_values(frame: object, column: str | None = None) -> Values:
    """Give times and values of a user's frame.

    Parameters
    ----------
    frame
        A polars or pandas frame in order of time.
    column
        Which values; by default "equity", else "close", else the only column of numbers.

    Raises
    ------
    InvalidArgument
        When the frame has no such column, or several and none was named.
    DataError
        When times don't increase, or a value is missing, infinite or not positive at the start.
    """
    table = to_polars(frame)
    if set(CANDLES) <= set(table.columns):
        check_candles(to_candles(table))
    name = _column(table, column)
    values = table.select("timestamp", value=pl.col(name).cast(pl.Float64))
    numbers = values["value"]
    if not (numbers.is_not_null() & numbers.is_finite()).all():
        raise DataError(f"column {name!r} has missing or infinite values: drop or fill them")
    _check_times(values)
    if len(numbers) and numbers[0] <= 0:
        raise DataError(f"column {name!r} begins at {numbers[0]}: returns need a positive start")
    opened = name == "close" and "open" in numeric_names(table) and len(numbers)
    return Values(values, name, float(table["open"][0]) if opened else None)


def numeric_names(table: pl.DataFrame) -> list[str]:
    """Give the names of the columns of numbers."""
    return [name for name in table.columns if table.schema[name].is_numeric()]


def _column(table: pl.DataFrame, column: str | None) -> str:
    numeric = numeric_names(table)
    if column is not None:
        if column not in numeric:
            raise InvalidArgument(f"column={column!r}: choose one of {numeric}")
        return column
    for name in _USUAL:
        if name in numeric:
            return name
    if len(numeric) == 1:
        return numeric[0]
    raise InvalidArgument(f"which column holds the values? Give column=…, one of {numeric}")


def _check_times(table: pl.DataFrame) -> None:
    steps = table.select(pl.col("timestamp").diff().dt.total_microseconds()).to_series()
    wrong = (steps <= 0).fill_null(value=False)
    if table["timestamp"].null_count() or wrong.any():
        place = wrong.arg_max() if wrong.any() else table["timestamp"].is_null().arg_max()
        raise DataError(f"row {place} of {len(table)} isn't later than the row before")


def changes(values: pl.DataFrame) -> Numbers:
    """Give the returns from row to row; NaN for the first row and across gaps.

    A gap is a step of more than one and a half times the usual one, as months differ. Where no
    step is usual, as for an equity that changes with each trade, there are no gaps.
    """
    if values.height < 2:  # noqa: PLR2004 (a return takes two)
        return np.full(values.height, np.nan)
    steps = values.select(milliseconds().diff()).to_series()
    before = values["value"].shift(1)
    kept = (before > 0) & (steps <= _TOLERANCE * _usual(steps))
    returns = pl.select(pl.when(kept).then(values["value"] / before - 1.0)).to_series()
    return returns.fill_null(float("nan")).to_numpy()


def _usual(steps: pl.Series) -> float:
    """Give the step that most rows have; infinity where there is none."""
    counts = steps.drop_nulls().value_counts(name="rows").sort("rows", descending=True)
    step = counts[steps.name][0]
    near = _MONTHS if step >= _SHORTEST_MONTH else 1.0
    alike = steps.is_between(step / near, step * near).sum()
    return float(step) if 2 * alike >= len(steps) - 1 else float("inf")


def log_changes(values: pl.DataFrame) -> Numbers:
    """Give the logarithmic returns from row to row; NaN for the first row and across gaps."""
    factors = changes(values) + 1.0
    logs: Numbers = np.log(np.where(factors > 0, factors, np.nan))
    return logs
