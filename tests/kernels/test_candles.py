"""The compiled loop is the twin of polars, to the last bit."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import gekko_lab
from gekko_lab import kernels
from gekko_lab.frames.schemas import PRINTS
from gekko_lab.kernels import candles as loop


def both_ways(trades, timeframe):
    found = []
    for way in ("off", "on"):
        with gekko_lab.options(compile=way):
            found.append(gekko_lab.candles_from_trades(trades, timeframe, columns="full"))
    return found


def random_trades(seed, count, width_us, rounded):
    random = np.random.default_rng(seed)
    times = np.cumsum(random.integers(0, width_us, count)) + random.integers(-(2**52), 2**50)
    numbers = random.lognormal(0.0, 2.0, (2, count)) + 0.01
    price, amount = (np.round(each, 4) if rounded else each for each in numbers)
    frame = pl.DataFrame({"timestamp": times, "price": price, "amount": amount})
    return frame.cast(dict(PRINTS))


@pytest.mark.parametrize("rounded", [True, False], ids=["steps", "floats"])
@pytest.mark.parametrize("width_us", [1_000, 10**6, 10**9, 10**11])
@pytest.mark.parametrize("timeframe", ["1s", "7m", "1d", "1w", "1M"])
def test_it_gives_the_bytes_of_polars(rounded, width_us, timeframe):
    if (width_us, timeframe) == (10**11, "1s"):
        return
    for seed in range(3):
        trades = random_trades(seed, 20_000, width_us, rounded)
        polars, compiled = both_ways(trades, timeframe)
        assert polars.equals(compiled)
        assert polars["trade_count"].sum() == len(trades)


def test_what_is_warmed_up_is_what_frames_need():
    kernels.warm_up()
    trades = random_trades(0, 3_000, 10**9, rounded=True)
    both_ways(trades, "1M")
    both_ways(pl.concat([trades[:10], trades[10:]], rechunk=False), "1h")
    both_ways(trades.to_pandas(), "1h")
    assert len(loop.fill.signatures) == 1
