"""`heatmap`: returns by month or hour, or any table of numbers, as colored cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np
import plotly.graph_objects as go
import polars as pl

from gekko_lab.charts.calendars import Table, hours, months
from gekko_lab.charts.digits import drawn
from gekko_lab.charts.reading import numeric_names, read_values
from gekko_lab.charts.themes import palette
from gekko_lab.errors import DataError, InvalidArgument
from gekko_lab.frames.convert import to_table

if TYPE_CHECKING:
    from gekko_lab.charts.themes import Theme

By: TypeAlias = Literal["months", "hours", "activity", "matrix"]

_ROW, _AROUND = 30, 110  # pixels
_WRITTEN = 400  # cells; more leave no room for numbers
_UNITS = {"months": "%", "hours": "%", "activity": "%", "matrix": ""}


def heatmap(
    frame: object,
    by: By = "months",
    *,
    column: str | None = None,
    title: str | None = None,
    height: int | None = None,
    theme: Theme = "light",
) -> go.Figure:
    """Give a figure of colored cells, with their numbers written in.

    Parameters
    ----------
    frame : polars or pandas frame
        Candles, whose closes are taken, or times in `timestamp` and values in `equity`. By
        "matrix" it is any table: its column of text (or the index, in pandas) names the rows, and
        each column of numbers is one of the figure.
    by
        "months" for the compounded return of each month and year, from the last value before it;
        "hours" for the mean return of each hour of the week; "activity" for the mean size of that
        return, whatever its sign; "matrix" for the numbers themselves. All times are UTC.
    column
        Where the values are; by default `equity`, else `close`, else the only column of numbers.
    title
        Written above.
    height
        Of the figure, in pixels; by default as much as its rows need.
    theme
        "light" or "dark".

    Returns
    -------
    plotly.graph_objects.Figure
        One trace, whose cells are percent except by "matrix". Nothing known is an empty cell.

    Raises
    ------
    InvalidArgument
        When `by` is none of these, it can't be told which column holds the values, or candles are
        longer than an hour and hours were asked for.
    DataError
        When times don't increase, values are missing or begin at nothing, or two rows of a matrix
        have one name.

    Examples
    --------
    >>> import gekko_lab
    >>> days = gekko_lab.fetch("simulator", "BTC/USDT", "1d", since="2023-01-01", limit=365)
    >>> figure = gekko_lab.heatmap(days)
    >>> figure.data[0].y, figure.data[0].x[-1]
    (('2023',), 'year')
    """
    if by not in get_args(By):
        choices = ", ".join(map(repr, get_args(By)))
        raise InvalidArgument(f"by={by!r}: choose one of {choices}")
    if by == "matrix" and column is not None:
        raise InvalidArgument("column= has no use by 'matrix', which draws all columns of numbers")
    table = _matrix(frame) if by == "matrix" else _calendar(frame, by, column)
    figure = cells(table, theme=theme, unit=_UNITS[by])
    figure.update_layout(
        title={"text": title} if title else None,
        height=height or _ROW * max(len(table.rows), 3) + _AROUND,
        margin={"l": 60, "r": 20, "t": 50 if title else 20, "b": 40},
    )
    if by in {"hours", "activity"}:
        figure.update_xaxes(title="UTC")
    return figure


def _calendar(frame: object, by: By, column: str | None) -> Table:
    values = read_values(frame, column)
    return months(values) if by == "months" else hours(values, sizes=by == "activity")


def _matrix(frame: object) -> Table:
    table = to_table(frame)
    numeric = numeric_names(table)
    others = [name for name in table.columns if name not in numeric]
    if len(others) > 1:
        raise InvalidArgument(f"columns {others} aren't numbers: one of them may name the rows")
    names = table[others[0]] if others else pl.Series(range(table.height), dtype=pl.Int64)
    rows = names.cast(pl.String).fill_null("").to_list()
    if len(set(rows)) < len(rows):
        raise DataError(f"column {others[0]!r} has a name twice: each row needs its own")
    numbers = table.select(pl.col(numeric).cast(pl.Float64).fill_null(float("nan"))).to_numpy()
    return Table(rows, numeric, numbers.reshape(len(rows), len(numeric)))


def cells(
    table: Table, *, theme: Theme, unit: str = "", limits: tuple[float, float] | None = None
) -> go.Figure:
    """Give a figure of a table; by default its colors end at its largest number.

    Numbers of both signs are colored by two ramps that meet at zero, others by one.
    """
    colors = palette(theme)
    low, high = limits or _limits(table.numbers)
    written = table.numbers.size <= _WRITTEN
    trace = go.Heatmap(
        x=list(table.columns),
        y=list(table.rows),
        z=drawn(table.numbers),
        zmin=low,
        zmax=high,
        colorscale=colors.balance() if low < 0 else colors.ramp(),
        customdata=table.words,
        texttemplate=f"%{{z:{_digits(table.numbers)}}}" if written else None,
        textfont={"color": colors.text, "size": 11},
        hovertemplate=_hover(unit, told=table.words is not None),
        hoverongaps=False,
        colorbar={"title": {"text": unit}, "thickness": 12, "outlinewidth": 0},
        xgap=1,
        ygap=1,
    )
    figure = go.Figure(trace)
    figure.update_layout(template=colors.template)
    figure.update_xaxes(type="category", showgrid=False)
    figure.update_yaxes(type="category", showgrid=False, autorange="reversed")
    return figure


def _limits(numbers: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> tuple[float, float]:
    known = numbers[np.isfinite(numbers)]
    if not known.size:
        return 0.0, 1.0
    most = float(drawn(np.abs(known)).max()) or 1.0
    return (-most if known.min() < 0 else 0.0), most


def _digits(numbers: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> str:
    known = np.abs(numbers[np.isfinite(numbers)])
    most = float(known.max()) if known.size else 0.0
    if known.size and (known == np.round(known)).all():
        return ",.0f" if most < 1e6 else ".3s"  # noqa: PLR2004 (longer than a cell is wide)
    return ".1f" if 10 <= most < 1e4 else ".2f" if 0.1 <= most < 10 else ".3g"  # noqa: PLR2004


def _hover(unit: str, *, told: bool) -> str:
    number = f"%{{y}} · %{{x}}: %{{z:.4g}} {unit}".rstrip()
    return f"{number}<br>%{{customdata}}<extra></extra>" if told else f"{number}<extra></extra>"
