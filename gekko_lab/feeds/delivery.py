"""How a feed takes what its channel says, and tells it."""

from __future__ import annotations

import asyncio
import os
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gekko_lab.events.loop import in_thread
from gekko_lab.events.piece import Piece
from gekko_lab.events.types import Error, Gap, State
from gekko_lab.feeds.assembly import Assembler
from gekko_lab.feeds.channel import Batch
from gekko_lab.feeds.health import Meter
from gekko_lab.feeds.recent import Recent
from gekko_lab.feeds.telling import Telling

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from concurrent.futures import Future

    from gekko_lab.events.buffer import Overflow
    from gekko_lab.events.types import Event, FeedState
    from gekko_lab.feeds.channel import Channel
    from gekko_lab.feeds.clock import Clock

ENDS: Final = {"stopped", "ended", "failed"}

_FEW_ROWS: Final = 200  # are put together at once; more would hold up the loop of all feeds


class Delivery(Telling):
    """Batches of a channel become numbered events and candles, are counted, kept and told.

    Parameters
    ----------
    channel
        Where the events come from.
    kinds
        Which are told.
    buffer, overflow
        How many events may wait for whom, and what happens when more do.
    keep
        How many rows of each kind and symbol are kept.
    clock
        The time that it runs on.
    """

    def __init__(
        self,
        channel: Channel,
        kinds: Sequence[str],
        *,
        buffer: int,
        overflow: Overflow | None,
        keep: int,
        clock: Clock,
    ) -> None:
        super().__init__(buffer, overflow or ("drop_oldest" if channel.live else "block"))
        self.exchange, self.symbols = channel.exchange, tuple(channel.symbols)
        self.kinds = tuple(kinds)
        self._channel, self._clock = channel, clock
        self._recent = Recent(keep)
        self._meter = Meter(clock.monotonic, clocked=channel.clocked)
        self._state: FeedState = "new"
        self._before_pause: FeedState = "new"
        self._ending: FeedState = "ended"
        self._assembler = Assembler(channel, self.kinds)
        self._late = 0
        self._error: BaseException | None = None
        self._stopping = False
        self._reading: asyncio.Task[object] | None = None
        self._flowing = asyncio.Event()
        self._finished = threading.Event()
        self._all_told = False
        self._process = os.getpid()

    @property
    def state(self) -> FeedState:
        """What it does: new, starting, running, reconnecting, paused, stopped, ended, failed."""
        return self._state

    async def _run(self, running: Future[None]) -> None:
        batches = self._channel.batches()
        try:
            await self._tell_all(batches)
        except Exception as error:  # noqa: BLE001 (told, and raised by `wait`)
            self._error = error
        finally:
            try:
                await batches.aclose()
            except Exception as error:  # noqa: BLE001 (told, and raised by `wait`)
                self._error = self._error or error
        await self._end()
        running.set_result(None)

    def _is_stopping(self) -> bool:
        return self._stopping

    async def _tell_all(self, batches: AsyncGenerator[Batch, None]) -> None:
        task = asyncio.current_task()
        while not self._is_stopping():
            self._reading = task  # what can be cancelled: what came is told to all or to none
            try:
                await self._flowing.wait()
                batch = await anext(batches, None)
            except asyncio.CancelledError:
                if task is None or not self._is_stopping():
                    raise
                task.uncancel()
                return
            finally:
                self._reading = None
            if batch is None:
                return
            await self._tell_batch(batch)

    async def _tell_batch(self, batch: Batch) -> None:
        alone = [event for event in batch.events if not isinstance(event, Gap)]
        if batch.tables and alone:  # only gaps have a place among rows
            await self._tell_batch(Batch(events=alone, received_us=batch.received_us))
            gaps = [event for event in batch.events if isinstance(event, Gap)]
            batch = replace(batch, events=gaps)
        now = self._clock.now_us()
        if sum(table.frame.height for table in batch.tables) > _FEW_ROWS:
            piece = await in_thread(self._assemble, batch, now)
        else:
            piece = self._assemble(batch, now)
        with self._lock:  # a pause comes before or after
            begins = self._change("running") if self._state == "starting" else None
        if begins is not None:
            await self._put(begins)
        for event in batch.events:
            if isinstance(event, State):
                self._follow(event.state)
        if len(piece):
            await self._put(piece)

    def _assemble(self, batch: Batch, now_us: int) -> Piece:
        piece = self._assembler.assemble(batch, now_us)
        piece.born = self._clock.monotonic()
        self._meter.count(piece, now_us)
        self._recent.add(piece)
        if piece.parts and any(outlet.single for outlet in self._outlets()):
            piece.events()
        return piece

    def _follow(self, state: FeedState) -> None:
        with self._lock:
            if self._state == "paused":
                self._before_pause = state
            elif self._state not in ENDS:
                self._state = state

    def _change(self, state: FeedState) -> Piece:
        self._state = state
        return self._state_piece(state)

    def _state_piece(self, state: FeedState) -> Piece:
        now = self._clock.now_us()
        return self._of_itself(
            State(self.exchange, "", now, now, self._assembler.sequence, state, "")
        )

    def _of_itself(self, event: Event) -> Piece:
        return Piece(self.exchange, "", [event])

    async def _end(self) -> None:
        if self._error is not None:
            now = self._clock.now_us()
            error = Error(self.exchange, "", now, now, self._assembler.sequence, self._error)
            await self._put(self._of_itself(error))
        self._ending = "stopped" if self._stopping else "ended"
        if self._error is not None:
            self._ending = "failed"
        await self._put(self._state_piece(self._ending))
        await self._end_telling()

    def _finish(self, running: Future[None]) -> None:
        """Say that all is over, when the listeners are done and the channel is closed."""
        running.add_done_callback(lambda _: self._finish_now())

    def _finish_now(self) -> None:
        with self._lock:
            self._all_told = True
            if self._state != "paused":  # else iterators may still have to be let go on
                self._close()

    def _close(self) -> None:
        self._state = self._ending
        self._finished.set()
