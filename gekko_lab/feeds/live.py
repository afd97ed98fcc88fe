"""The channel of an exchange as it goes on now: WebSocket streams, REST where there are none.

Each kind has a leg with connections of its own, so that a book that must be taken anew never
delays a trade. Trades are told without holes and doubles: after a loss, and wherever ids leap, what
is missing is asked for while newer trades wait, and what can't be had is told as a gap.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Literal

from gekko_lab.errors import UnsupportedBySource
from gekko_lab.feeds.channel import Batch
from gekko_lab.feeds.health import Counts
from gekko_lab.feeds.live_asking import Asking, ExchangeTime
from gekko_lab.feeds.live_hub import Hub, Patience
from gekko_lab.feeds.live_leg import Leg
from gekko_lab.feeds.live_quotes import QuoteDesk
from gekko_lab.feeds.live_trades import TradeDesk
from gekko_lab.fetching.asking import ask
from gekko_lab.market.timeframe import Timeframe
from gekko_lab.sources.live import LiveSource

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection, Sequence

    from gekko_lab.sources.live import StreamKind
    from gekko_lab.sources.source import Source

Transport = Literal["auto", "websocket", "poll"]

_QUOTES: Final[tuple[StreamKind, ...]] = ("order_book", "ticker")
_MINUTE: Final = Timeframe.parse("1m")
_TICK_S: Final = 0.25
_GRACE_US: Final = 500_000


class LiveChannel:
    """What happens on an exchange from now on.

    Parameters
    ----------
    source
        The exchange, such as `CcxtMarketData("binance")`.
    symbols
        The markets.
    kinds
        Of "trade", "candle", "order_book" and "ticker".
    width
        The timeframe of candles, which the feed builds from the trades.
    depth
        Levels on each side of an order book.
    transport
        "websocket", or "poll" to ask by REST again and again; "auto" polls what has no stream, and
        as long as a stream can't be reached.
    patience
        How long to wait for what.

    Raises
    ------
    UnsupportedBySource
        When the source has no market of now, or counts the market's amounts in contracts of
        unknown worth.
    """

    live = True
    clocked = True
    grace_us = _GRACE_US

    def __init__(
        self,
        source: Source,
        symbols: Sequence[str],
        kinds: Collection[str],
        *,
        width: Timeframe | None = None,
        depth: int = 20,
        transport: Transport = "auto",
        patience: Patience | None = None,
    ) -> None:
        if not isinstance(source, LiveSource):
            raise UnsupportedBySource(
                f"{source.exchange} has no market of now to listen to; gekko_lab.exchanges() lists "
                "those with kind 'live'"
            )
        self.exchange = source.exchange
        self.symbols = tuple(symbols)
        self.width = width if "candle" in kinds else None
        self.builds = self.symbols if self.width is not None else ()
        # asked for trades alone as well, since it refuses markets whose amounts nobody understands
        self.dense = _is_dense(source, self.symbols, self.width or _MINUTE)
        self.counts = Counts()
        self._source, self._live_source = source, source
        self._kinds = frozenset(kinds)
        self._depth, self._transport = depth, transport
        self._patience = patience or Patience()

    async def batches(self) -> AsyncGenerator[Batch, None]:
        """Connect, and tell what happens until closed."""
        hub = Hub(self.exchange)
        self.counts = hub.counts
        asking = Asking(self._source)
        clock = ExchangeTime(asking)
        tasks: list[asyncio.Task[None]] = []
        desk: TradeDesk | None = None
        try:
            await self._prepare(asking, clock)
            desks: dict[StreamKind, TradeDesk | QuoteDesk] = {}
            if self._kinds & {"trade", "candle"}:
                desks["trade"] = desk = self._trade_desk(asking, hub, clock)
                await desk.prepare()
            desks.update(
                {kind: self._quotes(asking, kind, hub) for kind in _QUOTES if kind in self._kinds}
            )
            legs = [await self._leg(asking, kind, each, hub) for kind, each in desks.items()]
            tasks = [asyncio.ensure_future(leg.run()) for leg in legs]
            tasks.append(asyncio.ensure_future(clock.follow()))
            while True:
                await hub.wait(_TICK_S)
                # before the events, as those that come meanwhile may be older
                reached = clock.settled_us() if desk is None else _reached(desk, legs[0])
                for batch in hub.take():
                    yield batch
                _raise_failures(tasks)
                if reached is not None:
                    yield Batch(clock_us=reached)
        finally:
            asking.close()
            if desk is not None:
                desk.stop()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _prepare(self, asking: Asking, clock: ExchangeTime) -> None:
        """Learn the time and the markets, so that nothing blocks the loop later."""
        await clock.measure()
        for symbol in self.symbols:
            await asking.once(self._source.market, symbol)

    def _trade_desk(self, asking: Asking, hub: Hub, clock: ExchangeTime) -> TradeDesk:
        return TradeDesk(
            self._live_source,
            asking,
            self.symbols,
            hub,
            clock,
            width=self.width,
            dense=self.dense,
            patience=self._patience,
        )

    def _quotes(self, asking: Asking, kind: StreamKind, hub: Hub) -> QuoteDesk:
        return QuoteDesk(self._live_source, asking, kind, self.symbols, hub, depth=self._depth)

    async def _leg(
        self, asking: Asking, kind: StreamKind, desk: TradeDesk | QuoteDesk, hub: Hub
    ) -> Leg:
        has = self._transport != "poll" and await asking.once(self._live_source.streams, kind)
        if not has and self._transport == "websocket":
            raise UnsupportedBySource(
                f"{self.exchange} has no stream of {kind}s: use transport='auto'"
            )
        return Leg(
            self._live_source,
            kind,
            self.symbols,
            desk,
            hub,
            depth=self._depth,
            patience=self._patience,
            streams=has,
            polls=self._transport != "websocket",
        )


def _is_dense(source: Source, symbols: Sequence[str], width: Timeframe) -> bool:
    rules = [ask(lambda symbol=symbol: source.paging(symbol, width)) for symbol in symbols]  # type: ignore[misc]
    return all(each.dense and each.exact for each in rules)


def _reached(desk: TradeDesk, leg: Leg) -> int | None:
    if not leg.up:
        return None
    return desk.polled_us if leg.polled else desk.settled_us


def _raise_failures(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        if task.done():
            task.result()
