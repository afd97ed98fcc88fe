"""`player`: candles of the past as if they came now."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import ipywidgets
import polars as pl

from gekko_lab.errors import InvalidArgument
from gekko_lab.frames.convert import to_frame
from gekko_lab.panels import pictures
from gekko_lab.panels.charted import ChartPanel
from gekko_lab.panels.played import Played, Wanted, code_of, read
from gekko_lab.panels.ticker import Ticker
from gekko_lab.settings import options

if TYPE_CHECKING:
    from gekko_lab.market.moments import TimeLike

_RATE_S = 1 / 30  # steps that screens can tell apart
_SPEEDS = (1, 5, 20, 100, 500)
_BEGIN = 100  # candles that are there before anything moves, if there are so many


def player(
    what: object,
    symbol: str | None = None,
    timeframe: str | None = None,
    *,
    since: TimeLike | None = None,
    until: TimeLike | None = None,
    trades: object = None,
) -> PlayerPanel:
    """Give a panel that plays candles of the past: play, pause, step, speed, scrub.

    Parameters
    ----------
    what
        A frame of candles or of trades, or an exchange whose candles the data log holds: an
        identity as `datalog.catalog` shows it, or a source.
    symbol
        Which market; a name is needed for the data log.
    timeframe
        The candles' width; by default that of the frame, or "1m" for trades, "1h" for the log.
    since, until
        Which part; by default all.
    trades
        Trades to mark as they come: a frame with `timestamp`, and `side`, `price`, `text` where it
        has them.

    Returns
    -------
    PlayerPanel
        Its `frame` is what has come so far.

    Raises
    ------
    InvalidArgument
        When no market of the data log is named.

    Examples
    --------
    >>> import asyncio
    >>> import gekko_lab
    >>> hours = gekko_lab.fetch("simulator", "BTC/USDT", "1h", until="2024-01-01", limit=500)
    >>> panel = asyncio.run(gekko_lab.player(hours, "BTC/USDT").ready())
    >>> panel.controls["step"].click()
    >>> panel.frame.height
    101
    """
    wanted = Wanted(what, symbol, timeframe, since, until, trades)
    if wanted.logged and symbol is None:
        raise InvalidArgument(
            f"which market of {what!r}? Name it, as in player({what!r}, 'BTC/USDT'); "
            "gekko_lab.datalog.catalog() lists what the data log holds"
        )
    return PlayerPanel(wanted)


class PlayerPanel(ChartPanel):
    """Candles of the past as if they came now; see `player`.

    Parameters
    ----------
    wanted
        What is played.
    """

    name = "player"

    def __init__(self, wanted: Wanted) -> None:
        super().__init__()
        self._wanted = wanted
        self._played: Played | None = None
        self._place = 0
        self._using = threading.RLock()
        self._sliding: int | None = None  # the thread that moves the slider
        self._ticker = Ticker(lambda: self._guard(self._advance), 1.0)
        self._controls = {
            "play": ipywidgets.ToggleButton(description="Play", tooltip="Let candles come"),
            "back": ipywidgets.Button(description="Step back", tooltip="Take a candle away"),
            "step": ipywidgets.Button(description="Step", tooltip="Let one candle come"),
            "speed": ipywidgets.Dropdown(
                options=[(f"{speed} a second", speed) for speed in _SPEEDS],
                value=5,
                description="Speed",
            ),
            "place": ipywidgets.IntSlider(
                min=1, max=1, value=1, description="Candle", readout_format=",d"
            ),
        }
        acts = {
            "play": self._play,
            "back": lambda: self.go(self._place - 1),
            "step": lambda: self.go(self._place + 1),
            "speed": self._set_speed,
            "place": self._scrub,
        }
        for name, act in acts.items():
            self._wire(self._controls[name], act)
        self._set_speed()
        self._lay_out(tuple(self._controls.values()), self.chart)
        self._header.badge = "LOG" if wanted.logged else "REPLAY"
        self._code.code = code_of(wanted)
        self._do("load", lambda: read(wanted), self._take)

    @property
    def state(self) -> str:
        """What it does: busy, playing, paused, ended, failed, or closed."""
        found = super().state
        if found != "ready":
            return found
        if self._ticker.running:
            return "playing"
        return "ended" if self._played and self._place >= self._played.candles.height else "paused"

    @property
    def frame(self) -> Any:  # noqa: ANN401
        """The candles that have come so far; None before they are read."""
        if self._played is None:
            return None
        return to_frame(self._played.candles.head(self._place), options.frame)

    def go(self, place: int) -> None:
        """Show as many candles.

        Parameters
        ----------
        place
            How many; what lies beyond either end leads there.
        """
        with self._using:
            if self._played is None:
                return
            before, self._place = self._place, max(1, min(place, self._played.candles.height))
            self._show_place(before)
        self._tell()

    def play(self) -> None:
        """Let candles come, from the begin again if all have come."""
        self._controls["play"].value = True

    def pause(self) -> None:
        """Let none come until `play`."""
        self._controls["play"].value = False

    def _close(self) -> None:
        self._ticker.stop()
        super()._close()

    def _take(self, played: Played) -> None:
        with self._using:
            self._played = played
            height = played.candles.height
            self._place = min(_BEGIN, max(1, height // 2))
            self._controls["place"].max = height
            self._show(played.candles.head(self._place), played.width)
            self._mark()
        self._tell()

    def _show_place(self, before: int) -> None:
        """Show what has come; what merely follows is added to what is there."""
        played = self._played
        if played is None or before == self._place:
            return
        if self._place > before:
            self.chart.update(played.candles[before : self._place])
        else:
            self._show(played.candles.head(self._place), played.width)
        self._mark()

    def _mark(self) -> None:
        """Mark the trades of candles that have come."""
        played = self._played
        if played is None or played.marks is None:
            return
        rows = played.candles
        if self._place < rows.height:
            shown = played.marks.filter(pl.col("timestamp") < rows["timestamp"][self._place])
        else:
            shown = played.marks
        self.chart.mark(shown)

    def _advance(self) -> None:
        speed = int(self._controls["speed"].value)
        with self._using:
            self.go(self._place + max(1, round(speed * self._ticker.every_s)))
        if self._played is not None and self._place >= self._played.candles.height:
            self.pause()

    def _play(self) -> None:
        playing = bool(self._controls["play"].value)
        self._controls["play"].description = "Pause" if playing else "Play"
        if not playing:
            self._ticker.stop()
            return
        if self._played is not None and self._place >= self._played.candles.height:
            self.go(1)
        self._ticker.start()

    def _set_speed(self) -> None:
        self._ticker.every_s = max(_RATE_S, 1 / int(self._controls["speed"].value))

    def _scrub(self) -> None:
        if self._sliding != threading.get_ident():
            self.go(int(self._controls["place"].value))

    def _tell(self) -> None:
        played, wanted = self._played, self._wanted
        if played is None:
            return
        exchange = getattr(wanted.what, "exchange", wanted.what) if wanted.logged else "frame"
        with self._using:
            self._sliding = threading.get_ident()  # the slider follows, and moves nothing by that
            try:
                self._controls["place"].value = self._place
            finally:
                self._sliding = None
            rows = played.candles
            self._header.parts = [
                str(exchange),
                *([wanted.symbol] if wanted.symbol else []),
                *([played.width] if played.width else []),
                f"{self._place:,} of {rows.height:,} rows",
                f"{rows['timestamp'][self._place - 1]:%Y-%m-%d %H:%M}",
            ]
        self._emit("change")

    def _still(self) -> str:
        if self._played is None:
            return pictures.image(self._picture(), self._title())
        return super()._still()
