"""`player`: candles of the past as if they came now."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import ipywidgets
import polars as pl

from gekko_lab.datalog.queries import load
from gekko_lab.errors import DataError, InvalidArgument
from gekko_lab.frames.candles import candles_from_trades
from gekko_lab.frames.checks import as_time, check_candles
from gekko_lab.frames.convert import to_candles, to_frame, to_polars
from gekko_lab.frames.resample import find_timeframe
from gekko_lab.frames.schemas import CANDLES
from gekko_lab.market.moments import read_time
from gekko_lab.market.timeframe import Timeframe
from gekko_lab.panels import pictures
from gekko_lab.panels.charted import ChartPanel
from gekko_lab.panels.spelling import call, spelled
from gekko_lab.panels.ticker import Ticker
from gekko_lab.settings import options

if TYPE_CHECKING:
    from gekko_lab.market.moments import TimeLike

_RATE_S = 1 / 30  # steps that screens can tell apart
_SPEEDS = (1, 5, 20, 100, 500)
_BEGIN = 100  # candles that are there before anything moves, if there are so many


class Played(NamedTuple):
    """What is played, and what is marked in it."""

    candles: pl.DataFrame
    marks: pl.DataFrame | None
    width: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be played: a frame, or a series of the data log."""

    what: object
    symbol: str | None
    timeframe: str | None
    since: TimeLike | None
    until: TimeLike | None
    trades: object

    @property
    def logged(self) -> bool:
        """Whether it is a series of the data log."""
        return isinstance(self.what, str) or hasattr(self.what, "identity")


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
        self._sliding = False
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
        self._code.code = _code(wanted)
        self._do("load", lambda: _read(wanted), self._take)

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
        if not self._sliding:
            self.go(int(self._controls["place"].value))

    def _tell(self) -> None:
        played, wanted = self._played, self._wanted
        if played is None:
            return
        self._sliding = True  # the slider follows, and moves nothing by that
        try:
            self._controls["place"].value = self._place
        finally:
            self._sliding = False
        rows = played.candles
        exchange = getattr(wanted.what, "exchange", wanted.what) if wanted.logged else "frame"
        self._header.parts = [
            str(exchange),
            *([wanted.symbol] if wanted.symbol else []),
            played.width,
            f"{self._place:,} of {rows.height:,} rows",
            f"{rows['timestamp'][self._place - 1]:%Y-%m-%d %H:%M}",
        ]
        self._emit("change")

    def _still(self) -> str:
        if self._played is None:
            return pictures.image(self._picture(), self._title())
        return super()._still()


def _read(wanted: Wanted) -> Played:
    """Read what is played, and what is marked."""
    candles, marks = _candles(wanted), None
    if candles.is_empty():
        raise DataError("there are no candles to play")
    if wanted.trades is not None:
        marks = _marks(to_polars(wanted.trades))
    width = find_timeframe(candles)
    told = wanted.timeframe or ("1h" if wanted.logged else None)
    return Played(candles, marks, told or (str(width) if width else "1m"))


def _candles(wanted: Wanted) -> pl.DataFrame:
    if wanted.logged:
        rows = load(
            wanted.what,
            str(wanted.symbol),
            wanted.timeframe or "1h",
            since=wanted.since,
            until=wanted.until,
            frame="polars",
        )
        return check_candles(rows).select(CANDLES.names())
    table = to_polars(wanted.what)
    if "close" not in table.columns:
        made: pl.DataFrame = candles_from_trades(table, wanted.timeframe or "1m")
        return _within(made, wanted).select(CANDLES.names())
    return _within(check_candles(to_candles(wanted.what)), wanted).select(CANDLES.names())


def _within(candles: pl.DataFrame, wanted: Wanted) -> pl.DataFrame:
    """Cut a frame to the part that is wanted."""
    if candles.is_empty():
        return candles
    now = int(candles["timestamp"].dt.epoch("ms")[-1])
    for name, edge in (("since", wanted.since), ("until", wanted.until)):
        if edge is not None:
            time = pl.DataFrame({"timestamp": [read_time(edge, now=now, name=name)]})
            limit = time.select(as_time())["timestamp"][0]
            inside = (
                pl.col("timestamp") >= limit if name == "since" else pl.col("timestamp") < limit
            )
            candles = candles.filter(inside)
    return candles


def _marks(trades: pl.DataFrame) -> pl.DataFrame:
    """Give trades as marks, with a text where they have none."""
    names = trades.columns
    side = pl.col("side").cast(pl.String) if "side" in names else pl.lit(None, pl.String)
    text = pl.col("text") if "text" in names else side.fill_null("")
    price = [pl.col("price")] if "price" in names else []
    return trades.select("timestamp", text.alias("text"), side.alias("side"), *price)


def _code(wanted: Wanted) -> str:
    """Write what plays the same events."""
    symbol = wanted.symbol or "BTC/USDT"
    width = Timeframe.parse(wanted.timeframe or ("1h" if wanted.logged else "1m"))
    times = {"since": wanted.since, "until": wanted.until}
    if wanted.logged:
        candles = call("gekko_lab.datalog.load", wanted.what, symbol, str(width), **times)
        lines = [f"candles = {candles}"]
        times = {}
    else:
        lines = []
    told = "".join(f", {name}={spelled(edge)}" for name, edge in times.items() if edge is not None)
    lines.append(
        f"for candle in gekko_lab.replay(candles, {spelled(symbol)}, kinds='candle'{told}):"
    )
    return "\n".join([*lines, "    print(candle.timestamp, candle.close)"])
