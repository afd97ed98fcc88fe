"""Questions to an exchange beside each other, so that their latencies overlap."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextvars import copy_context
from typing import TYPE_CHECKING, TypeVar

from gekko_lab.limits.waiting import stopped_by

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Answer = TypeVar("Answer")


def beside(tasks: Iterable[Callable[[], Answer]], n_jobs: int) -> Iterator[Answer]:
    """Give what the tasks give, as they end, so many of them at a time in threads.

    These are always threads of this process, whatever `joblib.parallel_config` says: they wait for
    one exchange, and what they share stays in one place. They see the caller's context, with its
    options and listeners. When the caller goes, by an error or Ctrl-C, they end at their next page.

    Parameters
    ----------
    tasks
        What to do; begun in this order.
    n_jobs
        How many at a time.
    """
    left = threading.Event()
    with stopped_by(left):
        context = copy_context()
    pool = ThreadPoolExecutor(n_jobs, thread_name_prefix="gekko-lab")
    try:
        for future in as_completed([pool.submit(context.copy().run, task) for task in tasks]):
            yield future.result()
    finally:
        left.set()
        pool.shutdown(wait=False, cancel_futures=True)
