"""Questions to an exchange beside each other, so that their latencies overlap."""

from __future__ import annotations

import threading
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from time import perf_counter, process_time
from typing import TYPE_CHECKING, TypeVar

from gekko_lab.errors import Stopped
from gekko_lab.limits.waiting import GLANCE_S, stopped_by

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Answer = TypeVar("Answer")

_LOOK_S = 0.02
_LONGEST_LOOK_S = 0.32
_BUSY = 0.5
"""The share of one core from which on another thread would gain less than it costs."""


def beside(tasks: Iterable[Callable[[], Answer]], n_jobs: int) -> Iterator[Answer]:
    """Give what the tasks give, as they end, at most so many of them at a time in threads.

    One begins alone, and more join while this process has time left: where an exchange is near,
    its answers keep a core busy one by one, and threads that take turns at it cost a quarter more.

    These are always threads of this process, whatever `joblib.parallel_config` says: they wait for
    one exchange, and what they share stays in one place. They see the caller's context, with its
    options and listeners. When the caller goes, by an error or Ctrl-C, they end at their next page.

    Parameters
    ----------
    tasks
        What to do; begun in this order.
    n_jobs
        How many at a time, at most.
    """
    left = threading.Event()
    with stopped_by(left):
        context = copy_context()
    pool = ThreadPoolExecutor(n_jobs, thread_name_prefix="gekko-lab")
    waiting = iter(tasks)
    running: set[Future[Answer]] = set()
    load, useful = _Load(), 1
    try:
        while True:
            while len(running) < useful and (task := next(waiting, None)) is not None:
                running.add(pool.submit(context.copy().run, task))
            if not running:
                return
            look = GLANCE_S if useful == n_jobs else load.look_s
            done, running = wait(running, look, FIRST_COMPLETED)
            for future in done:
                yield future.result()
            useful = min(n_jobs, max(useful, load.useful(useful)))
    except Stopped:
        pool.shutdown(cancel_futures=True)  # all were told to stop, and keep the page they are at
        raise
    finally:
        left.set()
        pool.shutdown(wait=False, cancel_futures=True)


class _Load:
    """How busy this process is, and how many threads would keep it so.

    Attributes
    ----------
    look_s : float
        How long to watch it.
    """

    def __init__(self) -> None:
        self.look_s = _LOOK_S
        self._wall, self._cpu = perf_counter(), process_time()

    def useful(self, running: int) -> int:
        """Tell how many threads would be of use, from what so many did since the last time."""
        wall, cpu = perf_counter(), process_time()
        passed = wall - self._wall
        if passed < self.look_s:
            return running
        busy = (cpu - self._cpu) / passed
        self._wall, self._cpu = wall, cpu
        self.look_s = min(_LONGEST_LOOK_S, 2 * self.look_s)
        if busy >= _BUSY:
            return running
        return max(running + 1, int(running * _BUSY / busy)) if busy else running * 8
