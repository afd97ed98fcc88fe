"""Feed: a stream of market events in the background."""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import Future
from contextvars import copy_context
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from gekko_lab.errors import InvalidArgument, Stopped
from gekko_lab.events.loop import in_thread, loop_thread
from gekko_lab.events.piece import Piece
from gekko_lab.events.types import KINDS, PLURALS, Error, Gap, State
from gekko_lab.feeds.assembly import Assembler
from gekko_lab.feeds.channel import Batch, Pausable
from gekko_lab.feeds.clock import WALL
from gekko_lab.feeds.health import NO_COUNTS, Health, Meter
from gekko_lab.feeds.iterating import Events
from gekko_lab.feeds.recent import Recent
from gekko_lab.feeds.telling import Telling
from gekko_lab.frames.convert import to_frame
from gekko_lab.market.suggest import nearest
from gekko_lab.settings import reads_as

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from types import TracebackType
    from typing import Self

    from gekko_lab.events.buffer import Overflow
    from gekko_lab.events.types import Event, FeedState
    from gekko_lab.feeds.channel import Channel
    from gekko_lab.feeds.clock import Clock
    from gekko_lab.feeds.outlet import Outlet
    from gekko_lab.settings import FrameKind

BUFFER: Final = 65_536
KEEP: Final = 10_000
_GLANCE_S: Final = 0.5
_FEW_ROWS: Final = 200  # are put together at once; more would hold up the loop of all feeds
_ENDS: Final = {"stopped", "ended", "failed"}


class Feed(Telling):
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
        super().__init__(buffer, overflow or ("drop_oldest" if channel.live else "block"))
        self.exchange, self.symbols = channel.exchange, tuple(channel.symbols)
        self.kinds = tuple(kinds)
        self._channel, self._clock = channel, clock
        self._recent = Recent(keep)
        self._meter = Meter(clock.monotonic, clocked=channel.clocked)
        self._state: FeedState = "new"
        self._before_pause: FeedState = "new"
        self._ending: FeedState = "ended"
        self._assembler = Assembler(channel, self.kinds)
        self._late = 0
        self._error: BaseException | None = None
        self._stopping = False
        self._reading: asyncio.Task[object] | None = None
        self._flowing = asyncio.Event()
        self._finished = threading.Event()
        self._process = os.getpid()

    @property
    def state(self) -> FeedState:
        """What it does: new, starting, running, reconnecting, paused, stopped, ended, failed."""
        return self._state

    def start(self) -> Self:
        """Begin, and come back at once; a feed that runs goes on, one that has ended begins anew.

        Returns
        -------
        Feed
            This one.
        """
        with self._lock:
            if self._state != "new" and self._state not in _ENDS:
                self._check_process()
                return self
            self._process = os.getpid()
            self._error, self._stopping = None, False
            self._late += self._assembler.late
            self._assembler = Assembler(self._channel, self.kinds, self._assembler.sequence)
            self._finished = threading.Event()
            self._flowing = asyncio.Event()
            self._flowing.set()
            context = copy_context()
            running: Future[None] = Future()
            self._begin_telling(context, partial(self._finish, running))
            self._put_first(self._change("starting"))
            loop_thread().spawn(self._run(running), context=context)
        return self

    def stop(self, timeout: float | None = None, *, drain: bool = False) -> bool:
        """End, and wait for that; a listener that stops its feed doesn't wait.

        Parameters
        ----------
        timeout
            How many seconds to wait; None for as long as it takes, 0 for not at all.
        drain
            Whether listeners and iterators still get what waits for them; otherwise they hear
            nothing more.

        Returns
        -------
        bool
            Whether it has ended.
        """
        with self._lock:
            if self._state == "new":
                return True
            ending = self._state in _ENDS
            if not ending:
                self._check_process()
                self._stopping, self._ending = True, "stopped"
                if drain:
                    self._continue()
                else:
                    self._discard(self._change("stopped"))
        if not ending:
            loop_thread().call(self._leave)
        return self._wait(timeout)  # without the lock, which the end takes

    def _leave(self) -> None:
        self._flowing.set()
        if self._reading is not None:
            self._reading.cancel()

    def pause(self) -> None:
        """Tell nothing until `resume`.

        A simulated or replayed market stands still; a live one goes on, and what comes waits in
        the buffers until they are full.
        """
        with self._lock:
            if self._state in {"starting", "running", "reconnecting"}:
                self._check_process()
                self._before_pause = self._state
                self._interrupt()
                self._put_first(self._change("paused"))
                loop_thread().call(self._halt)

    def resume(self) -> None:
        """Go on after `pause`."""
        with self._lock:
            if self._state == "paused":
                self._check_process()
                self._put_first(self._change(self._before_pause))
                self._continue()
                loop_thread().call(self._proceed)

    def _halt(self) -> None:
        if self._state == "paused" and not self._channel.live:
            self._flowing.clear()
            if isinstance(self._channel, Pausable):
                self._channel.pause()

    def _proceed(self) -> None:
        if self._state != "paused" and not self._flowing.is_set():
            if isinstance(self._channel, Pausable):
                self._channel.resume()
            self._flowing.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end and for all listeners; a feed that hasn't begun is started.

        Parameters
        ----------
        timeout
            How many seconds to wait at most.

        Returns
        -------
        bool
            Whether the end came.

        Raises
        ------
        Exception
            What the feed failed of.
        """
        if self._state == "new":
            self.start()
        ended = self._wait(timeout)
        if ended and self._error is not None:
            raise self._error
        return ended

    def _wait(self, timeout: float | None) -> bool:
        if threading.current_thread() is self._thread or loop_thread().inside:
            return self._finished.is_set()
        self._check_process()
        left = float("inf") if timeout is None else timeout
        while not self._finished.wait(min(left, _GLANCE_S)):  # so that Ctrl-C is seen everywhere
            left -= _GLANCE_S
            if left <= 0:
                return False
        return True

    def _check_process(self) -> None:
        if self._process != os.getpid():
            raise Stopped("the feed runs in the process that started it: make one in each process")

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
        outlet = self._outlet()
        outlet.kinds = wanted = frozenset(kinds or (*self.kinds, "gap"))
        with self._lock:
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

    async def _run(self, running: Future[None]) -> None:
        batches = self._channel.batches()
        try:
            await self._tell_all(batches)
        except Exception as error:  # noqa: BLE001 (told, and raised by `wait`)
            self._error = error
        finally:
            try:
                await batches.aclose()
            except Exception as error:  # noqa: BLE001 (told, and raised by `wait`)
                self._error = self._error or error
        await self._end()
        running.set_result(None)

    def _is_stopping(self) -> bool:
        return self._stopping

    async def _tell_all(self, batches: AsyncGenerator[Batch, None]) -> None:
        task = asyncio.current_task()
        while not self._is_stopping():
            self._reading = task  # what can be cancelled: what came is told to all or to none
            try:
                await self._flowing.wait()
                batch = await anext(batches, None)
            except asyncio.CancelledError:
                if task is None or not self._is_stopping():
                    raise
                task.uncancel()
                return
            finally:
                self._reading = None
            if batch is None:
                return
            await self._tell_batch(batch)

    async def _tell_batch(self, batch: Batch) -> None:
        alone = [event for event in batch.events if not isinstance(event, Gap)]
        if batch.tables and alone:  # only gaps have a place among rows
            await self._tell_batch(Batch(events=alone, received_us=batch.received_us))
            gaps = [event for event in batch.events if isinstance(event, Gap)]
            batch = replace(batch, events=gaps)
        now = self._clock.now_us()
        if sum(table.frame.height for table in batch.tables) > _FEW_ROWS:
            piece = await in_thread(self._assemble, batch, now)
        else:
            piece = self._assemble(batch, now)
        if self._state == "starting":
            await self._put(self._change("running"))
        for event in batch.events:
            if isinstance(event, State):
                self._follow(event.state)
        if len(piece):
            await self._put(piece)

    def _assemble(self, batch: Batch, now_us: int) -> Piece:
        piece = self._assembler.assemble(batch, now_us)
        piece.born = self._clock.monotonic()
        self._meter.count(piece, now_us)
        self._recent.add(piece)
        if piece.parts and any(outlet.single for outlet in self._outlets()):
            piece.events()
        return piece

    def _follow(self, state: FeedState) -> None:
        with self._lock:
            if self._state == "paused":
                self._before_pause = state
            elif self._state not in _ENDS:
                self._state = state

    def _change(self, state: FeedState) -> Piece:
        self._state = state
        return self._state_piece(state)

    def _state_piece(self, state: FeedState) -> Piece:
        now = self._clock.now_us()
        return self._of_itself(
            State(self.exchange, "", now, now, self._assembler.sequence, state, "")
        )

    def _of_itself(self, event: Event) -> Piece:
        return Piece(self.exchange, "", [event])

    async def _end(self) -> None:
        if self._error is not None:
            now = self._clock.now_us()
            error = Error(self.exchange, "", now, now, self._assembler.sequence, self._error)
            await self._put(self._of_itself(error))
        self._ending = "stopped" if self._stopping else "ended"
        if self._error is not None:
            self._ending = "failed"
        await self._put(self._state_piece(self._ending))
        await self._end_telling()

    def _finish(self, running: Future[None]) -> None:
        """Say that all is over, when the listeners are done and the channel is closed."""
        running.add_done_callback(lambda _: self._finish_now())

    def _finish_now(self) -> None:
        self._state = self._ending
        self._finished.set()

    def __iter__(self) -> Events:
        return self.events()

    def __aiter__(self) -> Events:
        return self.events()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await in_thread(self.stop)

    def __repr__(self) -> str:
        symbols = ", ".join(self.symbols[:3]) + (" …" if len(self.symbols) > 3 else "")  # noqa: PLR2004
        return (
            f"<Feed of {self.exchange} {symbols}: {', '.join(self.kinds)}; {self._state}, "
            f"{self._meter.events:,} events>"
        )
