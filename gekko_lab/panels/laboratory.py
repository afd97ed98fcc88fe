"""`lab`: all panels in tabs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets

from gekko_lab.datalog.listing import catalog
from gekko_lab.errors import InvalidArgument, NotInLog
from gekko_lab.panels import pictures
from gekko_lab.panels.browsing import browse
from gekko_lab.panels.exploring import explore
from gekko_lab.panels.form import DownloadForm
from gekko_lab.panels.monitoring import monitor
from gekko_lab.panels.panel import Panel
from gekko_lab.panels.playing import player
from gekko_lab.panels.simulating import simulator_lab

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from gekko_lab.panels.pictures import Drawn
    from gekko_lab.sources.source import Source

NAMES = ("explore", "download", "simulator_lab", "monitor", "player", "browse")
_TITLES = ("Explore", "Download", "Simulator", "Monitor", "Player", "Browse")


def lab(
    exchange: str | Source = "simulator", symbol: str = "BTC/USDT", timeframe: str = "1h"
) -> LabPanel:
    """Give all panels in tabs, each of which is made when it is first opened.

    Parameters
    ----------
    exchange, symbol, timeframe
        What they show first.

    Returns
    -------
    LabPanel
        Its `panels` are those that were opened, by name.

    Examples
    --------
    >>> import gekko_lab
    >>> panel = gekko_lab.lab()
    >>> sorted(panel.panels), panel.open("browse").name
    (['explore'], 'browse')
    >>> panel.close()
    """
    return LabPanel(exchange, symbol, timeframe)


class LabPanel(Panel):
    """All panels in tabs; see `lab`.

    Parameters
    ----------
    exchange, symbol, timeframe
        What they show first.

    Attributes
    ----------
    panels : dict
        Those that were opened, by name.
    """

    name = "lab"

    def __init__(self, exchange: str | Source, symbol: str, timeframe: str) -> None:
        super().__init__()
        self._first = (exchange, symbol, timeframe)
        self.panels: dict[str, Panel] = {}
        self._rooms = {name: ipywidgets.VBox() for name in NAMES}
        self._tabs = ipywidgets.Tab(children=list(self._rooms.values()), titles=_TITLES)
        self._controls = {"tab": self._tabs}
        self._tabs.observe(
            lambda _: self._context.copy().run(self._act, self._enter), "selected_index"
        )
        self._widget.children = (self._header, self._tabs)
        self._tabs.selected_index = 0
        self._enter()

    @property
    def state(self) -> str:
        """What the panel of the open tab does."""
        if self._closed:
            return "closed"
        if self.error is not None:
            return "failed"
        found = self.panels.get(self._named())
        return "ready" if found is None else found.state

    @property
    def code(self) -> str:
        """The code of the open tab."""
        found = self.panels.get(self._named())
        return "" if found is None else found.code

    @property
    def frame(self) -> Any:  # noqa: ANN401
        """What the open tab shows."""
        found = self.panels.get(self._named())
        return None if found is None else found.frame

    @property
    def selection(self) -> Any:  # noqa: ANN401
        """What is chosen in the open tab."""
        found = self.panels.get(self._named())
        return None if found is None else found.selection

    def open(self, name: str) -> Panel:
        """Open a tab, and give its panel.

        Parameters
        ----------
        name
            Of the function that gives such a panel, such as "explore".
        """
        if name not in NAMES:
            raise InvalidArgument(f"there is no panel {name!r}: use {', '.join(NAMES)}")
        self._tabs.selected_index = NAMES.index(name)
        if self.error is not None:
            raise self.error
        return self.panels[name]

    async def ready(self) -> Self:
        """Wait for the panel of the open tab.

        Returns
        -------
        LabPanel
            This one.

        Raises
        ------
        Exception
            What is shown as an error, here or there.
        """
        await super().ready()
        found = self.panels.get(self._named())
        if found is not None:
            await found.ready()
        return self

    def _named(self) -> str:
        return NAMES[self._tabs.selected_index or 0]

    def _enter(self) -> None:
        """Make the panel of the tab that was opened, unless it is there."""
        name = self._named()
        self._header.parts = ["lab", _TITLES[NAMES.index(name)]]
        if name not in self.panels:
            made = self._make(name)
            self.panels[name] = made
            self._rooms[name].children = (made.widget,)
        self._emit("change")

    def _make(self, name: str) -> Panel:
        exchange, symbol, timeframe = self._first
        if name == "download":
            return DownloadForm(exchange, symbol, timeframe)
        if name == "simulator_lab":
            return simulator_lab()
        if name == "monitor":
            return monitor(exchange, symbol)
        if name == "player":
            return _player_of_log()
        if name == "browse":
            return browse()
        return explore(exchange, symbol, timeframe)

    def _close(self) -> None:
        for each in self.panels.values():
            each.close()
        for room in self._rooms.values():
            room.close()

    def _drawn(self) -> Sequence[Drawn]:
        return [pictures.note(" | ".join(_TITLES))]

    def _still(self) -> str:
        found = self.panels.get(self._named())
        return super()._still() if found is None else found._still()  # noqa: SLF001 (one of ours)


def _player_of_log() -> Panel:
    """Play the first candles that the data log holds."""
    held = catalog("candles", frame="polars")
    if held.is_empty():
        raise NotInLog(
            "the data log holds no candles to play: download some first, and open the tab again; "
            "gekko_lab.player(candles) plays any frame"
        )
    first = held.row(0, named=True)
    return player(first["exchange"], first["symbol"], first["timeframe"])
