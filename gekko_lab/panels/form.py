"""A form that begins downloads, for the tab of `lab`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets

from gekko_lab.errors import InvalidArgument
from gekko_lab.fetching.asked import name_of
from gekko_lab.panels.downloading import download
from gekko_lab.panels.panel import Panel

if TYPE_CHECKING:
    from typing import Self

    from gekko_lab.panels.downloading import DownloadPanel
    from gekko_lab.sources.source import Source


class DownloadForm(Panel):
    """What is to be downloaded, and below it the download.

    Parameters
    ----------
    exchange, symbol, timeframe
        What the form begins with.

    Attributes
    ----------
    download : DownloadPanel or None
        The last download.
    """

    name = "download"

    def __init__(self, exchange: str | Source, symbol: str, timeframe: str) -> None:
        super().__init__()
        self._exchange = exchange
        self.download: DownloadPanel | None = None
        texts = {
            "exchange": ("Exchanges", name_of(exchange)),
            "symbols": ("Symbols", symbol),
            "timeframes": ("Timeframes", timeframe),
            "since": ("Since", "30d"),
            "until": ("Until", ""),
        }
        self._controls = {
            name: ipywidgets.Text(value=value, description=label)
            for name, (label, value) in texts.items()
        }
        self._controls["until"].placeholder = "now"
        self._controls["begin"] = ipywidgets.Button(
            description="Download", tooltip="Begin, or go on with what is missing"
        )
        self._wire(self._controls["begin"], self.begin)
        self._room = ipywidgets.VBox()
        bar = ipywidgets.HBox(list(self._controls.values()))
        bar.add_class("gl-controls")
        self._widget.children = (self._header, bar, self._room)
        self._header.parts = ["download", "names are separated by commas"]

    @property
    def code(self) -> str:
        """The code of the download."""
        return "" if self.download is None else self.download.code

    @property
    def frame(self) -> Any:  # noqa: ANN401
        """How far each series is; None before the first download."""
        return None if self.download is None else self.download.frame

    def begin(self) -> None:
        """Download what the form names."""
        exchanges = [self._source(name) for name in self._names("exchange")]
        made = download(
            _one(exchanges),
            _one(self._names("symbols")),
            _one(self._names("timeframes")),
            since=self._controls["since"].value.strip(),
            until=self._controls["until"].value.strip() or None,
        )
        self.download = made
        self._room.children = (made.widget,)
        self._emit("change")

    async def ready(self) -> Self:
        """Wait for the download, if there is one."""
        await super().ready()
        if self.download is not None:
            await self.download.ready()
        return self

    def _names(self, control: str) -> list[str]:
        names = [each.strip() for each in str(self._controls[control].value).split(",")]
        found = [each for each in names if each]
        if not found:
            raise InvalidArgument(
                f"{self._controls[control].description} is empty: name at least one"
            )
        return found

    def _source(self, name: str) -> str | Source:
        return self._exchange if name == name_of(self._exchange) else name

    def _close(self) -> None:
        if self.download is not None:
            self.download.close()
        self._room.close()


def _one(names: list[Any]) -> Any:  # noqa: ANN401 (names or sources)
    """Give a single name as itself."""
    return names[0] if len(names) == 1 else names
