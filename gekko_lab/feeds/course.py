"""The course of a feed: it begins, pauses, goes on and ends."""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import Future
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Final

from gekko_lab.errors import Stopped
from gekko_lab.events.loop import in_thread, loop_thread
from gekko_lab.feeds.assembly import Assembler
from gekko_lab.feeds.channel import Pausable
from gekko_lab.feeds.delivery import ENDS, Delivery

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

_GLANCE_S: Final = 0.5


class Course(Delivery):
    """A delivery that can be started, stopped, paused and waited for, also as a context manager."""

    def start(self) -> Self:
        """Begin, and come back at once; a feed that runs goes on, one that has ended begins anew.

        Returns
        -------
        Feed
            This one.
        """
        with self._lock:
            if self._state != "new" and self._state not in ENDS:
                self._check_process()
                return self
            self._process = os.getpid()
            self._error, self._stopping, self._all_told = None, False, False
            self._late += self._assembler.late
            self._assembler = Assembler(self._channel, self.kinds, self._assembler.sequence)
            self._finished = threading.Event()
            self._flowing = asyncio.Event()
            self._flowing.set()
            context = copy_context()
            running: Future[None] = Future()
            self._begin_telling(context, partial(self._finish, running))
            self._put_first(self._change("starting"))
            loop_thread().spawn(self._run(running), context=context)
        return self

    def stop(self, timeout: float | None = None, *, drain: bool = False) -> bool:
        """End, and wait for that; a listener that stops its feed doesn't wait.

        Parameters
        ----------
        timeout
            How many seconds to wait; None for as long as it takes, 0 for not at all.
        drain
            Whether listeners and iterators still get what waits for them; otherwise they hear
            nothing more.

        Returns
        -------
        bool
            Whether it has ended.
        """
        with self._lock:
            if self._state == "new":
                return True
            ending = self._state in ENDS
            if not ending:
                self._check_process()
                self._stopping, self._ending = True, "stopped"
                if drain:
                    if self._state == "paused":
                        self._state = self._before_pause
                    self._continue()
                else:
                    self._discard(self._change("stopped"))
                self._close_if_all_told()
        if not ending:
            loop_thread().call(self._leave)
        return self._wait(timeout)  # without the lock, which the end takes

    def _leave(self) -> None:
        self._flowing.set()
        if self._reading is not None:
            self._reading.cancel()

    def pause(self) -> None:
        """Tell nothing until `resume`.

        A simulated or replayed market stands still; a live one goes on, and what comes waits in
        the buffers until they are full. One that ends meanwhile stays paused until `resume` or
        `stop`.
        """
        with self._lock:
            if self._state in {"starting", "running", "reconnecting"}:
                self._check_process()
                self._before_pause = self._state
                self._interrupt()
                self._put_first(self._change("paused"))
                loop_thread().call(self._halt)

    def resume(self) -> None:
        """Go on after `pause`."""
        with self._lock:
            if self._state == "paused":
                self._check_process()
                self._put_first(self._change(self._before_pause))
                self._continue()
                self._close_if_all_told()
                loop_thread().call(self._proceed)

    def _close_if_all_told(self) -> None:
        if self._all_told:  # while it was paused
            self._close()

    def _halt(self) -> None:
        if self._state == "paused" and not self._channel.live:
            self._flowing.clear()
            if isinstance(self._channel, Pausable):
                self._channel.pause()

    def _proceed(self) -> None:
        if self._state != "paused" and not self._flowing.is_set():
            if isinstance(self._channel, Pausable):
                self._channel.resume()
            self._flowing.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end and for all listeners; a feed that hasn't begun is started.

        Parameters
        ----------
        timeout
            How many seconds to wait at most.

        Returns
        -------
        bool
            Whether the end came.

        Raises
        ------
        Exception
            What the feed failed of.
        """
        if self._state == "new":
            self.start()
        ended = self._wait(timeout)
        if ended and self._error is not None:
            raise self._error
        return ended

    def _wait(self, timeout: float | None) -> bool:
        if threading.current_thread() is self._thread or loop_thread().inside:
            return self._finished.is_set()
        self._check_process()
        left = float("inf") if timeout is None else timeout
        while not self._finished.wait(min(left, _GLANCE_S)):  # so that Ctrl-C is seen everywhere
            left -= _GLANCE_S
            if left <= 0:
                return False
        return True

    def _check_process(self) -> None:
        if self._process != os.getpid():
            raise Stopped("the feed runs in the process that started it: make one in each process")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await in_thread(self.stop)
