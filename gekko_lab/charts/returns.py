"""`returns_chart`: how returns are spread, against a normal distribution."""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from gekko_lab.charts.digits import drawn
from gekko_lab.charts.reading import log_changes, read_values
from gekko_lab.charts.themes import palette
from gekko_lab.realism import statistics

if TYPE_CHECKING:
    from gekko_lab.charts.themes import Palette, Theme
    from gekko_lab.realism.statistics import Numbers

_MOST_BARS = 300
_TAIL, _MIDDLE = 100, 100  # dots of each end, all of them, and of what lies between
_WIDE = 5.0  # standard deviations; a normal has nothing to show beyond
_NORMAL = NormalDist()


def returns_chart(
    candles: object,
    *,
    column: str | None = None,
    title: str | None = None,
    height: int = 420,
    theme: Theme = "light",
) -> go.Figure:
    """Give a figure of returns against a normal distribution of the same mean and deviation.

    On the left their density; on the right their quantiles in standard deviations, where a normal
    distribution lies on the dashed line and heavy tails bend away from it. Returns are logarithmic,
    from row to row; those across gaps are left out.

    Parameters
    ----------
    candles : polars or pandas frame, or pandas Series with times
        Candles, whose closes are taken, or times in `timestamp` and values in `equity`.
    column
        Where the values are; by default `equity`, else `close`, else the only column of numbers.
    title
        Written above.
    height
        Of the figure, in pixels.
    theme
        "light" or "dark".

    Returns
    -------
    plotly.graph_objects.Figure
        Traces "returns" (bars; percent and density per percent), "normal", "quantiles" (the most
        extreme ones all, thinned between them) and "normal quantiles". The title over the bars
        tells mean, deviation and excess kurtosis.

    Raises
    ------
    InvalidArgument
        When it can't be told which column holds the values.
    DataError
        When times don't increase, or values are missing or begin at nothing.

    Examples
    --------
    >>> import gekko_lab
    >>> candles = gekko_lab.fetch("simulator", "BTC/USDT", "1h", until="2024-01-01", limit=1000)
    >>> [trace.name for trace in gekko_lab.returns_chart(candles).data]
    ['returns', 'normal', 'quantiles', 'normal quantiles']
    """
    colors = palette(theme)
    values = read_values(candles, column).table
    (returns,) = statistics.known(log_changes(values) * 100.0)
    figure = make_subplots(
        rows=1,
        cols=2,
        subplot_titles=[_described(returns), "quantiles against a normal"],
        horizontal_spacing=0.1,
    )
    figure.add_traces(_histogram(returns, colors), rows=1, cols=1)
    figure.add_traces(_quantiles(returns, colors), rows=1, cols=2)
    figure.update_xaxes(title="log return, %", row=1, col=1)
    figure.update_yaxes(title="density", row=1, col=1)
    figure.update_xaxes(title="normal, standard deviations", row=1, col=2)
    figure.update_yaxes(title="returns, standard deviations", row=1, col=2)
    figure.update_annotations(font_size=12)
    figure.update_layout(
        template=colors.template,
        title={"text": title} if title else None,
        height=height,
        bargap=0,
        showlegend=False,
        margin={"l": 60, "r": 20, "t": 70 if title else 40, "b": 50},
    )
    return figure


def _described(returns: Numbers) -> str:
    if returns.size < 2:  # noqa: PLR2004 (a deviation takes two)
        return f"{returns.size} returns"
    text = f"mean {returns.mean():.2g} %, deviation {returns.std():.3g} %"
    kurtosis = statistics.excess_kurtosis(returns)
    return f"{text}, kurtosis {kurtosis:+.1f}" if np.isfinite(kurtosis) else text


def _histogram(returns: Numbers, colors: Palette) -> list[go.Bar | go.Scatter]:
    edges = _edges(returns)
    density, _ = np.histogram(returns, edges, density=True) if returns.size else (edges[:0], edges)
    centers = (edges[1:] + edges[:-1]) / 2.0
    bars = go.Bar(
        x=drawn(centers),
        y=drawn(density),
        width=float(drawn(edges[1:] - edges[:-1])[0]),
        name="returns",
        opacity=0.7,  # the normal stays visible across it
        marker={"color": colors.data, "line": {"width": 0}},
    )
    spread = float(returns.std()) if returns.size else 0.0
    middle = float(returns.mean()) if spread > 0 else 0.0
    steps = np.linspace(-_WIDE, _WIDE, 121) if spread > 0 else edges[:0]
    normal = np.exp(-(steps**2) / 2.0) / (np.sqrt(2.0 * np.pi) * (spread or 1.0))
    points = middle + spread * steps
    return [bars, _model(points, normal, "normal", colors)]


def _edges(returns: Numbers) -> Numbers:
    """Give edges of bars as wide as Freedman and Diaconis say, but not too many.

    References
    ----------
    Freedman and Diaconis 1981, On the histogram as a density estimator, Zeitschrift für
    Wahrscheinlichkeitstheorie 57.
    """
    if returns.size == 0 or np.ptp(returns) == 0:
        middle = float(returns[0]) if returns.size else 0.0
        return np.array([middle - 0.5, middle + 0.5])
    low, high = np.quantile(returns, [0.25, 0.75])
    width = 2.0 * (high - low) / returns.size ** (1.0 / 3.0)
    bars = min(_MOST_BARS, int(np.ceil(np.ptp(returns) / width))) if width > 0 else _MOST_BARS
    return np.linspace(returns.min(), returns.max(), bars + 1)


def _quantiles(returns: Numbers, colors: Palette) -> list[go.Scatter]:
    spread = float(returns.std()) if returns.size else 0.0
    ordered = np.sort((returns - returns.mean()) / spread) if spread > 0 else returns[:0]
    places = _shown(ordered.size)
    shares = (places + 0.5) / max(ordered.size, 1)
    normal = np.array([_NORMAL.inv_cdf(share) for share in shares])
    dots = go.Scatter(
        x=drawn(normal),
        y=drawn(ordered[places]),
        name="quantiles",
        mode="markers",
        marker={"color": colors.data, "size": 5},
    )
    ends = normal[[0, -1]] if normal.size else normal
    return [dots, _model(ends, ends, "normal quantiles", colors)]


def _shown(count: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    if count <= 2 * _TAIL + _MIDDLE:
        return np.arange(count)
    between = np.linspace(_TAIL, count - _TAIL - 1, _MIDDLE).round().astype(np.intp)
    return np.unique(np.r_[np.arange(_TAIL), between, np.arange(count - _TAIL, count)])


def _model(x: Numbers, y: Numbers, name: str, colors: Palette) -> go.Scatter:
    line = {"color": colors.model, "dash": "dash", "width": 2}
    return go.Scatter(x=drawn(x), y=drawn(y), name=name, mode="lines", line=line)
