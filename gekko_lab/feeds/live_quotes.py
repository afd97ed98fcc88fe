"""Live order books and tickers: states that are told whole."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from gekko_lab.events.types import Gap, OrderBook, Ticker
from gekko_lab.feeds.live_hub import now_us

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from gekko_lab.events.types import MarketEvent
    from gekko_lab.feeds.live_asking import Asking
    from gekko_lab.feeds.live_hub import Hub
    from gekko_lab.sources.live import LiveSource, StreamKind


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

    def take(self, events: Sequence[MarketEvent]) -> None:
        """Tell them, each after the gap that it ends."""
        for event in events:
            self._tell(event)

    def _tell(self, event: MarketEvent) -> None:
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
                    self._tell(event)

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
