"""Work of a panel in the background; of several of one name, the latest alone tells its result."""

from __future__ import annotations

import asyncio
import threading
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gekko_lab.limits.waiting import stopped_by

if TYPE_CHECKING:
    from collections.abc import Callable

_GLANCE_S = 0.02


@dataclass(frozen=True, slots=True)
class Work:
    """Something to find out, and what is done with what was found."""

    find: Callable[[], Any]
    then: Callable[[Any], object]
    context: Context
    stop: threading.Event


class Worker:
    """Runs work in threads, one for each name of work.

    While work of a name runs, only the latest that was asked for waits behind it; what has been
    overtaken ends at its next page and tells nothing.

    Parameters
    ----------
    guard
        Calls a function, and shows what it raises.
    changed
        Is called when the first work begins and when the last one ends.

    Examples
    --------
    >>> import asyncio
    >>> found: list[int] = []
    >>> worker = Worker(lambda function: function(), lambda: None)
    >>> worker.do("sum", lambda: 40 + 2, found.append)
    >>> asyncio.run(worker.idle())
    >>> found
    [42]
    """

    def __init__(
        self, guard: Callable[[Callable[[], object]], object], changed: Callable[[], object]
    ) -> None:
        self._guard, self._changed = guard, changed
        self._lock = threading.RLock()
        self._waiting: dict[str, Work] = {}
        self._running: set[str] = set()
        self._stops: dict[str, threading.Event] = {}
        self._closed = False

    @property
    def busy(self) -> bool:
        """Whether anything runs or waits."""
        with self._lock:
            return bool(self._running)

    def do(self, name: str, find: Callable[[], Any], then: Callable[[Any], object]) -> None:
        """Find something out in the background, and hand it on, unless it is overtaken."""
        with self._lock:
            if self._closed:
                return
            self._waiting[name] = Work(find, then, copy_context(), threading.Event())
            if name in self._running:
                self._stops[name].set()
                return
            first = not self._running
            self._running.add(name)
            self._stops[name] = self._waiting[name].stop
        if first:
            self._changed()
        threading.Thread(
            target=self._run, args=(name,), name=f"gekko-lab-panel-{name}", daemon=True
        ).start()

    def _run(self, name: str) -> None:
        while (work := self._next(name)) is not None:
            work.context.run(self._guard, self._steps(work))

    @staticmethod
    def _steps(work: Work) -> Callable[[], None]:
        def steps() -> None:
            try:
                with stopped_by(work.stop):
                    found = work.find()
            except Exception:
                if work.stop.is_set():  # whatever it was, nobody wants it any more
                    return
                raise
            if not work.stop.is_set():
                work.then(found)

        return steps

    def _next(self, name: str) -> Work | None:
        with self._lock:
            work = None if self._closed else self._waiting.pop(name, None)
            if work is None:
                self._running.discard(name)
            else:
                self._stops[name] = work.stop
            last = not self._running
        if work is None and last:
            self._changed()
        return work

    async def idle(self) -> None:
        """Wait until nothing runs; the loop stays free."""
        while self.busy:  # noqa: ASYNC110 (threads set no event of the loop, which may be any)
            await asyncio.sleep(_GLANCE_S)

    def close(self) -> None:
        """Begin nothing more, and tell nothing of what still runs."""
        with self._lock:
            self._closed = True
            self._waiting.clear()
            for stop in self._stops.values():
                stop.set()
