"""Panels without a browser, against the simulator and a served exchange."""

from __future__ import annotations

import pytest


@pytest.fixture
def opened():
    """Close panels when the test is over."""
    panels = []

    def note(panel):
        panels.append(panel)
        return panel

    yield note
    for panel in panels:
        panel.close()


@pytest.fixture
def cells():
    """Give a column of what a panel's table shows."""

    def column(panel, name):
        return [row["cells"].get(name) for row in panel._table.rows]

    return column
