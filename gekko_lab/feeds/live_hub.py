"""What the legs of a live channel have to say, until the feed takes it; and how they stand."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gekko_lab.events.types import State
from gekko_lab.feeds.channel import Batch
from gekko_lab.feeds.health import Counts
from gekko_lab.sources.live import Alertness

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gekko_lab.events.types import Event, FeedState

_APART_S = 0.002


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a live channel waits for what, in seconds.

    Attributes
    ----------
    alertness : Alertness
        How soon a dead connection is noticed.
    poll_s : float
        How far questions are apart where an exchange has no stream.
    first_wait_s, longest_wait_s : float
        Before another connection is tried: half of the first to the whole, doubled each time up to
        the longest. The first try comes at once.
    fill_s : float
        How long missing trades are asked for before a gap is told.
    quiet_s : float
        After so long without a trade REST is asked whether there was none; then ever more rarely.
    stream_tries : int
        How often in a row a stream may fail before its first word until REST stands in for it.
    longest_reach_s : float
        How far tries to reach the stream are apart at most while REST stands in.
    """

    alertness: Alertness = field(default_factory=Alertness)
    poll_s: float = 1.0
    first_wait_s: float = 0.25
    longest_wait_s: float = 5.0
    fill_s: float = 60.0
    quiet_s: float = 30.0
    stream_tries: int = 3
    longest_reach_s: float = 60.0

    def wait_s(self, failures: int) -> float:
        """Give how long to wait after so many failures in a row."""
        if failures <= 1:
            return 0.0
        return self._jittered(failures - 2, self.longest_wait_s)

    def reach_s(self, tries: int) -> float:
        """Give how long to wait for one more try to reach a stream that REST stands in for."""
        return self._jittered(tries, self.longest_reach_s)

    def _jittered(self, doublings: int, longest_s: float) -> float:
        longest = min(self.first_wait_s * 2.0 ** min(doublings, 20), longest_s)
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 (so that not all come at once)


class Hub:
    """Takes events and batches in the order in which they are to be told.

    Parameters
    ----------
    exchange
        For events about the connection.
    """

    def __init__(self, exchange: str) -> None:
        self.exchange = exchange
        self.counts = Counts()
        self.events: list[Event] = []
        self._batches: list[Batch] = []
        self._wake = asyncio.Event()
        self._down: set[object] = set()
        self._error: BaseException | None = None
        self._told = 0.0

    def tell(self, event: Event) -> None:
        """Take one event."""
        self.events.append(event)
        self._wake.set()

    def wake(self) -> None:
        """Say that `events` has grown."""
        self._wake.set()

    def put(self, batch: Batch) -> None:
        """Take a batch."""
        self._close_batch()
        self._batches.append(batch)
        self._wake.set()

    def fail(self, error: BaseException) -> None:
        """Let `take` raise."""
        self._error = error
        self._wake.set()

    async def wait(self, seconds: float) -> None:
        """Come back when there is something, or after so many seconds.

        What comes alone is told at once; what comes right behind it waits for two milliseconds and
        is told together, as each telling costs more than an event.
        """
        loop = asyncio.get_running_loop()
        if not self._wake.is_set():
            alarm = loop.call_later(seconds, self._wake.set)
            await self._wake.wait()
            alarm.cancel()
        early = self._told + _APART_S - loop.time()
        if early > 0:
            await asyncio.sleep(early)
        self._told = loop.time()
        self._wake.clear()

    def take(self) -> Sequence[Batch]:
        """Give what came since; raise what has failed."""
        if self._error is not None:
            raise self._error
        self._close_batch()
        taken, self._batches = self._batches, []
        return taken

    def down(self, leg: object, reason: str) -> None:
        """Note that a leg has lost its connection."""
        self._down.add(leg)
        self._state("reconnecting", reason)

    def up(self, leg: object, reason: str) -> None:
        """Note that data of a leg flow again, perhaps in a way that has a reason."""
        if leg in self._down:
            self._down.remove(leg)
            if not self._down:
                self._state("running", reason)

    def _state(self, state: FeedState, reason: str) -> None:
        now = now_us()
        self.tell(State(self.exchange, "", now, now, 0, state, reason))

    def _close_batch(self) -> None:
        if self.events:
            self._batches.append(Batch(events=self.events))
            self.events = []


def now_us() -> int:
    """Give this machine's clock."""
    return time.time_ns() // 1000
