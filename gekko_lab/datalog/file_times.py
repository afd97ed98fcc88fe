"""Times as files of many programs tell them, read into ours.

Decided: the unit of numbers is the only one in which all of them lie between 1980 and 2100. No
number does so in two units, and dates written as digits (20240131, 202401311200) do in none, but
for those with the hour, which lie after now.
"""

from __future__ import annotations

import polars as pl

from gekko_lab.errors import DataError
from gekko_lab.frames.convert import to_polars
from gekko_lab.frames.schemas import TIME

ISO = "%Y-%m-%dT%H:%M:%S%.fZ"
"""How times are written."""

_FIRST_S, _END_S = 315_532_800, 4_102_444_800  # 1980 and 2100
_A_SECOND = {
    "seconds": 1,
    "milliseconds": 1_000,
    "microseconds": 1_000_000,
    "nanoseconds": 1_000_000_000,
}


def read_times(rows: pl.DataFrame) -> pl.DataFrame:
    """Give the rows with the column `timestamp` in the schema's type.

    Raises
    ------
    DataError
        When it doesn't hold times, or numbers that could be anything.
    """
    times = rows["timestamp"]
    if times.dtype.is_numeric():
        return rows.with_columns(_of_numbers(times))
    if times.dtype == pl.String:
        time = pl.col("timestamp").str.to_datetime(ISO, time_unit="us")
        return rows.with_columns(time.dt.replace_time_zone("UTC"))
    return to_polars(rows) if rows.height else rows.with_columns(times.cast(TIME))


def _of_numbers(times: pl.Series) -> pl.Series:
    least, largest = times.min(), times.max()
    if least is None or largest is None:
        return times.cast(pl.Int64).cast(TIME)
    unit = _unit_of(least)
    if unit is None or unit != _unit_of(largest):
        raise DataError(_refusal(least, largest))
    return _microseconds(times, _A_SECOND[unit]).cast(TIME)


def _unit_of(number: object) -> str | None:
    for unit, a_second in _A_SECOND.items():
        if _FIRST_S * a_second <= number < _END_S * a_second:  # type: ignore[operator]
            return unit
    return None


def _microseconds(times: pl.Series, a_second: int) -> pl.Series:
    whole = _A_SECOND["microseconds"]
    if times.dtype.is_integer():
        number = times.cast(pl.Int64)
        return number * (whole // a_second) if a_second < whole else number // (a_second // whole)
    number = times.cast(pl.Float64)
    return (number * (whole / a_second)).round().cast(pl.Int64)


def _refusal(least: object, largest: object) -> str:
    units = _unit_of(least), _unit_of(largest)
    if None in units:
        seen = f"the numbers are {least} to {largest}, and lie in none of these"
    else:
        seen = f"the least looks like {units[0]}, {least}, the largest like {units[1]}, {largest}"
    return (
        "numbers in 'timestamp' are read as seconds, milliseconds, microseconds or nanoseconds "
        f"since 1970 where all lie between 1980 and 2100 in one of these units; {seen}: give "
        "milliseconds, or times written as '2024-01-31' or '2024-01-31T12:00:00Z'"
    )
