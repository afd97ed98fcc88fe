"""A channel that plays a timeline: a simulated market, or what was recorded."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

from gekko_lab.events.loop import in_thread
from gekko_lab.feeds.channel import Told
from gekko_lab.feeds.pace import Pace

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from gekko_lab.events.types import Event
    from gekko_lab.feeds.channel import Batch, Table
    from gekko_lab.feeds.clock import Clock

ROWS: Final = 65_536
"""About how many rows are told at once."""

_SECOND: Final = 1_000_000
_LONGEST_SPAN: Final = 366 * 86_400 * _SECOND


class Timeline(Told, Protocol):
    """Rows by their time; its methods may block, and are called in threads."""

    def warmup(self, since_us: int) -> Batch | None:
        """Give what candles need that have begun before a time."""

    def load(self, since_us: int, until_us: int) -> tuple[Sequence[Table], Sequence[Event]]:
        """Give rows told in [since, until), and gaps; candles that close in (since, until]."""


class Played:
    """A channel that plays a timeline at a speed.

    Parameters
    ----------
    timeline
        What is played.
    since_us, until_us
        From when to when, in microseconds; without a begin, from now.
    speed
        Seconds of exchange time in a second; None for as fast as events are taken.
    clock
        The time that it runs on.
    """

    live = False
    grace_us = 0

    def __init__(
        self,
        timeline: Timeline,
        *,
        since_us: int | None,
        until_us: int,
        speed: float | None,
        clock: Clock,
    ) -> None:
        self.exchange, self.symbols = timeline.exchange, timeline.symbols
        self.width, self.builds, self.dense = timeline.width, timeline.builds, timeline.dense
        self.clocked = since_us is None and speed == 1.0
        self._timeline = timeline
        self._since_us, self._until_us = since_us, until_us
        self._speed, self._clock = speed, clock
        self._pace: Pace | None = None

    def pause(self) -> None:
        """Let the clock stand still."""
        if self._pace is not None:
            self._pace.pause()

    def resume(self) -> None:
        """Let it go on."""
        if self._pace is not None:
            self._pace.resume()

    async def batches(self) -> AsyncGenerator[Batch, None]:
        """Begin, and give what happens; the next rows are made while the last ones are told."""
        begin = self._clock.now_us() // 1000 * 1000 if self._since_us is None else self._since_us
        pace = self._pace = Pace(self._speed, begin, self._clock)
        warmup = await in_thread(self._timeline.warmup, begin)
        if warmup is not None:
            yield warmup
        span = _SECOND
        end = self._end(begin, span)
        loading = asyncio.ensure_future(in_thread(self._timeline.load, begin, end))
        try:
            while begin < self._until_us:
                tables, events = await loading
                begin = end
                span = _fitting(span, sum(table.frame.height for table in tables))
                end = self._end(begin, span)
                loading = asyncio.ensure_future(in_thread(self._timeline.load, begin, end))
                async for batch in pace.play(tables, events, begin, self.width):
                    yield batch
        finally:
            loading.cancel()

    def _end(self, begin: int, span: int) -> int:
        """Give the end of a span on its grid, which doesn't cut minutes where it needn't."""
        return min(self._until_us, (begin // span + 1) * span)


def _fitting(span: int, rows: int) -> int:
    """Give a span that holds about the right number of rows, after one that held so many."""
    if rows > ROWS:
        return max(_SECOND, span * ROWS // rows // _SECOND * _SECOND)
    if rows < ROWS // 2:
        return min(_LONGEST_SPAN, span * (8 if rows < ROWS // 16 else 2))
    return span
