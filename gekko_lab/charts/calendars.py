"""Returns by year and month, and by weekday and hour, as tables to be drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from gekko_lab.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from gekko_lab.charts.reading import Values
    from gekko_lab.realism.statistics import Numbers

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_HOUR_US = 3_600_000_000


class Table(NamedTuple):
    """Numbers by row and column; NaN where there is nothing; and words about each."""

    rows: Sequence[str]
    columns: Sequence[str]
    numbers: Numbers
    words: NDArray[np.str_] | None = None


def months(values: Values) -> Table:
    """Give compounded returns of years and months, in percent.

    A month's return is from the last value before it to its last one; the first month begins at
    the first open, or without one at the first value. So months compound to their year, and years
    to the whole, also across gaps.
    """
    by_month = _compounded(values, "1mo")
    by_year = _compounded(values, "1y")
    years = _years(by_year)
    numbers = np.full((len(years), 13), np.nan)
    words = np.full((len(years), 13), "", dtype=object)
    for period, change, told in by_month.rows():
        numbers[period.year - years[0], period.month - 1] = change
        words[period.year - years[0], period.month - 1] = told
    for period, change, told in by_year.rows():
        numbers[period.year - years[0], 12] = change
        words[period.year - years[0], 12] = told
    return Table([str(year) for year in years], [*MONTHS, "year"], numbers, words.astype(str))


def _years(by_year: pl.DataFrame) -> range:
    """Give all years from the first to the last, those without rows too."""
    if by_year.is_empty():
        return range(0)
    return range(by_year["period"][0].year, by_year["period"][-1].year + 1)


def _compounded(values: Values, width: str) -> pl.DataFrame:
    """Give each period, its return in percent and what that is from and to."""
    time, value = pl.col("timestamp"), pl.col("value")
    periods = values.table.group_by(time.dt.truncate(width).alias("period"), maintain_order=True)
    ends = periods.agg(value.last(), time.last().alias("until"), pl.len().alias("rows"))
    before, since = pl.col("value").shift(1), pl.col("until").shift(1)
    start = values.start
    if start is None and ends.height and ends["rows"][0] > 1:
        start = values.table["value"][0]
    told = pl.format(
        "{} to {}, {} rows",
        since.dt.strftime("%Y-%m-%d %H:%M").fill_null("the beginning"),
        pl.col("until").dt.strftime("%Y-%m-%d %H:%M"),
        "rows",
    )
    change = (pl.col("value") / before.fill_null(pl.lit(start, pl.Float64)) - 1.0) * 100.0
    return ends.select("period", change=change.fill_null(float("nan")), told=told)


def hours(values: Values, *, sizes: bool) -> Table:
    """Give the mean return of each hour of the week in percent, or the mean of its size.

    An hour's return is from the last value of the hour before to its own last one.

    Raises
    ------
    InvalidArgument
        When rows are further apart than an hour.
    """
    time = pl.col("timestamp").dt.truncate("1h")
    table = values.table.group_by(hour=time, maintain_order=True).agg(pl.col("value").last())
    steps = table["hour"].diff().dt.total_microseconds().fill_null(0)
    changes = table.select(pl.col("value") / pl.col("value").shift(1) - 1.0).to_series() * 100.0
    returns = pl.select(pl.when(steps == _HOUR_US).then(changes)).to_series()
    if values.table.height > 1 and not returns.count():
        raise InvalidArgument("no two hours follow each other: hours need candles of 1h or less")
    found = table.select(
        day=pl.col("hour").dt.weekday() - 1,
        hour=pl.col("hour").dt.hour(),
        change=returns.abs() if sizes else returns,
    )
    means = found.drop_nulls().group_by("day", "hour").agg(pl.col("change").mean(), rows=pl.len())
    numbers = np.full((7, 24), np.nan)
    words = np.full((7, 24), "", dtype=object)
    for day, hour, change, rows in means.rows():
        numbers[day, hour] = change
        words[day, hour] = f"mean of {rows} hours"
    return Table(WEEKDAYS, [f"{hour:02d}" for hour in range(24)], numbers, words.astype(str))
