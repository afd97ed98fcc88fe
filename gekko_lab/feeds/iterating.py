"""Events of a feed one by one, for `for` and `async for`."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

    from gekko_lab.events.piece import Piece
    from gekko_lab.events.types import Event
    from gekko_lab.feeds.outlet import Outlet


class Iterated(Protocol):
    """What an iterator needs of its feed."""

    def begin_reading(self) -> bool:
        """Start if it hasn't been; tell whether that was so."""

    def end_reading(self, outlet: Outlet, *, started: bool) -> None:
        """Forget a reader; stop if it was the reason for running."""

    def check_reading(self) -> None:
        """Raise what ended the feed, if that was an error."""


class Events:
    """The events of a feed from when this was made, each once, in order.

    It is an iterator of both kinds: `for` in scripts and cells, `async for` in any event loop.
    What isn't read waits in a buffer of its own; see `stream` for what happens when that is full.
    It ends with the feed, by `close()`, or when nothing refers to it any more.
    """

    def __init__(self, feed: Iterated, outlet: Outlet, kinds: frozenset[str]) -> None:
        self._feed, self._outlet, self._kinds = feed, outlet, kinds
        self._ready: Iterator[Event] = iter(())
        self._begun = self._started = self._closed = False
        self._closing = threading.Lock()

    def __iter__(self) -> Self:
        return self

    def __aiter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        if not self._outlet.interrupted:
            for event in self._ready:
                return event
        try:
            while True:
                self._begin()
                if not self._outlet.interrupted:
                    for event in self._ready:
                        return event
                if self._outlet.paused:
                    self._refill(self._outlet.buffer.take_urgent())
                elif not self._refill(self._outlet.buffer.take()):
                    break
        except BaseException:
            self.close()  # a traceback that is kept would hold the feed back
            raise
        self._end()
        raise StopIteration

    async def __anext__(self) -> Event:
        if not self._outlet.interrupted:
            for event in self._ready:
                return event
        while True:
            self._begin()
            if not self._outlet.interrupted:
                for event in self._ready:
                    return event
            await asyncio.sleep(0)  # a loop whose reader never waits would do nothing else
            if self._outlet.paused:
                self._refill(await self._outlet.buffer.take_urgent_soon())
            elif not self._refill(await self._outlet.buffer.take_soon()):
                break
        self._end()
        raise StopAsyncIteration

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            self._started = self._feed.begin_reading()

    def _refill(self, pieces: list[Piece]) -> bool:
        if not pieces:
            return False
        told = [piece.events() for piece in self._outlet.with_gap(pieces)]
        rest = [] if self._outlet.discarded else [*self._ready]
        kinds = self._kinds
        more = [event for events in told for event in events if event.kind in kinds]
        self._ready = iter(rest + more)
        return True

    def _end(self) -> None:
        self.close()
        self._feed.check_reading()

    def close(self) -> None:
        """End the iteration."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
        self._outlet.leave()
        self._feed.end_reading(self._outlet, started=self._started)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()
