"""One exchange's markets on their way from a channel into the data log."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING, Any, Final, cast

from gekko_lab.datalog.series import Series
from gekko_lab.errors import DiskFull
from gekko_lab.events.columns import SCHEMAS
from gekko_lab.events.loop import in_thread
from gekko_lab.events.types import Candle, Gap, OrderBook, State, Ticker, Trade
from gekko_lab.feeds.assembly import Assembler
from gekko_lab.feeds.record_arrivals import Arrivals, Head
from gekko_lab.feeds.record_status import Pulse, Status
from gekko_lab.feeds.record_tape import SeriesTape
from gekko_lab.feeds.recorded import LOGGED

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Sequence

    from gekko_lab.events.piece import Piece
    from gekko_lab.events.types import Event, MarketKind
    from gekko_lab.feeds.channel import Batch, Channel
    from gekko_lab.feeds.clock import Clock
    from gekko_lab.feeds.record_spec import Spec
    from gekko_lab.feeds.record_status import LaneState
    from gekko_lab.feeds.record_tape import Portion
    from gekko_lab.sources.source import Source

FLUSH_S: Final = 0.5
"""How often rows are written, so that a death costs no more than that."""

SYNC_S: Final = 30.0
"""How often they are made to outlast a loss of power."""

_MOST_ROWS: Final = 250_000
_FEW_ROWS: Final = 200  # are put together at once; more would hold up the loop of all feeds
_SETTLES_MS: Final = 2_000  # in which trades of a live market may still come late
_SNAPSHOTS: Final[tuple[MarketKind, ...]] = ("order_book", "ticker")


class Counts:
    """What is known of one market over all lanes that recorded it, one after the other."""

    def __init__(self, exchange: str, symbol: str) -> None:
        self.status = Status(exchange, symbol, pid=os.getpid())
        self.pulse = Pulse()

    def came(self, events: int, now_us: int) -> None:
        """Count events."""
        self.status.events += events
        self.status.last_us = now_us
        self.pulse.beat(events)

    def now(self) -> Status:
        """Give how the market is doing."""
        self.status.events_per_second = self.pulse.rate()
        return self.status


class Lane:
    """Records the markets of one exchange, once: it ends with its channel or by an error.

    What a live market tells is kept as soon as a later trade proves that nothing is missing
    before; what is simulated, as soon as the clock has passed.

    Parameters
    ----------
    spec
        What is recorded.
    counts
        By symbol.
    clock
        The time of this machine.
    """

    def __init__(self, spec: Spec, counts: dict[str, Counts], clock: Clock) -> None:
        self._spec, self._counts, self._clock = spec, counts, clock
        self._tapes: dict[tuple[MarketKind, str], SeriesTape] = {}
        self._series: dict[tuple[MarketKind, str], Series] = {}
        self._newest: dict[str, int] = {}
        self._books: dict[tuple[str, str], int] = {}
        self._dated: dict[tuple[str, str], bool] = {}
        self._writing = asyncio.Lock()
        self._arrivals: Arrivals | None = None

    async def run(self, stop: asyncio.Event, *, resume: bool = False) -> None:
        """Record until the channel ends or somebody says stop.

        Parameters
        ----------
        stop
            Ends it.
        resume
            Whether what the data log already holds of the range is left out.
        """
        source, channel, begin = await in_thread(self._spec.open, self._clock, resume=resume)
        self._prepare(source, channel, begin)
        assembler = Assembler(channel, self._spec.kinds)
        batches = channel.batches()
        stopping = asyncio.ensure_future(self._until(stop))
        flushing = asyncio.ensure_future(self._flush_often())
        try:
            while (batch := await self._next(batches, stopping, flushing)) is not None:
                await self._take(batch, assembler, channel)
                if sum(map(len, self._tapes.values())) > _MOST_ROWS or self._crowded:
                    await self._flush()
            if not stop.is_set():
                self._end(channel)
        finally:
            stopping.cancel()
            async with self._writing:  # never in the middle of a writing
                flushing.cancel()
            await asyncio.wait([stopping, flushing])
            with contextlib.suppress(Exception):  # what it failed of is raised already
                await batches.aclose()
            await self._close()

    def _prepare(self, source: Source, channel: Channel, begin: int | None) -> None:
        about = {"recorded": True, "source": repr(source)}
        parameters = getattr(source, "parameters", None)
        if parameters is not None:
            about["parameters"] = repr(parameters)
        if self._spec.arrivals:
            self._arrivals = Arrivals(
                Head(
                    channel.exchange,
                    source.identity,
                    list(channel.symbols),
                    list(self._spec.kinds),
                    "" if channel.width is None else str(channel.width),
                    self._clock.now_us(),
                )
            )
        for symbol in channel.symbols:
            self._state(symbol, "starting")
            for kind in self._spec.kinds:
                width = channel.width if kind == "candle" else None
                dense = channel.dense or symbol not in channel.builds
                tape = SeriesTape(LOGGED[kind], width, dense=dense)  # type: ignore[arg-type]
                if begin is not None and (kind in _SNAPSHOTS or not channel.builds):
                    tape.begin(begin)
                self._tapes[kind, symbol] = tape
                self._series[kind, symbol] = Series(
                    LOGGED[kind], source, symbol, width, provenance=about
                )

    @property
    def _crowded(self) -> bool:
        return self._arrivals is not None and len(self._arrivals) > _MOST_ROWS

    async def _until(self, stop: asyncio.Event) -> None:
        deadline = self._spec.deadline
        left = None if deadline is None else max(0.0, deadline - self._clock.now_us() / 1e6)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), left)

    async def _next(
        self,
        batches: AsyncGenerator[Batch, None],
        stopping: asyncio.Future[None],
        flushing: asyncio.Future[None],
    ) -> Batch | None:
        reading = asyncio.ensure_future(_following(batches))
        tasks: list[asyncio.Future[Any]] = [reading, stopping, flushing]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if reading.done() and not flushing.done():
            return reading.result()
        reading.cancel()
        await asyncio.wait([reading])
        if flushing.done():
            flushing.result()
        return None

    async def _take(self, batch: Batch, assembler: Assembler, channel: Channel) -> None:
        now = self._clock.now_us()
        if sum(table.frame.height for table in batch.tables) > _FEW_ROWS:
            piece = await in_thread(assembler.assemble, batch, now)
        else:
            piece = assembler.assemble(batch, now)
        if batch.complete_from_us is not None:
            self._begin(-(-batch.complete_from_us // 1000))
        if batch.warmup:
            self._warm(batch)
            return
        if self._arrivals is not None:
            self._arrivals.add(piece.events())
        self._take_rows(piece, now)
        for event in piece.single():
            if isinstance(event, State):
                self._follow(event, channel)
            elif isinstance(event, Gap):
                self._lose(event)
            else:
                self._take_event(event, now)
        for event in batch.events:
            if isinstance(event, Trade):
                self._note(event)
        self._reach(batch.clock_us, channel)

    def _begin(self, time: int) -> None:
        for (kind, _), tape in self._tapes.items():
            if kind not in _SNAPSHOTS:
                tape.begin(time)

    def _warm(self, batch: Batch) -> None:
        """Keep the trades of candles that were open already: these are whole with them."""
        for gap in batch.events:
            if isinstance(gap, Gap):
                self._lose(gap)
        for table in batch.tables:
            if table.kind == "trade" and ("trade", table.symbol) in self._tapes:
                names = SCHEMAS["trade"].names()
                self._tapes["trade", table.symbol].add_frame(table.frame.select(names))

    def _take_rows(self, piece: Piece, now: int) -> None:
        for part in piece.parts:
            if part.rows.is_empty():
                continue
            numbers = part.rows["sequence"]
            events = numbers.n_unique() if part.kind == "order_book" else len(numbers)
            self._came(part.symbol, events, now)
            rows = part.rows.select(SCHEMAS[part.kind].names())
            self._tapes[part.kind, part.symbol].add_frame(rows)

    def _take_event(self, event: Event, now: int) -> None:
        self._came(event.symbol, 1, now)
        time = event.timestamp_us // 1000
        if isinstance(event, Trade):
            trade = (time, event.id, event.side, event.price, event.amount)
            self._tapes["trade", event.symbol].add(trade)
        elif isinstance(event, Candle):
            self._tapes["candle", event.symbol].add((time, *_numbers(event)))
        elif isinstance(event, OrderBook):
            if self._is_dated("order_book", event):
                self._snapshot("order_book", event.symbol, time, _levels(event, time))
        elif isinstance(event, Ticker):
            quote = (time, event.bid, event.ask, event.last, event.volume)
            if self._is_dated("ticker", event):
                self._snapshot("ticker", event.symbol, time, [quote])

    def _is_dated(self, kind: MarketKind, event: Event) -> bool:
        """Tell whether a snapshot has the time that those of its market have.

        Exchanges give some without one, such as the first book before a stream of them; these bear
        the clock of this machine. They are only taken where none of the market has another time.
        """
        key = kind, event.symbol
        before = self._dated.get(key)
        dated = event.timestamp_us != event.received_us
        self._dated[key] = dated or bool(before)
        if dated and before is False:
            self._books.pop(key, None)
        return dated or before is False

    def _snapshot(
        self, kind: MarketKind, symbol: str, time: int, rows: Iterable[tuple[object, ...]]
    ) -> None:
        """Take a book or ticker of a live market, unless the last one is too near."""
        tape = self._tapes[kind, symbol]
        step = self._spec.interval_ms if kind == "order_book" else 1
        last = self._books.get((kind, symbol))
        if last is not None and time // step <= abs(last) // step:
            return
        tape.begin(time)
        if last is not None and last < 0:  # the connection was lost since
            tape.lose(tape.reached or 0, time)
        self._books[kind, symbol] = time
        for row in rows:
            tape.add(row)
        tape.reach(time + 1)

    def _note(self, trade: Trade) -> None:
        time = trade.timestamp_us // 1000
        self._newest[trade.symbol] = max(self._newest.get(trade.symbol, 0), time)
        for tape in self._of_trades(trade.symbol):
            tape.begin(time + 1)  # others of its millisecond may have gone before

    def _of_trades(self, symbol: str) -> Iterable[SeriesTape]:
        """Give what is known when trades are: themselves, and candles."""
        kinds: tuple[MarketKind, ...] = ("trade", "candle")
        return (self._tapes[key] for kind in kinds if (key := (kind, symbol)) in self._tapes)

    def _follow(self, event: State, channel: Channel) -> None:
        for symbol in channel.symbols:
            if event.state in {"running", "reconnecting"}:
                self._state(symbol, cast("LaneState", event.state))
        if event.state == "reconnecting":
            for key in self._books:
                self._tear(*key)

    def _tear(self, kind: str, symbol: str) -> None:
        if (kind, symbol) in self._books:
            self._books[kind, symbol] = -abs(self._books[kind, symbol])

    def _lose(self, gap: Gap) -> None:
        for (kind, symbol), tape in self._tapes.items():
            if gap.symbol not in {symbol, ""}:
                continue
            spoilt = kind in {"trade", "candle"} and gap.subject in {"trade", kind}
            if spoilt:
                tape.lose(gap.since_us // 1000, -(-gap.until_us // 1000))
            if gap.subject == kind:
                self._counts[symbol].status.gaps += 1
                self._tear(kind, symbol)

    def _reach(self, clock_us: int | None, channel: Channel) -> None:
        """Say what can't change any more."""
        if clock_us is None:
            return
        for symbol in channel.symbols:
            if self._counts[symbol].status.state == "starting":
                self._state(symbol, "running")
        if not channel.live:
            for tape in self._tapes.values():
                tape.reach(clock_us // 1000)
            return
        settles = max(_SETTLES_MS, channel.grace_us // 1000)
        settled = clock_us // 1000 - settles
        for symbol, newest in self._newest.items():
            for tape in self._of_trades(symbol):
                tape.reach(min(newest, max(settled, newest - settles)))

    def _end(self, channel: Channel) -> None:
        for symbol in channel.symbols:
            self._state(symbol, "ended")

    def _came(self, symbol: str, events: int, now: int) -> None:
        self._counts[symbol].came(events, now)

    def _state(self, symbol: str, state: LaneState) -> None:
        self._counts[symbol].status.state = state

    async def _flush_often(self) -> None:
        synced = self._clock.monotonic()
        while True:
            await asyncio.sleep(FLUSH_S)
            due = self._clock.monotonic() - synced > SYNC_S
            await self._flush(sync=due)
            synced = self._clock.monotonic() if due else synced

    async def _flush(self, *, sync: bool = False) -> None:
        async with self._writing:
            portions = [(key, tape.take()) for key, tape in self._tapes.items()]
            some = [(key, portion) for key, portion in portions if portion]
            came = [] if self._arrivals is None else self._arrivals.take()
            if some or came or sync:
                await in_thread(self._write, some, came, sync=sync)
            for (_, symbol), portion in some:
                self._counts[symbol].status.rows += len(portion)
            for symbol, counts in self._counts.items():
                waiting = (len(tape) for (_, of), tape in self._tapes.items() if of == symbol)
                counts.status.waiting = sum(waiting)

    def _write(
        self,
        portions: list[tuple[tuple[MarketKind, str], Portion]],
        came: Sequence[Event],
        *,
        sync: bool,
    ) -> None:
        for key, portion in portions:
            portion.keep(self._series[key])
        if self._arrivals is not None:
            self._arrivals.keep(came)
            if sync:
                self._arrivals.sync()
        if sync:
            for series in self._series.values():
                series.sync()

    async def _close(self) -> None:
        try:
            await self._flush()
        finally:
            await in_thread(self._close_series)

    def _close_series(self) -> None:
        if self._arrivals is not None:
            self._arrivals.close()
        for series in self._series.values():
            with contextlib.suppress(DiskFull):  # it stays in the journal
                series.fold()
            series.close()


async def _following(batches: AsyncGenerator[Batch, None]) -> Batch | None:
    return await anext(batches, None)


def _numbers(candle: Candle) -> tuple[object, ...]:
    return (
        *(candle.open, candle.high, candle.low, candle.close),
        *(candle.volume, candle.quote_volume, candle.trade_count),
    )


def _levels(book: OrderBook, time: int) -> list[tuple[object, ...]]:
    sides = (("bid", book.bids), ("ask", book.asks))
    return [
        (time, side, place, price, amount)
        for side, levels in sides
        for place, (price, amount) in enumerate(levels, 1)
    ]
