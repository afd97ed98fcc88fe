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

import gekko_lab
from gekko_lab.market.timeframe import DAY, HOUR, MINUTE, Timeframe
from gekko_lab.simulation import GENESIS, Parameters, SimulatedMarket
from gekko_lab.simulation.presets import choose

T0 = 1_704_067_200_000  # 2024-01-01
T2099 = 4_070_908_800_000  # 2099-01-01

WINDOWS = {
    # parameters, kind or timeframe, symbol, since, until (of a book: time, depth) -> digest
    ("", "1m", "BTC/USDT", GENESIS, GENESIS + DAY): "63562816aa028ec1",
    ("", "1m", "BTC/USDT", T0, T0 + 3 * DAY): "3cf2ebef6ed2f8dd",
    ("", "trades", "BTC/USDT", T0, T0 + HOUR): "2fd8bfba361cd8d7",
    ("", "1s", "ETH/BTC", T0 + 100, T0 + 10 * MINUTE): "fe83357db9b62aed",
    ("", "trades", "GAIANUT/GAIABOLT", T0, T0 + DAY): "075a36da38071b5f",
    ("", "1w", "SOL/EUR", T0, T0 + 30 * DAY): "8976527ff78dd8f6",
    ("", "1m", "XRP/BTC", T2099, T2099 + DAY): "51b23785055d9c81",
    ("", "trades", "BTC/EUR", T2099 + 7 * HOUR, T2099 + 8 * HOUR): "cee550bff36c22af",
    ("", "book", "BTC/USDT", T0 + 12_345, 20): "873671a09efa8bba",
    ("", "book", "XRP/BTC", T2099, 100): "9e9156a43bf5e548",
    ("low", "1h", "EUR/USDT", T0, T0 + 10 * DAY): "3f6848b5aeae6125",
    ("up", "1d", "DOGE/USDT", T0, T0 + 10 * DAY): "83ffcf856c58be11",
    ("down", "5m", "ADA/USDT", T0, T0 + DAY): "ed671102464ef091",
    ("gbm", "trades", "ETH/USDT", T0, T0 + HOUR): "7ee1e66526cc986c",
    ("garch", "1m", "ETH/USDT", T0, T0 + 2 * DAY): "a85b97f79f0547fe",
    ("thin", "trades", "XRP/EUR", T0, T0 + DAY): "f2325b582f178446",
}
CHOICES = {
    "": Parameters(),
    "low": Parameters(seed=-3, volatility="low", trend="sideways"),
    "up": Parameters(seed=10**30, volatility="high", trend="up"),
    "down": Parameters(seed=1, trend="down"),
    "gbm": Parameters(process="gbm"),
    "garch": Parameters(process="garch"),
    "thin": choose("thin", {"seed": 2}),
}


def answer(market, kind, symbol, since, until):
    if kind == "trades":
        return market.trades(symbol, since, until)
    if kind == "book":
        return market.order_book(symbol, since, until)
    return market.candles(symbol, Timeframe.parse(kind), since, until, quote_volume=True)


@pytest.mark.parametrize("loops", ["off", "on"])
@pytest.mark.parametrize("window", WINDOWS, ids=lambda window: " ".join(map(str, window)))
def test_the_bytes_of_a_window_are_pinned(window, loops, digest):
    choice, *question = window
    with gekko_lab.options(compile=loops):
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


@pytest.mark.parametrize(("hash_seed", "loops"), [("1", "off"), ("4242", "on")])
def test_another_process_without_vector_units_gives_the_same_bytes(hash_seed, loops, digest):
    script = SCRIPT.format(digest=inspect.getsource(digest), answer=inspect.getsource(answer))
    markets = {choice: SimulatedMarket(one) for choice, one in CHOICES.items()}
    settings = {"PYTHONHASHSEED": hash_seed, "POLARS_MAX_THREADS": "1", "GEKKO_LAB_COMPILE": loops}
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
