"""What panels are made of that ipywidgets lacks: the header, the code, and the keyed table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import anywidget
import traitlets

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_STATIC = Path(__file__).parent / "static"

# traitlets' classes are generic for type checkers alone.
_ROWS: Any = traitlets.List
_TEXT: Any = traitlets.Unicode


class Header(anywidget.AnyWidget):
    """The line that tells what a panel shows, and the error below it.

    Attributes
    ----------
    parts : list of str
        What is shown, the most important first.
    badge : str
        Where it comes from: LIVE, SIM, REPLAY or LOG; "" for none.
    busy : bool
        Whether something is under way.
    error : str
        What went wrong; "" for nothing.
    """

    _esm = _STATIC / "header.js"
    _css = _STATIC / "panel.css"
    parts = _ROWS().tag(sync=True)
    badge = _TEXT().tag(sync=True)
    busy: Any = traitlets.Bool(default_value=False).tag(sync=True)
    error = _TEXT().tag(sync=True)


class Code(anywidget.AnyWidget):
    """The code that gives the same result, with a button that copies it.

    Attributes
    ----------
    code : str
        Python.
    """

    _esm = _STATIC / "code.js"
    _css = _STATIC / "panel.css"
    code = _TEXT().tag(sync=True)


class Column(NamedTuple):
    """A column of a table.

    Attributes
    ----------
    key, label : str
        Its name among the cells, and what is written above.
    kind : str
        "plain" (text in one line), "words" (text that wraps; ✔ and ✘ at its begin are colored),
        "number" (at the right), "bar" (a share from 0 to 1), "strip" (of coverage) or "spark" (a
        line through numbers).
    """

    key: str
    label: str
    kind: str = "plain"


class Row(NamedTuple):
    """A row of a table.

    Attributes
    ----------
    key : str
        Which row it is, whatever its place.
    name : str
        What it is called for those who can't see the table.
    cells : mapping
        By the keys of the columns.
    """

    key: str
    name: str
    cells: Mapping[str, Any]


class Table(anywidget.AnyWidget):
    """A table that draws anew only the cells that changed, so that nothing moves under a hand.

    Attributes
    ----------
    label : str
        What it shows.
    columns, rows : list of dict
        As `show` sets them.
    selectable : bool
        Whether rows may be chosen.
    selected : list of str
        Keys of the chosen rows.
    """

    _esm = _STATIC / "table.js"
    _css = _STATIC / "panel.css"
    label = _TEXT().tag(sync=True)
    columns = _ROWS().tag(sync=True)
    rows = _ROWS().tag(sync=True)
    selectable: Any = traitlets.Bool(default_value=False).tag(sync=True)
    selected = _ROWS().tag(sync=True)

    @classmethod
    def of(cls, label: str, columns: Sequence[Column], *, selectable: bool = False) -> Table:
        """Give an empty table."""
        told = [each._asdict() for each in columns]
        return cls(label=label, columns=told, selectable=selectable)

    def told(self) -> list[Row]:
        """Give the rows as they are shown."""
        return [Row(**row) for row in self.rows]

    def show(self, rows: Iterable[Row]) -> None:
        """Show these rows in this order."""
        told = [{**row._asdict(), "cells": dict(row.cells)} for row in rows]
        if told != self.rows:
            self.rows = told


class Surroundings(anywidget.AnyWidget):
    """What a figure needs to know of the page; it is not seen.

    Attributes
    ----------
    dark : bool
        Whether the page is dark.
    """

    _esm = _STATIC / "surroundings.js"
    dark: Any = traitlets.Bool(default_value=False).tag(sync=True)
