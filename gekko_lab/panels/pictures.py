"""Still pictures of panels, for saved notebooks and files: the same data, the same bytes."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.sax.saxutils import escape, quoteattr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from gekko_lab.panels.parts import Column, Row

WIDTH = 760
_LINE, _MARGIN, _PLOT = 22, 12, 150
_LETTER = 6.6  # pixels of a letter, at the size of the text
_MOST_ROWS, _MOST_POINTS = 15, 400
_GAP = 16
_DRAWN = {"bar": 110.0, "strip": 110.0, "spark": 110.0}
_LETTERS = {"words": 56}  # of a text that wraps on screens
_MOST_LETTERS = 34
_TEXT, _QUIET, _TEAL, _RED, _RULE = "#212121", "#555555", "#00796b", "#c62828", "#bdbdbd"
_STATES = {"held": (_TEAL, 2, 12), "failed": (_RED, 8, 6), "empty": ("#757575", 6, 4)}


class Drawn(NamedTuple):
    """A part of a picture, and how high it is."""

    svg: str
    height: float


def picture(title: str, parts: Sequence[Drawn]) -> str:
    """Give an SVG with the title above the parts, on a sheet of its own for either theme."""
    top: float = _MARGIN + _LINE
    inside = []
    for part in parts:
        inside.append(f'<g transform="translate({_MARGIN},{top:g})">{part.svg}</g>')
        top += part.height
    height = top + _MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" '
        f'width="{WIDTH}" height="{height:g}" font-family="sans-serif" font-size="12">'
        f'<rect width="100%" height="100%" fill="#ffffff"/>'
        f'<text x="{_MARGIN}" y="{_MARGIN + 8}" font-weight="bold" fill="{_TEXT}">'
        f"{escape(title)}</text>{''.join(inside)}</svg>"
    )


def image(svg: str, text: str) -> str:
    """Give the picture as an HTML image that carries its own data."""
    data = base64.b64encode(svg.encode()).decode()
    return f'<img alt={quoteattr(text)} src="data:image/svg+xml;base64,{data}"/>'


def note(text: str) -> Drawn:
    """Draw a line of text."""
    return Drawn(f'<text y="14" fill="{_QUIET}">{escape(text)}</text>', _LINE)


def curve(values: Sequence[float], label: str) -> Drawn:
    """Draw a line through numbers, with the least and the largest beside it."""
    shown = _thin([float(value) for value in values])
    if len(shown) < 2:  # noqa: PLR2004 (a line has two ends)
        return note(f"{label}: nothing to draw")
    low, high = min(shown), max(shown)
    span = (high - low) or 1.0
    right, bottom = WIDTH - 2 * _MARGIN - 90, _PLOT - 10
    points = " ".join(
        f"{place / (len(shown) - 1) * right:.1f},"
        f"{bottom - (value - low) / span * (bottom - 10):.1f}"
        for place, value in enumerate(shown)
    )
    ends = "".join(
        f'<text x="{right + 6}" y="{y}" fill="{_QUIET}">{value:,.6g}</text>'
        for value, y in ((high, 14), (low, bottom))
    )
    name = f'<text x="0" y="10" fill="{_QUIET}">{escape(label)}</text>'
    line = f'<polyline points="{points}" fill="none" stroke="{_TEAL}" stroke-width="1.2"/>'
    return Drawn(line + ends + name, _PLOT)


def table(columns: Sequence[Column], rows: Sequence[Row]) -> Drawn:
    """Draw a table as the panel shows it, its first rows at least."""
    shown = list(rows[:_MOST_ROWS])
    places, left = [], 0.0
    for column in columns:
        places.append(left)
        left += _wide(column, shown) + _GAP
    lines = [_head(columns, places)]
    lines += [_row(columns, places, row, line + 1) for line, row in enumerate(shown)]
    count = len(shown) + 1
    if len(rows) > len(shown):
        more = f"and {len(rows) - len(shown)} more"
        lines.append(_text(0.0, count, more, _QUIET))
        count += 1
    return Drawn("".join(lines), count * _LINE)


def _wide(column: Column, rows: Iterable[Row]) -> float:
    if column.kind in _DRAWN:
        return max(_DRAWN[column.kind], len(column.label) * _LETTER)
    texts = [column.label, *(_cut(row.cells.get(column.key), column) for row in rows)]
    return max(map(len, texts)) * _LETTER


def _head(columns: Sequence[Column], places: Sequence[float]) -> str:
    names = "".join(
        _text(place, 0, column.label, _TEXT, bold=True)
        for column, place in zip(columns, places, strict=True)
    )
    end = WIDTH - 2 * _MARGIN
    return names + f'<path d="M0 {_LINE - 3}H{end}" stroke="{_RULE}"/>'


def _row(columns: Sequence[Column], places: Sequence[float], row: Row, line: int) -> str:
    cells = []
    for column, place in zip(columns, places, strict=True):
        value = row.cells.get(column.key)
        draw = _DRAWERS.get(column.kind)
        if draw is None:
            cells.append(_text(place, line, _cut(value, column), _TEXT))
        elif value is not None:
            shift = f'transform="translate({place:g},{line * _LINE})"'
            cells.append(f"<g {shift}>{draw(value)}</g>")
    return "".join(cells)


def _text(x: float, line: int, text: str, color: str, *, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:g}" y="{line * _LINE + 14}" fill="{color}"{weight}>{escape(text)}</text>'


def _cut(value: object, column: Column) -> str:
    text, most = "" if value is None else str(value), _LETTERS.get(column.kind, _MOST_LETTERS)
    return text if len(text) <= most else text[: most - 1] + "…"


def _bar(value: float) -> str:
    frame = f'<rect x="0" y="4" width="100" height="10" fill="none" stroke="{_QUIET}"/>'
    return frame + f'<rect x="0" y="4" width="{value * 100:.1f}" height="10" fill="{_TEAL}"/>'


def _strip(value: dict[str, Any]) -> str:
    parts = [f'<rect x="0" y="8" width="100" height="1" fill="{_RULE}"/>']
    for since, until, state in value["parts"]:
        color, y, height = _STATES[state]
        wide = max((until - since) * 100, 0.5)
        parts.append(
            f'<rect x="{since * 100:.1f}" y="{y + 1}" width="{wide:.1f}" height="{height}" '
            f'fill="{color}"/>'
        )
    return "".join(parts)


def _spark(values: Sequence[float]) -> str:
    if len(values) < 2:  # noqa: PLR2004
        return ""
    low, span = min(values), (max(values) - min(values)) or 1.0
    points = " ".join(
        f"{place / (len(values) - 1) * 100:.1f},{16 - (value - low) / span * 13:.1f}"
        for place, value in enumerate(values)
    )
    return f'<polyline points="{points}" fill="none" stroke="{_TEAL}"/>'


_DRAWERS: dict[str, Callable[[Any], str]] = {"bar": _bar, "strip": _strip, "spark": _spark}


def _thin(values: list[float]) -> list[float]:
    step = -(-len(values) // _MOST_POINTS) if values else 1
    return values[::step]
