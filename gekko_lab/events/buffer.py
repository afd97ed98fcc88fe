"""A bounded queue between the loop that tells events and whoever takes them, in any thread."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Generic, Literal, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Overflow = Literal["block", "drop_oldest"]

_GLANCE_S = 0.5  # waits wake up that often, as on Windows only a waking thread sees Ctrl-C


class Weighed(Protocol):
    """What takes room in a buffer."""

    def __len__(self) -> int:
        """Tell how many events it is."""


Piece = TypeVar("Piece", bound=Weighed)


class Buffer(Generic[Piece]):
    """Pieces of events, in order, as many as there is room for.

    A piece that is larger than the buffer is let in when nothing else is there, so at most
    `capacity` events or one piece wait.

    Parameters
    ----------
    capacity
        How many events there is room for.
    overflow
        "block": whoever puts waits for room. "drop_oldest": the oldest pieces go.
    dropping
        Is told of each piece that is dropped.
    """

    def __init__(
        self, capacity: int, overflow: Overflow, dropping: Callable[[Piece], object]
    ) -> None:
        self.capacity = capacity
        self.overflow = overflow
        self.closed = False
        self._dropping = dropping
        self._pieces: deque[Piece] = deque()
        self._urgent: list[Piece] = []
        self._size = 0
        self._held = False
        self._changed = threading.Condition()
        self._sleepers: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []

    def __len__(self) -> int:
        """Tell how many events wait."""
        return self._size

    @property
    def held(self) -> bool:
        """Whether nothing is handed out just now, also when nothing more can come."""
        return self._held

    async def put(self, piece: Piece) -> None:
        """Add a piece, when there is room or by making some; a closed buffer takes nothing."""
        while not self._put_now(piece):
            await self._sleep(lambda: not self._pieces or self.closed)

    def _put_now(self, piece: Piece) -> bool:
        weight = len(piece)
        dropped: list[Piece] = []
        with self._changed:
            if self.closed:
                return True
            if self._pieces and self._size + weight > self.capacity:
                if self.overflow == "block":
                    return False
                while self._pieces and self._size + weight > self.capacity:
                    dropped.append(self._pieces.popleft())
                    self._size -= len(dropped[-1])
            self._pieces.append(piece)
            self._size += weight
            self._wake()
        for each in dropped:
            self._dropping(each)
        return True

    def put_first(self, piece: Piece) -> None:
        """Add a piece that is handed out next, even while others are held."""
        with self._changed:
            self._urgent.append(piece)
            self._wake()

    def oldest(self) -> Piece | None:
        """Give the piece that waits longest."""
        with self._changed:
            return self._pieces[0] if self._pieces else None

    def take(self, timeout_s: float | None = None) -> list[Piece]:
        """Give all pieces that wait, in order; none at the end or when the time is over."""
        end = None if timeout_s is None else time.monotonic() + timeout_s
        with self._changed:
            while self._must_wait():
                rest = _GLANCE_S if end is None else min(_GLANCE_S, end - time.monotonic())
                if rest <= 0:
                    return []
                self._changed.wait(rest)
            return self._taken()

    async def take_soon(self) -> list[Piece]:
        """Give what `take` gives, to a task of any loop."""
        while True:
            await self._sleep(lambda: not self._must_wait())
            with self._changed:
                if not self._must_wait():
                    return self._taken()

    def take_urgent(self) -> list[Piece]:
        """Give what is handed out even now; wait for it, or until all is."""
        with self._changed:
            while self._held and not self._urgent:
                self._changed.wait(_GLANCE_S)
            return self._urgent_taken()

    async def take_urgent_soon(self) -> list[Piece]:
        """Give what `take_urgent` gives, to a task of any loop."""
        await self._sleep(lambda: bool(self._urgent) or not self._held)
        with self._changed:
            return self._urgent_taken()

    def urgent_now(self) -> list[Piece]:
        """Give what is urgent, without waiting."""
        if not self._urgent:
            return []
        with self._changed:
            return self._urgent_taken()

    def hold(self) -> None:
        """Hand out nothing until `release`."""
        with self._changed:
            self._held = True

    def release(self) -> None:
        """Hand out pieces again."""
        with self._changed:
            self._held = False
            self._wake()

    def discard(self) -> None:
        """Forget what waits, and hold nothing."""
        with self._changed:
            self._pieces.clear()
            self._size = 0
            self._held = False
            self._wake()

    def close(self) -> None:
        """Take nothing more; what waits can still be had, when it isn't held."""
        with self._changed:
            self.closed = True
            self._wake()

    def _must_wait(self) -> bool:
        if self._urgent:
            return False
        return self._held or not (self._pieces or self.closed)

    def _taken(self) -> list[Piece]:
        pieces = self._urgent_taken()
        if not self._held:
            pieces += self._pieces
            self._pieces.clear()
            self._size = 0
        self._wake()
        return pieces

    def _urgent_taken(self) -> list[Piece]:
        pieces, self._urgent = self._urgent, []
        return pieces

    async def _sleep(self, awake: Callable[[], bool]) -> None:
        loop = asyncio.get_running_loop()
        sleeper = loop.create_future()
        with self._changed:
            if awake():
                return
            self._sleepers.append((loop, sleeper))
        try:
            await sleeper
        finally:
            with self._changed:
                self._sleepers = [each for each in self._sleepers if each[1] is not sleeper]

    def _wake(self) -> None:
        self._changed.notify_all()
        sleepers, self._sleepers = self._sleepers, []
        for loop, sleeper in sleepers:
            with suppress(RuntimeError):  # a loop that has been closed
                loop.call_soon_threadsafe(_finish, sleeper)


def _finish(sleeper: asyncio.Future[None]) -> None:
    if not sleeper.done():
        sleeper.set_result(None)
