"""fetch_many is the same under every joblib backend, and workers may die."""

from __future__ import annotations

import os
import pickle
import signal
import threading
import time
from contextlib import contextmanager

import joblib
import polars as pl
import pytest
from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.process_executor import TerminatedWorkerError

import gekko_lab
from gekko_lab import datalog
from gekko_lab.errors import IncompleteData, InvalidArgument
from gekko_lab.fetching import tasks
from gekko_lab.fetching.asked import Asked
from gekko_lab.frames.schemas import CANDLES
from gekko_lab.server import Fault, serve
from gekko_lab.server import limits as server_limits

KLINES = "/api/v3/klines"
DAYS = {"since": "2024-01-01", "until": "2024-01-04"}  # 4320 minutes: five pages
PAGES = 5
IN_FLIGHT = 4  # pages of one series of two that are asked for at a time; a death costs so many
PAIR = ["BTC/USDT", "ETH/USDT"]
AT_ONCE = 2


@pytest.fixture(scope="module")
def dask():
    distributed = pytest.importorskip("distributed", reason="the extra gekko-lab[dask] is absent")
    local = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
    with (
        distributed.LocalCluster(n_workers=AT_ONCE, threads_per_worker=1, **local) as cluster,
        distributed.Client(cluster),
    ):
        yield


@pytest.fixture(scope="module")
def loky():
    yield
    get_reusable_executor().shutdown(wait=True)


@pytest.fixture(params=["sequential", "threading", "loky", "dask"])
def backend(request):
    if request.param in {"loky", "dask"}:
        request.getfixturevalue(request.param)
    with joblib.parallel_config(request.param, n_jobs=AT_ONCE):
        yield request.param


def one_by_one(source, symbols, **asked):
    label = {"exchange": source.exchange, "timeframe": "1m"}
    frames = [
        gekko_lab.fetch(source, symbol, "1m", **asked).with_columns(
            symbol=pl.lit(symbol), **{name: pl.lit(text) for name, text in label.items()}
        )
        for symbol in symbols
    ]
    return pl.concat(frames).select("exchange", "symbol", "timeframe", *CANDLES.names())


def pages(server, symbol=None):
    asked = [request for request in server.requests if request.path == KLINES]
    return [each for each in asked if symbol is None or each.query["symbol"] == symbol]


def test_rows_and_order_are_those_of_single_fetches(binance, backend):
    _, source = binance()
    found = gekko_lab.fetch_many(source, PAIR, "1m", **DAYS)
    assert found.equals(one_by_one(source, PAIR, **DAYS))


def test_one_bad_symbol_spoils_nothing_and_the_report_tells_of_all(binance, backend):
    server, source = binance()
    server.faults.add(Fault("status", path=KLINES, symbol="ETHUSDT", skip=2, value=451))
    with pytest.raises(IncompleteData) as caught:
        gekko_lab.fetch_many(source, ["BTC/USTD", *PAIR], "1m", **DAYS)
    report = caught.value.report
    assert report["symbol"].to_list() == ["BTC/USTD", *PAIR]
    assert report["status"].to_list() == ["failed", "complete", "incomplete"]
    assert report["rows"].to_list() == [0, 4320, 2000]
    assert report["missing"].to_list() == [None, 0, 2320]
    expected = one_by_one(source, PAIR[:1], **DAYS)
    assert caught.value.frame.head(4320).equals(expected)


def test_workers_write_to_the_log_of_the_caller_and_count_where_the_caller_does(
    binance, backend, tmp_path, data_dir, state_dir
):
    server, source = binance(config={"enableRateLimit": True})
    folders = {"data_dir": tmp_path / "elsewhere", "state_dir": tmp_path / "counted"}
    with gekko_lab.options(**folders):
        report = gekko_lab.fetch_many(source, PAIR, "1m", log=True, result="report", **DAYS)
        assert report["rows"].to_list() == [4320, 4320]
        assert report["status"].to_list() == ["complete", "complete"]
        before = len(pages(server))
        kept = gekko_lab.fetch_many(source, PAIR, "1m", log=True, n_jobs=1, **DAYS)
        assert len(pages(server)) == before == 2 * PAGES
        assert datalog.verify().is_empty()
        assert len(gekko_lab.limits.status()) > 0
    assert not data_dir.exists()
    assert not state_dir.exists()
    assert kept.equals(one_by_one(source, PAIR, **DAYS))


def test_how_many_at_once_is_what_parallel_config_says(binance, monkeypatch):
    _, source = binance()
    made = []
    real = joblib.Parallel
    monkeypatch.setattr(joblib, "Parallel", lambda **given: made.append(given) or real(**given))
    asked = {**DAYS, "timeframes": "1h"}
    gekko_lab.fetch_many(source, PAIR, **asked)
    with joblib.parallel_config(n_jobs=3):
        gekko_lab.fetch_many(source, PAIR, **asked)
        gekko_lab.fetch_many(source, PAIR, n_jobs=1, **asked)
    assert [given["n_jobs"] for given in made] == [8, 3, 1]


def test_the_rows_stay_where_they_are_when_only_the_report_is_wanted(binance):
    _, source = binance()
    settings = {"data_dir": gekko_lab.options.data_dir}
    asked = Asked(source, "BTC/USDT", "1m", DAYS["since"], DAYS["until"], log=True)
    carried = tasks._Carried.of(source)
    sizes = {
        rows: len(pickle.dumps(tasks._Work(settings)(tasks.Task(asked, rows=rows), carried)))
        for rows in (True, False)
    }
    assert sizes[True] > 4320 * 8 * len(CANDLES)
    assert sizes[False] < 5000
    assert len(pickle.dumps(tasks.Task(asked))) < 5000


def test_forked_processes_are_refused_before_they_hang():
    with (
        joblib.parallel_config("multiprocessing", n_jobs=2),
        pytest.raises(InvalidArgument, match="choose 'threading', 'loky' or 'dask'"),
    ):
        gekko_lab.fetch_many("simulator", PAIR, **DAYS)


class InOneGo(joblib.parallel.ThreadingBackend):
    """A backend that gives its results all at once, as Ray's does."""

    supports_return_generator = False


def test_a_backend_that_gives_all_results_at_once_will_do():
    joblib.register_parallel_backend("in_one_go", InOneGo)
    with joblib.parallel_config("in_one_go", n_jobs=2):
        found = gekko_lab.fetch_many("simulator", PAIR, "1m", **DAYS)
    assert found.equals(gekko_lab.fetch_many("simulator", PAIR, "1m", **DAYS))


def test_workers_ask_with_the_settings_of_the_source_they_are_given(market, loky):
    """Settings that change no candle are no part of its identity: a pace above all."""
    with serve(market, clock=lambda: 1_709_251_230_000) as server:
        config = server.ccxt_config()
        for settings in ({"enableRateLimit": False}, {"rateLimit": 20}):
            source = gekko_lab.CcxtMarketData("binance", config={**config, **settings})
            with joblib.parallel_config("loky", n_jobs=AT_ONCE):
                gekko_lab.fetch_many(source, PAIR, "1m", log=False, **DAYS)
            source.close()
    assert "rateLimit 20 ms" in gekko_lab.limits.status()["budget"].to_list()


def test_a_source_reaches_a_worker_once(market, loky):
    with serve(market, clock=lambda: 1_709_251_230_000) as server:
        source = gekko_lab.CcxtMarketData("binance", config=server.ccxt_config())
        with joblib.parallel_config("loky", n_jobs=AT_ONCE):
            for _ in range(3):
                gekko_lab.fetch_many(source, PAIR, "1m", log=False, **DAYS)
        asked = [request.path for request in server.requests]
    assert asked.count(KLINES) == 3 * len(PAIR) * PAGES
    assert asked.count("/api/v3/time") <= AT_ONCE


def test_processes_share_one_budget(market, ms, monkeypatch, loky):
    """One alone would keep the server's limit; two that don't know of each other would break it."""
    monkeypatch.setattr(server_limits, "_WINDOW_S", 1)
    clock = ms("2024-03-01T00:00:30")
    with serve(market, weight_limit=115, clock=lambda: clock) as server:
        config = {**server.ccxt_config(), "rateLimit": 60}
        source = gekko_lab.CcxtMarketData("binance", config=config)
        source.market("BTC/USDT")
        symbols = [*PAIR, "LTC/USDT", "XRP/USDT"]
        many_days = {"since": "2024-01-01", "until": "2024-01-23"}
        with joblib.parallel_config("loky", n_jobs=AT_ONCE):
            found = gekko_lab.fetch_many(source, symbols, "1m", **many_days)
        source.close()
        statuses = [request.status for request in server.requests]
    assert found.height == 4 * 22 * 1440
    assert len(statuses) > 4 * 31
    assert set(statuses) == {200}


@contextmanager
def killing_when(happened):
    """Kill every worker as soon as that has happened."""
    workers = set(joblib.Parallel(n_jobs=AT_ONCE)(joblib.delayed(os.getpid)() for _ in range(8)))

    def kill():
        deadline = time.monotonic() + 30
        while not happened() and time.monotonic() < deadline:
            time.sleep(0.01)
        for worker in workers - {os.getpid()}:
            os.kill(worker, signal.SIGKILL)

    watching = threading.Thread(target=kill)
    watching.start()
    yield
    watching.join()


@pytest.fixture
def stuck(binance):
    """An exchange that never answers the third page of ETH, until it is asked again."""
    server, source = binance()
    source.market("BTC/USDT")
    server.faults.add(Fault("hang", path=KLINES, symbol="ETHUSDT", skip=2, count=1))
    everything = 2 + PAGES + 1

    def happened():  # all of BTC, two pages of ETH, and the one that hangs
        return len(pages(server)) >= everything - 1 and any(
            request.status == 0 for request in pages(server)
        )

    return server, source, happened


def test_a_killed_process_of_loky_is_told_and_what_was_logged_stays(stuck, loky):
    server, source, happened = stuck
    asked = {"timeframes": "1m", "log": True, **DAYS}
    with joblib.parallel_config("loky", n_jobs=AT_ONCE):
        # A report alone, as loky waits for ever for the rest of rows that a dead worker sent.
        with killing_when(happened), pytest.raises(TerminatedWorkerError, match="SIGKILL"):
            gekko_lab.fetch_many(source, PAIR, result="report", **asked)
        before = len(pages(server))
        found = gekko_lab.fetch_many(source, PAIR, **asked)
    assert found.equals(one_by_one(source, PAIR, log=True, **DAYS))
    assert PAGES - 2 <= len(pages(server)) - before <= PAGES - 2 + 2 * IN_FLIGHT
    assert datalog.verify().is_empty()


def test_dask_gives_the_work_of_a_dead_worker_to_another(stuck, dask):
    server, source, happened = stuck
    asked = {"timeframes": "1m", "log": True, **DAYS}
    with joblib.parallel_config("dask"), killing_when(happened):
        found = gekko_lab.fetch_many(source, PAIR, **asked)
    assert found.equals(one_by_one(source, PAIR, log=True, **DAYS))
    assert 2 * PAGES < len(pages(server)) <= 2 * (PAGES + IN_FLIGHT)
    assert datalog.verify().is_empty()
