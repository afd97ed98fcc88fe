"""How a recorder is doing, market by market: what processes tell one another and users see."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Final, Literal

import msgspec
import polars as pl

from gekko_lab.frames.schemas import RECORDERS, TIME

if TYPE_CHECKING:
    from collections.abc import Iterable

LaneState = Literal[
    "new", "starting", "running", "reconnecting", "waiting", "stopped", "ended", "failed"
]

OVER: Final = {"stopped", "ended", "failed"}
_RATE_S: Final = 10.0
_MOST_COUNTS: Final = 1024


class Status(msgspec.Struct):
    """How the recording of one market is doing.

    Attributes
    ----------
    exchange, symbol : str
        Which market.
    state : str
        "new", "starting", "running", "reconnecting" (the exchange), "waiting" (to begin again after
        a failure), "stopped", "ended" or "failed".
    events : int
        How many came.
    events_per_second : float
        In the last ten seconds.
    rows : int
        How many are in the data log.
    waiting : int
        Rows that came and aren't there yet.
    last_us : int
        When the last event came, by this machine's clock; 0 for none.
    gaps : int
        How often something could not be had.
    restarts : int
        How often it began again after a failure.
    error : str or None
        The last failure.
    pid : int
        The process that records.
    worker : int
        Its number; 0 is the process that asked.
    """

    exchange: str
    symbol: str
    state: LaneState = "new"
    events: int = 0
    events_per_second: float = 0.0
    rows: int = 0
    waiting: int = 0
    last_us: int = 0
    gaps: int = 0
    restarts: int = 0
    error: str | None = None
    pid: int = 0
    worker: int = 0


class Pulse:
    """Events a second."""

    def __init__(self) -> None:
        self._counts: deque[tuple[float, int]] = deque(maxlen=_MOST_COUNTS)
        self._using = threading.Lock()

    def beat(self, count: int) -> None:
        """Count some events that came now."""
        now = time.monotonic()
        with self._using:
            if self._counts and now - self._counts[-1][0] < _RATE_S / _MOST_COUNTS:
                now, before = self._counts.pop()
                count += before
            self._counts.append((now, count))

    def rate(self) -> float:
        """Give the events a second of the last ten seconds."""
        begin = time.monotonic() - _RATE_S
        with self._using:
            recent = [(since, count) for since, count in self._counts if since >= begin]
        if not recent:
            return 0.0
        lasted = max(time.monotonic() - recent[0][0], 1.0)
        return sum(count for _, count in recent) / lasted


def status_frame(statuses: Iterable[Status]) -> pl.DataFrame:
    """Give a row for each market, in their order."""
    rows = [
        {
            "exchange": each.exchange,
            "symbol": each.symbol,
            "state": each.state,
            "events": each.events,
            "events_per_second": round(each.events_per_second, 1),
            "rows": each.rows,
            "last_event": each.last_us or None,
            "gaps": each.gaps,
            "restarts": each.restarts,
            "error": each.error,
            "worker": each.worker,
            "pid": each.pid or None,
        }
        for each in statuses
    ]
    plain = {name: pl.Int64 if dtype == TIME else dtype for name, dtype in RECORDERS.items()}
    return pl.DataFrame(rows, schema=plain).cast({"last_event": TIME})
