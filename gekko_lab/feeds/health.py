"""How a feed is doing."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from gekko_lab.events.types import State
from gekko_lab.frames.schemas import FEED_SERIES, TIME

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from gekko_lab.events.piece import Piece
    from gekko_lab.events.types import FeedState

_RATE_S: Final = 10.0
_LATENCIES: Final = 4096


@dataclass(frozen=True, slots=True)
class Health:
    """How a feed is doing.

    Attributes
    ----------
    state : str
        "new", "starting", "running", "reconnecting", "paused", "stopped", "ended" or "failed".
    events : int
        How many were told, without those about the feed itself.
    events_per_second : float
        In the last ten seconds.
    dropped : int
        Events that full buffers dropped, counted for each listener or iterator that wants them.
    waiting : int
        Events in buffers, of the slowest listener or iterator.
    lag_s : float
        How long ago the oldest of them came; 0 where none waits.
    latency_p50_ms, latency_p99_ms : float or None
        From the exchange's time to reception, of the last events; None where exchange time isn't
        of now.
    last_event : datetime or None
        When the last event came, by the clock of this machine.
    reconnects, gaps, late_trades, listener_errors : int
        How often that happened. Gaps are those of the market, and one for each time that a full
        buffer began to drop.
    backfilled, duplicates : int
        Trades that a live stream had left out and REST gave, and those that came again and were
        left out.
    series : polars.DataFrame
        One row for each kind and symbol: kind, symbol, events, last (exchange time).
    """

    state: FeedState
    events: int
    events_per_second: float
    dropped: int
    waiting: int
    lag_s: float
    latency_p50_ms: float | None
    latency_p99_ms: float | None
    last_event: datetime | None
    reconnects: int
    gaps: int
    late_trades: int
    listener_errors: int
    backfilled: int
    duplicates: int
    series: pl.DataFrame = field(repr=False, compare=False)


@dataclass(slots=True)
class Counts:
    """What a live channel has mended.

    Attributes
    ----------
    backfilled : int
        Trades that the stream had left out and REST gave.
    duplicates : int
        Trades that came more than once and were told once.
    """

    backfilled: int = 0
    duplicates: int = 0


NO_COUNTS: Final = Counts()
"""Of channels in which nothing is lost on the way."""


class Meter:
    """Counts what a feed tells.

    Parameters
    ----------
    monotonic
        Gives seconds.
    clocked
        Whether exchange times are of now.
    """

    def __init__(self, monotonic: Callable[[], float], *, clocked: bool) -> None:
        self.events = self.gaps = self.reconnects = 0
        self.last_us = 0
        self._monotonic, self._clocked = monotonic, clocked
        self._counts: dict[tuple[str, str], tuple[int, int]] = {}
        self._rate: deque[tuple[float, int]] = deque()
        self._latencies: deque[int] = deque(maxlen=_LATENCIES)
        self._using = threading.Lock()

    def count(self, piece: Piece, now_us: int) -> None:
        """Count the events of a piece, which was told at a time."""
        with self._using:
            numbered = 0
            for part in piece.parts:
                times, received = (part.rows[n].to_physical() for n in ("timestamp", "received"))
                rows = part.rows["sequence"]
                count = rows.n_unique() if part.kind == "order_book" else len(rows)
                self._add(part.kind, part.symbol, count, int(times[-1]))
                numbered += count
                if self._clocked:
                    self._latencies.extend((received - times).tail(_LATENCIES).to_list())
            for (kind, symbol), events in piece.grouped().items():
                if kind == "state":
                    self.reconnects += sum(
                        isinstance(each, State) and each.state == "reconnecting" for each in events
                    )
                    continue
                numbered += len(events)
                when = [event.timestamp_us for event in events]
                self._add(kind, symbol, len(events), max(when))
                if kind == "gap":
                    self.gaps += len(events)
                elif self._clocked and kind != "candle":
                    self._latencies += [
                        event.received_us - time for event, time in zip(events, when, strict=True)
                    ]
            if numbered:
                self.events += numbered
                self.last_us = now_us
                self._trim()
                self._rate.append((self._monotonic(), numbered))

    def _add(self, kind: str, symbol: str, count: int, time: int) -> None:
        before, last = self._counts.get((kind, symbol), (0, 0))
        self._counts[kind, symbol] = before + count, max(last, time)

    def _trim(self) -> None:
        now = self._monotonic()
        while self._rate and self._rate[0][0] < now - _RATE_S:
            self._rate.popleft()
        while len(self._rate) > _LATENCIES:  # many small batches: join the oldest two
            _, count = self._rate.popleft()
            since, more = self._rate.popleft()
            self._rate.appendleft((since, count + more))

    def rate(self) -> float:
        """Give the events a second of the last ten seconds."""
        with self._using:
            self._trim()
            if not self._rate:
                return 0.0
            lasted = max(self._monotonic() - self._rate[0][0], 1.0)
            return sum(count for _, count in self._rate) / lasted

    def latency_ms(self, percent: int) -> float | None:
        """Give a percentile of the last latencies."""
        with self._using:
            values = list(self._latencies)
        return float(np.percentile(values, percent)) / 1000 if values else None

    def series(self) -> pl.DataFrame:
        """Give the events of each kind and symbol."""
        with self._using:
            rows = [(*key, count, last) for key, (count, last) in self._counts.items()]
        columns = list(zip(*rows, strict=True)) or [()] * 4
        frame = dict(zip(FEED_SERIES.names(), columns, strict=True))
        last = pl.Series("last", frame.pop("last"), dtype=pl.Int64).cast(TIME)
        return pl.DataFrame({**frame, "last": last}, schema=FEED_SERIES)
