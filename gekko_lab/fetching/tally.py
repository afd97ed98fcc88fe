"""What a fetch costs, counted where the requests are made."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gekko_lab.limits.waiting import on_wait

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gekko_lab.limits.waiting import Wait


@dataclass(slots=True)
class Tally:
    """Counts of one fetch, over all its threads.

    Attributes
    ----------
    pages : int
        Questions that were answered: pages of candles or trades, files, clocks and market lists.
    retries : int
        How often one was asked again.
    waited_s : float
        How long requests waited for their turn or before another try, added up.
    sources : set of str
        Where rows came from: "log", "archive", "rest", "trades", "simulated",
        "replay".
    """

    pages: int = 0
    retries: int = 0
    waited_s: float = 0.0
    sources: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, *, pages: int = 0, retries: int = 0, waited_s: float = 0.0) -> None:
        """Count some more."""
        with self._lock:
            self.pages += pages
            self.retries += retries
            self.waited_s += waited_s

    def used(self, source: str) -> None:
        """Note where rows came from."""
        with self._lock:
            self.sources.add(source)


_counting: ContextVar[tuple[Tally, ...]] = ContextVar("gekko_lab_tallies", default=())


@contextmanager
def counting() -> Iterator[Tally]:
    """Count what is asked in this block, and in threads that run in a copy of its context.

    A block around it counts the same once more.
    """
    tally = Tally()

    def count(wait: Wait) -> None:
        tally.add(waited_s=wait.seconds)

    token = _counting.set((*_counting.get(), tally))
    try:
        with on_wait(count, least_s=0.0):
            yield tally
    finally:
        _counting.reset(token)


def count(*, pages: int = 0, retries: int = 0, waited_s: float = 0.0) -> None:
    """Count for the fetch that is under way here, if one is."""
    for tally in _counting.get():
        tally.add(pages=pages, retries=retries, waited_s=waited_s)


def used(source: str) -> None:
    """Note where rows of the fetch that is under way here come from."""
    for tally in _counting.get():
        tally.used(source)
