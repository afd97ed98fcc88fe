"""`monitor`: markets as they happen."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import ipywidgets
import polars as pl

from gekko_lab.errors import InvalidArgument, NotInLog
from gekko_lab.feeds.delivery import ENDS
from gekko_lab.feeds.record_spec import is_live
from gekko_lab.feeds.recorder import Recorder, record
from gekko_lab.feeds.streaming import stream
from gekko_lab.fetching.asked import Asked
from gekko_lab.fetching.candle_requests import fetched
from gekko_lab.frames.convert import to_frame
from gekko_lab.frames.schemas import CANDLES
from gekko_lab.market.moments import read_time, show_time
from gekko_lab.market.timeframe import Timeframe
from gekko_lab.panels import pictures
from gekko_lab.panels.badges import badge_of
from gekko_lab.panels.charted import ChartPanel
from gekko_lab.panels.forming import Forming
from gekko_lab.panels.parts import Header, Table
from gekko_lab.panels.spelling import call
from gekko_lab.panels.tape import LADDER, TAPE, health_parts, ladder_rows, newest, tape_rows
from gekko_lab.panels.ticker import Ticker
from gekko_lab.settings import options
from gekko_lab.sources.log_replay import LogReplay
from gekko_lab.sources.registry import find_source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from typing import Self

    from gekko_lab.events.types import Gap
    from gekko_lab.feeds.feed import Feed
    from gekko_lab.feeds.health import Health
    from gekko_lab.feeds.live import Transport
    from gekko_lab.feeds.streaming import Speed
    from gekko_lab.market.moments import TimeLike
    from gekko_lab.sources.source import Source

_EVERY_S = 0.25
_HISTORY = 300
_KINDS = ("trade", "candle", "order_book")
_USUAL = {"since": None, "until": None, "speed": 1.0, "depth": 20, "transport": "auto"}
_KEEP = "Keep what comes in the data log"


def monitor(
    exchange: str | Source = "simulator",
    symbols: str | Sequence[str] = "BTC/USDT",
    timeframe: str = "1m",
    *,
    since: TimeLike | None = None,
    until: TimeLike | None = None,
    speed: Speed = 1.0,
    depth: int = 10,
    transport: Transport = "auto",
) -> MonitorPanel:
    """Give a panel of what happens in some markets, from now on: candles, trades, order book.

    It can be paused, and what comes can be recorded into the data log: the same kinds of events at
    the same speed, from where the market is then until "Record" is off or the stream is stopped; a
    recording isn't paused. What is replayed from the data log is there already. A line tells how
    the stream is: events a second, latencies, drops, reconnections, gaps.

    Parameters
    ----------
    exchange, symbols, timeframe, since, until, speed, depth, transport
        As of `stream`.

    Returns
    -------
    MonitorPanel
        Its `feed` is the stream, its `frame` the candles, the newest of which is still forming.

    Raises
    ------
    RequestError
        When the stream can't be as it was asked for.

    Examples
    --------
    >>> import gekko_lab
    >>> short = {"since": "2024-01-01T00:00", "until": "2024-01-01T00:02", "speed": "max"}
    >>> panel = gekko_lab.monitor("simulator", "BTC/USDT", "1m", **short)
    >>> panel.feed.wait()
    True
    >>> panel.frame["timestamp"].dt.strftime("%H:%M").to_list()[-2:]
    ['00:00', '00:01']
    >>> panel.close()
    """
    names = [symbols] if isinstance(symbols, str) else list(symbols)
    asked: dict[str, Any] = {
        "since": since,
        "until": until,
        "speed": speed,
        "depth": depth,
        "transport": transport,
    }
    feed = stream(exchange, names, kinds=_KINDS, timeframe=timeframe, **asked)
    return MonitorPanel(exchange, feed, timeframe, asked).start()


def _settled(asked: Mapping[str, Any], source: Source) -> dict[str, Any]:
    """Give what was asked for with times that don't move, as spans count back from now."""
    times = {name: asked[name] for name in ("since", "until") if asked[name] is not None}
    now = source.now() if times else 0
    return {
        **asked,
        **{name: show_time(read_time(time, now=now, name=name)) for name, time in times.items()},
    }


def _history_ends(width: Timeframe, since: str | None) -> str | None:
    """Tell until when candles had closed as the feed begins; None for now."""
    return None if since is None else show_time(width.floor(read_time(since, now=0)))


class MonitorPanel(ChartPanel):
    """Markets as they happen; see `monitor`.

    Parameters
    ----------
    exchange
        Whose markets.
    feed
        What tells of them.
    timeframe
        Of the candles.
    asked
        What else was asked of the feed: since, until, speed, depth and transport.

    Attributes
    ----------
    feed : Feed
        The stream.
    recorder : Recorder or None
        What records it.
    """

    name = "monitor"

    def __init__(
        self,
        exchange: str | Source,
        feed: Feed,
        timeframe: str,
        asked: Mapping[str, Any],
    ) -> None:
        super().__init__()
        self.feed = feed
        self.recorder: Recorder | None = None
        self._exchange, self._timeframe = exchange, timeframe
        self._source = find_source(exchange)
        self._asked = _settled(asked, self._source)
        self._ends = _history_ends(Timeframe.parse(timeframe), self._asked["since"])
        self._reached: datetime | None = None
        self._using = threading.RLock()
        self._forming = {symbol: Forming(timeframe) for symbol in feed.symbols}
        self._made = self._call("gekko_lab.stream", asked)
        self._recording: Mapping[str, Any] = asked
        self._tape = Table.of("Trades, the newest first", TAPE)
        self._ladder = Table.of("Order book", LADDER)
        self._health = Header()
        self._ticker = Ticker(lambda: self._guard(self._refresh), _EVERY_S)
        self._controls = {
            "symbol": ipywidgets.Dropdown(options=list(feed.symbols), description="Symbol"),
            "pause": ipywidgets.ToggleButton(
                description="Pause", tooltip="Tell nothing for a while"
            ),
            "record": ipywidgets.ToggleButton(description="Record", tooltip=_KEEP),
            "stop": ipywidgets.Button(description="Stop", tooltip="End the stream"),
        }
        self._wire(self._controls["symbol"], self._switch)
        self._wire(self._controls["pause"], self._pause)
        self._wire(self._controls["record"], self._record)
        self._wire(self._controls["stop"], self.stop)
        self._newest: dict[str, pl.DataFrame] = {}
        self._books: dict[str, pl.DataFrame] = {}
        feed.on("candles", lambda rows: self._guard(lambda: self._take_closed(rows)))
        feed.on("trades", lambda rows: self._guard(lambda: self._hear(rows)))
        feed.on("order_books", lambda rows: self._guard(lambda: self._note(rows)))
        beside = ipywidgets.HBox([self._tape, self._ladder])
        beside.add_class("gl-beside")
        self._lay_out(tuple(self._controls.values()), self.chart, self._health, beside)
        if is_live(self._source):
            feed.on("gap", lambda gap: self._guard(lambda: self._mend(gap)))
        self._header.badge = badge_of(self._source)
        self._offer_record()
        self._write_code()

    @property
    def state(self) -> str:
        """What it does: closed, failed, or what the feed does."""
        if self._closed:
            return "closed"
        return "failed" if self.error is not None else self.feed.state

    @property
    def frame(self) -> Any:  # noqa: ANN401
        """The candles of the market that is shown, the last one as far as it has come."""
        with self._using:
            return to_frame(self._shown().candles, options.frame)

    @property
    def health(self) -> Health:
        """How the stream is doing; see `Feed.health`."""
        return self.feed.health()

    def start(self) -> MonitorPanel:
        """Begin, or begin anew after `stop`."""
        if self.feed.state in {"new", *ENDS}:
            with self._using:
                self._forming = {symbol: Forming(self._timeframe) for symbol in self._forming}
                self._reached = None
        self._do("history", self._past, self._take_past)
        self.feed.start()
        self._ticker.start()
        return self

    async def ready(self) -> Self:
        """Wait for what came before, and show how it is now; the stream goes on.

        Returns
        -------
        MonitorPanel
            This one.

        Raises
        ------
        Exception
            What the panel shows as its error.
        """
        await super().ready()
        self._guard(self._refresh)
        return self

    def stop(self) -> None:
        """End the stream and its recording; the panel stays as it is."""
        self._controls["record"].value = False
        self.feed.stop(0)

    def _close(self) -> None:
        self._ticker.stop()
        self.feed.stop(0)
        if self.recorder is not None:
            self.recorder.stop(0)
        super()._close()
        for each in (self._tape, self._ladder, self._health):
            each.close()

    def _shown(self) -> Forming:
        return self._forming[str(self._controls["symbol"].value)]

    def _hear(self, trades: pl.DataFrame) -> None:
        """Let the candles grow; runs in the feed's own thread."""
        self._reach(trades)
        for (symbol,), rows in trades.partition_by("symbol", as_dict=True).items():
            with self._using:
                self._newest[str(symbol)] = newest(self._newest.get(str(symbol)), rows)
                forming = self._forming[str(symbol)]
                joined = None if forming.joined else self.feed.joined(str(symbol), frame="polars")
                if joined is not None:
                    forming.join(joined)
                self._grow(forming, partial(forming.add, rows))

    def _take_closed(self, candles: pl.DataFrame) -> None:
        """Let candles be as the feed tells them once they have closed."""
        for (symbol,), rows in candles.partition_by("symbol", as_dict=True).items():
            with self._using:
                forming = self._forming[str(symbol)]
                self._grow(forming, partial(forming.close, rows.select(CANDLES.names())))

    def _grow(self, forming: Forming, change: Callable[[], pl.DataFrame]) -> None:
        """Change candles, and show what changed; the caller holds the lock."""
        newest: Any = forming.candles["timestamp"].last()
        changed = change()
        if forming is not self._shown() or changed.is_empty():
            return
        first: Any = changed["timestamp"].first()
        if newest is None or first < newest:
            self._show(forming.candles, self._timeframe)
        else:
            self.chart.update(changed)

    def _mend(self, gap: Gap) -> None:
        """Fetch the candles that a live feed could not make."""
        if gap.subject in {"candle", "event"}:
            self._do("history", self._past, self._take_past)

    def _note(self, books: pl.DataFrame) -> None:
        """Keep the newest order book of each market."""
        self._reach(books)
        for (symbol,), rows in books.partition_by("symbol", as_dict=True).items():
            self._books[str(symbol)] = rows.filter(pl.col("sequence") == rows["sequence"].max())

    def _reach(self, rows: pl.DataFrame) -> None:
        """Note the market's time of the newest event."""
        newest: Any = rows["timestamp"].max()
        self._reached = newest if self._reached is None else max(newest, self._reached)

    def _past(self) -> dict[str, pl.DataFrame]:
        """Fetch what came before, of all markets."""
        found: dict[str, pl.DataFrame] = {}
        if self._ends is None and not (self._source.foresees or is_live(self._source)):
            return found  # it begins with all that there is
        for symbol in self._forming:
            asked = Asked(self._exchange, symbol, self._timeframe, until=self._ends, limit=_HISTORY)
            try:
                found[symbol] = fetched(asked).frame
            except NotInLog:  # what is replayed may have been recorded as trades alone
                continue
        return found

    def _take_past(self, found: dict[str, pl.DataFrame]) -> None:
        with self._using:
            for symbol, rows in found.items():
                if not rows.is_empty():
                    self._forming[symbol].put(rows)
            self._switch()

    def _switch(self) -> None:
        """Show the market that was chosen."""
        with self._using:
            candles = self._shown().candles
            if not candles.is_empty():
                self._show(candles, self._timeframe)
        self._refresh()
        self._emit("change")

    def _pause(self) -> None:
        if self._controls["pause"].value:
            self.feed.pause()
        else:
            self.feed.resume()

    def _record(self) -> None:
        if not self._controls["record"].value:
            if self.recorder is not None:
                self.recorder.stop(0)
        elif self.recorder is None or self.recorder.state in {"stopped", "ended", "failed"}:
            try:
                self._begin_recording()
            except Exception:
                self._controls["record"].value = False
                raise
        self._offer_record()
        self._write_code()

    def _begin_recording(self) -> None:
        """Record what is shown, from where the market is now."""
        reason = self._unrecordable()
        if reason:
            raise InvalidArgument(reason)
        asked = dict(self._asked)
        if self._reached is not None and not is_live(self._source):
            asked["since"] = show_time(int(self._reached.timestamp() * 1000))
        self.recorder = record(
            self._exchange,
            list(self.feed.symbols),
            kinds=_KINDS,
            timeframe=self._timeframe,
            **asked,
        )
        self._recording = asked

    def _unrecordable(self) -> str:
        """Say why nothing can be recorded; nothing where it can."""
        if isinstance(self._source, LogReplay):
            return "What is replayed is in the data log already"
        return "The stream is over: nothing more comes" if self.feed.state in ENDS else ""

    def _offer_record(self) -> None:
        control, reason = self._controls["record"], self._unrecordable()
        control.disabled = bool(reason) and not control.value
        control.tooltip = reason or _KEEP

    def _refresh(self) -> None:
        """Show the newest trades, the book, and how the stream is."""
        if self._closed:
            return
        with self._using:  # so that of two looks the later one stays
            health = self.feed.health()  # first, as the look after the end is the last one
            symbol = str(self._controls["symbol"].value)
            self._tape.show(tape_rows(self._newest.get(symbol)))
            self._ladder.show(ladder_rows(self._books.get(symbol)))
            self._health.parts = health_parts(health, self.recorder)
            self._header.parts = [
                self.feed.exchange,
                symbol,
                self._timeframe,
                f"{self._shown().candles.height:,} rows",
                f"{health.gaps:,} gaps",
            ]
        self._offer_record()
        if health.state in ENDS:
            self._ticker.stop()

    def _write_code(self) -> None:
        lines = [f"feed = {self._made}.start()", 'feed.frame("trades")']
        if self._controls["record"].value:
            lines.insert(1, f"recorder = {self._call('gekko_lab.record', self._recording)}")
        self._code.code = "\n".join(lines)

    def _call(self, name: str, asked: Mapping[str, Any]) -> str:
        """Write a call for what is shown; what is usual is left out."""
        unusual = {key: value for key, value in asked.items() if value != _USUAL[key]}
        about = {"kinds": list(_KINDS), "timeframe": self._timeframe, **unusual}
        return call(name, self._exchange, list(self.feed.symbols), **about)

    def _still(self) -> str:
        if self.frame is None or not len(self.frame):
            return pictures.image(self._picture(), self._title())
        return super()._still()
