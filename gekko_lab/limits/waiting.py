"""Waits that others can see, and end."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gekko_lab.errors import Stopped

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

    from gekko_lab.limits.clock import Clock

LONGEST_WAIT_S = 120.0
"""A request that would have to wait longer is refused with `RateLimited` instead."""

_WORTH_TELLING_S = 0.5  # a steady stream of requests waits for some hundredths of a second each

GLANCE_S = 0.25
"""How long to wait at once: polars lets system calls go on that Ctrl-C would end."""

_LOOK_S = 0.2

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


_listeners: ContextVar[tuple[tuple[Callable[[Wait], None], float], ...]] = ContextVar(
    "gekko_lab_waits", default=()
)


@contextmanager
def on_wait(
    listener: Callable[[Wait], None], *, least_s: float = _WORTH_TELLING_S
) -> Iterator[None]:
    """Tell of the waits of this thread or task.

    Whoever spreads work over threads runs it there in a copy of the context.

    Parameters
    ----------
    listener
        Is called before the wait, with a `Wait`.
    least_s
        Shorter waits than this aren't told of.
    """
    token = _listeners.set((*_listeners.get(), (listener, least_s)))
    try:
        yield
    finally:
        _listeners.reset(token)


def announce(wait: Wait) -> None:
    """Tell the listeners, and the log where the wait is long enough to wonder."""
    if wait.seconds >= _WORTH_TELLING_S:
        _log.info("waiting for %s: %s", wait.host, wait)
    tell(wait)


def tell(wait: Wait) -> None:
    """Tell the listeners of this thread."""
    for listener, least_s in _listeners.get():
        if wait.seconds >= least_s:
            listener(wait)


_stops: ContextVar[tuple[threading.Event, ...]] = ContextVar("gekko_lab_stops", default=())


@contextmanager
def stopped_by(event: threading.Event) -> Iterator[None]:
    """Let an event end what this thread or task does, at the next page or in the middle of a wait.

    Parameters
    ----------
    event
        Once it is set, `check_stopped` and waits raise `Stopped`.
    """
    token = _stops.set((*_stops.get(), event))
    try:
        yield
    finally:
        _stops.reset(token)


def is_stoppable() -> bool:
    """Tell whether somebody may say stop to this thread or task."""
    return bool(_stops.get())


def check_stopped() -> None:
    """Raise `Stopped` when somebody said stop."""
    if any(event.is_set() for event in _stops.get()):
        raise Stopped("stopped as asked; what came so far is kept")


def sleep(seconds: float, clock: Clock) -> None:
    """Wait, or raise `Stopped` soon after somebody says stop."""
    events = _stops.get()
    if not events:
        clock.sleep(seconds)
        return
    while seconds > 0:
        events[-1].wait(min(seconds, _LOOK_S))
        check_stopped()
        seconds -= _LOOK_S
