"""`overview_chart`: a market at a glance, and figures that stay alive in notebooks."""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from gekko_lab.charts.themes import palette
from gekko_lab.frames.checks import check_candles
from gekko_lab.frames.convert import to_candles
from gekko_lab.frames.resample import find_timeframe
from gekko_lab.market.timeframe import MINUTE
from gekko_lab.realism import returns, statistics

if TYPE_CHECKING:
    from gekko_lab.charts.themes import Palette, Theme
    from gekko_lab.realism.returns import Grid
    from gekko_lab.realism.statistics import Numbers

_NORMAL = NormalDist()
_WIDEST, _BARS = 10.0, 81  # standard deviations, and bars across them
_POINTS, _TAIL = 600, 60  # of the price; of each end of the quantiles
_TITLES = (
    "price",
    "returns and a normal",
    "memory of abs. returns",
    "order book at the end",
    "quantiles against a normal",
    "hours of the day (UTC)",
)


def overview_chart(
    candles: object, book: pl.DataFrame | None = None, *, theme: Theme = "light", height: int = 520
) -> go.Figure:
    """Give a figure of prices, returns, their memory, their hours and what is bid and asked.

    Parameters
    ----------
    candles : polars or pandas frame
        Of any width; lags are candles.
    book
        The order book at their end, as `fetch_order_book` gives it.
    theme
        "light" or "dark".
    height
        Of the figure, in pixels.

    Returns
    -------
    plotly.graph_objects.Figure
        Always the same traces in the same order, also without data: "price", "returns", "normal",
        "memory", "bids", "asks", "quantiles", "normal quantiles", "volume", "abs. return".

    Raises
    ------
    DataError
        When the rows aren't sound candles.

    Examples
    --------
    >>> import gekko_lab
    >>> candles = gekko_lab.fetch("simulator", "BTC/USDT", "1m", until="2024-01-08", limit=2000)
    >>> [trace.name for trace in overview_chart(candles).data][:4]
    ['price', 'returns', 'normal', 'memory']
    """
    colors = palette(theme)
    table = check_candles(to_candles(candles))
    width = find_timeframe(table)
    grid = returns.on_grid(table, MINUTE if width is None else width.milliseconds or width.shortest)
    figure = make_subplots(
        rows=2,
        cols=3,
        subplot_titles=_TITLES,
        horizontal_spacing=0.08,
        vertical_spacing=0.2,
    )
    for place, cell in enumerate(
        (
            [_price(table, colors)],
            _histogram(grid, colors),
            [_memory(grid, colors)],
            _depth(book, colors),
            _quantiles(grid, colors),
            _hours(grid, colors),
        )
    ):
        figure.add_traces(cell, rows=place // 3 + 1, cols=place % 3 + 1)
    _label(figure)
    figure.update_layout(
        template=colors.template,
        height=height,
        showlegend=False,
        bargap=0,
        margin={"l": 50, "r": 15, "t": 35, "b": 45},
    )
    figure.update_annotations(font_size=12)
    return figure


class LiveFigure(go.FigureWidget):  # type: ignore[misc]  # plotly has no types
    """A figure as a widget that fills its place.

    Parameters
    ----------
    figure
        What it shows first.
    """

    def __init__(self, figure: go.Figure) -> None:
        self._whole = False
        super().__init__(figure)
        self._config = {"responsive": True, "displaylogo": False}
        self._whole = True
        self.open()

    def open(self) -> None:
        """Tell the page of it, once it is whole.

        plotly tells of an empty figure first, and a page that draws at once draws that.
        """
        if self._whole:
            super().open()


def repaint(widget: go.FigureWidget, figure: go.Figure) -> None:
    """Show another figure with the same traces in a widget, in one step."""
    with widget.batch_update():
        widget.layout.update(figure.layout, overwrite=False)
        for shown, wanted in zip(widget.data, figure.data, strict=True):
            shown.update(wanted.to_plotly_json())


def _label(figure: go.Figure) -> None:
    # Restyled times would be taken for text, were the axis not told that they are times.
    figure.update_xaxes(type="date", row=1, col=1)
    figure.update_xaxes(title="standard deviations", row=1, col=2)
    figure.update_yaxes(type="log", title="density", row=1, col=2)
    figure.update_xaxes(type="log", title="lag, candles", row=1, col=3)
    figure.update_xaxes(title="price", row=2, col=1)
    figure.update_yaxes(title="amount up to there", rangemode="tozero", row=2, col=1)
    figure.update_xaxes(title="normal, standard deviations", row=2, col=2)
    figure.update_xaxes(title="bars: volume, line: abs. return", dtick=6, row=2, col=3)
    figure.update_yaxes(title="over the mean", rangemode="tozero", row=2, col=3)


def _price(table: pl.DataFrame, colors: Palette) -> go.Scatter:
    step = max(1, len(table) // _POINTS)
    shown = table.gather_every(step)
    times = shown["timestamp"].dt.replace_time_zone(None).to_numpy()
    line = {"color": colors.data, "width": 1.2}
    return go.Scatter(x=times, y=shown["close"].to_numpy(), name="price", mode="lines", line=line)


def _standard(grid: Grid) -> Numbers:
    (kept,) = statistics.known(grid.change)
    spread = float(kept.std()) if kept.size else 0.0
    return (kept - kept.mean()) / spread if spread > 0 else kept[:0]


def _histogram(grid: Grid, colors: Palette) -> list[go.Bar | go.Scatter]:
    values = np.clip(_standard(grid), -_WIDEST, _WIDEST)
    edges = np.linspace(-_WIDEST, _WIDEST, _BARS + 1)
    count, _ = np.histogram(values, edges)
    centers, width = (edges[1:] + edges[:-1]) / 2.0, float(edges[1] - edges[0])
    density = np.where(count > 0, count / (max(values.size, 1) * width), np.nan)
    points = np.linspace(-4.0, 4.0, 81)
    normal = np.exp(-(points**2) / 2.0) / np.sqrt(2.0 * np.pi)
    bars = go.Bar(x=centers, y=density, name="returns", marker=_filled(colors.data))
    return [bars, _model(points, normal, "normal", colors)]


def _memory(grid: Grid, colors: Palette) -> go.Scatter:
    found = statistics.autocorrelation(np.abs(grid.change), returns.MEMORY)
    lags, levels = statistics.binned(found, 1, returns.MEMORY)
    marker = {"color": colors.data, "size": 6}
    return go.Scatter(x=lags, y=levels, name="memory", mode="lines+markers", marker=marker)


def _depth(book: pl.DataFrame | None, colors: Palette) -> list[go.Scatter]:
    traces = []
    for side, color, dash in (("bid", colors.up, "solid"), ("ask", colors.down, "dot")):
        rows = pl.DataFrame({"price": [], "amount": []}) if book is None else book
        rows = rows.filter(side=side) if book is not None else rows
        traces.append(
            go.Scatter(
                x=rows["price"].to_numpy(),
                y=rows["amount"].cast(pl.Float64).cum_sum().to_numpy(),
                name=f"{side}s",
                mode="lines",
                line={"color": color, "shape": "hv", "dash": dash, "width": 2},
            )
        )
    return traces


def _quantiles(grid: Grid, colors: Palette) -> list[go.Scatter]:
    ordered = np.sort(_standard(grid))
    places = np.arange(ordered.size)
    if ordered.size > 4 * _TAIL:
        between = np.linspace(_TAIL, ordered.size - _TAIL - 1, 2 * _TAIL).astype(np.int64)
        places = np.unique(np.r_[places[:_TAIL], between, places[-_TAIL:]])
    shares = (places + 0.5) / max(ordered.size, 1)
    normal = np.array([_NORMAL.inv_cdf(share) for share in shares])
    marker = {"color": colors.data, "size": 5}
    dots = go.Scatter(x=normal, y=ordered[places], name="quantiles", mode="markers", marker=marker)
    ends = normal[[0, -1]] if normal.size else normal
    return [dots, _model(ends, ends, "normal quantiles", colors)]


def _hours(grid: Grid, colors: Palette) -> list[go.Bar | go.Scatter]:
    hours = np.arange(24)
    volume = _relative(returns.hourly_means(grid.hour, grid.volume))
    size = _relative(returns.hourly_means(grid.hour, np.abs(grid.change)))
    line = {"color": colors.data, "width": 2}
    return [
        go.Bar(x=hours, y=volume, name="volume", marker=_filled(colors.volume), opacity=0.6),
        go.Scatter(x=hours, y=size, name="abs. return", mode="lines+markers", line=line),
    ]


def _relative(values: Numbers) -> Numbers:
    usual = statistics.mean(values)
    return values / usual if usual > 0 else np.full(values.size, np.nan)


def _filled(color: str) -> dict[str, object]:
    return {"color": color, "line": {"width": 0}}


def _model(x: Numbers, y: Numbers, name: str, colors: Palette) -> go.Scatter:
    line = {"color": colors.model, "dash": "dash", "width": 2}
    return go.Scatter(x=x, y=y, name=name, mode="lines", line=line)
