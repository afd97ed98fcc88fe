"""What panels around a chart share: the chart keeps what the user did to it."""

from __future__ import annotations

from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from gekko_lab.frames.convert import to_frame
from gekko_lab.panels.panel import Panel
from gekko_lab.settings import options
from gekko_lab.widgets.chart import Chart

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

_HEIGHT = 420


class ChartPanel(Panel):
    """A panel around a chart.

    Attributes
    ----------
    chart : Chart
        The chart itself.
    """

    def __init__(self) -> None:
        super().__init__()
        self.chart = Chart(height=_HEIGHT)
        self._lines: set[str] = set()
        self.chart.on("selection", lambda _: self._emit("selection"))

    @property
    def selection(self) -> Any:  # noqa: ANN401
        """The candles that are selected in the chart; None for none."""
        chosen = self.chart.selection
        return None if chosen is None else to_frame(chosen, options.frame)

    def _show(self, candles: pl.DataFrame, timeframe: str | None) -> None:
        """Show other candles; the range and the selection stay."""
        chosen = self.chart.selected
        self.chart.show(candles, timeframe=timeframe)
        self._lines.clear()
        if chosen is not None:
            self.chart.select(*(int(edge) for edge in chosen))

    def _draw(self, lines: Mapping[str, pl.DataFrame]) -> None:
        """Lay these lines over the candles, and take away those that are not among them."""
        for name in self._lines - set(lines):
            self.chart.remove(name)
        for name, line in lines.items():
            self.chart.overlay(name, line)
        self._lines = set(lines)

    def _close(self) -> None:
        self.chart.close()

    def _still(self) -> str:
        bundle, *_ = self.chart._repr_mimebundle_()
        return str(bundle["text/html"])

    def _page(self) -> str:
        with TemporaryDirectory() as folder:
            file = Path(folder) / "chart.html"
            self.chart.to_html(file)
            page = escape(file.read_text(encoding="utf-8"), quote=True)
        style = f"width:100%;height:{_HEIGHT + 24}px;border:0"
        return f'<iframe title="chart" srcdoc="{page}" style="{style}"></iframe>'
