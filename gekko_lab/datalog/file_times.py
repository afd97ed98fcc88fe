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

_SPELLING = (
    r"^\s*(?<day>\d{4}-\d\d-\d\d)"
    r"(?:[T ](?<minute>\d\d:\d\d)(?::(?<second>\d\d(?:\.\d{1,9})?))?"
    r"\s*(?:Z|UTC|(?<hours>[+-]\d\d):?(?<minutes>\d\d)?)?)?\s*$"
)
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
        return rows.with_columns(_of_text(times))
    return to_polars(rows) if rows.height else rows.with_columns(times.cast(TIME))


def _of_text(times: pl.Series) -> pl.Series:
    ours = times.str.to_datetime(ISO, time_unit="us", strict=False)
    if ours.null_count() == times.null_count():  # which takes an eighth of the time
        return ours.dt.replace_time_zone("UTC")
    found = pl.select(_spelled(times).alias(times.name)).to_series()
    wrong = found.is_null() & times.is_not_null()
    if wrong.any():
        row = wrong.arg_max() or 0
        raise DataError(
            f"row {row} of 'timestamp', {times[row]!r}, is not a time: write it as '2024-01-31', "
            "'2024-01-31T12:00Z', '2024-01-31T12:00:00.5Z', '2024-01-31 12:00:00+01:00' or "
            "'2024-01-31 12:00:00' (UTC, as all without a zone), or as whole milliseconds"
        )
    return found


def _spelled(times: pl.Series) -> pl.Expr:
    part = pl.lit(times).str.extract_groups(_SPELLING).struct.field
    text = pl.format(
        "{}T{}:{}{}{}",
        part("day"),
        part("minute").fill_null("00:00"),
        part("second").fill_null("00"),
        part("hours").fill_null("+00"),
        part("minutes").fill_null("00"),
    )
    return text.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%z", time_unit="us", strict=False)


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
