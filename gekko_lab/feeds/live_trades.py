"""The trades of a live channel: streamed or polled, and never with a hole that isn't told."""

from __future__ import annotations

import asyncio
import contextlib
import time
from functools import partial
from typing import TYPE_CHECKING, Final

import polars as pl

from gekko_lab.errors import SourceError
from gekko_lab.events.types import Trade
from gekko_lab.feeds.channel import Batch, Table
from gekko_lab.feeds.live_asking import sound_page, trades_of
from gekko_lab.feeds.live_hub import now_us
from gekko_lab.feeds.live_tape import Tape
from gekko_lab.frames.schemas import SIDE, TIME, TRADES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from gekko_lab.events.types import Event, MarketEvent
    from gekko_lab.feeds.live_asking import Asking, ExchangeTime
    from gekko_lab.feeds.live_hub import Hub, Patience
    from gekko_lab.market.timeframe import Timeframe
    from gekko_lab.sources.live import LiveSource, TradeRules
    from gekko_lab.sources.source import TradeCursor

_SHORT: Final = 90
"""Fewer new trades than that are the newest: pages have room for a hundred at least."""

_LAGS: Final = 8  # how often REST is asked for a trade that the stream has told already
_LAG_S: Final = 0.25
_ON_ITS_WAY_S: Final = 3.0
_LONGEST_QUIET_S: Final = 300.0


class TradeDesk:
    """Keeps the trades of all symbols in one piece each.

    Parameters
    ----------
    source, asking
        Who knows the trades, and how to ask.
    symbols
        The markets.
    hub
        Takes what is to be told.
    clock
        The exchange's time.
    width
        Of the candles whose trades are needed from their open on; None for none.
    dense
        Whether the close before tells where quiet candles stay.
    patience
        How long to wait for what.
    """

    def __init__(
        self,
        source: LiveSource,
        asking: Asking,
        symbols: Sequence[str],
        hub: Hub,
        clock: ExchangeTime,
        *,
        width: Timeframe | None,
        dense: bool,
        patience: Patience,
    ) -> None:
        self._asking, self._hub, self._clock = asking, hub, clock
        self._symbols, self._width, self._dense = symbols, width, dense
        self._patience = patience
        self._source = source
        self._rules: dict[str, TradeRules] = {}
        self._tapes: dict[str, Tape] = {}
        self._places: dict[str, TradeCursor] = {}
        self._fills: dict[str, asyncio.Task[None]] = {}
        self._heard: dict[str, float] = {}
        self._begun = False
        self._whole_us: int | None = None

    @property
    def settled_us(self) -> int | None:
        """The exchange's time up to which the streamed trades are whole; None while some wait."""
        if not self._begun or any(tape.filling for tape in self._tapes.values()):
            return None
        return self._clock.settled_us()

    @property
    def polled_us(self) -> int | None:
        """The exchange's time up to which the polled trades are whole."""
        return self._whole_us

    def reset(self) -> None:
        """Get ready for a new connection: newer trades wait for those that were missed."""
        if not self._begun:
            self._tapes = {s: Tape(self._hub.exchange, s, self._rules[s], 0) for s in self._symbols}
            self._places.clear()
        for tape in self._tapes.values():
            tape.lose()

    async def prepare(self) -> None:
        """Learn how the trades of each market are told apart."""
        for symbol in self._symbols:
            self._rules[symbol] = await self._asking.once(self._source.trade_rules, symbol)
        self.reset()

    def take(self, events: Sequence[MarketEvent]) -> None:
        """Take trades of the stream that came together."""
        now, out = time.monotonic(), self._hub.events
        trades = [event for event in events if isinstance(event, Trade)]
        for trade in trades:
            symbol = trade.symbol
            self._heard[symbol] = now
            tape = self._tapes[symbol]
            if not tape.go_on(trade, out):
                self._look_at(tape, trade)
        if trades:
            self._clock.came(trades[0])  # it has waited longest
            self._hub.wake()

    def _look_at(self, tape: Tape, trade: Trade) -> None:
        """Take a trade that isn't the next one."""
        doubles = tape.duplicates
        tape.take(trade, self._hub.events)
        self._hub.counts.duplicates += tape.duplicates - doubles
        if tape.filling and self._begun:
            self._fill_soon(tape)

    async def catch_up(self) -> None:
        """Get what is missing up to now; the first time, what the candles need."""
        if not self._begun:
            await self._begin()
            return
        await asyncio.gather(*self._fills.values())  # these asked before the stream flowed
        for tape in self._tapes.values():
            tape.filling = True
            self._fill_soon(tape)
        await asyncio.gather(*self._fills.values())

    async def poll(self) -> None:
        """Ask once for what came since; raises when the exchange fails."""
        reached_us = self._clock.settled_us()
        for tape in self._tapes.values():
            await self._pages(tape, self._told, deadline_s=0.0)
        self._whole_us = reached_us

    def stop(self) -> None:
        """End what is being asked."""
        for task in self._fills.values():
            task.cancel()

    async def listen_for_silence(self) -> None:
        """Come back when REST shows trades that the stream should have told."""
        quiet = dict.fromkeys(self._symbols, self._patience.quiet_s)
        since = time.monotonic()
        while True:
            await asyncio.sleep(self._patience.quiet_s / 10)
            for symbol, tape in self._tapes.items():
                heard = max(self._heard.get(symbol, 0.0), since)
                if heard > time.monotonic() - self._patience.quiet_s:
                    quiet[symbol] = self._patience.quiet_s
                elif not tape.filling and time.monotonic() - heard > quiet[symbol]:
                    quiet[symbol] = min(quiet[symbol] * 2, _LONGEST_QUIET_S)
                    if await self._is_deaf(tape):
                        return

    async def _is_deaf(self, tape: Tape) -> bool:
        """Tell whether REST has trades that the stream doesn't tell even a little later."""
        before, heard = tape.last, self._heard.get(tape.symbol)
        tape.filling = True
        self._fill_soon(tape)
        await self._fills[tape.symbol]
        if tape.last is before:
            return False
        await asyncio.sleep(min(self._patience.quiet_s, _ON_ITS_WAY_S))
        return self._heard.get(tape.symbol) == heard

    def _fill_soon(self, tape: Tape) -> None:
        if tape.symbol not in self._fills:
            task = self._fills[tape.symbol] = asyncio.ensure_future(self._fill(tape))
            task.add_done_callback(lambda done: self._filled(tape.symbol, done))

    def _filled(self, symbol: str, task: asyncio.Task[None]) -> None:
        self._fills.pop(symbol, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._hub.fail(error)

    async def _fill(self, tape: Tape) -> None:
        """Ask for what is missing and let the trades go that wait for it."""
        while tape.filling:
            deadline = time.monotonic() + self._patience.fill_s
            with contextlib.suppress(SourceError):  # `release` tells of the gap, where there is one
                self._hub.counts.backfilled += await self._pages(tape, self._told, deadline)
            doubles = tape.duplicates
            tape.release(self._told(), received_us=now_us())
            self._hub.counts.duplicates += tape.duplicates - doubles

    def _told(self) -> list[Event]:
        """Give the list of what is to be told; the hub begins another whenever it is read."""
        self._hub.wake()
        return self._hub.events

    async def _pages(self, tape: Tape, told: Callable[[], list[Event]], deadline_s: float) -> int:
        """Ask until there are no newer trades, and those that wait are reached.

        Each page is told at once, so that nothing is lost by whoever ends this. Gives how many
        trades were new.
        """
        count = 0
        cursor = self._places.get(tape.symbol) or tape.cursor
        lags = 0
        while True:
            page = await self._asking.until(
                deadline_s,
                partial(sound_page, counted=tape.counted),
                self._asking.source,
                tape.symbol,
                cursor,
            )
            rows = trades_of(page.frame, self._hub.exchange, tape.symbol)
            fresh = tape.fill(rows, told())
            count += fresh
            if tape.by_id:
                cursor = tape.cursor
            elif page.following is not None:
                cursor = self._places[tape.symbol] = page.following
            if fresh < _SHORT and tape.reached:
                return count
            if not fresh:
                lags += 1
                if lags > _LAGS:
                    return count
                await asyncio.sleep(_LAG_S)

    async def _begin(self) -> None:
        """Ask for the trades since the open of the first candles, which nobody is told of."""
        begin_us = self._clock.now_us()
        opening = begin_us // 1000 if self._width is None else self._width.floor(begin_us // 1000)
        found: dict[str, list[Event]] = {symbol: [] for symbol in self._symbols}
        for symbol, tape in self._tapes.items():
            tape.since_us = opening * 1000
            rows = found[symbol]
            deadline = time.monotonic() + self._patience.fill_s
            await self._pages(tape, lambda rows=rows: rows, deadline)  # type: ignore[misc]
        if self._width is not None:
            tables = await self._closes_before(self._width, opening)
            for symbol, events in found.items():
                early = [each for each in events if each.timestamp_us < begin_us]
                tables.append(Table("trade", symbol, _frame(early)))
            self._hub.put(Batch(tables=tables, warmup=True, complete_from_us=opening * 1000))
        self._begun = True
        for symbol, tape in self._tapes.items():
            out = [each for each in found[symbol] if each.timestamp_us >= begin_us]
            if tape.reached:  # else those came while other markets were asked about
                tape.release(out, received_us=now_us())
            self._hub.events += out
            if tape.filling:
                self._fill_soon(tape)
        self._hub.wake()

    async def _closes_before(self, width: Timeframe, opening: int) -> list[Table]:
        if not self._dense:
            return []
        source, tables = self._asking.source, []
        for symbol in self._symbols:
            before = width.shift(opening, -1)
            page = await self._asking.once(source.candles, symbol, width, before, opening)
            tables.append(Table("candle", symbol, page.frame))
        return tables


def _frame(events: Iterable[Event]) -> pl.DataFrame:
    trades = [event for event in events if isinstance(event, Trade)]
    return pl.DataFrame(
        {
            "timestamp": pl.Series([t.timestamp_us for t in trades], dtype=pl.Int64).cast(TIME),
            "id": pl.Series([t.id for t in trades], dtype=pl.String),
            "side": pl.Series([t.side for t in trades], dtype=SIDE),
            "price": pl.Series([t.price for t in trades], dtype=pl.Float64),
            "amount": pl.Series([t.amount for t in trades], dtype=pl.Float64),
        },
        schema=TRADES,
    )
