"""The exchange whose streams all listen to: busy markets on this machine's clock, over TLS."""

from __future__ import annotations

import json
import sys
import time

import numpy as np
import polars as pl

from gekko_lab.frames.schemas import SIDE, SIMULATED_TRADES, TIME
from gekko_lab.server import FrameMarket, serve
from gekko_lab.simulation import SimulatedMarket

BEFORE_S, AFTER_S = 120, 240


def trades(now: int, rate: int, seed: int) -> pl.DataFrame:
    """Give trades of a random walk from two minutes before now to four minutes after it."""
    count = rate * (BEFORE_S + AFTER_S)
    chance = np.random.default_rng(seed)
    times = now - 1000 * BEFORE_S + np.sort(chance.integers(0, 1000 * (BEFORE_S + AFTER_S), count))
    columns = {
        "timestamp": pl.Series(times * 1000).cast(TIME),
        "id": pl.Series(np.arange(count)),
        "side": pl.Series(chance.choice(["buy", "sell"], count)).cast(SIDE),
        "price": np.round(10_000 + chance.normal(0, 0.05, count).cumsum(), 2),
        "amount": chance.integers(1, 100, count).astype(float),
    }
    return pl.DataFrame(columns, schema=SIMULATED_TRADES)


def main() -> None:
    """Serve until stdin ends; print where, and how ccxt gets there."""
    rate, symbols, *tls = sys.argv[1:]
    rules = SimulatedMarket().rules
    now = time.time_ns() // 1_000_000
    given = {
        symbol: trades(now, int(rate), number) for number, symbol in enumerate(symbols.split(","))
    }
    market = FrameMarket({}, {symbol: rules[symbol] for symbol in given}, trades=given)
    with serve(market, tls=tuple(tls)) as server:
        told = {"url": server.url, "ws_url": server.ws_url, "config": server.ccxt_config()}
        print(json.dumps(told), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
