"""What a server remembers of the requests that it answered."""

from __future__ import annotations

import threading
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from gekko_lab.server.exchange import Request


class Stretch(NamedTuple):
    """A part of the log.

    Attributes
    ----------
    requests : list of Request
        In the order in which they were answered.
    next : int
        The cursor behind the last of them.
    missed : int
        How many that were asked for are no longer known.
    """

    requests: list[Request]
    next: int
    missed: int


class RequestLog:
    """The newest requests, counted from the first of all; any thread may ask.

    Parameters
    ----------
    length
        How many are kept.
    """

    def __init__(self, length: int) -> None:
        self._kept: deque[Request] = deque(maxlen=length)
        self._count = 0
        self._lock = threading.Lock()

    def add(self, request: Request) -> None:
        """Remember a request."""
        with self._lock:
            self._kept.append(request)
            self._count += 1

    def all(self) -> list[Request]:
        """Give all that is known."""
        with self._lock:
            return list(self._kept)

    def part(self, since: int, limit: int) -> Stretch:
        """Give at most `limit` requests from a cursor on; 0 is the begin."""
        with self._lock:
            oldest = self._count - len(self._kept)
            first = min(max(since, oldest), self._count)
            found = list(islice(self._kept, first - oldest, first - oldest + limit))
            return Stretch(found, first + len(found), max(0, oldest - max(0, since)))

    def clear(self) -> int:
        """Forget all and give how many they were; cursors go on."""
        with self._lock:
            gone = len(self._kept)
            self._kept.clear()
            return gone
