"""From what a channel says to numbered events in their final order, with the candles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl
from msgspec.structs import force_setattr

from gekko_lab.events.columns import spread, stamped, times_of
from gekko_lab.events.piece import Part, Piece
from gekko_lab.events.types import Candle, Gap, State, Trade
from gekko_lab.feeds.channel import Table
from gekko_lab.feeds.forming import Forming, as_frame
from gekko_lab.feeds.times import closes
from gekko_lab.frames.candles import candles_from_trades
from gekko_lab.frames.schemas import PRINTS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from numpy.typing import NDArray

    from gekko_lab.events.types import Event
    from gekko_lab.feeds.channel import Batch, Channel
    from gekko_lab.feeds.forming import Row

_ORDER: Final = {"candle": 0, "trade": 1, "order_book": 2, "ticker": 3}


class Assembler:
    """Numbers what a channel says, puts it in order and builds the candles.

    Parameters
    ----------
    channel
        Where the batches come from.
    kinds
        What is wanted; the rest only goes into candles.
    sequence
        The last number that was given.
    """

    def __init__(self, channel: Channel, kinds: Collection[str], sequence: int = 0) -> None:
        self.sequence = sequence
        self.joined: dict[str, pl.DataFrame] = {}
        """The candles that were open at the begin, of markets whose trades are known from there."""
        self._channel, self._kinds = channel, frozenset(kinds)
        self._place = {symbol: place for place, symbol in enumerate(channel.symbols)}
        width = channel.width
        self._width, self._timeframe = width, "" if width is None else str(width)
        self._forming = {
            symbol: Forming(channel.exchange, symbol, width, dense=channel.dense)
            for symbol in channel.symbols
            if width is not None and symbol in channel.builds and "candle" in kinds
        }

    @property
    def late(self) -> int:
        """How many trades came after their candle was closed."""
        return sum(forming.late for forming in self._forming.values())

    def assemble(self, batch: Batch, now_us: int) -> Piece:
        """Give the events of a batch, which was taken at a time."""
        if batch.complete_from_us is not None:
            for forming in self._forming.values():
                forming.begin(batch.complete_from_us)
        if batch.warmup:
            return self._warmed(batch)
        received = now_us if batch.received_us is None else batch.received_us
        if batch.tables:
            return self._by_time(batch, received)
        return self._as_they_came(batch, received)

    def _warmed(self, batch: Batch) -> Piece:
        for event in batch.events:
            if isinstance(event, Gap):
                self._spoil(event)
        for table in batch.tables:
            self._join(table)
            forming = self._forming.get(table.symbol)
            if forming is None or table.frame.is_empty():
                continue
            if table.kind == "candle":
                forming.seed(float(table.frame["close"][-1]))
            elif table.kind == "trade":
                forming.fold(table.frame)  # what it closes opened before the feed
        for gap in batch.events:
            self.joined.pop(gap.symbol, None)
        return Piece(self._channel.exchange, self._timeframe)

    def _join(self, table: Table) -> None:
        """Note the open candle for those who will be told the trades that follow."""
        if table.kind == "trade" and self._kinds >= {"trade", "candle"}:
            trades = table.frame.select(PRINTS.names())
            self.joined[table.symbol] = candles_from_trades(
                trades, self._timeframe, columns="full"
            ).tail(1)

    def _as_they_came(self, batch: Batch, received_us: int) -> Piece:
        events: list[Event] = []
        told = "trade" in self._kinds
        for event in batch.events:
            if isinstance(event, Trade):
                forming = self._forming.get(event.symbol)
                if forming is not None:
                    closed = forming.add(event.timestamp_us, event.price, event.amount)
                    if closed or forming.gaps:
                        events += self._candles(event.symbol, closed, event.received_us)
                        events += self._gaps(forming, event.received_us)
                if told:
                    events.append(event)
                continue
            if isinstance(event, Gap):
                self._spoil(event)
            if event.kind in self._kinds or event.kind in {"gap", "state"}:
                events.append(event)
        events += self._closed_by_clock(batch.clock_us, received_us)
        self._number(events)
        return Piece(self._channel.exchange, self._timeframe, events)

    def _number(self, events: Sequence[Event]) -> None:
        number = self.sequence
        for event in events:
            if not isinstance(event, State):
                number += 1
            force_setattr(event, "sequence", number)
        self.sequence = number

    def _spoil(self, gap: Gap) -> None:
        if gap.subject in {"trade", "event"}:
            for symbol, forming in self._forming.items():
                if gap.symbol in {symbol, ""}:
                    forming.spoil(gap.since_us, gap.until_us)

    def _candles(self, symbol: str, rows: Sequence[Row], received_us: int) -> Iterator[Candle]:
        for time, *numbers in rows:
            values: Any = numbers
            yield Candle(
                self._channel.exchange, symbol, time, received_us, 0, self._timeframe, *values
            )

    def _gaps(self, forming: Forming, received_us: int) -> Iterator[Gap]:
        found, forming.gaps = forming.gaps, []
        for gap in found:
            force_setattr(gap, "received_us", received_us)
            yield gap

    def _boundary(self, forming: Forming, clock_us: int | None) -> int:
        return -1 if clock_us is None else forming.boundary(clock_us - self._channel.grace_us)

    def _closed_by_clock(self, clock_us: int | None, received_us: int) -> list[Event]:
        events: list[Event] = []
        reached_us = -1 if clock_us is None else clock_us - self._channel.grace_us
        for symbol, forming in self._forming.items():
            if reached_us < forming.end_us and not forming.gaps:
                continue  # as nearly always
            closed = forming.close(self._boundary(forming, clock_us))
            events += self._candles(symbol, closed, received_us)
            events += self._gaps(forming, received_us)
        return sorted(events, key=lambda event: event.timestamp_us)

    def _by_time(self, batch: Batch, received_us: int) -> Piece:
        gaps = [event for event in batch.events if isinstance(event, Gap)]
        for gap in gaps:
            self._spoil(gap)
        tables = [*self._built(batch), *(t for t in batch.tables if t.kind in self._kinds)]
        places = [gap.timestamp_us for gap in gaps]
        for forming in self._forming.values():
            missed = list(self._gaps(forming, received_us))
            places += [gap.until_us for gap in missed]  # where the candle would have been
            gaps += missed
        tables = [table for table in tables if not table.frame.is_empty()]
        tables.sort(key=lambda t: (_ORDER[t.kind], self._place.get(t.symbol, 0)))
        ahead = sum(table.kind == "candle" for table in tables)
        keys = [self._keys(table) for table in tables]
        keys.insert(ahead, np.array(places, dtype=np.int64))
        numbers = self._numbers(keys)
        for gap, number in zip(gaps, numbers.pop(ahead).tolist(), strict=True):
            force_setattr(gap, "sequence", number)
        parts = [
            Part(table.kind, table.symbol, self._stamped(table, rows, received_us))
            for table, rows in zip(tables, numbers, strict=True)
        ]
        count = len(gaps) + sum(map(len, numbers))
        return Piece(self._channel.exchange, self._timeframe, gaps, parts, count)

    def _stamped(self, table: Table, numbers: NDArray[np.int64], received_us: int) -> pl.DataFrame:
        of_rows = spread(table.kind, table.frame, numbers)
        return stamped(table.kind, table.symbol, table.frame, of_rows, received_us)

    def _built(self, batch: Batch) -> Iterator[Table]:
        trades = {table.symbol: table for table in batch.tables if table.kind == "trade"}
        for symbol, forming in self._forming.items():
            closed = []
            if symbol in trades:
                closed.append(forming.fold(trades[symbol].frame))
            closed.append(as_frame(forming.close(self._boundary(forming, batch.clock_us))))
            yield Table("candle", symbol, pl.concat(closed))

    def _keys(self, table: Table) -> NDArray[np.int64]:
        """Give the times by which events are put in order: a candle's is its close."""
        times = times_of(table.kind, table.frame)
        if table.kind == "candle" and self._width is not None:
            return closes(times, self._width)
        return times

    def _numbers(self, keys: Sequence[NDArray[np.int64]]) -> list[NDArray[np.int64]]:
        """Give each of the times its place in the order of all, as numbers that go on."""
        every = np.concatenate(keys)
        rank = np.arange(self.sequence + 1, self.sequence + 1 + every.size)
        self.sequence += every.size
        if sum(each.size > 0 for each in keys) > 1:
            placed = np.empty_like(rank)
            placed[np.argsort(every, kind="stable")] = rank
            rank = placed
        return np.split(rank, np.cumsum([each.size for each in keys])[:-1])
