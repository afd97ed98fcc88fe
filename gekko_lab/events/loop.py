"""One background event loop for the whole process, in a thread of its own."""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

Result = TypeVar("Result")
Given = ParamSpec("Given")

_GLANCE_S = 0.5  # waits wake up that often, as on Windows only a waking thread sees Ctrl-C


class LoopThread:
    """An event loop that runs in a daemon thread, so that nobody has to wait for it.

    `loop_thread()` gives the one of this process. It works beside a loop that is running already,
    as in notebooks, and in scripts; a process that ends doesn't wait for it.

    Examples
    --------
    >>> import asyncio
    >>> async def answer():
    ...     await asyncio.sleep(0)
    ...     return 42
    >>> loop_thread().run(answer())
    42
    """

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._work, name="gekko-lab-loop", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    @property
    def inside(self) -> bool:
        """Whether the caller is this thread."""
        return threading.get_ident() == self._thread.ident

    def call(self, function: Callable[[], object]) -> None:
        """Let the loop call something soon; from any thread."""
        self.loop.call_soon_threadsafe(function)

    def spawn(
        self, work: Coroutine[object, object, Result], *, context: Context | None = None
    ) -> Future[Result]:
        """Begin some work in the loop, from any thread, in the caller's or the given context.

        The future that is returned tells the result; cancelling it cancels the work.
        """
        outcome: Future[Result] = Future()
        around = copy_context() if context is None else context

        def begin() -> None:
            task = self.loop.create_task(work, context=around)
            task.add_done_callback(lambda done: _settle(outcome, done))
            outcome.add_done_callback(
                lambda told: self.call(task.cancel) if told.cancelled() else None
            )

        self.call(begin)
        return outcome

    def _cancel(self, told: Future[Result], task: asyncio.Task[Result]) -> None:
        if told.cancelled():
            self.call(task.cancel)

    def run(self, work: Coroutine[object, object, Result]) -> Result:
        """Do some work in the loop and wait for its result; Ctrl-C cancels it.

        Raises
        ------
        RuntimeError
            When the loop would wait for itself.
        """
        if self.inside:
            work.close()
            raise RuntimeError("the loop thread can't wait for itself: await the coroutine there")
        outcome = self.spawn(work)
        try:
            return wait_for(outcome)
        except BaseException:
            outcome.cancel()
            raise


def wait_for(outcome: Future[Result], timeout_s: float | None = None) -> Result:
    """Give the result of a future when it is there; Ctrl-C ends the waiting everywhere.

    Raises
    ------
    TimeoutError
        When it isn't there in time.
    """
    while timeout_s is None or timeout_s > _GLANCE_S:
        try:
            return outcome.result(_GLANCE_S)
        except FutureTimeout:
            if outcome.done():
                raise  # the work's own
            timeout_s = None if timeout_s is None else timeout_s - _GLANCE_S
    return outcome.result(timeout_s)


def loop_thread() -> LoopThread:
    """Give the loop thread of this process, which begins when it is first asked for.

    A forked child gets one of its own: threads don't survive a fork.
    """
    global _current  # noqa: PLW0603 (one for the process, as its name says)
    with _beginning:
        if _current is None:
            _current = LoopThread()
        return _current


async def in_thread(
    function: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs
) -> Result:
    """Give the result of a call that blocks, made in a daemon thread with the caller's context.

    The threads of asyncio's own pools are waited for when a process ends, these aren't.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[Result] = loop.create_future()
    context = copy_context()

    def work() -> None:
        done: Future[Result] = Future()
        try:
            done.set_result(context.run(function, *args, **kwargs))
        except BaseException as error:  # noqa: BLE001 (told to whoever waits)
            done.set_exception(error)
        if not loop.is_closed():
            loop.call_soon_threadsafe(_hand_over, done, outcome)

    _workers.do(work)
    return await outcome


class _Workers:
    """Daemon threads, as many as there were calls at once; each takes what comes next.

    A new thread for each call would spread memory over all arenas of the allocator.
    """

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._free = 0
        self._counting = threading.Lock()

    def do(self, work: Callable[[], None]) -> None:
        """Call something in one of the threads."""
        with self._counting:
            self._free -= 1
            if self._free < 0:
                self._free += 1
                threading.Thread(target=self._work, name="gekko-lab-work", daemon=True).start()
        self._calls.put(work)

    def _work(self) -> None:
        while True:
            self._calls.get()()
            with self._counting:
                self._free += 1


def _hand_over(done: Future[Result], outcome: asyncio.Future[Result]) -> None:
    if outcome.done():
        return  # whoever waited has been cancelled
    error = done.exception()
    if error is None:
        outcome.set_result(done.result())
    else:
        outcome.set_exception(error)


def _settle(outcome: Future[Result], task: asyncio.Task[Result]) -> None:
    if task.cancelled():
        outcome.cancel()
    elif outcome.set_running_or_notify_cancel():
        error = task.exception()
        if error is None:
            outcome.set_result(task.result())
        else:
            outcome.set_exception(error)


def _forget() -> None:
    global _current, _beginning, _workers
    _current, _beginning, _workers = None, threading.Lock(), _Workers()


_current: LoopThread | None = None
_beginning = threading.Lock()
_workers = _Workers()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
