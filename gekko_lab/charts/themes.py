"""The looks of all charts: plotly templates "gekko_lab" and "gekko_lab_dark", and their colors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import plotly.graph_objects as go
import plotly.io

from gekko_lab.errors import InvalidArgument

Theme: TypeAlias = Literal["light", "dark"]


@dataclass(frozen=True)
class Palette:
    """The colors of a theme; those that draw or write stand out from the ground by 4.5 : 1.

    Attributes
    ----------
    template
        The name of the plotly template.
    ground, text, grid, gap
        Behind everything; letters; lines behind the data; the shade of a gap.
    up, down
        Rising and falling candles.
    data, model, volume, other
        What was measured; what a theory says; amounts; something to compare with.
    falling, rising
        Ramps from the middle of a colored table outwards; `text` is legible on all of them.
    """

    template: str
    ground: str
    text: str
    grid: str
    gap: str
    up: str
    down: str
    data: str
    model: str
    volume: str
    other: str
    falling: tuple[str, ...]
    rising: tuple[str, ...]

    def ramp(self) -> list[tuple[float, str]]:
        """Give the colors of values from nothing upwards."""
        return _spread(self.rising)

    def balance(self) -> list[tuple[float, str]]:
        """Give the colors of values on both sides of zero, blind to no kind of color vision."""
        return _spread((*reversed(self.falling), *self.rising[1:]))


_PALETTES: dict[str, Palette] = {
    "light": Palette(
        template="gekko_lab",
        ground="#ffffff",
        text="#1f2933",
        grid="#e4e7eb",
        gap="#98a3b0",
        up="#00796b",
        down="#c62828",
        data="#00796b",
        model="#b23c17",
        volume="#5b5fc7",
        other="#616e7c",
        falling=("#f7f9fa", "#fbdcb8", "#f2ac66"),
        rising=("#f7f9fa", "#c2dcf2", "#77b2e0"),
    ),
    "dark": Palette(
        template="gekko_lab_dark",
        ground="#131722",
        text="#e1e5ea",
        grid="#2a3040",
        gap="#7b8794",
        up="#26a69a",
        down="#ef6461",
        data="#26a69a",
        model="#ff8a65",
        volume="#9fa4f0",
        other="#9aa5b1",
        falling=("#1c2130", "#5c3a1e", "#8a4b12"),
        rising=("#1c2130", "#1f4264", "#245f94"),
    ),
}


def palette(theme: Theme) -> Palette:
    """Give the colors of a theme.

    Raises
    ------
    InvalidArgument
        When there is no such theme.
    """
    if theme not in get_args(Theme):
        raise InvalidArgument(f"theme={theme!r}: choose 'light' or 'dark'")
    return _PALETTES[theme]


def _spread(colors: tuple[str, ...]) -> list[tuple[float, str]]:
    return [(place / (len(colors) - 1), color) for place, color in enumerate(colors)]


def _template(colors: Palette) -> go.layout.Template:
    axis = {
        "automargin": True,
        "gridcolor": colors.grid,
        "linecolor": colors.grid,
        "zerolinecolor": colors.grid,
        "zerolinewidth": 1,
        "title": {"standoff": 8},
    }
    colorway = [colors.data, colors.volume, colors.model, colors.other, colors.down]
    return go.layout.Template(
        layout={
            "paper_bgcolor": colors.ground,
            "plot_bgcolor": colors.ground,
            "font": {"color": colors.text, "family": "system-ui, sans-serif", "size": 12},
            "title": {"font": {"size": 15}, "x": 0.01, "xanchor": "left"},
            "colorway": colorway,
            "colorscale": {"sequential": colors.ramp(), "diverging": colors.balance()},
            "hoverlabel": {"bgcolor": colors.ground, "font": {"color": colors.text}},
            "hovermode": "closest",
            "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
            "xaxis": axis,
            "yaxis": axis,
        },
        data={"candlestick": [hollow(colors)]},
    )


def hollow(colors: Palette) -> dict[str, object]:
    """Give candles that rise as outlines, so that color is never the only sign."""
    rising = {"fillcolor": "rgba(0,0,0,0)", "line": {"color": colors.up, "width": 1}}
    falling = {"fillcolor": colors.down, "line": {"color": colors.down, "width": 1}}
    return {"increasing": rising, "decreasing": falling}


for _colors in _PALETTES.values():
    plotly.io.templates[_colors.template] = _template(_colors)
