"""Other people's clients, unmodified, as judges; they need environments of their own.

`GEKKO_LAB_PYTHON_BINANCE` and `GEKKO_LAB_CRYPTOFEED` name the interpreters of environments in which
python-binance and cryptofeed are installed (tried with 1.0.37 and 2.4.1).
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from itertools import pairwise
from pathlib import Path

import pytest

from gekko_lab.market.timeframe import Timeframe
from gekko_lab.server import serve

pytestmark = pytest.mark.campaign

MINUTE = 60_000
START = 1_704_067_200_000
JUDGES = Path(__file__).parent / "judges"


def interpreter(variable):
    path = os.environ.get(variable)
    if path is None:
        pytest.skip(f"{variable} names no interpreter that has the client")
    return path


@pytest.fixture
def live(simulated, request):
    """A server that is a minute ahead each second; encrypted where a certificate is given."""
    began = time.monotonic()
    tls = request.getfixturevalue("certificate") if getattr(request, "param", None) else None
    with serve(
        simulated,
        clock=lambda: START + 30_000 + int((time.monotonic() - began) * 60_000),
        tls=tls,
        exact_quote_volume=True,
    ) as running:
        yield running


def judged(python, script, server, **environment):
    done = subprocess.run(
        [python, JUDGES / script, server.url, server.ws_url],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.fixture(scope="session")
def whole(simulated):
    """The trades of the market's first hours."""
    return simulated.trades("BTC/USDT", START - 4 * 60 * MINUTE, START + 4 * 60 * MINUTE)


def consecutive(ids, whole):
    """Tell whether ids are neighbors in the market."""
    known = whole["id"].to_list()
    first = known.index(ids[0])
    return known[first : first + len(ids)] == ids


def levels_of(simulated, update):
    frame = simulated.order_book("BTC/USDT", update * 100 + 99, 100)
    rows = {"bid": [], "ask": []}
    for side, price, amount in frame.select("side", "price", "amount").iter_rows():
        rows[side].append([price, amount])
    return rows["bid"], rows["ask"]


def test_python_binance_reads_rest_and_streams(live, simulated, whole):
    told = judged(interpreter("GEKKO_LAB_PYTHON_BINANCE"), "python_binance.py", live)
    rest, streams = told["rest"], told["streams"]
    assert rest["symbols"] == len(simulated.rules)
    opens = [row[0] for row in rest["klines"]]
    assert len(opens) == 180
    assert {after - before for before, after in pairwise(opens)} == {MINUTE}
    expected = simulated.trades("BTC/USDT", rest["since"], rest["now"])["id"].to_list()
    assert rest["trades"] == expected
    bids, asks = levels_of(simulated, rest["book"]["lastUpdateId"])
    assert [[float(p), float(a)] for p, a in rest["book"]["bids"]] == bids
    assert [[float(p), float(a)] for p, a in rest["book"]["asks"]] == asks
    assert float(rest["ticker"]["highPrice"]) >= float(rest["best"]["bidPrice"])
    assert consecutive(rest["recent"], whole)
    assert consecutive([each["t"] for each in streams["trade"]], whole)
    assert consecutive([each["a"] for each in streams["aggregate"]], whole)
    width = Timeframe.parse("1m")
    closed = [each["k"] for each in streams["kline"] if each["k"]["x"]]
    assert closed
    for kline in closed:
        truth = simulated.candles("BTC/USDT", width, kline["t"], kline["t"] + MINUTE)
        row = truth.select("open", "high", "low", "close", "volume", "trade_count").row(0)
        assert [*(float(kline[key]) for key in "ohlcv"), kline["n"]] == list(row)
    assert all(after["U"] == before["u"] + 1 for before, after in pairwise(streams["depth"]))
    for top in streams["top"]:
        bids, asks = levels_of(simulated, top["lastUpdateId"])
        assert [[float(p), float(a)] for p, a in top["bids"]] == bids[:5]
        assert [[float(p), float(a)] for p, a in top["asks"]] == asks[:5]
    assert {each["e"] for each in streams["ticker"]} == {"24hrTicker"}
    assert {one["e"] for each in streams["mini"] for one in each} == {"24hrMiniTicker"}
    assert all(float(each["b"]) < float(each["a"]) for each in streams["best"])
    assert {each["stream"] for each in streams["several"]} <= {
        "btcusdt@aggTrade",
        "ethusdt@aggTrade",
    }
    cache = streams["cache"]
    update = (cache["update"] + 1) // 100 - 1
    bids, asks = levels_of(simulated, update)
    assert cache["bids"] == bids
    assert cache["asks"] == asks


@pytest.mark.parametrize("live", [True], indirect=True)
def test_cryptofeed_reads_streams_over_tls(live, simulated, whole, certificate):
    python = interpreter("GEKKO_LAB_CRYPTOFEED")
    trust = dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"), str(certificate[0]))
    told = judged(python, "cryptofeed_client.py", live, **trust)
    ids = [int(each[0]) for each in told["trades"]]
    assert len(ids) >= 100
    assert consecutive(ids, whole)
    assert all(bid < ask for bid, ask in told["tickers"])
    for start, open_, close, count in told["candles"]:
        since = round(start * 1000)
        row = simulated.candles("BTC/USDT", Timeframe.parse("1m"), since, since + MINUTE).row(0)
        assert (open_, close, count) == (row[1], row[4], row[7])
    for update, bids, asks in told["books"]:
        truth = levels_of(simulated, update)
        assert (sorted(bids, reverse=True), sorted(asks)) == truth
