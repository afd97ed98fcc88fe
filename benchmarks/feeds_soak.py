"""Memory of a feed over an hour of simulated time at 1,000 trades a second of 20 markets each.

python benchmarks/feeds_soak.py [--minutes 60] [--events 1000]
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path

import gekko_lab
from gekko_lab.market.moments import show_time

BEGIN = 1_704_067_200_000
MARKETS = 20


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
    market = gekko_lab.ExchangeSimulator("liquid", trades_per_minute=60 * asked.events)
    symbols = gekko_lab.symbols(market, frame="polars")["symbol"].to_list()[:MARKETS]
    feed = gekko_lab.stream(
        market,
        symbols,
        kinds=("trade", "candle"),
        since=BEGIN,
        until=BEGIN + asked.minutes * 60_000,
        speed="max",
    )
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
