"""Programs of others, each in an environment of its own, against `gekko-lab serve`.

Name the Python of an environment to try it, such as

    GEKKO_LAB_FREQTRADE=/somewhere/bin/python pytest -m campaign tests/cli/test_serving_peers.py
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import polars as pl
import pytest
import requests

from gekko_lab.market.timeframe import Timeframe
from gekko_lab.simulation import SimulatedMarket

pytestmark = pytest.mark.campaign

NOW = 1_709_251_230_000  # 2024-03-01T00:00:30
SINCE, UNTIL = 1_708_819_200_000, 1_709_164_800_000  # 2024-02-25, 2024-02-29
COLUMNS = ["open", "high", "low", "close", "volume"]

VECTORBT = """
import json, sys
import ccxt, pandas, requests, vectorbt
url, since, until = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
config = requests.get(f"{url}/_gekko_lab/clients/ccxt").json()
data = vectorbt.CCXTData.download(
    "BTC/USDT", exchange=ccxt.binance(config), timeframe="1m", show_progress=False, limit=1000,
    start=pandas.Timestamp(since, unit="ms", tz="UTC"),
    end=pandas.Timestamp(until, unit="ms", tz="UTC"),
).get()
times = data.index.as_unit("ms").astype("int64").tolist()
names = ["Open", "High", "Low", "Close", "Volume"]
print(json.dumps([[time, *row] for time, row in zip(times, data[names].values.tolist())]))
"""

PYTHON_BINANCE = """
import asyncio, json, sys
import binance, requests
url, since, until = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
for name, value in requests.get(f"{url}/_gekko_lab/clients/python-binance").json().items():
    for kind in (binance.Client, binance.AsyncClient, binance.BinanceSocketManager):
        if hasattr(kind, name):
            setattr(kind, name, value)
client = binance.Client()
told = {
    "candles": client.get_historical_klines("BTCUSDT", "1m", since, until - 1),
    "book": client.get_order_book(symbol="BTCUSDT", limit=5),
    "ticker": client.get_ticker(symbol="BTCUSDT"),
    "best": client.get_orderbook_ticker(symbol="BTCUSDT"),
    "mean": client.get_avg_price(symbol="BTCUSDT"),
    "trades": client.get_recent_trades(symbol="BTCUSDT", limit=10),
}
async def listen():
    other = await binance.AsyncClient.create()
    requests.post(f"{url}/_gekko_lab/clock", json={"paused": False})
    async with binance.BinanceSocketManager(other).trade_socket("BTCUSDT") as socket:
        told["streamed"] = [await socket.recv() for _ in range(5)]
    requests.post(f"{url}/_gekko_lab/clock", json={"paused": True})
    await other.close_connection()
asyncio.run(listen())
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def market():
    return SimulatedMarket()


@pytest.fixture
def url():
    program = [sys.executable, "-m", "gekko_lab", "serve", "--port", "0", "--start", str(NOW)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        found = re.search(r"http://\S+", process.stdout.readline())[0]
        requests.post(f"{found}/_gekko_lab/clock", json={"paused": True}, timeout=30)
        yield found
        requests.post(f"{found}/_gekko_lab/shutdown", timeout=30)
        process.communicate(timeout=30)


def python_of(name):
    given = os.environ.get(f"GEKKO_LAB_{name}")
    if not given:
        pytest.skip(f"GEKKO_LAB_{name} names no Python that has it installed")
    return given


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rows_of(market, symbol, timeframe, since, until):
    frame = market.candles(symbol, Timeframe.parse(timeframe), since, until)
    return frame.select(pl.col("timestamp").dt.epoch("ms"), *COLUMNS).rows()


def test_freqtrade_downloads_the_market_s_candles(market, url, tmp_path):
    python = python_of("FREQTRADE")
    settings = {
        "stake_currency": "USDT",
        "stake_amount": 100,
        "dry_run": True,
        "exchange": {"pair_whitelist": ["BTC/USDT"], "pair_blacklist": []},
        "pairlists": [{"method": "StaticPairList"}],
        "entry_pricing": {},
        "exit_pricing": {},
    }
    (tmp_path / "config.json").write_text(json.dumps(settings))
    served = requests.get(f"{url}/_gekko_lab/clients/freqtrade", timeout=30)
    (tmp_path / "serve.json").write_bytes(served.content)
    (tmp_path / "user").mkdir()
    run(
        *(python, "-m", "freqtrade", "download-data", "-c", "config.json", "-c", "serve.json"),
        *("--userdir", "user", "--pairs", "BTC/USDT", "ETH/USDT", "-t", "1m", "1h"),
        *("--timerange", "20240225-20240229"),
        cwd=tmp_path,
        timeout=300,
    )
    for symbol in ("BTC/USDT", "ETH/USDT"):
        for timeframe in ("1m", "1h"):
            file = f"{symbol.replace('/', '_')}-{timeframe}.feather"
            table = pl.read_ipc(tmp_path / "user/data/binance" / file)
            got = table.select(pl.col("date").dt.epoch("ms"), *COLUMNS).rows()
            assert len(got) >= (UNTIL - SINCE) // Timeframe.parse(timeframe).milliseconds
            last = got[-1][0] + 1
            assert got == rows_of(market, symbol, timeframe, SINCE, last)  # it goes on to the end


def test_vectorbt_downloads_the_market_s_candles(market, url):
    python = python_of("VECTORBT")
    got = json.loads(run(python, "-c", VECTORBT, url, str(SINCE), str(UNTIL), timeout=300))
    truth = rows_of(market, "BTC/USDT", "1m", SINCE, UNTIL)
    assert [tuple(row) for row in got] == truth


def test_python_binance_sees_the_market(market, url):
    python = python_of("PYTHON_BINANCE")
    told = json.loads(run(python, "-c", PYTHON_BINANCE, url, str(SINCE), str(UNTIL), timeout=300))
    got = [(row[0], *map(float, row[1:6])) for row in told["candles"]]
    assert got == rows_of(market, "BTC/USDT", "1m", SINCE, UNTIL)
    now = int(told["ticker"]["closeTime"])
    step_end = (now + 1) // 100 * 100 - 1
    book = market.order_book("BTC/USDT", step_end, 5)
    levels = [[float(text) for text in row] for row in told["book"]["bids"]]
    assert levels == [list(row) for row in book.filter(side="bid").select("price", "amount").rows()]
    assert float(told["best"]["bidPrice"]) == levels[0][0]
    trades = market.trades("BTC/USDT", now - 600_000, now + 120_000)
    past = trades.filter(pl.col("timestamp").dt.epoch("ms") <= now)
    assert [each["id"] for each in told["trades"]] == past["id"].tail(10).to_list()
    recent = past.filter(pl.col("timestamp").dt.epoch("ms") > now - 300_000)
    mean = (recent["price"] * recent["amount"]).sum() / recent["amount"].sum()
    assert float(told["mean"]["price"]) == pytest.approx(mean, abs=1e-8)
    by_id = {row["id"]: row for row in trades.iter_rows(named=True)}
    for each in told["streamed"]:
        assert float(each["p"]) == by_id[each["t"]]["price"]
        assert float(each["q"]) == by_id[each["t"]]["amount"]
