"""How many events a second go through a feed, in CPU time as well, as machines are shared.

python benchmarks/feeds.py [--trades 2000000]
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import polars as pl

import gekko_lab
from gekko_lab.frames.schemas import SIDE, TIME


def tape(count: int, seed: int) -> pl.DataFrame:
    """Give trades a millisecond apart in the mean."""
    chance = np.random.default_rng(seed)
    times = 1_704_067_200_000_000 + np.sort(chance.integers(0, count * 1000, count))
    return pl.DataFrame(
        {
            "timestamp": pl.Series(times).cast(TIME),
            "id": pl.Series(np.arange(count)).cast(pl.String),
            "side": pl.Series(chance.choice(["buy", "sell"], count)).cast(SIDE),
            "price": np.round(100 + chance.normal(0, 0.01, count).cumsum(), 2).clip(1),
            "amount": np.round(chance.exponential(1, count) + 0.001, 3),
        }
    )


def measure(name: str, tapes: dict[str, pl.DataFrame], listens: str, **options: object) -> None:
    """Print how fast a listener of that name hears all trades."""
    heard = 0

    def one(_event: object) -> None:
        nonlocal heard
        heard += 1

    def many(frame: pl.DataFrame) -> None:
        nonlocal heard
        heard += frame.height

    feed = gekko_lab.replay(tapes, **options)  # type: ignore[arg-type]
    if listens != "for":
        feed.on(listens, many if listens == "trades" else one)
    rows = sum(frame.height for frame in tapes.values())
    wall, cpu = time.perf_counter(), time.process_time()
    if listens == "for":
        for event in feed:
            one(event)
    feed.wait()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(
        f"{name:34} {rows / wall / 1e6:6.2f} M trades/s, {rows / cpu / 1e6:6.2f} M/s of CPU, "
        f"heard {heard:,}"
    )


def main() -> None:
    """Measure one market and twenty."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trades", type=int, default=2_000_000)
    count = parser.parse_args().trades
    for markets in (1, 20):
        tapes = {f"M{n}/USDT": tape(count // markets, n) for n in range(markets)}
        measure(f"{markets} x listener of each trade", tapes, "trade")
        measure(f"{markets} x for event in feed", tapes, "for")
        measure(f"{markets} x listener of frames", tapes, "trades")
        measure(f"{markets} x candles built", tapes, "candle", kinds="candle", timeframe="1s")
        both = {"kinds": ("trade", "candle"), "timeframe": "1s"}
        measure(f"{markets} x each trade, candles built", tapes, "trade", **both)


if __name__ == "__main__":
    main()
