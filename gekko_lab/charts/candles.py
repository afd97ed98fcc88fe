"""`candle_chart`: candles and their volume as an interactive figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go
import polars as pl

from gekko_lab.charts.themes import hollow, palette
from gekko_lab.errors import InvalidArgument, InvalidType
from gekko_lab.frames.checks import check_candles, milliseconds, times_of
from gekko_lab.frames.convert import to_candles
from gekko_lab.frames.resample import aggregates, find_timeframe, missing
from gekko_lab.frames.schemas import CANDLES
from gekko_lab.market.spans import Span

if TYPE_CHECKING:
    from gekko_lab.charts.themes import Palette, Theme
    from gekko_lab.market.timeframe import Timeframe

MOST = 2000
"""More candles than a screen has columns for only make a figure slow."""

_SHADED = 100  # a thousand shapes make a figure as slow as a hundred thousand candles
_SHARES = (0.26, 1.0), (0.0, 0.2)


def candle_chart(
    candles: object,
    *,
    title: str | None = None,
    most: int = MOST,
    height: int = 520,
    theme: Theme = "light",
) -> go.Figure:
    """Give an interactive figure of candles above their volume.

    More than `most` candles are joined, so many rows to one; the title says how many. Gaps stay
    visible: the time axis is to scale, and the hundred longest are shaded and tell their length.
    Candles that rise are outlines, those that fall are filled.

    Parameters
    ----------
    candles : polars or pandas frame
        As `fetch` returns them.
    title
        Written above.
    most
        Candles drawn at most.
    height
        Of the figure, in pixels.
    theme
        "light" or "dark".

    Returns
    -------
    plotly.graph_objects.Figure
        Traces "price" (candles) and "volume" (bars, in base), on a shared time axis in UTC.

    Raises
    ------
    DataError
        When the rows aren't sound candles.
    InvalidArgument
        When `most` isn't a whole number of at least 1, or there is no such theme.

    Examples
    --------
    >>> import gekko_lab
    >>> candles = gekko_lab.fetch("simulator", "BTC/USDT", "1h", until="2024-01-01")
    >>> [trace.name for trace in gekko_lab.candle_chart(candles).data]
    ['price', 'volume']
    """
    if isinstance(most, bool) or not hasattr(most, "__index__"):
        raise InvalidType(f"most={most!r} is a {type(most).__name__}; give a whole number")
    if most < 1:
        raise InvalidArgument(f"most={most!r}: draw at least one candle")
    colors = palette(theme)
    table = check_candles(to_candles(candles)).select(CANDLES.names())
    spacing = find_timeframe(table)
    drawn, joined = _thin(table, most, spacing)
    figure = go.Figure(_traces(drawn, colors))
    gaps = _gaps(table, spacing)
    for gap in _longest(gaps):
        _shade(figure, gap, spacing, colors)
    told = _title(title, joined, spacing, len(gaps))
    figure.update_layout(template=colors.template, **_layout(told, height))
    return figure


def _thin(table: pl.DataFrame, most: int, spacing: Timeframe | None) -> tuple[pl.DataFrame, int]:
    """Join neighboring rows, so many that few enough are left, but never across a wide gap.

    A number of rows, not of time, so that gaps cost nothing; a gap is wide when it is longer than
    a drawn candle.
    """
    joined = -(-len(table) // most) if len(table) else 1
    if joined == 1 or spacing is None:
        return table, 1
    steps = table.select(milliseconds().diff().fill_null(0)).to_series()
    while True:
        stretch = (steps > (joined + 1) * spacing.shortest).cum_sum()
        place = pl.int_range(pl.len()).over("_stretch") // joined
        parts = table.with_columns(_stretch=stretch).with_columns(_part=place)
        if parts.select(pl.struct("_stretch", "_part").n_unique()).item() <= most:
            break
        joined += -(-joined // 4)
    rules = [pl.col("timestamp").first(), *aggregates(table.columns)]
    grouped = parts.group_by("_stretch", "_part", maintain_order=True).agg(rules)
    return grouped.drop("_stretch", "_part"), joined


def _traces(table: pl.DataFrame, colors: Palette) -> list[go.Candlestick | go.Bar]:
    times = table["timestamp"].dt.replace_time_zone(None).to_numpy()
    columns = {name: table[name].to_numpy() for name in CANDLES if name != "timestamp"}
    rises = (table["close"] >= table["open"]).to_list()
    bars = [colors.up if up else colors.down for up in rises]
    return [
        go.Candlestick(
            x=times,
            open=columns["open"],
            high=columns["high"],
            low=columns["low"],
            close=columns["close"],
            name="price",
            **hollow(colors),
        ),
        go.Bar(
            x=times,
            y=columns["volume"],
            name="volume",
            yaxis="y2",
            marker={"color": bars, "line": {"width": 0}},
        ),
    ]


def _gaps(table: pl.DataFrame, spacing: Timeframe | None) -> list[Span]:
    if spacing is None:
        return []
    opens = times_of(table)
    return missing(opens, spacing, Span(opens[0], spacing.next(opens[-1])))


def _longest(gaps: list[Span]) -> list[Span]:
    chosen = sorted(gaps, key=lambda gap: gap.since - gap.until)[:_SHADED]
    return sorted(chosen)


def _shade(figure: go.Figure, gap: Span, spacing: Timeframe | None, colors: Palette) -> None:
    count = spacing.between(*gap) if spacing is not None else 0
    since, until = (_time(edge) for edge in gap)
    figure.add_shape(
        type="rect",
        x0=since,
        x1=until,
        y0=0,
        y1=1,
        yref="paper",
        layer="below",
        fillcolor=colors.gap,
        opacity=0.25,
        line={"width": 0},
        name=f"gap: {count} candles of {spacing}",
        label={"text": f"{count} missing", "textposition": "top center", "font": {"size": 9}},
    )


def _time(milliseconds_utc: int) -> str:
    moment: str = pl.from_epoch(pl.Series([milliseconds_utc]), time_unit="ms").dt.strftime(
        "%Y-%m-%d %H:%M:%S.%3f"
    )[0]
    return moment


def _title(title: str | None, joined: int, spacing: Timeframe | None, gaps: int) -> str:
    parts = [title] if title else []
    if joined > 1:
        parts.append(f"{joined} candles{f' of {spacing}' if spacing else ''} in each drawn one")
    if gaps > _SHADED:
        parts.append(f"the {_SHADED} longest of {gaps} gaps shaded")
    return " · ".join(parts)


def _layout(title: str, height: int) -> dict[str, object]:
    prices, volumes = _SHARES
    return {
        "title": {"text": title} if title else None,
        "height": height,
        "margin": {"l": 60, "r": 20, "t": 50 if title else 20, "b": 40},
        "showlegend": False,
        "hovermode": "x unified",
        "dragmode": "pan",
        "bargap": 0.1,
        "xaxis": {"title": "UTC", "rangeslider": {"visible": False}, "anchor": "y2"},
        "yaxis": {"title": "price", "domain": prices},
        "yaxis2": {"title": "volume", "domain": volumes, "rangemode": "tozero"},
    }
