"""Markets whose facts are known: random walks, GARCH and the original's simulator."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from gekko_lab.frames.schemas import CANDLES, SIDE, TIME, TRADES

START = 1_704_067_200_000  # 2024-01-01, a Monday
MINUTE = 60_000


def as_times(milliseconds):
    return (pl.Series(np.asarray(milliseconds, dtype=np.int64)) * 1000).cast(TIME)


@pytest.fixture(scope="session")
def candles_of():
    """Give 1m candles of log prices within each minute (a row each) and volumes."""

    def make(paths, volumes, start=START):
        prices = np.exp(paths)
        columns = {
            "timestamp": as_times(start + MINUTE * np.arange(len(prices))),
            "open": prices[:, 0],
            "high": prices.max(axis=1),
            "low": prices.min(axis=1),
            "close": prices[:, -1],
            "volume": np.asarray(volumes, dtype=float),
        }
        return pl.DataFrame(columns, schema=CANDLES)

    return make


@pytest.fixture(scope="session")
def trades_of():
    """Give trades of columns; sides are "buy", "sell" or None."""

    def make(times, sides, prices, amounts):
        columns = {
            "timestamp": as_times(times),
            "id": [str(place) for place in range(len(times))],
            "side": pl.Series(sides, dtype=SIDE),
            "price": np.asarray(prices, dtype=float),
            "amount": np.asarray(amounts, dtype=float),
        }
        return pl.DataFrame(columns, schema=TRADES)

    return make


@pytest.fixture(scope="session")
def brownian(candles_of):
    """Fourteen days of geometric Brownian motion, ten steps a minute, lognormal volumes."""
    rng = np.random.default_rng(1)
    steps = rng.normal(0.0, 3e-4, (14 * 1440, 10))
    return candles_of(_walk(steps), rng.lognormal(0.0, 1.0, len(steps)))


@pytest.fixture(scope="session")
def garch(candles_of):
    """Fourteen days of GARCH(1,1), alpha 0.1 and beta 0.85, ten steps a minute."""
    rng = np.random.default_rng(2)
    shares = rng.normal(0.0, 0.1**0.5, (14 * 1440, 10))
    variance, variances = 1.0, []
    for shock in shares.sum(axis=1):
        variances.append(variance)
        variance = 0.05 + (0.1 * shock**2 + 0.85) * variance
    steps = 1e-3 * shares * np.sqrt(variances)[:, None]
    return candles_of(_walk(steps), rng.lognormal(0.0, 1.0, len(steps)))


def _walk(steps):
    return np.log(100.0) + np.cumsum(steps.ravel()).reshape(steps.shape)


@pytest.fixture(scope="session")
def gekko_m4():
    """Fourteen days of the original's simulator at moderate volatility: candles and trades.

    A batch of about four trades, one a second, all at one price; from batch to batch the price
    moves by the mean of three uniform numbers and a constant of the cluster's coordinates.
    """
    rng = np.random.default_rng(3)
    seconds = 14 * 86_400
    sizes = np.maximum(1, np.rint(4 + rng.uniform(-1, 1, (seconds, 3)).mean(axis=1))).astype(int)
    sizes = sizes[: int(np.searchsorted(np.cumsum(sizes), seconds))]
    drift = 0.1 * ((245.897 - 26.526) % 5)
    moves = rng.uniform(-1, 1, (sizes.size, 3)).mean(axis=1) + drift
    prices = np.maximum(0.01, 10 + np.cumsum(moves)).repeat(sizes)
    amounts = np.round(5 * rng.uniform(0.5, 1.5, (prices.size, 3)).mean(axis=1), 2)
    times = as_times(START + 1000 * np.arange(prices.size))
    trades = pl.DataFrame({"timestamp": times, "price": prices, "amount": amounts})
    minutes = trades.group_by(pl.col("timestamp").dt.truncate("1m"), maintain_order=True).agg(
        open=pl.col("price").first(),
        high=pl.col("price").max(),
        low=pl.col("price").min(),
        close=pl.col("price").last(),
        volume=pl.col("amount").sum(),
    )
    return minutes, trades
