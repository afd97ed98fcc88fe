"""`realism_chart`: what makes a market look real, at a glance."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from gekko_lab.charts.digits import drawn
from gekko_lab.charts.themes import palette
from gekko_lab.frames.checks import check_candles
from gekko_lab.frames.convert import to_candles
from gekko_lab.frames.resample import find_timeframe
from gekko_lab.market.timeframe import MINUTE
from gekko_lab.realism import returns, statistics
from gekko_lab.realism import trades as flows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gekko_lab.charts.themes import Palette, Theme
    from gekko_lab.realism.returns import Grid
    from gekko_lab.realism.statistics import Numbers

_WIDEST = 12.0  # standard deviations in the histogram
_TAIL = 400  # points of a tail that a screen can tell apart
_GROUPS = 40  # of volume
_SIGN_LAGS = 1000
_SHARE = 0.05  # of the returns is the tail, as in the report


class Cell(NamedTuple):
    """One small chart: what is drawn, and what the axes are."""

    traces: list[go.Scatter | go.Bar]
    title: str
    x: str
    y: str
    log_x: bool = False
    log_y: bool = False


def realism_chart(
    candles: object,
    trades: object = None,
    *,
    title: str | None = None,
    height: int = 760,
    theme: Theme = "light",
) -> go.Figure:
    """Give a figure of the facts that tell a real market from a random walk.

    Dashed lines are models: the normal distribution, and the power laws that were fitted. Returns
    across gaps are left out.

    Parameters
    ----------
    candles : polars or pandas frame
        Of any width; lags are candles.
    trades : polars or pandas frame, optional
        Public trades of the same market, for the memory of their signs.
    title
        Written above.
    height
        Of the figure, in pixels.
    theme
        "light" or "dark".

    Returns
    -------
    plotly.graph_objects.Figure
        Small charts: returns against a normal, their tail, the memory of their size with the
        season of the day removed, that season (UTC), size of returns by volume and, with trades,
        the memory of signs.

    Raises
    ------
    DataError
        When the rows aren't sound candles or trades.
    InvalidArgument
        When there is no such theme.

    Examples
    --------
    >>> import gekko_lab
    >>> candles = gekko_lab.fetch("simulator", "BTC/USDT", "1m", until="2024-01-08", limit=2000)
    >>> figure = gekko_lab.realism_chart(candles)
    >>> figure.layout.annotations[0].text
    'returns and a normal'
    """
    colors = palette(theme)
    table = check_candles(to_candles(candles))
    width = find_timeframe(table)
    step = MINUTE if width is None else width.milliseconds or width.shortest
    grid = returns.on_grid(table, step)
    cells = [_histogram(grid), _tail(grid), _memory(grid), _hours(grid), _volumes(grid)]
    if trades is not None:
        cells.append(_signs(flows.flow(flows.read(trades)).sign))
    return _figure(cells, colors, title, height)


def _figure(cells: list[Cell], colors: Palette, title: str | None, height: int) -> go.Figure:
    figure = make_subplots(
        rows=2,
        cols=3,
        subplot_titles=[cell.title for cell in cells],
        horizontal_spacing=0.08,
        vertical_spacing=0.16,
    )
    for place, cell in enumerate(cells):
        spot = {"row": place // 3 + 1, "col": place % 3 + 1}
        for trace in cell.traces:
            figure.add_trace(_colored(trace, colors), **spot)
        figure.update_xaxes(title=cell.x, type="log" if cell.log_x else "linear", **spot)
        figure.update_yaxes(title=cell.y, type="log" if cell.log_y else "linear", **spot)
    for place in range(len(cells), 6):
        spot = {"row": place // 3 + 1, "col": place % 3 + 1}
        figure.update_xaxes(visible=False, **spot)
        figure.update_yaxes(visible=False, **spot)
    figure.update_annotations(font_size=12)
    figure.update_layout(
        template=colors.template,
        title={"text": title} if title else None,
        height=height,
        showlegend=False,
        margin={"l": 60, "r": 20, "t": 80 if title else 40, "b": 50},
    )
    return figure


def _colored(trace: go.Scatter | go.Bar, colors: Palette) -> go.Scatter | go.Bar:
    """Give bars the color of volumes, dashed lines that of models, and the rest that of data."""
    if trace.type == "bar":
        return trace.update(marker_color=colors.volume)
    color = colors.model if trace.line.dash else colors.data
    return trace.update(line_color=color, marker_color=color)


def _dots(x: Numbers, y: Numbers, name: str) -> go.Scatter:
    return go.Scatter(x=drawn(x), y=drawn(y), name=name, mode="markers", marker={"size": 5})


def _line(x: Numbers, y: Numbers, name: str) -> go.Scatter:
    line = {"dash": "dash", "width": 2}
    return go.Scatter(x=drawn(x), y=drawn(y), name=name, mode="lines", line=line)


def _standard(grid: Grid) -> Numbers:
    """Give returns in standard deviations; none where nothing moves."""
    (kept,) = statistics.known(grid.change)
    spread = float(kept.std()) if kept.size else 0.0
    return (kept - kept.mean()) / spread if spread > 0 else kept[:0]


def _histogram(grid: Grid) -> Cell:
    edges = np.linspace(-_WIDEST, _WIDEST, 97)
    values = _standard(grid)
    count, _ = np.histogram(values, edges)
    centers = (edges[1:] + edges[:-1]) / 2.0
    seen = count > 0
    density = count[seen] / (values.size * np.diff(edges)[seen])
    least = 0.3 / (max(values.size, 10) * 0.25)  # a little below a single return
    near = np.abs(centers) < np.sqrt(-2.0 * np.log(least * np.sqrt(2.0 * np.pi)))
    normal = np.exp(-(centers[near] ** 2) / 2.0) / np.sqrt(2.0 * np.pi)
    return Cell(
        [_dots(centers[seen], density, "returns"), _line(centers[near], normal, "normal")],
        "returns and a normal",
        "standard deviations",
        "density",
        log_y=True,
    )


def _tail(grid: Grid) -> Cell:
    size = np.sort(np.abs(_standard(grid)))[::-1]
    size = size[size > 0]
    share = np.arange(1, size.size + 1) / max(size.size, 1)
    index = statistics.hill(size, _SHARE)
    shown = _spaced(size.size)
    traces = [_dots(size[shown], share[shown], "abs. returns")]
    name = "tail"
    if np.isfinite(index):
        name = f"tail: Hill index {index:.1f}"
        ends = size[[int(_SHARE * size.size), 0]]
        traces.append(_line(ends, _SHARE * (ends / ends[0]) ** -index, f"slope -{index:.2f}"))
    else:
        traces.append(_line(size[:0], size[:0], "no slope"))
    return Cell(traces, name, "standard deviations", "share beyond", log_x=True, log_y=True)


def _spaced(count: int) -> NDArray[np.int64]:
    if count == 0:
        return np.empty(0, dtype=np.int64)
    return np.unique(np.geomspace(1, count, _TAIL).astype(np.int64)) - 1


def _memory(grid: Grid) -> Cell:
    size = returns.without_season(grid)
    return _decay(size, 5, returns.MEMORY, "memory of abs. returns", "lag, candles")


def _signs(signs: Numbers) -> Cell:
    return _decay(signs, 1, _SIGN_LAGS, "memory of signs", "lag, fills")


def _decay(values: Numbers, first: int, last: int, title: str, unit: str) -> Cell:
    found = statistics.autocorrelation(values, last)
    end = last if first > 1 else flows.SIGNS
    exponent = statistics.decay_exponent(found, first, end)
    lags, levels = statistics.binned(found, 1, last)
    above = levels > 0
    traces = [_dots(lags[above], levels[above], "autocorrelation")]
    if np.isfinite(exponent):
        near, at = statistics.binned(found, first, end)
        near, at = near[at > 0], at[at > 0]
        scale = np.exp((np.log(at) + exponent * np.log(near)).mean())
        ends = near[[0, -1]]
        traces.append(_line(ends, scale * ends**-exponent, f"exponent {exponent:.2f}"))
        title = f"{title}: exponent {exponent:.2f}"
    else:
        traces.append(_line(lags[:0], lags[:0], "no exponent"))
    return Cell(traces, title, unit, "autocorrelation", log_x=True, log_y=True)


def _hours(grid: Grid) -> Cell:
    hours = np.arange(24)
    size = _relative(returns.hourly_means(grid.hour, np.abs(grid.change)))
    volume = _relative(returns.hourly_means(grid.hour, grid.volume))
    line = {"width": 2}
    traces = [
        go.Bar(x=hours, y=drawn(volume), name="volume", opacity=0.7),
        go.Scatter(x=hours, y=drawn(size), name="abs. return", mode="lines+markers", line=line),
    ]
    return Cell(traces, "hours of the day: abs. return, volume (bars)", "UTC", "over the mean")


def _relative(values: Numbers) -> Numbers:
    usual = statistics.mean(values)
    return values / usual if usual > 0 else np.full(values.size, np.nan)


def _volumes(grid: Grid) -> Cell:
    volume, size = statistics.known(grid.volume, np.abs(grid.change))
    order = np.argsort(volume, kind="stable")
    parts = [part for part in np.array_split(order, _GROUPS) if part.size]
    x = np.array([np.median(volume[part]) for part in parts])
    y = np.array([size[part].mean() * 1e4 for part in parts])
    rank = statistics.rank_correlation(volume, size)
    name = "abs. return by volume" + (f": rank corr. {rank:.2f}" if np.isfinite(rank) else "")
    above = y > 0
    dots = _dots(x[above], y[above], "mean of a fortieth")
    return Cell([dots], name, "volume, base", "abs. return, bps", log_x=True, log_y=True)
