"""How far fetches are, told to whoever listens."""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gekko_lab.errors import GekkoLabError, Stopped
from gekko_lab.limits.waiting import on_wait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gekko_lab.limits.waiting import Wait

_EVERY_S = 0.1

_log = logging.getLogger("gekko_lab")


@dataclass(frozen=True, slots=True)
class Step:
    """How far the fetch of one series is.

    Attributes
    ----------
    exchange, symbol, timeframe : str
        Which series; the timeframe is "" for trades.
    status : str
        "running", "waiting", or what it ended with: complete, gaps, incomplete, failed, stopped.
    rows : int
        That are there.
    total : int or None
        That are expected, where that is known.
    seconds : float
        Since it began.
    wait : Wait or None
        What it waits for.
    error : Exception or None
        What ended it, where something did.
    """

    exchange: str
    symbol: str
    timeframe: str
    status: str
    rows: int = 0
    total: int | None = None
    seconds: float = 0.0
    wait: Wait | None = None
    error: Exception | None = None

    @property
    def name(self) -> str:
        """Exchange, symbol and timeframe."""
        return " ".join((self.exchange, self.symbol, self.timeframe or "trades"))

    @property
    def share(self) -> float | None:
        """How much of the rows is there, from 0 to 1; None where nobody knows."""
        return min(1.0, self.rows / self.total) if self.total else None

    @property
    def eta_s(self) -> float | None:
        """How many seconds are left, at the pace so far; None where nobody knows."""
        share = self.share
        return self.seconds / share - self.seconds if share else None


_listeners: ContextVar[tuple[Callable[[Step], None], ...]] = ContextVar(
    "gekko_lab_steps", default=()
)


@contextmanager
def on_step(listener: Callable[[Step], None]) -> Iterator[None]:
    """Tell of the fetches in this block, and in threads that run in a copy of its context.

    Parameters
    ----------
    listener
        Is called with a `Step`, from whichever thread fetches. What it raises is logged, and
        doesn't end the fetch.
    """
    token = _listeners.set((*_listeners.get(), listener))
    try:
        yield
    finally:
        _listeners.reset(token)


def tell(step: Step) -> None:
    """Tell those who listen here."""
    for listener in _listeners.get():
        try:
            listener(step)
        except Exception:  # noqa: BLE001 (it's the listener's)
            _log.exception("a listener to the progress of %s failed", step.name)


class Watch:
    """Called with the rows so far; tells of them, ten times a second at most.

    Parameters
    ----------
    exchange, symbol, timeframe
        Which series.
    total
        Rows expected; None when nobody knows.
    """

    def __init__(self, exchange: str, symbol: str, timeframe: str, total: int | None) -> None:
        self._name = (exchange, symbol, timeframe)
        self._total = total
        self._began = time.monotonic()
        self._due = 0.0
        self._rows = 0

    def __call__(self, rows: int) -> None:
        """Tell that so many rows are there."""
        self._rows = rows
        now = time.monotonic()
        if now >= self._due:
            self._due = now + _EVERY_S
            tell(self._step("running"))

    @contextmanager
    def waits(self) -> Iterator[Watch]:
        """Tell of waits too, in this block, and of an error that ends it."""
        tell(self._step("running"))
        try:
            with on_wait(lambda wait: tell(self._step("waiting", wait))):
                yield self
        except (GekkoLabError, OSError) as error:
            self.ended(status_of(error), error)
            raise

    def ended(self, status: str, error: Exception | None = None) -> None:
        """Tell how it ended."""
        tell(self._step(status, error=error))

    def _step(self, status: str, wait: Wait | None = None, error: Exception | None = None) -> Step:
        seconds = time.monotonic() - self._began
        return Step(*self._name, status, self._rows, self._total, seconds, wait, error)


def status_of(error: Exception) -> str:
    """Give what a fetch ended with that an error ended."""
    return "stopped" if isinstance(error, Stopped) else "failed"


def both(one: Callable[[int], None], other: Callable[[int], None]) -> Callable[[int], None]:
    """Give a report of rows that goes to both."""

    def report(rows: int) -> None:
        one(rows)
        other(rows)

    return report
