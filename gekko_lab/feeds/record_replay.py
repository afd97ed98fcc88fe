"""A channel that tells what a recorder was told: the same events, in the same order."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, Final

from gekko_lab.events.loop import in_thread
from gekko_lab.feeds.channel import Batch

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from gekko_lab.events.types import Event
    from gekko_lab.feeds.clock import Clock
    from gekko_lab.feeds.record_arrivals import Recording

_LEAST_S: Final = 0.001  # shorter waits cost more than they are worth
_MOST_S: Final = 1.0


class Recorded:
    """A channel that plays a recording.

    Parameters
    ----------
    recording
        What is played.
    speed
        Seconds of the time of reception in a second; None for as fast as events are taken.
    clock
        The time that it runs on.
    """

    live = False
    clocked = False
    dense = False
    grace_us = 0
    width = None
    builds = ()

    def __init__(self, recording: Recording, *, speed: float | None, clock: Clock) -> None:
        self.exchange = recording.head.exchange
        self.symbols = tuple(recording.head.symbols)
        self._recording, self._speed, self._clock = recording, speed, clock

    async def batches(self) -> AsyncGenerator[Batch, None]:
        """Begin, and give what happened."""
        pieces = self._recording.pieces()
        began: tuple[int, float] | None = None
        while (piece := await in_thread(_next, pieces)) is not None:
            if self._speed is None:
                yield Batch(events=piece)
                continue
            while piece:
                if began is None:
                    began = piece[0].received_us, self._clock.monotonic()
                passed = (self._clock.monotonic() - began[1]) * self._speed * 1e6
                reached = began[0] + passed
                due = list(takewhile(lambda event, end=reached: event.received_us <= end, piece))  # type: ignore[misc]
                piece = piece[len(due) :]
                if due:
                    yield Batch(events=due)
                if piece:
                    left = (piece[0].received_us - began[0] - passed) / 1e6 / self._speed
                    await self._clock.sleep(min(max(left, _LEAST_S), _MOST_S))


def _next(pieces: Iterator[list[Event]]) -> list[Event] | None:
    return next(pieces, None)
