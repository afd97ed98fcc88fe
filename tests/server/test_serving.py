"""The life of a server."""

from __future__ import annotations

import contextlib
import gc
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from gekko_lab.server import Fault, serve


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "gekko-lab-server"]


def test_a_server_listens_on_this_machine_only(server):
    assert server.url.startswith("http://127.0.0.1:")
    assert "running" in repr(server)


def test_closing_frees_the_port_and_ends_the_thread(market):
    server = serve(market)
    port = int(server.url.rsplit(":", 1)[1])
    server.close()
    server.close()
    assert not threads()
    assert "closed" in repr(server)
    with socket.socket() as again, pytest.raises(ConnectionRefusedError):
        again.connect(("127.0.0.1", port))


def test_closing_ends_what_hangs(market):
    with serve(market) as server, ThreadPoolExecutor(1) as pool:
        server.faults.add(Fault("hang", path=None))
        waiting = pool.submit(requests.get, f"{server.url}/api/v3/ping", timeout=10)
        while not server.requests:
            pass
        server.close()
        assert isinstance(waiting.exception(), requests.ConnectionError)
    assert not threads()


def test_a_taken_port_is_told(server, market):
    port = int(server.url.rsplit(":", 1)[1])
    with pytest.raises(OSError, match="address"):
        serve(market, port=port)
    assert len(threads()) == 1


def test_a_failure_to_serve_is_raised_and_leaves_no_thread(market):
    with pytest.raises(OverflowError, match="port"):
        serve(market, port=99_999)
    assert not threads()


def test_the_log_tells_what_was_asked(server, get):
    get("klines", symbol="BTCUSDT", interval="1h", limit=1)
    get("klines", symbol="LUNAUSDT", interval="1h")
    first, second = server.requests
    assert first.path == "/api/v3/klines"
    assert first.query == {"symbol": "BTCUSDT", "interval": "1h", "limit": "1"}
    assert (first.status, first.weight, second.status) == (200, 2, 400)
    assert first.time <= second.time


def test_many_clients_at_once_get_the_same_page(server):
    def ask(_):
        parameters = {"symbol": "BTCUSDT", "interval": "1m", "limit": "1000"}
        return requests.get(f"{server.url}/api/v3/klines", params=parameters, timeout=10).content

    with ThreadPoolExecutor(8) as pool:
        pages = set(pool.map(ask, range(32)))
    assert len(pages) == 1
    assert len(server.requests) == 32


def test_a_market_that_fails_is_a_server_error(market, clock, caplog):
    class Failing:
        rules = market.rules

        def candles(self, *_, **__):
            raise RuntimeError("the market broke")

        trades = trades_from_id = candles

    with serve(Failing(), clock=lambda: clock.now) as server:
        answer = requests.get(f"{server.url}/api/v3/klines?symbol=BTCUSDT&interval=1m", timeout=10)
    assert answer.status_code == 500
    assert "the market broke" in caplog.text


def test_a_program_that_forgets_to_close_still_ends_in_silence():
    program = (
        "from gekko_lab.server import FrameMarket, serve\n"
        "server = serve(FrameMarket({}, {}))\n"
        "import urllib.request\n"
        "print(urllib.request.urlopen(server.url + '/api/v3/ping').read().decode())\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("{}\n", "")


def test_ctrl_c_ends_a_served_market():
    program = (
        "import os, signal, threading\n"
        "from gekko_lab.server import FrameMarket, serve\n"
        "server = serve(FrameMarket({}, {}))\n"
        "threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "server.wait()\n"
        "print(repr(server))\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "closed" in done.stdout
    assert done.stderr == ""


def test_connections_that_come_while_it_closes_are_closed(market):
    for _ in range(10):
        with serve(market) as server:
            address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
            late = socket.create_connection(address)
        with late:
            late.settimeout(5)
            with contextlib.suppress(ConnectionError):  # as good an end
                assert late.recv(1) == b""
        gc.collect()  # what was left open would warn, which fails a test
