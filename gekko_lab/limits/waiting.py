"""Waits that others can see."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LONGEST_WAIT_S = 120.0
"""A request that would have to wait longer is refused with `RateLimited` instead."""

_WORTH_TELLING_S = 0.5  # a steady stream of requests waits for some hundredths of a second each

_log = logging.getLogger("gekko_lab")


@dataclass(frozen=True, slots=True)
class Wait:
    """A request that waits for its turn.

    Attributes
    ----------
    host : str
        Of the API.
    reason : str
        Such as "budget of api.binance.com" or "hold after 429".
    seconds : float
        For how long.
    """

    host: str
    reason: str
    seconds: float

    def __str__(self) -> str:
        return f"{self.reason}: {self.seconds:.0f} s"


_listener: ContextVar[Callable[[Wait], None] | None] = ContextVar("gekko_lab_waits", default=None)


@contextmanager
def on_wait(listener: Callable[[Wait], None]) -> Iterator[None]:
    """Tell of each wait of this thread or task that lasts half a second or more.

    Whoever spreads work over threads runs it there in a copy of the context.

    Parameters
    ----------
    listener
        Is called before the wait, with a `Wait`.
    """
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def announce(wait: Wait) -> None:
    """Tell the listener and the log, where the wait is long enough to wonder."""
    if wait.seconds >= _WORTH_TELLING_S:
        _log.info("waiting for %s: %s", wait.host, wait)
        tell(wait)


def tell(wait: Wait) -> None:
    """Tell the listener of this thread, if there is one."""
    listener = _listener.get()
    if listener is not None:
        listener(wait)
