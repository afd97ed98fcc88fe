"""Feed: a stream of market events in the background."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from gekko_lab.errors import InvalidArgument
from gekko_lab.events.types import KINDS, PLURALS
from gekko_lab.feeds.clock import WALL
from gekko_lab.feeds.course import Course
from gekko_lab.feeds.health import NO_COUNTS, Health
from gekko_lab.feeds.iterating import Events
from gekko_lab.frames.convert import to_frame
from gekko_lab.market.suggest import nearest
from gekko_lab.settings import reads_as

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gekko_lab.events.buffer import Overflow
    from gekko_lab.feeds.channel import Channel
    from gekko_lab.feeds.clock import Clock
    from gekko_lab.feeds.outlet import Outlet
    from gekko_lab.settings import FrameKind

BUFFER: Final = 65_536
KEEP: Final = 10_000


class Feed(Course):
    """Market events as they happen, from `gekko_lab.stream` or `gekko_lab.replay`.

    It begins with `start()`, a `with` block or the first step of an iteration, and runs in the
    background, so cells and scripts go on. Functions that listen are called in a thread of the
    feed's own, one after the other; coroutine functions in the loop thread, each with its next
    event when it is done with the last one.

    Parameters
    ----------
    channel
        Where the events come from.
    kinds
        Which are told.
    buffer
        How many events may wait for the listeners together, for each coroutine and each iterator.
    overflow
        What happens when so many wait: "block" holds the feed back, "drop_oldest" drops them,
        counts them, and tells a gap. By default a live market drops, all others wait.
    keep
        How many rows of each kind and symbol `frame` gives at most.
    clock
        The time that the feed runs on.

    See Also
    --------
    gekko_lab.stream : Makes one from the name of an exchange.

    Examples
    --------
    >>> import gekko_lab
    >>> minute = {"since": "2024-01-01T00:00", "until": "2024-01-01T00:01", "speed": "max"}
    >>> feed = gekko_lab.stream("simulator", "BTC/USDT", kinds=("trade", "candle"), **minute)
    >>> prices = []
    >>> listener = feed.on("trade", lambda trade: prices.append(trade.price))
    >>> feed.start().wait()
    True
    >>> feed.frame("candles")["close"][0] == prices[-1]
    True
    """

    def __init__(
        self,
        channel: Channel,
        kinds: Sequence[str],
        *,
        buffer: int = BUFFER,
        overflow: Overflow | None = None,
        keep: int = KEEP,
        clock: Clock = WALL,
    ) -> None:
        super().__init__(channel, kinds, buffer=buffer, overflow=overflow, keep=keep, clock=clock)

    def events(self, *kinds: str) -> Events:
        """Give an iterator over the events from now on, for `for` and `async for`.

        Its first step starts a feed that hasn't begun, which then ends with the iterator.

        Parameters
        ----------
        *kinds
            Such as "trade"; by default the feed's and "gap".

        Returns
        -------
        Events
            Each with a buffer of its own.

        Examples
        --------
        >>> import gekko_lab
        >>> feed = gekko_lab.stream("simulator", "BTC/USDT", since="2024-01-01", speed="max")
        >>> trades = feed.events("trade")
        >>> next(trades).timestamp <= next(trades).timestamp
        True
        >>> trades.close()
        """
        for kind in kinds:
            if kind not in KINDS:
                raise InvalidArgument(
                    f"there is no event {kind!r}.{nearest(str(kind), KINDS)} Use some of "
                    f"{', '.join(map(repr, KINDS))}"
                )
        wanted = frozenset(kinds or (*self.kinds, "gap"))
        with self._lock:
            outlet = self._outlet()
            outlet.kinds = wanted
            if self._over:
                outlet.buffer.close()
            self._readers.append(outlet)
        return Events(self, outlet, wanted)

    def begin_reading(self) -> bool:
        """Start if it hasn't been; tell whether that was so."""
        with self._lock:
            self._check_process()
            if self._state != "new":
                return False
            self.start()
            return True

    def end_reading(self, outlet: Outlet, *, started: bool) -> None:
        """Forget a reader; stop if it was the reason for running."""
        self._forget(outlet)
        if started and not (self._over or self._readers or self.listeners()):
            self.stop(0)

    def check_reading(self) -> None:
        """Raise what ended the feed, if that was an error."""
        if self._error is not None:
            raise self._error

    def frame(self, kind: str, *, frame: FrameKind | None = None) -> Any:  # noqa: ANN401 (the kind decides)
        """Give the last rows of a kind, at any time.

        Parameters
        ----------
        kind
            "trades", "candles", "order_books" or "tickers".
        frame
            "polars" or "pandas"; by default `options.frame`.

        Returns
        -------
        polars.DataFrame or pandas.DataFrame
            In the order of delivery, up to `keep` rows of each symbol: symbol, the columns of
            `fetch_trades`, `fetch` (with quote_volume and trade_count), `fetch_order_book` (a row
            for each level) or the ticker (bid, ask, last, volume), then received and sequence.
        """
        wanted = reads_as("frame", frame)
        of = PLURALS.get(kind, kind)
        if of not in self.kinds:
            named = [name for name, single in PLURALS.items() if single in self.kinds]
            raise InvalidArgument(
                f"kind={kind!r} is not among what the feed tells: use {' or '.join(named)}"
            )
        told: Any = of
        return to_frame(self._recent.rows(told), wanted)

    def joined(self, symbol: str, *, frame: FrameKind | None = None) -> Any:  # noqa: ANN401
        """Give the candle that was forming when the feed began, as far as it had come.

        The trades before the begin are not told. This candle holds them, so that whoever hears
        "trade" can make the whole one of it.

        Parameters
        ----------
        symbol
            Of which market.
        frame
            "polars" or "pandas"; by default `options.frame`.

        Returns
        -------
        polars.DataFrame or pandas.DataFrame or None
            A row in the columns of `fetch`, with quote_volume and trade_count; no row where
            nothing had been traded yet. None where it isn't known: before the first trade comes,
            of feeds without trades or without candles, and where earlier trades can't be had.
        """
        wanted = reads_as("frame", frame)
        candle = self._assembler.joined.get(symbol)
        return None if candle is None else to_frame(candle, wanted)

    def health(self) -> Health:
        """Tell how the feed is doing.

        Returns
        -------
        Health
            Counts, rates, latencies and the state.
        """
        with self._lock:
            oldest = [each.buffer.oldest() for each in self._every()]
            waiting = max((len(each.buffer) for each in self._every()), default=0)
        born = [piece.born for piece in oldest if piece is not None and piece.born]
        last = self._meter.last_us
        counts = getattr(self._channel, "counts", NO_COUNTS)
        dropped, lapses = self._drops()
        return Health(
            state=self._state,
            events=self._meter.events,
            events_per_second=self._meter.rate(),
            dropped=dropped,
            waiting=waiting,
            lag_s=self._clock.monotonic() - min(born) if born else 0.0,
            latency_p50_ms=self._meter.latency_ms(50),
            latency_p99_ms=self._meter.latency_ms(99),
            last_event=datetime.fromtimestamp(last / 1e6, UTC) if last else None,
            reconnects=self._meter.reconnects,
            gaps=self._meter.gaps + lapses,
            late_trades=self._late + self._assembler.late,
            listener_errors=self.failures,
            backfilled=counts.backfilled,
            duplicates=counts.duplicates,
            series=self._meter.series(),
        )

    def __iter__(self) -> Events:
        return self.events()

    def __aiter__(self) -> Events:
        return self.events()

    def __repr__(self) -> str:
        symbols = ", ".join(self.symbols[:3]) + (" …" if len(self.symbols) > 3 else "")  # noqa: PLR2004
        return (
            f"<Feed of {self.exchange} {symbols}: {', '.join(self.kinds)}; {self._state}, "
            f"{self._meter.events:,} events>"
        )
