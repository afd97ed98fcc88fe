"""Memory of a feed over an hour of simulated time at 1,000 trades a second of 20 markets each.

python benchmarks/feeds_soak.py [--minutes 60] [--events 1000]
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path

import numpy as np
import polars as pl

from gekko_lab.feeds.channel import Table
from gekko_lab.feeds.clock import WALL
from gekko_lab.feeds.feed import Feed
from gekko_lab.feeds.played import Played
from gekko_lab.frames.schemas import TIME, TRADES
from gekko_lab.market.moments import show_time
from gekko_lab.market.timeframe import Timeframe

BEGIN = 1_704_067_200_000
MARKETS = 20


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


def main() -> None:
    """Run it, and print memory for each twelfth."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--events", type=int, default=1000, help="a second and market")
    asked = parser.parse_args()
    made = Played(
        Made(asked.events),
        since_us=BEGIN * 1000,
        until_us=(BEGIN + asked.minutes * 60_000) * 1000,
        speed=None,
        clock=WALL,
    )
    feed = Feed(made, ("trade", "candle"))
    heard = 0

    @feed.on("trade")
    def count(_trade: object) -> None:
        nonlocal heard
        heard += 1

    marks = [BEGIN + asked.minutes * 5_000 * twelfth for twelfth in range(1, 13)]
    began = time.perf_counter()

    @feed.on("trades")
    def tell(frame: object) -> None:
        reached = int(frame["timestamp"].max().timestamp() * 1000)  # type: ignore[index]
        while marks and reached >= marks[0] - 1000:
            passed = time.perf_counter() - began
            print(
                f"{show_time(marks.pop(0))}: {heard:,} trades, {heard / passed:,.0f}/s, "
                f"{resident_mb():.0f} MB, {feed.health().waiting:,} waiting",
                flush=True,
            )

    feed.wait()
    print(f"end: {heard:,} trades, {resident_mb():.0f} MB, {feed.health()}")


if __name__ == "__main__":
    main()
