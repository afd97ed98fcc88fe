"""`stream` and `replay`: market events from anywhere through one interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from gekko_lab.errors import InvalidArgument
from gekko_lab.feeds.checking import (
    Interval,
    check_overflow,
    read_count,
    read_kinds,
    read_speed,
    read_symbols,
    read_wanted,
)
from gekko_lab.feeds.clock import WALL
from gekko_lab.feeds.feed import BUFFER, KEEP, Feed
from gekko_lab.feeds.opening import open_channel
from gekko_lab.feeds.played import Played
from gekko_lab.feeds.record_arrivals import is_recording, open_recording
from gekko_lab.feeds.record_replay import Recorded
from gekko_lab.feeds.recorded import FrameTimeline
from gekko_lab.feeds.tables import read_tables, read_width
from gekko_lab.market.moments import check_order, read_time
from gekko_lab.sources.log_replay import LogReplay
from gekko_lab.sources.registry import find_source
from gekko_lab.sources.source import REPLAY, Source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gekko_lab.events.buffer import Overflow
    from gekko_lab.events.types import MarketKind
    from gekko_lab.feeds.channel import Table
    from gekko_lab.feeds.clock import Clock
    from gekko_lab.feeds.live import Transport
    from gekko_lab.market.moments import TimeLike
    from gekko_lab.market.timeframe import Timeframe

Speed = float | Literal["max"]

_MOST = 100_000_000


def stream(
    exchange: str | Source,
    symbols: str | Sequence[str],
    *,
    kinds: str | Sequence[str] = ("trade",),
    timeframe: str = "1m",
    since: TimeLike | None = None,
    until: TimeLike | None = None,
    speed: Speed = 1.0,
    interval: Interval = "1s",
    depth: int = 20,
    transport: Transport = "auto",
    buffer: int = BUFFER,
    overflow: Overflow | None = None,
    keep: int = KEEP,
    clock: Clock | None = None,
) -> Feed:
    """Give a feed of what happens in some markets, live, simulated or replayed.

    Simulated and replayed events come in order of exchange time; those of one moment as candles,
    trades, order books, tickers, each in the order of the symbols. The same market gives the same
    events with the same numbers at any speed. Candles are built from trades and come once they
    have closed; they equal those of `fetch`.

    Live events come as the exchange sends them, by WebSocket, or by REST where it has no stream.
    A connection that is lost or silent is made anew within seconds. Trades that were missed
    meanwhile are asked for and come before newer ones; none comes twice, and what the exchange no
    longer serves is told as a "gap".

    Parameters
    ----------
    exchange
        "binance" or another exchange, "simulator", "simulator:thin" or another preset,
        "replay:binance" for what the data log holds of an exchange, or a source such as
        `CcxtMarketData("binance", config=…)` or `ExchangeSimulator(seed=7)`.
    symbols
        One or several names from `symbols(exchange)`, such as "BTC/USDT".
    kinds
        Some of "trade", "candle", "order_book", "ticker".
    timeframe
        The candles' width.
    since, until
        From when to when, since inclusive and until exclusive, as `fetch` reads times. The
        simulator begins now and never ends, a replay plays all that is held; exchanges are
        streamed from now on.
    speed
        Seconds of exchange time in a second: 1.0 is real time, 60 a minute in a second, "max" as
        fast as listeners take it.
    interval
        "1s" or "100ms" of exchange time between order books and between tickers of simulated
        markets; those that haven't changed since are left out.
    depth
        Levels on each side of live and simulated order books.
    transport
        How exchanges are listened to: "websocket", "poll" for REST once a second, "auto" for REST
        where there is no stream or, such as behind some proxies, none can be reached.
    buffer
        How many events may wait for the listeners together, for each coroutine and each iterator.
    overflow
        What happens when so many wait: "block" holds the market back, "drop_oldest" drops them,
        counts them, and tells a gap. By default simulated and replayed markets wait, exchanges
        drop.
    keep
        How many rows of each kind and symbol `Feed.frame` gives at most.
    clock
        The time that it runs on; for tests.

    Returns
    -------
    Feed
        Begins with `start()`, a `with` block or the first step of an iteration.

    Raises
    ------
    RequestError
        When the stream can't be as it was asked for; raised before it begins.

    Examples
    --------
    >>> import gekko_lab
    >>> hour = {"since": "2024-01-01T00:00", "until": "2024-01-01T01:00", "speed": "max"}
    >>> feed = gekko_lab.stream("simulator", "BTC/USDT", kinds="candle", timeframe="15m", **hour)
    >>> [candle.timestamp.minute for candle in feed]
    [0, 15, 30, 45]
    """
    wanted = read_wanted(kinds, timeframe, speed, interval, depth)
    names = read_symbols(symbols)
    options = _options(buffer, overflow, keep, clock)
    channel = open_channel(
        find_source(exchange),
        names,
        wanted,
        since=since,
        until=until,
        clock=clock or WALL,
        transport=transport,
    )
    return Feed(channel, wanted.kinds, **options)  # type: ignore[arg-type]


def replay(
    what: object,
    symbols: str | Sequence[str] | None = None,
    *,
    kinds: str | Sequence[str] | None = None,
    timeframe: str | None = None,
    since: TimeLike | None = None,
    until: TimeLike | None = None,
    speed: Speed = "max",
    buffer: int = BUFFER,
    overflow: Overflow | None = None,
    keep: int = KEEP,
    clock: Clock | None = None,
) -> Feed:
    """Give a feed that plays what was recorded: frames, or what the data log holds.

    Parameters
    ----------
    what
        A frame of trades, candles, order books or tickers (polars or pandas), a list of such, a
        mapping of them by symbol, the name of an exchange in the data log, such as "binance", or a
        file that `recordings` lists, which tells the events of a recorder as they came.
    symbols
        The markets of the data log; of a frame without a column `symbol`, its market; of one with
        that column, those that are played. What happens at the same time comes in their order.
    kinds
        Some of "trade", "candle", "order_book", "ticker"; by default those of the frames, or
        trades from the data log. "candle" of frames with trades alone builds candles.
    timeframe
        The candles' width, one for all symbols; by default the one that their spacing shows, or
        "1m" for those that are built of trades.
    since, until
        From when to when, since inclusive and until exclusive; by default everything.
    speed
        Seconds of exchange time in a second, or "max" for as fast as listeners take it.
    buffer, overflow, keep, clock
        As in `stream`.

    Returns
    -------
    Feed
        As from `stream`. A candle comes when it closes.

    Raises
    ------
    RequestError
        When the stream can't be as it was asked for; raised before it begins.
    DataError
        When a frame has no times, or its rows aren't sound and in order.

    Examples
    --------
    >>> import gekko_lab
    >>> hours = gekko_lab.fetch("simulator", "BTC/USDT", "1h", since="2024-01-01", limit=24)
    >>> feed = gekko_lab.replay(hours, "BTC/USDT")
    >>> max(candle.high for candle in feed) == hours["high"].max()
    True
    """
    if is_recording(what):
        if any(given is not None for given in (symbols, timeframe, since, until)):
            raise InvalidArgument(
                f"{what} is played as it was recorded: leave out symbols, timeframe, since and "
                "until"
            )
        recording = open_recording(what)
        recorded = Recorded(recording, speed=read_speed(speed), clock=clock or WALL)
        kept = read_kinds(recording.head.kinds if kinds is None else kinds)
        return Feed(recorded, kept, **_options(buffer, overflow, keep, clock))  # type: ignore[arg-type]
    if isinstance(what, str | Source):
        if symbols is None:
            raise InvalidArgument(
                f"which markets of {what!r}? Name them, as in replay({what!r}, 'BTC/USDT'); "
                "gekko_lab.datalog.catalog() lists what the data log holds"
            )
        return stream(
            _logged(what),
            symbols,
            kinds=("trade",) if kinds is None else kinds,
            timeframe=timeframe or "1m",
            since=since,
            until=until,
            speed=speed,
            buffer=buffer,
            overflow=overflow,
            keep=keep,
            clock=clock,
        )
    options = _options(buffer, overflow, keep, clock)
    tables = read_tables(what, None if symbols is None else read_symbols(symbols))
    found = tuple(dict.fromkeys(table.kind for table in tables))
    asked = found if kinds is None else read_kinds(kinds)
    width = read_width(tables, timeframe) if "candle" in asked else None
    wanted = read_wanted(asked, "1m", speed, "1s", 1)
    timeline = _timeline(tables, asked, width)
    first, last = timeline.span_us()
    if width is not None:
        last = max(last, width.ceil(-(-last // 1000)) * 1000 if timeline.builds else last)
    now = last // 1000
    begin = first if since is None else read_time(since, now=now) * 1000
    end = last if until is None else read_time(until, now=now, name="until") * 1000
    check_order(begin // 1000, -(-end // 1000))
    channel = Played(
        timeline, since_us=begin, until_us=end, speed=wanted.speed, clock=clock or WALL
    )
    return Feed(channel, asked, **options)  # type: ignore[arg-type]


def _options(
    buffer: int, overflow: Overflow | None, keep: int, clock: Clock | None
) -> dict[str, object]:
    check_overflow(overflow)
    return {
        "buffer": read_count("buffer", buffer, most=_MOST),
        "overflow": overflow,
        "keep": read_count("keep", keep, most=_MOST),
        "clock": clock or WALL,
    }


def _logged(what: str | Source) -> str | Source:
    if isinstance(what, str):
        return what if what.startswith(REPLAY) else REPLAY + what
    return what if isinstance(what, LogReplay) else LogReplay(what)


def _timeline(
    tables: Sequence[Table], kinds: Sequence[MarketKind], width: Timeframe | None
) -> FrameTimeline:
    candles = {table.symbol for table in tables if table.kind == "candle"}
    trades = {table.symbol for table in tables if table.kind == "trade"}
    builds = tuple(trades - candles) if width is not None else ()
    played = [
        table
        for table in tables
        if table.kind in kinds or (table.kind == "trade" and table.symbol in builds)
    ]
    lacking = {*kinds} - {table.kind for table in played} - ({"candle"} if builds else set())
    if lacking:
        raise InvalidArgument(
            f"kinds={tuple(kinds)!r}: no frame has rows of {', '.join(sorted(lacking))}"
        )
    return FrameTimeline("replay", played, width, builds=builds)
