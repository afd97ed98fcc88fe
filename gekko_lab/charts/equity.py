"""`equity_chart`: what a value over time became, and how far it was below its best."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import plotly.graph_objects as go
import polars as pl

from gekko_lab.charts.digits import drawn
from gekko_lab.charts.reading import read_values
from gekko_lab.charts.themes import palette
from gekko_lab.errors import DataError
from gekko_lab.market.moments import show_time

if TYPE_CHECKING:
    from datetime import datetime

    from gekko_lab.charts.themes import Palette, Theme

_BUCKETS = 400  # of each, four rows are drawn at most: as many as a screen has columns
_SHARES = (0.36, 1.0), (0.0, 0.28)


class Drawdown(NamedTuple):
    """The deepest fall from a best value: how deep, from when, and when it was deepest."""

    depth: float
    since: datetime
    until: datetime


def equity_chart(
    equity: object,
    *,
    column: str | None = None,
    benchmark: object = None,
    title: str | None = None,
    height: int = 520,
    theme: Theme = "light",
) -> go.Figure:
    """Give an interactive figure of a value over time above its drawdown.

    The drawdown is the distance below the best value so far; the deepest one is shaded and told.
    Of very many rows the extremes are drawn, so that no drawdown looks shallower than it was.

    Parameters
    ----------
    equity : polars or pandas frame, or pandas Series with times
        Times in `timestamp` and values in `equity`; or candles, whose closes are what buying and
        holding one of them would be worth.
    column
        Where the values are; by default `equity`, else `close`, else the only column of numbers.
    benchmark : polars or pandas frame, or pandas Series with times, optional
        Something to compare with, such as the market's candles; drawn dashed from the equity's
        begin on, and scaled so that both have one value at the first time at which both have any:
        where the benchmark begins later, it begins at the equity's last value before.
    title
        Written above.
    height
        Of the figure, in pixels.
    theme
        "light" or "dark".

    Returns
    -------
    plotly.graph_objects.Figure
        Traces "equity" (or the column's own name), "benchmark" if there is one, and "drawdown"
        (fractions of the best value, at most 0), on a shared time axis in UTC.

    Raises
    ------
    InvalidArgument
        When it can't be told which column holds the values.
    DataError
        When times don't increase, or values are missing or begin at nothing; when the benchmark has
        no value between the first and the last time of the equity.

    Examples
    --------
    >>> import gekko_lab
    >>> candles = gekko_lab.fetch("simulator", "BTC/USDT", "1d", until="2024-01-01", limit=365)
    >>> figure = gekko_lab.equity_chart(candles)
    >>> [trace.name for trace in figure.data], f"{max(figure.data[1].y):.1%}"
    (['close', 'drawdown'], '0.0%')
    """
    colors = palette(theme)
    values, name, _ = read_values(equity, column)
    fallen = values.with_columns(drawdown=pl.col("value") / pl.col("value").cum_max() - 1.0)
    figure = go.Figure(_lines(_thin(fallen), name, colors))
    if benchmark is not None:
        figure.add_trace(_benchmark(benchmark, values, colors))
    deepest = _deepest(fallen)
    if deepest is not None:
        _shade(figure, deepest, colors)
    figure.update_layout(**_layout(title, height, colors, named=benchmark is not None))
    return figure


def _deepest(fallen: pl.DataFrame) -> Drawdown | None:
    place = fallen["drawdown"].arg_min()
    if place is None or fallen["drawdown"][place] >= 0:
        return None
    peak = int(np.argmax(fallen["value"][: place + 1].to_numpy()))
    times = fallen["timestamp"]
    return Drawdown(fallen["drawdown"][place], times[peak], times[place])


def _thin(table: pl.DataFrame) -> pl.DataFrame:
    """Keep of each stretch of rows the first, the last, the best and the most fallen one."""
    size = -(-table.height // _BUCKETS)
    if size <= 4:  # noqa: PLR2004 (as many rows as are kept)
        return table
    rows = table.with_row_index("row").with_columns(bucket=pl.col("row") // size)
    row = pl.col("row")
    kept = rows.group_by("bucket", maintain_order=True).agg(
        row.first().alias("first"),
        row.last().alias("last"),
        row.get(pl.col("value").arg_max()).alias("best"),
        row.get(pl.col("drawdown").arg_min()).alias("worst"),
    )
    places = pl.concat([kept[name] for name in ("first", "last", "best", "worst")])
    return table[places.unique().sort()]


def _lines(table: pl.DataFrame, name: str, colors: Palette) -> list[go.Scatter]:
    times = _times(table)
    return [
        go.Scatter(
            x=times,
            y=table["value"].to_numpy(),
            name=name,
            mode="lines",
            line={"color": colors.data, "width": 1.5},
        ),
        go.Scatter(
            x=times,
            y=drawn(table["drawdown"].to_numpy()),
            name="drawdown",
            mode="lines",
            fill="tozeroy",
            line={"color": colors.down, "width": 1},
            yaxis="y2",
            showlegend=False,
        ),
    ]


def _benchmark(benchmark: object, values: pl.DataFrame, colors: Palette) -> go.Scatter:
    table = _scaled(read_values(benchmark).table, values)
    table = table.with_columns(drawdown=pl.col("value") / pl.col("value").cum_max() - 1.0)
    thinned = _thin(table)
    return go.Scatter(
        x=_times(thinned),
        y=drawn(thinned["value"].to_numpy()),
        name="benchmark",
        mode="lines",
        line={"color": colors.other, "width": 1.5, "dash": "dash"},
    )


def _scaled(benchmark: pl.DataFrame, values: pl.DataFrame) -> pl.DataFrame:
    """Give the benchmark from the equity's begin on, at the equity's value where both begin."""
    if values.is_empty():
        return benchmark
    times = values["timestamp"]
    table = benchmark.filter(pl.col("timestamp") >= times[0])
    if table.is_empty() or table["timestamp"][0] > times[-1]:
        raise DataError(
            f"there is no value of the benchmark {_range(values)}, where the equity is"
            + (f"; it has values {_range(benchmark)}" if benchmark.height else "")
        )
    begin = values.filter(pl.col("timestamp") <= table["timestamp"][0])["value"][-1]
    return table.with_columns(value=pl.col("value") * (begin / table["value"][0]))


def _range(table: pl.DataFrame) -> str:
    first, last = (show_time(int(table["timestamp"][row].timestamp() * 1000)) for row in (0, -1))
    return f"from {first} to {last}"


def _times(table: pl.DataFrame) -> object:
    return table["timestamp"].dt.replace_time_zone(None).to_numpy()


def _shade(figure: go.Figure, deepest: Drawdown, colors: Palette) -> None:
    since, until = (moment.strftime("%Y-%m-%d %H:%M") for moment in deepest[1:])
    figure.add_shape(
        type="rect",
        x0=since,
        x1=until,
        y0=0,
        y1=1,
        yref="paper",
        layer="below",
        fillcolor=colors.gap,
        opacity=0.2,
        line={"width": 0},
        name="deepest drawdown",
    )
    figure.add_annotation(
        x=until,
        y=float(f"{deepest.depth:.9g}"),
        yref="y2",
        text=f"{deepest.depth:.1%} since {since[:10]}",
        arrowcolor=colors.text,
        bgcolor=colors.ground,
        name="deepest drawdown",
        **_beside(figure, deepest),
    )


def _beside(figure: go.Figure, deepest: Drawdown) -> dict[str, object]:
    """Say where the words go: towards the middle of the axis."""
    times = figure.data[0].x
    middle = times[len(times) // 2]
    left = deepest.until.replace(tzinfo=None) > middle.astype("datetime64[us]").item()
    return {"ax": -40 if left else 40, "ay": -18, "xanchor": "right" if left else "left"}


def _layout(title: str | None, height: int, colors: Palette, *, named: bool) -> dict[str, object]:
    values, drawdowns = _SHARES
    return {
        "template": colors.template,
        "title": {"text": title} if title else None,
        "height": height,
        "margin": {"l": 60, "r": 20, "t": 50 if title or named else 20, "b": 40},
        "showlegend": named,
        "hovermode": "x unified",
        "xaxis": {"title": "UTC", "anchor": "y2", "type": "date"},
        "yaxis": {"title": "value", "domain": values},
        "yaxis2": {"title": "drawdown", "domain": drawdowns, "tickformat": ".0%"},
    }
