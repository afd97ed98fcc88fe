"""A job downloads beside whoever started it, tells how far it is, and goes on after a stop."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest

import gekko_lab
from gekko_lab import datalog
from gekko_lab.errors import InvalidArgument, InvalidRange
from gekko_lab.server import Fault

KLINES = "/api/v3/klines"
WEEK = {"since": "2024-01-01", "until": "2024-01-08"}
PAIR = ["BTC/USDT", "ETH/USDT"]


def pages(server):
    return [request for request in server.requests if request.path == KLINES]


def test_it_downloads_into_the_log_and_reports(binance):
    _, exchange = binance()
    job = gekko_lab.Job(exchange, PAIR, ["1m", "1h"], **WEEK)
    assert job.state == "new"
    assert job.start().wait()
    assert job.state == "done"
    report = job.report()
    assert report.select("symbol", "timeframe", "rows").rows() == [
        ("BTC/USDT", "1m", 7 * 1440),
        ("BTC/USDT", "1h", 168),
        ("ETH/USDT", "1m", 7 * 1440),
        ("ETH/USDT", "1h", 168),
    ]
    assert set(report["status"]) == {"complete"}
    assert set(report["source"]) == {"rest"}
    assert report["pages"].to_list()[1] == 1
    assert datalog.load(exchange, "ETH/USDT", "1m").height == 7 * 1440


def test_it_stops_between_pages_and_goes_on_where_it_was(binance):
    server, exchange = binance()
    server.faults.add(Fault("delay", path=KLINES, value=0.05))
    job = gekko_lab.Job(exchange, "BTC/USDT", "1m", **WEEK, n_jobs=2)
    enough = threading.Event()
    off = job.on(lambda step: enough.set() if step.rows >= 3000 else None)
    job.start()
    assert enough.wait(timeout=30)
    assert job.stop()
    assert job.state == "stopped"
    assert job.report()["status"].to_list() == ["stopped"]
    off()
    server.faults.clear()
    held = datalog.load(exchange, "BTC/USDT", "1m").height
    assert 3000 <= held < 7 * 1440
    assert job.progress().select("status", "rows", "total").row(0) == ("stopped", held, 7 * 1440)
    assert job.report()["rows"].to_list() == [held]
    assert job.report()["pages"][0] >= held // 1000
    before = len(pages(server))
    assert job.start().wait()
    assert job.state == "done"
    assert job.report()["rows"].to_list() == [7 * 1440]
    assert len(pages(server)) - before <= -(-(7 * 1440 - held) // 1000) + 2


@pytest.mark.parametrize("timeout", [0, None])
def test_a_listener_may_stop_the_job_that_calls_it(binance, caplog, timeout):
    """A thread can't wait for its own end, and nobody needs it to."""
    server, exchange = binance()
    server.faults.add(Fault("delay", path=KLINES, value=0.15))
    job = gekko_lab.Job(exchange, "BTC/USDT", "1m", **WEEK, n_jobs=1)
    answers = []
    job.on(lambda step: answers.append(job.stop(timeout)) if step.rows else None)
    assert job.start().wait(timeout=60)
    assert job.state == "stopped"
    assert set(answers) == {False}
    assert not caplog.records


def test_a_stop_ends_a_long_wait(binance):
    server, exchange = binance(config={"enableRateLimit": True})
    exchange.market("BTC/USDT")
    server.faults.add(Fault("rate_limited", path=KLINES, count=1, value=100))
    job = gekko_lab.Job(exchange, "BTC/USDT", "1m", **WEEK)
    waiting = threading.Event()
    job.on(lambda step: waiting.set() if step.wait else None)
    job.start()
    assert waiting.wait(timeout=30)
    job.stop(0)
    assert job.wait(timeout=30)
    assert job.report()["status"].to_list() == ["stopped"]


def test_steps_tell_of_rows_and_of_the_end(binance):
    _, exchange = binance()
    steps = []
    job = gekko_lab.Job(exchange, "BTC/USDT", "1m", **WEEK)
    job.on(steps.append)
    job.start().wait()
    assert steps[0].status == "running"
    assert steps[0].total == 7 * 1440
    assert steps[-1].status == "complete"
    assert steps[-1].rows == 7 * 1440
    assert steps[-1].name == "binance BTC/USDT 1m"
    table = job.progress()
    assert table.select("status", "rows", "total").rows() == [("complete", 10080, 10080)]


def test_a_listener_that_fails_ends_nothing(binance, caplog):
    _, exchange = binance()
    job = gekko_lab.Job(exchange, "BTC/USDT", "1h", **WEEK)

    def fail(_):
        raise KeyError("the listener's own")

    job.on(fail)
    assert job.start().wait()
    assert job.report()["status"].to_list() == ["complete"]
    assert "listener" in caplog.text


def test_one_series_that_fails_spoils_no_other(binance):
    _, exchange = binance()
    job = gekko_lab.Job(exchange, ["BTC/USTD", *PAIR], "1h", **WEEK)
    assert job.start().wait()
    assert job.report()["status"].to_list() == ["failed", "complete", "complete"]
    assert "BTC/USTD" in job.report()["error"][0]


def test_options_of_the_starting_block_hold_for_the_job(binance, tmp_path):
    _, exchange = binance()
    with gekko_lab.options(data_dir=tmp_path / "elsewhere"):
        job = gekko_lab.Job(exchange, "BTC/USDT", "1h", **WEEK).start()
    job.wait()
    assert (tmp_path / "elsewhere" / "candles").is_dir() or (tmp_path / "elsewhere").is_dir()
    with pytest.raises(gekko_lab.errors.NotInLog):
        datalog.load(exchange, "BTC/USDT", "1h")


def test_a_with_block_starts_and_stops_it(binance):
    server, exchange = binance()
    server.faults.add(Fault("delay", path=KLINES, value=0.05))
    with gekko_lab.Job(exchange, "BTC/USDT", "1m", **WEEK, n_jobs=1) as job:
        assert job.state == "running"
        with pytest.raises(InvalidArgument, match="the job is running"):
            job.start()
        time.sleep(0.1)
    assert job.state == "stopped"
    assert "stopped" in repr(job)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"symbols": []}, "symbols is empty"),
        ({"kind": "ticks"}, "choose 'candles' or 'trades'"),
        ({"kind": "trades"}, "trades have none"),
        ({"source": "disk"}, "source='disk': choose one of"),
        ({"n_jobs": 0}, "n_jobs=0"),
        ({"since": None}, "since is missing"),
        ({"since": "x"}, "since='x' is not a time"),
        ({"since": "1d", "until": "?"}, "until='\\?' is not a time"),
    ],
)
def test_what_makes_no_sense_is_refused_before_it_starts(asked, message):
    given = {"exchanges": "simulator", "symbols": PAIR, "timeframes": "1h", **WEEK, **asked}
    with pytest.raises(InvalidArgument, match=message):
        gekko_lab.Job(**given)


def test_a_range_that_ends_before_it_begins_is_refused_before_it_starts():
    with pytest.raises(InvalidRange, match="must be later than since"):
        gekko_lab.Job("simulator", PAIR, "1h", since="2024-01-01", until="2023")
    gekko_lab.Job("simulator", PAIR, "1h", since="30d", until="2023")  # "now" is the exchange's


INTERRUPTED = """
import os, signal, threading, time
import gekko_lab
gekko_lab.options.progress = "off"

class Slow(gekko_lab.ExchangeSimulator):
    exchange = "slow"
    def paging(self, symbol, timeframe):
        import dataclasses
        return dataclasses.replace(super().paging(symbol, timeframe), page_size=10)
    def candles(self, symbol, timeframe, since, until, full=False):
        time.sleep(0.2)
        return super().candles(symbol, timeframe, since, until, full=full)

job = gekko_lab.Job(Slow(), "BTC/USDT", "1m", since="2024-01-01", until="2025-01-01")
job.start()
threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    job.wait()
except KeyboardInterrupt:
    print(job.state, job.stop(), job.state)
"""


def test_an_interrupt_ends_the_wait_and_the_job_goes_on_until_it_is_stopped(data_dir):
    told = subprocess.run(
        [sys.executable, "-c", INTERRUPTED],
        env={**os.environ, "GEKKO_LAB_DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert told.stdout == "running True stopped\n"
