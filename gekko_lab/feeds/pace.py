"""When rows of the past, or of a simulated market, are told."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import numpy as np

from gekko_lab.feeds.channel import Batch, Table
from gekko_lab.feeds.times import row_times

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from gekko_lab.events.types import Event
    from gekko_lab.feeds.clock import Clock
    from gekko_lab.market.timeframe import Timeframe

_LEAST_S: Final = 0.001  # shorter waits cost more than they are worth
_MOST_S: Final = 60.0  # clocks of machines that slept are looked at again


class Pace:
    """A clock of exchange time that runs at a speed, and can stand still.

    Parameters
    ----------
    speed
        Seconds of exchange time in a second; None for as fast as events are taken.
    since_us
        The exchange time at which it begins to run.
    clock
        The time that it runs on.
    """

    def __init__(self, speed: float | None, since_us: int, clock: Clock) -> None:
        self._speed, self._clock = speed, clock
        self._at, self._seconds = since_us, clock.monotonic()
        self._going = asyncio.Event()
        self._going.set()

    def now_us(self) -> int:
        """Give the exchange time that has been reached."""
        if self._speed is None or not self._going.is_set():
            return self._at
        passed = self._clock.monotonic() - self._seconds
        return self._at + int(passed * self._speed * 1e6)

    def pause(self) -> None:
        """Stand still."""
        self._at = self.now_us()
        self._going.clear()

    def resume(self) -> None:
        """Run again."""
        self._seconds = self._clock.monotonic()
        self._going.set()

    async def play(
        self,
        tables: Sequence[Table],
        events: Sequence[Event],
        until_us: int,
        width: Timeframe | None,
    ) -> AsyncGenerator[Batch, None]:
        """Give rows up to an exchange time when it reaches them, never before.

        The clock is also told whenever a candle ends.
        """
        if self._speed is None:
            yield Batch(tables=tables, events=events, clock_us=until_us)
            return
        waiting = [_Waiting(table, width) for table in tables]
        ahead = sorted(events, key=lambda event: event.timestamp_us)
        while True:
            await self._going.wait()
            now = min(self.now_us(), until_us)
            due = [table for each in waiting if (table := each.until(now)) is not None]
            came = [event for event in ahead if event.timestamp_us <= now]
            ahead = ahead[len(came) :]
            yield Batch(tables=due, events=came, clock_us=now)
            if now >= until_us:
                return
            nexts = [each.next() for each in waiting] + [event.timestamp_us for event in ahead[:1]]
            if width is not None:
                nexts.append(width.next(width.floor(now // 1000)) * 1000)
            await self._sleep(min([*(time for time in nexts if time is not None), until_us]))

    async def _sleep(self, time_us: int) -> None:
        left = (time_us - self.now_us()) / 1e6 / (self._speed or 1.0)
        await self._clock.sleep(min(max(left, _LEAST_S), _MOST_S))


class _Waiting:
    """Rows of a table that aren't told yet."""

    def __init__(self, table: Table, width: Timeframe | None) -> None:
        self._table, self._place = table, 0
        self._times = row_times(table.kind, table.frame, width)

    def until(self, time_us: int) -> Table | None:
        """Give the rows up to a time."""
        end = int(np.searchsorted(self._times, time_us, "right"))
        if end <= self._place:
            return None
        rows = self._table.frame[self._place : end]
        self._place = end
        return Table(self._table.kind, self._table.symbol, rows)

    def next(self) -> int | None:
        """Give the time of the next row."""
        return int(self._times[self._place]) if self._place < self._times.size else None
