"""What every listener is told, how it is metered, and the line that it answers with."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Listening:
    """Counts trades for a while, from when they flow, and then ends the process.

    Parameters
    ----------
    seconds
        How long to count.
    warm
        How many seconds pass before that, from the first trade on.
    """

    seconds: float
    warm: float
    trades: int = 0
    candles: int = 0
    latencies: list[float] = field(default_factory=list)
    _first: float = 0.0
    _begun: tuple[float, float] | None = None

    def trade(self, time_ms: float) -> None:
        """Take a trade that happened at that time of the exchange."""
        self.trades += 1
        if self._begun is not None:
            self.latencies.append(time.time() * 1000 - time_ms)
        if not self.trades % 16:
            self._look(time.perf_counter())

    def _look(self, now: float) -> None:
        self._first = self._first or now
        if self._begun is None and now - self._first >= self.warm:
            self.trades = self.candles = 0
            self._begun = now, time.process_time()
        elif self._begun is not None and now - self._begun[0] >= self.seconds:
            self._end()

    def candle(self) -> None:
        """Take a candle."""
        self.candles += 1

    def _end(self) -> None:
        assert self._begun is not None  # noqa: S101 (tells the type)
        wall, cpu = time.perf_counter() - self._begun[0], time.process_time() - self._begun[1]
        line = {"trades": self.trades, "candles": self.candles, "wall_s": wall, "cpu_s": cpu}
        line["latency_ms"] = sorted(self.latencies)
        print(json.dumps(line), flush=True)
        os._exit(0)  # some loops don't end from within a callback


def told() -> tuple[dict[str, Any], Listening]:
    """Give the task of the command line, and the meter."""
    given = json.loads(sys.argv[1])
    return given, Listening(given["seconds"], given["warm"])
