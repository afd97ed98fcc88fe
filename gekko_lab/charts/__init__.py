"""Charts: a table in, a plotly figure out. The only home of plotly."""

from __future__ import annotations
