"""Between polars, which everything inside uses, and pandas. The only home of pandas."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

import polars as pl

from gekko_lab.errors import DataError, InvalidType
from gekko_lab.frames.schemas import CANDLES, CANDLES_FULL, PRINTS, TIME

if TYPE_CHECKING:
    import pandas as pd

    from gekko_lab.settings import FrameKind


def load_pandas() -> None:
    """Load pandas as a whole, for packages that take it from the loaded modules if it is there.

    They fail where another thread has just begun to load it.
    """
    import_module("pandas")


def to_frame(frame: pl.DataFrame, kind: FrameKind) -> Any:  # noqa: ANN401 (the kind decides)
    """Give the table as the kind of frame that a user asked for."""
    return to_pandas(frame) if kind == "pandas" else frame


def to_pandas(frame: pl.DataFrame) -> pd.DataFrame:
    """Give a pandas frame with the same values.

    A column `timestamp` becomes the index, a UTC DatetimeIndex of that name; other tables keep
    their running number.
    """
    if "timestamp" not in frame.columns:
        return frame.to_pandas()
    import pandas as pd

    times = frame["timestamp"]
    index = pd.DatetimeIndex(times.to_numpy(), name="timestamp").tz_localize("UTC")
    columns = {
        name: _to_values(frame[name], index) for name in frame.columns if name != "timestamp"
    }
    return pd.DataFrame(columns, index=index, copy=False)


def _to_values(column: pl.Series, index: pd.DatetimeIndex) -> Any:  # noqa: ANN401
    """Give a column's values; numbers without a second copy of the whole table on the way."""
    if column.dtype.is_numeric() and not column.null_count():
        return column.to_numpy(writable=True)
    return column.to_pandas().set_axis(index)


def to_polars(frame: object) -> pl.DataFrame:
    """Give a polars frame of what a user passed: polars, lazy polars or pandas.

    Parameters
    ----------
    frame
        A table with its times in a column `timestamp`, or in the index of a pandas frame or
        Series; the values of one without a name are called "value". Times without a zone are UTC.

    Raises
    ------
    InvalidType
        When it isn't a polars or pandas frame, or a pandas Series with times.
    DataError
        When it has no times.
    """
    if isinstance(frame, pl.LazyFrame):
        frame = frame.collect()
    if not isinstance(frame, pl.DataFrame):
        frame = _from_pandas(frame)
    if "timestamp" not in frame.columns:
        raise DataError(f"no column 'timestamp' among {frame.columns}")
    return frame.with_columns(_utc(frame.schema["timestamp"]))


def to_table(frame: object) -> pl.DataFrame:
    """Give a polars frame of any table that a user passed, with or without times.

    The index of a pandas frame comes first, unless it is a running number; one without a name is
    called "index".

    Raises
    ------
    InvalidType
        When it isn't a polars or pandas frame.
    """
    if isinstance(frame, pl.LazyFrame):
        return frame.collect()
    if isinstance(frame, pl.DataFrame):
        return frame
    if not _is_pandas(frame):
        raise InvalidType(f"a polars or pandas frame is needed, not {type(frame).__name__}")
    import pandas as pd

    table: pd.DataFrame = frame  # type: ignore[assignment]
    if not isinstance(table.index, pd.RangeIndex):
        table = table.reset_index()
    return pl.from_pandas(table)


def to_candles(frame: object) -> pl.DataFrame:
    """Give a polars frame of a user's candles, in the schema's order and number types.

    Raises
    ------
    InvalidType
        When it isn't a polars or pandas frame.
    DataError
        When a column is missing or doesn't hold numbers.
    """
    return _numbers(to_polars(frame), CANDLES, CANDLES_FULL)


def to_prints(frame: object) -> pl.DataFrame:
    """Give a polars frame of the times, prices and amounts of a user's trades.

    Raises
    ------
    InvalidType
        When it isn't a polars or pandas frame.
    DataError
        When a column is missing or doesn't hold numbers.
    """
    return _numbers(to_polars(frame), PRINTS, PRINTS)


def _numbers(table: pl.DataFrame, needed: pl.Schema, known: pl.Schema) -> pl.DataFrame:
    lacking = [name for name in needed if name not in table.columns]
    if lacking:
        raise DataError(f"no column {', '.join(map(repr, lacking))} among {table.columns}")
    names = [name for name in known if name in table.columns]
    for name in names[1:]:
        if not table.schema[name].is_numeric() and table.schema[name] != pl.Null:
            raise DataError(f"column {name!r} is {table.schema[name]}, where numbers are needed")
    return table.select(pl.col(name).cast(known[name]) for name in names)


def like(result: pl.DataFrame, model: object) -> Any:  # noqa: ANN401 (the model decides)
    """Give the table as the kind of frame that `model` is."""
    return result if isinstance(model, (pl.DataFrame, pl.LazyFrame)) else to_pandas(result)


def _is_pandas(frame: object) -> bool:
    if "pandas" not in sys.modules:  # who passes one of its frames has imported it
        return False
    import pandas as pd

    return isinstance(frame, pd.DataFrame)


def is_timed_series(values: object) -> bool:
    """Tell whether that is a Series of pandas with a DatetimeIndex."""
    if "pandas" not in sys.modules:
        return False
    import pandas as pd

    return isinstance(values, pd.Series) and isinstance(values.index, pd.DatetimeIndex)


def _from_pandas(frame: object) -> pl.DataFrame:
    if is_timed_series(frame):
        column: pd.Series[Any] = frame  # type: ignore[assignment]
        frame = column.to_frame("value" if column.name is None else str(column.name))
    if not _is_pandas(frame):
        raise InvalidType(f"a polars or pandas frame is needed, not {type(frame).__name__}")
    table: pd.DataFrame = frame  # type: ignore[assignment]
    if "timestamp" not in table.columns:
        if table.index.dtype.kind != "M":
            raise DataError("the pandas frame has neither a DatetimeIndex nor a 'timestamp' column")
        table = table.rename_axis("timestamp").reset_index()
    if getattr(table["timestamp"].dtype, "tz", None) is not None:  # polars has no fixed offsets
        table = table.assign(timestamp=table["timestamp"].dt.tz_convert("UTC"))
    return pl.from_pandas(table)


def _utc(dtype: pl.DataType) -> pl.Expr:
    time = pl.col("timestamp")
    if not isinstance(dtype, pl.Datetime):
        raise DataError(f"column 'timestamp' is {dtype}, where times are needed")
    if dtype.time_zone is None:
        return time.dt.replace_time_zone("UTC").cast(TIME)
    return time.dt.convert_time_zone("UTC").cast(TIME)
