"""Memory of a feed over an hour of simulated time at 1,000 trades a second of 20 markets each.

python benchmarks/feeds_soak.py [--minutes 60] [--events 1000]

Compiled loops are loaded before, as they take memory once. It fails when the last third holds more
than the second by over 16 MB: of 24 million trades a byte each would be more.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np
import polars as pl

import gekko_lab
from gekko_lab import kernels
from gekko_lab.feeds.channel import Table
from gekko_lab.feeds.clock import WALL
from gekko_lab.feeds.feed import Feed
from gekko_lab.feeds.played import Played
from gekko_lab.frames.schemas import TIME, TRADES
from gekko_lab.market.moments import show_time
from gekko_lab.market.timeframe import Timeframe

BEGIN = 1_704_067_200_000
MARKETS = 20
MARKS = 24
ALLOWED_MB = 16


class Made:
    """Trades at even times, made as they are asked for."""

    exchange = "made"
    dense = True
    width = Timeframe.parse("1m")

    def __init__(self, rate: int) -> None:
        self.symbols = self.builds = tuple(f"M{number}/USDT" for number in range(MARKETS))
        self._step = 1_000_000 // rate

    def warmup(self, since_us: int) -> None:
        """Give nothing: it begins on a minute."""

    def load(self, since_us: int, until_us: int) -> tuple[list[Table], tuple[()]]:
        """Give the trades of a range."""
        return [Table("trade", each, self._trades(since_us, until_us)) for each in self.symbols], ()

    def _trades(self, since_us: int, until_us: int) -> pl.DataFrame:
        times = np.arange(-(-since_us // self._step) * self._step, until_us, self._step)
        places = times // self._step
        columns = {
            "timestamp": pl.Series(times).cast(TIME),
            "id": pl.Series(places).cast(pl.String),
            "side": pl.Series(["buy"]).new_from_index(0, times.size),
            "price": (10_000 + places % 977) / 100,
            "amount": (1 + places % 13) / 1000,
        }
        return pl.DataFrame(columns, schema=TRADES)


def resident_mb() -> float:
    """Give the memory that is resident now."""
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * resource.getpagesize() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def soak(minutes: int, events: int) -> list[float]:
    """Play the market, and give the memory at each mark."""
    until_us = (BEGIN + minutes * 60_000) * 1000
    made = Played(Made(events), since_us=BEGIN * 1000, until_us=until_us, speed=None, clock=WALL)
    feed = Feed(made, ("trade", "candle"))
    heard = 0

    @feed.on("trade")
    def count(_trade: object) -> None:
        nonlocal heard
        heard += 1

    marks = [BEGIN + minutes * 60_000 * place // MARKS for place in range(1, MARKS + 1)]
    held: list[float] = []
    began = time.perf_counter()

    @feed.on("trades")
    def tell(frame: pl.DataFrame) -> None:
        reached = int(frame["timestamp"].dt.epoch("ms").max())  # type: ignore[arg-type]
        while marks and reached >= marks[0] - 1000:
            passed = time.perf_counter() - began
            held.append(resident_mb())
            print(
                f"{show_time(marks.pop(0))}: {heard:,} trades, {heard / passed:,.0f}/s, "
                f"{held[-1]:.0f} MB, {feed.health().waiting:,} waiting",
                flush=True,
            )

    feed.wait()
    print(f"end: {heard:,} trades, {resident_mb():.0f} MB, {feed.health()}")
    return held


def growth_mb(held: list[float]) -> float:
    """Give by how much the last third's memory exceeds the second's."""
    third = len(held) // 3
    return median(held[2 * third :]) - median(held[third : 2 * third])


def main() -> None:
    """Run it, print memory on the way, and fail where it grows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--events", type=int, default=1000, help="a second and market")
    asked = parser.parse_args()
    with gekko_lab.options(compile="on"):
        kernels.warm_up()
        held = soak(asked.minutes, asked.events)
    grown = growth_mb(held)
    print(f"the last third of it holds {grown:+.1f} MB against the second; {ALLOWED_MB} may be")
    sys.exit(grown > ALLOWED_MB)


if __name__ == "__main__":
    main()
