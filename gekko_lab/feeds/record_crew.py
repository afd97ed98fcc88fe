"""Lanes of one process, each begun again when it fails; and how long to wait before that."""

from __future__ import annotations

import asyncio
import logging
import random
import threading
import time
from contextvars import copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gekko_lab.errors import RequestError
from gekko_lab.events.loop import loop_thread
from gekko_lab.feeds.record_lane import Counts, Lane
from gekko_lab.feeds.record_status import OVER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gekko_lab.feeds.clock import Clock
    from gekko_lab.feeds.record_spec import Spec
    from gekko_lab.feeds.record_status import LaneState, Status

_GLANCE_S: Final = 0.5

_log = logging.getLogger("gekko_lab")


@dataclass(frozen=True, slots=True, kw_only=True)
class Persistence:
    """How often something that failed is begun again, and when.

    Attributes
    ----------
    first_wait_s, longest_wait_s : float
        How long to wait after a failure; each time twice as long, up to the longest.
    most : int
        After so many failures in a row it is given up.
    healthy_s : float
        What ran for so long has not failed in a row.
    """

    first_wait_s: float = 0.5
    longest_wait_s: float = 60.0
    most: int = 12
    healthy_s: float = 60.0

    def wait_s(self, failures: int) -> float:
        """Give how long to wait after so many failures in a row."""
        longest = min(self.first_wait_s * 2.0 ** min(failures - 1, 20), self.longest_wait_s)
        return longest * random.uniform(0.75, 1.0)  # noqa: S311 (so that not all begin at once)


class Crew:
    """Records in the loop thread of this process.

    Parameters
    ----------
    specs
        A lane each.
    clock
        The time of this machine.
    persistence
        How often a lane that failed is begun again.
    """

    def __init__(
        self, specs: Sequence[Spec], clock: Clock, persistence: Persistence | None = None
    ) -> None:
        self._specs, self._clock = specs, clock
        self._persistence = persistence or Persistence()
        self._counts = [
            {symbol: Counts(spec.named, symbol) for symbol in spec.symbols} for spec in specs
        ]
        self._stops: list[asyncio.Event] = []
        self._begun = threading.Event()
        self._over = threading.Event()

    def start(self, *, resume: bool = False) -> None:
        """Begin, and come back at once."""
        loop_thread().spawn(self._run(resume=resume), context=copy_context())
        self._begun.wait()

    def stop(self) -> None:
        """Say that all lanes are to end; `wait` for it."""
        loop_thread().call(self._leave)

    def wait(self, timeout: float | None = None) -> bool:
        """Tell whether all has ended, after so many seconds at most."""
        end = None if timeout is None else time.monotonic() + timeout
        while not self._over.wait(
            _GLANCE_S if end is None else max(0.0, min(_GLANCE_S, end - time.monotonic()))
        ):
            if end is not None and time.monotonic() >= end:
                return False
        return True

    def statuses(self) -> list[Status]:
        """Give how each market is doing."""
        return [counts.now() for lane in self._counts for counts in lane.values()]

    def _leave(self) -> None:
        for stop in self._stops:
            stop.set()

    async def _run(self, *, resume: bool) -> None:
        try:
            self._stops = [asyncio.Event() for _ in self._specs]
            self._begun.set()
            lanes = zip(self._specs, self._counts, self._stops, strict=True)
            await asyncio.gather(*(self._keep_on(*lane, resume=resume) for lane in lanes))
        finally:
            self._over.set()

    async def _keep_on(
        self, spec: Spec, counts: dict[str, Counts], stop: asyncio.Event, *, resume: bool
    ) -> None:
        failures = 0
        while True:
            began = time.monotonic()
            try:
                await Lane(spec, counts, self._clock).run(stop, resume=resume)
            except Exception as error:  # noqa: BLE001 (logged, told in the status, begun again)
                lasted = time.monotonic() - began
                failures = 1 if lasted > self._persistence.healthy_s else failures + 1
                self._note(spec, counts, error)
                if isinstance(error, RequestError) or failures > self._persistence.most:
                    _set(counts, "failed")
                    return
            else:
                if stop.is_set():
                    _set(counts, "stopped")
                return
            _set(counts, "waiting")
            await _first_of(stop, self._persistence.wait_s(failures))
            if stop.is_set():
                _set(counts, "stopped")
                return
            resume = True
            for each in counts.values():
                each.status.restarts += 1

    def _note(self, spec: Spec, counts: dict[str, Counts], error: Exception) -> None:
        told = f"{type(error).__name__}: {error}"
        symbols = ", ".join(spec.symbols)
        _log.warning("the recording of %s %s failed: %s", spec.named, symbols, told)
        for each in counts.values():
            each.status.error = told


def _set(counts: dict[str, Counts], state: LaneState) -> None:
    for each in counts.values():
        if each.status.state not in OVER or state == "failed":
            each.status.state = state


async def _first_of(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
