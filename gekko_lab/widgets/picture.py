"""A still picture of candles as SVG: the same text for the same candles, on any machine."""

from __future__ import annotations

import base64
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from gekko_lab.market.moments import show_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from gekko_lab.frames.pyramid import Bars

    Real = NDArray[np.float64]

BARS = 180
"""Bars in a picture at most."""

WIDTH, HEIGHT = 760, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 8, 672, 30, 292
_SHARE = 0.78  # of the height, for prices; the rest is volume
_LEVELS = 4

_LIGHT = "#fff #1f2328 #e3e6ea #067d68 #c62828 #eef0f2"
_DARK = "#111 #e6e6e6 #2b2f36 #2bb3a3 #ef5350 #22262d"


def picture(bars: Bars, title: str, times: Real, *, theme: str, volume: bool, decimals: int) -> str:
    """Give an SVG picture of bars, with a bar at each place and NaN where there is no candle.

    Rising candles are hollow and falling ones are filled; gaps are shaded. With the theme "auto" it
    is light or dark as the viewer's system is.
    """
    body = [f'<rect class="g" width="{WIDTH}" height="{HEIGHT}"/>']
    body.append(f'<text x="{_LEFT}" y="19" class="t">{escape(title)}</text>')
    if np.isfinite(bars.close).any():
        body += _drawing(bars, times, decimals, volume=volume)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}">{_style(theme)}{"".join(body)}</svg>'
    )


def data_uri(svg: str) -> str:
    """Give a picture as an address that holds it."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def _style(theme: str) -> str:
    dark = f"@media(prefers-color-scheme:dark){{{_rules(_DARK)}}}" if theme == "auto" else ""
    return f"<style>{_rules(_DARK if theme == 'dark' else _LIGHT)}{dark}</style>"


def _rules(palette: str) -> str:
    ground, text, line, up, down, gap = palette.split()
    return (
        f".g{{fill:{ground}}}text{{fill:{text};font:11px sans-serif}}.t{{font-size:13px}}"
        f".l{{stroke:{line};fill:none}}.u{{stroke:{up};fill:{ground}}}"
        f".d{{stroke:{down};fill:{down}}}.w{{fill:{up};opacity:.5}}.x{{fill:{down};opacity:.5}}"
        f".h{{fill:{gap}}}"
    )


def _drawing(bars: Bars, times: Real, decimals: int, *, volume: bool) -> Iterator[str]:
    low, high = float(np.nanmin(bars.low)), float(np.nanmax(bars.high))
    room = (_BOTTOM - _TOP) * (_SHARE if volume else 1.0) - 6
    scale = room / ((high - low) or 1.0)
    width = (_RIGHT - _LEFT) / len(bars)
    yield from _gaps(bars, width)
    yield from _levels(low, high, scale, decimals)
    falls = bars.close < bars.open
    middles = _LEFT + (np.arange(len(bars), dtype=np.float64) + 0.5) * np.float64(width)
    heights = {name: _TOP + (high - getattr(bars, name)) * scale for name in _PRICES}
    for group, rows in (("u", ~falls), ("d", falls)):
        seen = np.flatnonzero(rows & np.isfinite(bars.close))
        yield f'<path class="{group}" d="{"".join(_candles(seen, middles, heights, width))}"/>'
    if volume:
        yield from _volumes(bars, falls, middles, width)
    yield from _times(times, width)


_PRICES = ("open", "high", "low", "close")


def _candles(
    rows: NDArray[np.int64], middles: Real, heights: dict[str, Real], width: float
) -> Iterator[str]:
    half = max(0.5, width * 0.35)
    for row in rows:
        x = middles[row]
        high, low = heights["high"][row], heights["low"][row]
        body = sorted((heights["open"][row], heights["close"][row]))
        yield f"M{x:.1f} {high:.1f}V{body[0]:.1f}M{x:.1f} {body[1]:.1f}V{low:.1f}"
        tall = body[1] - body[0]
        yield f"M{x - half:.1f} {body[0]:.1f}h{2 * half:.1f}v{tall:.1f}h{-2 * half:.1f}z"


def _volumes(bars: Bars, falls: NDArray[np.bool_], middles: Real, width: float) -> Iterator[str]:
    most = float(np.nanmax(bars.volume)) or 1.0
    heights = (_BOTTOM - _TOP) * (1 - _SHARE) * bars.volume / most
    for group, rows in (("w", ~falls), ("x", falls)):
        seen = np.flatnonzero(rows & (heights > 0))
        path = "".join(
            f"M{middles[row] - width * 0.35:.1f} {_BOTTOM}v{-heights[row]:.1f}h{width * 0.7:.1f}"
            f"v{heights[row]:.1f}z"
            for row in seen
        )
        yield f'<path class="{group}" d="{path}"/>'


def _gaps(bars: Bars, width: float) -> Iterator[str]:
    absent = np.append(np.append(False, ~np.isfinite(bars.close)), False)
    edges = np.flatnonzero(absent[1:] != absent[:-1])
    for begin, end in edges.reshape(-1, 2):
        x, wide = _LEFT + begin * width, (end - begin) * width
        yield (
            f'<rect class="h" x="{x:.1f}" y="{_TOP}" width="{wide:.1f}" height="{_BOTTOM - _TOP}"/>'
        )


def _levels(low: float, high: float, scale: float, decimals: int) -> Iterator[str]:
    for price in np.linspace(low, high, _LEVELS):
        y = _TOP + (high - price) * scale
        yield f'<path class="l" d="M{_LEFT} {y:.1f}H{_RIGHT}"/>'
        yield f'<text x="{_RIGHT + 6}" y="{y + 4:.1f}">{price:,.{decimals}f}</text>'


def _times(times: Real, width: float) -> Iterator[str]:
    anchors = ((0, "start"), (len(times) // 2, "middle"), (len(times) - 1, "end"))
    for row, anchor in anchors[:: 2 if len(times) < len(anchors) else 1]:
        x = _LEFT + (row + 0.5) * width
        text = show_time(int(times[row])).replace("T", " ").removesuffix("Z")
        yield f'<text x="{x:.1f}" y="{_BOTTOM + 18}" text-anchor="{anchor}">{text}</text>'
