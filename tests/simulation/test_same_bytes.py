from __future__ import annotations

import inspect
import json
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest

from gekko_lab.market.timeframe import DAY, HOUR, MINUTE, Timeframe
from gekko_lab.simulation import GENESIS, Parameters, SimulatedMarket

T0 = 1_704_067_200_000  # 2024-01-01
T2099 = 4_070_908_800_000  # 2099-01-01

WINDOWS = {
    # parameters, kind or timeframe, symbol, since, until (of a book: time, depth) -> digest
    ("", "1m", "BTC/USDT", GENESIS, GENESIS + DAY): "c81d75e2870f128f",
    ("", "1m", "BTC/USDT", T0, T0 + 3 * DAY): "97f9c2f6cb3d36cd",
    ("", "trades", "BTC/USDT", T0, T0 + HOUR): "73daef640a788044",
    ("", "1s", "ETH/BTC", T0 + 100, T0 + 10 * MINUTE): "41b846fb6a990913",
    ("", "trades", "GAIANUT/GAIABOLT", T0, T0 + DAY): "f9af51adfddf8a16",
    ("", "1w", "SOL/EUR", T0, T0 + 30 * DAY): "a1c58d875dd307b0",
    ("", "1m", "XRP/BTC", T2099, T2099 + DAY): "fbe68338fa5d2b75",
    ("", "trades", "BTC/EUR", T2099 + 7 * HOUR, T2099 + 8 * HOUR): "e2dfc29e3cb438ce",
    ("", "book", "BTC/USDT", T0 + 12_345, 20): "27c895c5058a18e7",
    ("", "book", "XRP/BTC", T2099, 100): "adc214064207abe6",
    ("low", "1h", "EUR/USDT", T0, T0 + 10 * DAY): "ef3140e89a59caba",
    ("up", "1d", "DOGE/USDT", T0, T0 + 10 * DAY): "660b2bd74dc95b1d",
    ("down", "5m", "ADA/USDT", T0, T0 + DAY): "428709b7b86f4080",
}
CHOICES = {
    "": Parameters(),
    "low": Parameters(seed=-3, volatility="low", trend="sideways"),
    "up": Parameters(seed=10**30, volatility="high", trend="up"),
    "down": Parameters(seed=1, trend="down"),
}


def answer(market, kind, symbol, since, until):
    if kind == "trades":
        return market.trades(symbol, since, until)
    if kind == "book":
        return market.order_book(symbol, since, until)
    return market.candles(symbol, Timeframe.parse(kind), since, until, quote_volume=True)


@pytest.mark.parametrize("window", WINDOWS, ids=lambda window: " ".join(map(str, window)))
def test_the_bytes_of_a_window_are_pinned(window, digest):
    choice, *question = window
    assert digest(answer(SimulatedMarket(CHOICES[choice]), *question)) == WINDOWS[window]


SCRIPT = """
from __future__ import annotations
import json, pickle, sys
import polars as pl
from hashlib import sha256
from gekko_lab.market.timeframe import Timeframe
from gekko_lab.simulation import SimulatedMarket
{digest}
{answer}
markets, windows = pickle.loads(bytes.fromhex(sys.stdin.read()))
print(json.dumps([_digest(answer(markets[c], *q)) for c, *q in windows]))
"""


def _vector_units() -> str:
    """Name what numpy picks its loops by on this machine."""
    return " ".join(np.show_config(mode="dicts")["SIMD Extensions"].get("found", []))


@pytest.mark.parametrize("hash_seed", ["1", "4242"])
def test_another_process_without_vector_units_gives_the_same_bytes(hash_seed, digest):
    script = SCRIPT.format(digest=inspect.getsource(digest), answer=inspect.getsource(answer))
    markets = {choice: SimulatedMarket(one) for choice, one in CHOICES.items()}
    settings = {"PYTHONHASHSEED": hash_seed, "POLARS_MAX_THREADS": "1"}
    if hash_seed == "1":
        settings["NPY_DISABLE_CPU_FEATURES"] = _vector_units()
    # Asked in the opposite order, so that other things are already known.
    windows = list(reversed(WINDOWS))
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=pickle.dumps((markets, windows)).hex(),
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == [WINDOWS[window] for window in windows]


@pytest.mark.parametrize("shared", [True, False])
def test_threads_at_once_get_the_same_bytes(shared, digest):
    market = SimulatedMarket()
    windows = [window for window in WINDOWS if window[0] == ""]
    threads = 4
    barrier = Barrier(threads)

    def work(turn: int) -> None:
        mine = market if shared else SimulatedMarket()
        barrier.wait()
        for window in windows[turn:] + windows[:turn]:
            assert digest(answer(mine, *window[1:])) == WINDOWS[window]

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(threads)))
