"""`explore`: candles of any market as a chart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import ipywidgets

from gekko_lab.errors import InvalidArgument
from gekko_lab.fetching.asked import Asked, name_of
from gekko_lab.fetching.candle_requests import fetched
from gekko_lab.frames.convert import to_frame
from gekko_lab.frames.schemas import CANDLES
from gekko_lab.market.timeframe import Timeframe
from gekko_lab.panels.badges import badge_of
from gekko_lab.panels.charted import ChartPanel
from gekko_lab.panels.overlays import OVERLAYS
from gekko_lab.panels.spelling import call, spelled
from gekko_lab.settings import options
from gekko_lab.sources.registry import find_source

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from gekko_lab.market.moments import TimeLike
    from gekko_lab.sources.source import Source

_TIMEFRAMES = ("1m", "5m", "15m", "1h", "4h", "1d")
_LIMIT = 1000


class Found(NamedTuple):
    """Candles, and how much of them is missing."""

    candles: pl.DataFrame
    missing: int
    error: Exception | None


@dataclass(frozen=True, slots=True)
class Times:
    """Which candles of a market are shown, as `fetch` reads it."""

    since: TimeLike | None
    until: TimeLike | None
    limit: int | None


def explore(
    exchange: str | Source = "simulator",
    symbol: str = "BTC/USDT",
    timeframe: str = "1h",
    *,
    since: TimeLike | None = None,
    until: TimeLike | None = None,
    limit: int | None = None,
    exchanges: Sequence[str | Source] = ("simulator", "binance"),
) -> ExplorePanel:
    """Give a chart of a market, with buttons for its width, other markets and overlays.

    Whatever is changed, all else stays: overlays, the time that is shown and what is selected.
    Drag with Shift, or after the button "Select" of the chart, to choose candles.

    Parameters
    ----------
    exchange, symbol, timeframe
        What is shown first, as of `fetch`.
    since, until, limit
        Which candles, as of `fetch`; by default the last 1,000.
    exchanges
        What else may be chosen: names or sources.

    Returns
    -------
    ExplorePanel
        Its `frame` is the candles, its `selection` the chosen ones.

    Raises
    ------
    RequestError
        When there is no such exchange or timeframe.

    Examples
    --------
    >>> import asyncio
    >>> import gekko_lab
    >>> panel = gekko_lab.explore("simulator", "BTC/USDT", "1h", until="2024-01-01", limit=100)
    >>> asyncio.run(panel.ready())
    <explore: simulator · BTC/USDT · 1h · 100 rows · 0 missing · SIM>
    >>> panel.chart.select("2023-12-31", "2024-01-01")
    >>> panel.selection.height
    24
    """
    Timeframe.parse(timeframe)
    if since is None and limit is None:
        limit = _LIMIT
    offered = {name_of(each): each for each in (exchange, *exchanges)}
    offered[name_of(exchange)] = exchange
    find_source(exchange)
    return ExplorePanel(offered, symbol, timeframe, Times(since, until, limit))


class ExplorePanel(ChartPanel):
    """Candles as a chart; see `explore`.

    Parameters
    ----------
    exchanges
        What may be chosen, by name; the first is shown.
    symbol, timeframe, times
        What is shown.

    Attributes
    ----------
    chart : Chart
        The chart itself.
    """

    name = "explore"

    def __init__(
        self,
        exchanges: dict[str, str | Source],
        symbol: str,
        timeframe: str,
        times: Times,
    ) -> None:
        super().__init__()
        self._exchanges, self._times = exchanges, times
        self._candles: pl.DataFrame | None = None
        widths = sorted({*_TIMEFRAMES, timeframe}, key=lambda name: Timeframe.parse(name).shortest)
        self._controls = {
            "exchange": ipywidgets.Dropdown(options=list(exchanges), description="Exchange"),
            "symbol": ipywidgets.Combobox(
                value=symbol, description="Symbol", continuous_update=False, ensure_option=False
            ),
            "timeframe": ipywidgets.ToggleButtons(
                options=widths, value=timeframe, description="Timeframe"
            ),
            **_overlay_controls(),
        }
        for name, control in self._controls.items():
            drawn = name.removesuffix("_length") in OVERLAYS
            self._wire(control, self._draw_lines if drawn else self.load)
            control.style.description_width = "initial"
        self._controls["timeframe"].style.button_width = "62px"
        self._lay_out(tuple(self._controls.values()), self.chart)
        self._write_code()
        self.load()

    @property
    def frame(self) -> Any:  # noqa: ANN401
        """The candles that are shown; None until they are there."""
        return None if self._candles is None else to_frame(self._candles, options.frame)

    def load(self) -> None:
        """Fetch the candles that the controls name, and show them."""
        asked = self._asked()
        self._write_code()
        self._do("load", lambda: _find(asked), lambda found: self._take(asked, found))

    def _asked(self) -> Asked:
        name = str(self._controls["exchange"].value)
        symbol = str(self._controls["symbol"].value).strip()
        if not symbol:
            raise InvalidArgument("name a market, such as BTC/USDT")
        times = self._times
        return Asked(
            self._exchanges[name],
            symbol,
            str(self._controls["timeframe"].value),
            since=times.since,
            until=times.until,
            limit=times.limit,
            named=name,
        )

    def _take(self, asked: Asked, found: Found) -> None:
        self._candles = found.candles
        source = find_source(asked.exchange)
        self._controls["symbol"].options = _known_symbols(source)
        self._header.parts = [
            *asked.label,
            f"{found.candles.height:,} rows",
            f"{found.missing:,} missing",
        ]
        self._header.badge = badge_of(source)
        self._show(found.candles, asked.timeframe)
        self._draw_lines()
        self._emit("change")
        if found.error is not None:
            raise found.error

    def _draw_lines(self) -> None:
        """Lay the chosen lines over the candles, and take the others away."""
        if self._candles is not None:
            lines = {}
            for key, overlay in OVERLAYS.items():
                if self._controls[key].value:
                    length = self._length(key)
                    lines[overlay.name(length)] = overlay.line(self._candles, length)
            self._draw(lines)
        self._write_code()

    def _length(self, key: str) -> int:
        control = self._controls.get(f"{key}_length")
        return 0 if control is None else int(control.value)

    def _write_code(self) -> None:
        asked = self._asked()
        times = self._times
        shown = {"since": times.since, "until": times.until, "limit": times.limit}
        given = (asked.exchange, asked.symbol, asked.timeframe)
        lines = [
            f"candles = {call('gekko_lab.fetch', *given, **shown)}",
            f"chart = gekko_lab.Chart(candles, title={spelled(self._titled(asked))})",
        ]
        drawn = [key for key in OVERLAYS if self._controls[key].value]
        for key in drawn:
            overlay, length = OVERLAYS[key], self._length(key)
            lines.append(f"chart.overlay({spelled(overlay.name(length))}, {overlay.code(length)})")
        self._code.code = "\n".join(
            [*(["import polars as pl", ""] if drawn else []), *lines, "chart"]
        )

    def _titled(self, asked: Asked) -> str:
        return f"{asked.label[0]} · {asked.symbol}"


def _find(asked: Asked) -> Found:
    found = fetched(asked)
    missing = int(found.gaps["missing"].sum()) if len(found.gaps) else 0
    error = found.failures[0].error if found.failures else None
    if error is not None and not found.extent.rows:
        raise error
    return Found(found.frame.select(CANDLES.names()), missing, error)


def _known_symbols(source: Source) -> tuple[str, ...]:
    """Give the markets that are known without asking anybody."""
    if not getattr(source, "logged", True) or badge_of(source) == "LOG":
        return tuple(source.rules())
    return ()


def _overlay_controls() -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, overlay in OVERLAYS.items():
        made[key] = ipywidgets.Checkbox(value=False, description=overlay.label, indent=False)
        if overlay.length is not None:
            made[f"{key}_length"] = ipywidgets.BoundedIntText(
                value=overlay.length, min=2, max=5000, description=f"{overlay.label} length"
            )
            made[f"{key}_length"].layout.width = "140px"
    return made
