"""The legs of a live channel: one for each kind, streamed or polled, with reconnects of its own."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Protocol

from gekko_lab.errors import NetworkFailed, SourceError
from gekko_lab.events.types import Gap, OrderBook, Ticker
from gekko_lab.feeds.live_hub import now_us

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from gekko_lab.events.types import MarketEvent
    from gekko_lab.feeds.live_asking import Asking
    from gekko_lab.feeds.live_hub import Hub, Patience
    from gekko_lab.sources.live import LiveSource, Stream, StreamKind


class Desk(Protocol):
    """What is done with the events of one kind."""

    def reset(self) -> None:
        """Get ready for a new connection."""

    def take(self, event: MarketEvent) -> None:
        """Take an event of the stream."""

    async def catch_up(self) -> None:
        """Do what is to be done once the stream flows."""

    async def poll(self) -> None:
        """Ask once for what is new."""

    async def listen_for_silence(self) -> None:
        """Come back when something shows that the stream leaves things out."""


class Leg:
    """Runs the stream of one kind, or polls, and begins anew whenever that fails.

    Parameters
    ----------
    source
        Who has the streams.
    kind, symbols, depth
        What to tell of which markets.
    desk
        Takes what comes.
    hub
        Is told of losses.
    patience
        How long to wait for what.
    polled
        Whether to ask by REST instead.
    """

    def __init__(
        self,
        source: LiveSource,
        kind: StreamKind,
        symbols: Sequence[str],
        desk: Desk,
        hub: Hub,
        *,
        depth: int,
        patience: Patience,
        polled: bool,
    ) -> None:
        self.polled = polled
        self.up = False
        self._source, self._kind, self._symbols, self._depth = source, kind, symbols, depth
        self._desk, self._hub, self._patience = desk, hub, patience
        self._failures = 0
        self._leaving: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Go on until cancelled; raise what another try can't mend."""
        try:
            while True:
                try:
                    await (self._poll() if self.polled else self._stream())
                except SourceError as error:
                    if not error.retryable:
                        raise
                    self._fell(str(error))
                await asyncio.sleep(self._patience.wait_s(self._failures))
        finally:
            if self._leaving:
                await asyncio.wait(self._leaving)

    async def _poll(self) -> None:
        await self._desk.catch_up()
        while True:
            await self._desk.poll()
            self._rose()
            await asyncio.sleep(self._patience.poll_s)

    async def _stream(self) -> None:
        self._desk.reset()
        stream = self._source.open_stream(
            self._kind,
            self._symbols,
            self._desk.take,
            depth=self._depth,
            alertness=self._patience.alertness,
        )
        tasks = [asyncio.ensure_future(stream.run()), asyncio.ensure_future(self._follow(stream))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            leaving = asyncio.ensure_future(stream.close())
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)

    async def _follow(self, stream: Stream) -> None:
        await stream.wait_ready()
        await self._desk.catch_up()
        self._rose()
        await self._desk.listen_for_silence()
        raise NetworkFailed(
            f"{self._hub.exchange} has {self._kind}s of which its stream tells nothing"
        )

    def _rose(self) -> None:
        self._failures = 0
        self.up = True
        self._hub.up(self)

    def _fell(self, reason: str) -> None:
        self._failures += 1
        if self.up or self._failures == 1:
            self._hub.down(self, reason)
        self.up = False


class QuoteDesk:
    """Order books or tickers: whole states, so that what is missed is told and not asked for.

    Parameters
    ----------
    source, asking
        Who is polled, and how.
    kind, symbols, depth
        What of which markets.
    hub
        Takes what is to be told.
    """

    def __init__(
        self,
        source: LiveSource,
        asking: Asking,
        kind: StreamKind,
        symbols: Sequence[str],
        hub: Hub,
        *,
        depth: int,
    ) -> None:
        self._source, self._asking, self._kind = source, asking, kind
        self._symbols, self._hub, self._depth = symbols, hub, depth
        self._last: dict[str, MarketEvent] = {}
        self._missed: set[str] = set()

    def reset(self) -> None:
        """Note that from here on something may be missed."""
        self._missed = set(self._last)

    def take(self, event: MarketEvent) -> None:
        """Tell it, after the gap that it ends."""
        symbol = event.symbol
        if symbol in self._missed:
            self._missed.discard(symbol)
            if not isinstance(event, Gap):
                self._hub.tell(self._gap(self._last[symbol].timestamp_us, event))
        if not isinstance(event, Gap):
            self._last[symbol] = event
        self._hub.tell(event)

    async def catch_up(self) -> None:
        """Nothing: states of before are of no use."""

    async def listen_for_silence(self) -> None:
        """Wait for ever: quiet is nothing strange here."""
        await asyncio.Event().wait()

    async def poll(self) -> None:
        """Ask once, and tell what is another state than the last."""
        for symbol in self._symbols:
            with contextlib.suppress(StopIteration):
                event = next(iter(await self._asked(symbol)))
                if _state(event) != _state(self._last.get(symbol)):
                    self.take(event)

    async def _asked(self, symbol: str) -> Sequence[MarketEvent]:
        if self._kind == "order_book":
            book = await self._asking.once(self._source.order_book_now, symbol, self._depth)
            return _books(book, self._hub.exchange, symbol)
        row = await self._asking.once(self._source.ticker_now, symbol)
        return _tickers(row, self._hub.exchange, symbol)

    def _gap(self, since_us: int, event: MarketEvent) -> Gap:
        until_us = max(event.timestamp_us, since_us + 1)
        return Gap(
            self._hub.exchange,
            event.symbol,
            since_us,
            event.received_us,
            0,
            subject=self._kind,
            since_us=since_us,
            until_us=until_us,
            reason="disconnected",
        )


def _state(event: MarketEvent | None) -> object:
    if isinstance(event, OrderBook):
        return event.bids, event.asks
    if isinstance(event, Ticker):
        return event.bid, event.ask, event.last, event.volume
    return None


def _books(frame: pl.DataFrame, exchange: str, symbol: str) -> Sequence[OrderBook]:
    if frame.is_empty():
        return []
    sides = frame.partition_by("side", as_dict=True, include_key=False)
    bids, asks = (
        tuple(sides[key].select("price", "amount").iter_rows()) if (key := (side,)) in sides else ()
        for side in ("bid", "ask")
    )
    time = int(frame["timestamp"].to_physical()[0])
    return [OrderBook(exchange, symbol, time, now_us(), 0, bids, asks, None)]


def _tickers(frame: pl.DataFrame, exchange: str, symbol: str) -> Sequence[Ticker]:
    return [
        Ticker(exchange, symbol, time, now_us(), 0, *row)
        for time, row in zip(
            frame["timestamp"].to_physical().to_list(),
            frame.select("bid", "ask", "last", "volume").iter_rows(),
            strict=True,
        )
    ]
