"""From one stream of pieces to listeners and iterators, each at its own pace."""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from typing import TYPE_CHECKING

from gekko_lab.events.emitter import Emitter
from gekko_lab.events.loop import loop_thread
from gekko_lab.events.piece import Piece
from gekko_lab.events.types import KINDS, PLURALS
from gekko_lab.feeds.outlet import Outlet

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from contextvars import Context

    from gekko_lab.events.buffer import Overflow
    from gekko_lab.events.emitter import Listener
    from gekko_lab.events.types import Error


class Telling(Emitter):
    """An emitter whose listeners never hold up the loop: each kind of hearer has a buffer.

    Parameters
    ----------
    capacity
        How many events each buffer has room for.
    overflow
        What happens when one is full.
    """

    def __init__(self, capacity: int, overflow: Overflow) -> None:
        super().__init__()
        self._capacity, self._overflow = capacity, overflow
        self._lock = threading.RLock()
        self._heard: Outlet | None = None
        self._thread: threading.Thread | None = None
        self._served: dict[Outlet, Future[None]] = {}
        self._readers: list[Outlet] = []
        self._context: Context | None = None
        self._dropped = self._lapses = 0
        self._over = self._holding = False
        self._heeded: tuple[int, bool, frozenset[str]] = (-1, False, frozenset())

    def _begin_telling(self, context: Context, ended: Callable[[], None]) -> None:
        with self._lock:
            self._context, self._over, self._holding = context, False, False
            self._heard = self._outlet()
            for listener in self._asynchronous():
                self._serve(listener)
            self._thread = threading.Thread(
                target=context.copy().run,
                args=(self._listen, self._heard, ended),
                name="gekko-lab-feed",
                daemon=True,
            )
            self._thread.start()

    async def _put(self, piece: Piece) -> None:
        for outlet in self._outlets():
            if outlet.wants(piece):
                await outlet.buffer.put(piece)

    def _put_first(self, piece: Piece) -> None:
        piece.urgent = True
        for outlet in self._outlets():
            outlet.buffer.put_first(piece)

    def _interrupt(self) -> None:
        """Tell nothing more for now, not even what listeners have taken."""
        self._each(Outlet.hold, holding=True)

    def _continue(self) -> None:
        self._each(Outlet.release)

    def _discard(self, last: Piece) -> None:
        """Forget what isn't told yet, and take nothing more but a last piece."""
        last.urgent = True
        self._each(lambda outlet: outlet.discard(last))

    def _each(self, change: Callable[[Outlet], None], *, holding: bool = False) -> None:
        with self._lock:
            self._holding = holding  # so do those that come later
            for outlet in self._every():
                change(outlet)
        with self._changing:
            self._version += 1  # whoever tells a piece looks up from it

    async def _end_telling(self) -> None:
        """Take nothing more, and wait for the coroutines, whose failures are still told."""
        with self._lock:
            self._over = True
            served = dict(self._served)
            for outlet in [*self._readers, *served]:
                outlet.buffer.close()
        for outlet, future in served.items():
            await asyncio.wait([asyncio.wrap_future(future)])
            self._forget(outlet)
        with self._lock:
            if self._heard is not None:
                self._heard.buffer.close()

    # Synchronous listeners, in a thread of the feed's own

    def _listen(self, heard: Outlet, ended: Callable[[], None]) -> None:
        while pieces := heard.buffer.take():
            for piece in heard.with_gap(pieces):
                if piece.urgent or heard.wait(self.tell):
                    self.tell(piece)
        ended()

    def _go_on(self) -> bool:
        return self._heard is None or self._heard.wait(self.tell)

    def _sync_calls(self) -> tuple[bool, frozenset[str]]:
        """Tell whether anybody listens to single events, and to which kinds in any way."""
        if self._heeded[0] != self._version:
            version, single, plural = self._resolved()
            kinds = frozenset(single).union(*(listener.kinds for listener in plural))
            self._heeded = version, bool(single), kinds
        return self._heeded[1:]

    # Coroutine functions, in the loop

    def _serve(self, listener: Listener) -> None:
        outlet = self._outlet(listener)
        context = None if self._context is None else self._context.copy()
        work = self._serve_all(listener, outlet)
        self._served[outlet] = loop_thread().spawn(work, context=context)

    async def _serve_all(self, listener: Listener, outlet: Outlet) -> None:
        tell = partial(self._serve_piece, listener, outlet)
        while pieces := await outlet.buffer.take_soon():
            for piece in outlet.with_gap(pieces):
                await tell(piece)

    async def _serve_piece(self, listener: Listener, outlet: Outlet, piece: Piece) -> None:
        tell = partial(self._serve_piece, listener, outlet)
        for told in listener.wanted(piece):
            if not (piece.urgent or await outlet.wait_soon(tell)) or listener.spent:
                return
            if listener.once:
                self._drop(listener)
            try:
                await listener(told)
            except Exception as error:  # noqa: BLE001 (told as an event, never lost)
                self._failed(listener, error, told)

    def _added(self, listener: Listener) -> None:
        with self._lock:
            if listener.asynchronous and self._heard is not None and not self._over:
                self._serve(listener)

    def _removed(self, listener: Listener) -> None:
        with self._lock:
            for outlet in self._served:
                if outlet.listener is listener:
                    outlet.leave()

    # All of them

    def _outlet(self, listener: Listener | None = None) -> Outlet:
        single = listener is None or listener.name not in PLURALS
        kinds = frozenset(KINDS) if listener is None else listener.kinds
        outlet = Outlet(
            self._capacity, self._overflow, listener=listener, single=single, kinds=kinds
        )
        if self._holding:
            outlet.hold()
        return outlet

    def _outlets(self) -> list[Outlet]:
        """Give those that want to be told; the synchronous listeners only where there are some."""
        with self._lock:
            outlets = [*self._readers, *self._served]
            single, kinds = self._sync_calls()
            if self._heard is not None and kinds:
                self._heard.single, self._heard.kinds = single, kinds
                outlets.append(self._heard)
        return outlets

    def _every(self) -> list[Outlet]:
        return [*self._readers, *self._served, *([] if self._heard is None else [self._heard])]

    def _forget(self, outlet: Outlet) -> None:
        with self._lock:
            self._dropped += outlet.dropped
            self._lapses += outlet.gaps
            self._served.pop(outlet, None)
            if outlet in self._readers:
                self._readers.remove(outlet)

    def _drops(self) -> tuple[int, int]:
        """Give how many events full buffers dropped, and in how many gaps."""
        with self._lock:
            every = self._every()
            dropped = self._dropped + sum(outlet.dropped for outlet in every)
            return dropped, self._lapses + sum(outlet.gaps for outlet in every)

    def _tell_error(self, error: Error) -> None:
        piece = Piece(error.exchange, "", [error])
        inside = threading.current_thread() is self._thread
        if inside:
            self.tell(piece)
        outlets = [each for each in self._outlets() if not (inside and each is self._heard)]
        if outlets:
            loop_thread().spawn(_put_all(outlets, piece))


async def _put_all(outlets: list[Outlet], piece: Piece) -> None:
    for outlet in outlets:
        if outlet.wants(piece):
            await outlet.buffer.put(piece)
