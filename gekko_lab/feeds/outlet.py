"""Where pieces of a feed wait for one listener or iterator."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from gekko_lab.events.buffer import Buffer
from gekko_lab.events.piece import Piece
from gekko_lab.events.types import KINDS, Gap

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterator

    from gekko_lab.events.buffer import Overflow
    from gekko_lab.events.emitter import Listener


class Outlet:
    """A buffer, and what it had to drop.

    Attributes
    ----------
    buffer : Buffer
        What waits.
    listener : Listener or None
        The asynchronous listener that it belongs to.
    single : bool
        Whether events are wanted one by one.
    kinds : collection of str
        What is wanted; nothing else is kept or counted.
    dropped, gaps : int
        How many events it has dropped, and how often it began to.
    interrupted, discarded : bool
        Whether what was taken already is not to be told now, or never.
    """

    def __init__(
        self,
        capacity: int,
        overflow: Overflow,
        *,
        listener: Listener | None = None,
        single: bool = True,
        kinds: Collection[str] = frozenset(KINDS),
    ) -> None:
        self.buffer: Buffer[Piece] = Buffer(capacity, overflow, self._drop)
        self.listener, self.single, self.kinds = listener, single, kinds
        self.dropped = self.gaps = 0
        self.interrupted = self.discarded = False
        self._lost: Gap | None = None
        self._losing = threading.Lock()

    def wants(self, piece: Piece) -> bool:
        """Tell whether a piece holds anything for it."""
        kinds = self.kinds
        return any(event.kind in kinds for event in piece.single()) or any(
            part.kind in kinds for part in piece.parts
        )

    @property
    def paused(self) -> bool:
        """Whether nothing is to be told for now."""
        return self.buffer.held

    def hold(self) -> None:
        """Let nothing be told."""
        if not self.discarded:
            self.buffer.hold()
            self.interrupted = True

    def release(self) -> None:
        """Let it be told again."""
        self.interrupted = self.discarded
        self.buffer.release()

    def discard(self, last: Piece) -> None:
        """Let nothing be told any more but a last piece."""
        self.leave()
        self.buffer.put_first(last)

    def leave(self) -> None:
        """Let nothing be told any more."""
        self.interrupted = self.discarded = True
        self.buffer.discard()
        self.buffer.close()

    def wait(self, tell: Callable[[Piece], object]) -> bool:
        """Wait while nothing is to be told but what is urgent; tell whether it goes on then."""
        while self.paused:
            for piece in self.buffer.take_urgent():
                tell(piece)
        for piece in self.buffer.urgent_now():  # what was said while it went on
            tell(piece)
        return not self.discarded

    async def wait_soon(self, tell: Callable[[Piece], Awaitable[object]]) -> bool:
        """Wait as `wait` does, in a loop."""
        while self.paused:
            for piece in await self.buffer.take_urgent_soon():
                await tell(piece)
        for piece in self.buffer.urgent_now():
            await tell(piece)
        return not self.discarded

    def _drop(self, piece: Piece) -> None:
        wanted = frozenset(self.kinds) - {"state", "error"}
        events = [event for event in piece.events() if event.kind in wanted]
        if not events:
            return
        times = [event.timestamp_us for event in events]
        since, until, count = min(times), max(times) + 1, len(events)
        with self._losing:
            self.dropped += count
            if self._lost is None:
                self.gaps += 1
            else:
                since, until = min(since, self._lost.since_us), max(until, self._lost.until_us)
                count += self._lost.count or 0
            last = events[-1]
            self._lost = Gap(
                last.exchange,
                "",
                since,
                last.received_us,
                last.sequence,
                "event",
                since,
                until,
                "dropped",
                count,
            )

    def with_gap(self, pieces: list[Piece]) -> Iterator[Piece]:
        """Give pieces that were taken, after the gap before them."""
        with self._losing:
            lost, self._lost = self._lost, None
        if lost is not None:
            yield Piece(lost.exchange, "", [lost])
        yield from pieces
