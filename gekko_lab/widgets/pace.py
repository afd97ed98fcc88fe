"""Messages no faster than a front end can take them, and never without the last one."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from gekko_lab.events.loop import loop_thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from gekko_lab.events.loop import LoopThread


class Pace:
    """Calls some work when asked to, from any thread, and not more often than a rate.

    Asked for in between, it is done once when its time has come: at once in the thread that asks,
    or later in the loop thread.

    Parameters
    ----------
    work
        What to call.
    rate
        Calls a second at most.
    clock
        Seconds that only go forward.
    loop
        Where to wait; by default the loop thread of this process.
    """

    def __init__(
        self,
        work: Callable[[], object],
        rate: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        loop: LoopThread | None = None,
    ) -> None:
        self._work = work
        self._every_s = 1 / rate
        self._clock = clock
        self._loop = loop
        self._next = clock()
        self._waiting = False
        self._lock = threading.Lock()

    def ask(self) -> None:
        """Have the work done, now or as soon as the rate allows."""
        with self._lock:
            if self._waiting:
                return
            delay = self._next - self._clock()
            if delay > 0:
                self._waiting = True
            else:
                self._next = self._clock() + self._every_s
        if delay <= 0:
            self._work()
            return
        loop = self._loop or loop_thread()
        loop.call(lambda: loop.loop.call_later(delay, self._later))

    def _later(self) -> None:
        with self._lock:
            self._waiting = False
            self._next = self._clock() + self._every_s
        self._work()
