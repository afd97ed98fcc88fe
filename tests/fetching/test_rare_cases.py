"""Rare cases in which rows were once lost, mislabelled, or asked for too often."""

from __future__ import annotations

import contextlib
import copy
import threading
import warnings

import polars as pl
import pytest
import stamina

import gekko_lab
from gekko_lab import datalog
from gekko_lab.cli.commands import main
from gekko_lab.datalog.finding import find_store
from gekko_lab.errors import (
    GapWarning,
    HistoryUnavailable,
    IncompleteData,
    LogWarning,
    SourceError,
    UnsupportedBySource,
)
from gekko_lab.fetching.asked import Asked
from gekko_lab.fetching.completion import Failure
from gekko_lab.fetching.logged_trades import TradesFound
from gekko_lab.fetching.tasks import Task, _Carried, _Work
from gekko_lab.fetching.trade_fetches import Found
from gekko_lab.fetching.trade_requests import _gaps
from gekko_lab.frames.schemas import TRADES, empty
from gekko_lab.market.spans import Span
from gekko_lab.market.timeframe import Timeframe
from gekko_lab.server import Fault, serve
from gekko_lab.sources.log_replay import LogReplay

MINUTE = 60_000
KLINES = "/api/v3/klines"


def pages(server):
    return [request for request in server.requests if request.path == KLINES]


def test_a_job_keeps_sources_of_one_name_apart():
    sources = [gekko_lab.ExchangeSimulator(seed=seed) for seed in (1, 2)]
    job = gekko_lab.Job(sources, "BTC/USDT", "1d", since="2024-01-01", until="2024-01-11")
    assert job.start().wait()
    assert len(job) == 2
    assert job.report()["rows"].to_list() == [10, 10]
    for source in sources:
        assert datalog.load(source, "BTC/USDT", "1d").height == 10


@pytest.fixture
def moving_kraken(market, ms):
    """Kraken with a clock that the test moves."""
    now = [ms("2024-01-02T00:00:30")]
    server = serve(market, exchange="kraken", clock=lambda: now[0])
    settings = {"enableRateLimit": False, **server.ccxt_config()}
    source = gekko_lab.CcxtMarketData("kraken", config=settings)

    def move(text):
        now[0] = ms(text)
        source._clock = None

    yield move, source
    source.close()
    server.close()


def test_an_update_goes_on_behind_a_time_that_is_served_no_more(moving_kraken):
    move, source = moving_kraken
    gekko_lab.fetch(source, "BTC/USDT", "1m", limit=700, log=True)
    for text, newest in (
        ("2024-01-03T00:00:30", "2024-01-02T23:59"),
        ("2024-01-03T06:00:30", "2024-01-03T05:59"),
    ):
        move(text)
        report = gekko_lab.update(source)
        held = datalog.load(source, "BTC/USDT", "1m")
        assert held["timestamp"].max().isoformat().startswith(newest), report.to_dicts()


def test_what_a_walk_leaps_over_on_empty_answers_is_not_called_an_outage(binance):
    """Six empty answers, then the exchange is well: eleven days must not be lost for good."""
    server, source = binance()
    server.faults.add(Fault("empty_page", path=KLINES, skip=2, count=6))
    asked = {"since": "2024-01-02", "until": "2024-01-16", "n_jobs": 1, "log": True}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            first = gekko_lab.fetch(source, "BTC/USDT", "1m", **asked)
        except IncompleteData as error:
            first = error.frame
        table = datalog.coverage(source, "BTC/USDT", "1m")
        again = gekko_lab.fetch(source, "BTC/USDT", "1m", **asked)
    assert first.height >= 2000
    assert table.filter(state="empty").is_empty()
    assert again.height == 14 * 1440


def test_a_failed_question_for_the_end_makes_no_lasting_outage(binance, ms):
    server, source = binance(outages=[(ms("2024-02-01"), ms("2025-01-01"))])
    asked = {"since": "2024-01-31T12:00", "until": "2024-02-01T12:00"}
    with pytest.warns(GapWarning) as told:
        gekko_lab.fetch(source, "BTC/USDT", "1m", **asked, log=False)
    assert told[0].message.report["reason"].to_list() == ["ended"]
    # of the same questions the last one, which tells "ended" from "outage", fails
    server.faults.add(Fault("status", path=KLINES, value=403, skip=len(pages(server)) - 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gekko_lab.fetch(source, "BTC/USDT", "1m", **asked, log=True)
    assert datalog.coverage(source, "BTC/USDT", "1m").filter(state="empty").is_empty()


def test_the_last_so_many_over_an_outage_are_not_asked_for_twice(binance, ms):
    server, source = binance(outages=[(ms("2024-02-28"), ms("2024-02-28T01:00"))])
    asked = {"limit": 5000, "until": "2024-03-01", "log": True}
    with pytest.warns(GapWarning):
        first = gekko_lab.fetch(source, "BTC/USDT", "1m", **asked)
    used = len(pages(server))
    with pytest.warns(GapWarning):
        second = gekko_lab.fetch(source, "BTC/USDT", "1m", **asked)
    assert second.equals(first)
    assert len(pages(server)) - used <= 1


@pytest.mark.parametrize(("timeframe", "limit"), [("1M", 5000), ("1M", 100_000), ("1d", 30_000)])
def test_more_than_there_are_through_the_log(binance, ms, timeframe, limit):
    server, source = binance(listed_since={"BTC/USDT": ms("2023-06-01")})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = gekko_lab.fetch(source, "BTC/USDT", timeframe, limit=limit, log=False)
        found = gekko_lab.fetch(source, "BTC/USDT", timeframe, limit=limit, log=True)
    assert found.equals(plain)
    assert all(int(each.query.get("startTime", 0)) >= 0 for each in pages(server))


def test_many_jobs_for_one_series():
    day = {"since": "2024-01-01", "until": "2024-01-02"}
    assert gekko_lab.fetch_many("simulator", "BTC/USDT", "1h", **day, n_jobs=100).height == 24


def test_a_stop_ends_a_wait_that_the_exchange_asked_for(binance):
    server, source = binance()
    with stamina.set_testing(False):
        server.faults.add(Fault("rate_limited", path=KLINES, value=15))
        job = gekko_lab.Job(
            source, "BTC/USDT", "1m", since="2024-01-01", until="2024-01-08", n_jobs=1
        )
        waits = threading.Event()
        job.on(lambda step: waits.set() if step.status == "waiting" else None)
        job.start()
        assert waits.wait(30)
        ended = job.stop(timeout=5)
        job.stop()
    assert ended


def test_a_listener_to_ends_that_fails_ends_nothing():
    job = gekko_lab.Job(
        gekko_lab.ExchangeSimulator(seed=7),
        ["BTC/USDT", "ETH/USDT"],
        "1d",
        since="2024-01-01",
        until="2024-01-11",
    )

    def broken(row):
        raise RuntimeError("mine")

    job.on_end(broken)
    assert job.start().wait()
    assert job.report()["rows"].to_list() == [10, 10]


def test_the_update_of_a_series_that_failed_asks_for_no_more_than_was_asked(binance, ms):
    server, source = binance()
    server.faults.add(Fault("status", path=KLINES, value=403))
    with pytest.raises(gekko_lab.errors.GekkoLabError):
        gekko_lab.fetch(source, "BTC/USDT", "1d", since="2024-02-01", until="2024-02-11", log=True)
    server.faults.clear()
    before = len(pages(server))
    gekko_lab.update(source)
    starts = [int(each.query["startTime"]) for each in pages(server)[before:]]
    assert min(starts) >= ms("2024-02-01")


def test_an_update_of_a_simulated_future_is_no_failure():
    source = gekko_lab.ExchangeSimulator(seed=7)
    gekko_lab.fetch(source, "BTC/USDT", "1d", since="2090-01-01", until="2090-01-11", log=True)
    assert gekko_lab.update(source)["status"].to_list() == ["complete"]


def spoil(source, symbol):
    """Make the journal of a series impossible to read, as no permission would."""
    journal = find_store("candles", source, symbol, "1h").journal_file
    journal.unlink()
    journal.mkdir()


def test_a_log_that_cannot_be_read_costs_no_candle_where_nobody_insists(binance):
    _, source = binance()
    day = {"since": "2024-01-01", "until": "2024-01-02"}
    gekko_lab.fetch(source, "ETH/USDT", "1h", **day, log=True)
    spoil(source, "ETH/USDT")
    with pytest.warns(LogWarning):
        assert gekko_lab.fetch(source, "ETH/USDT", "1h", **day).height == 24


def test_a_series_whose_log_is_broken_spoils_no_other(binance):
    _, source = binance()
    day = {"since": "2024-01-01", "until": "2024-01-02"}
    gekko_lab.fetch(source, "ETH/USDT", "1h", **day, log=True)
    spoil(source, "ETH/USDT")
    report = gekko_lab.fetch_many(source, ["BTC/USDT", "ETH/USDT"], "1h", **day, result="report")
    assert report["status"].to_list() == ["complete", "failed"]


def test_a_hole_that_a_later_answer_fills_is_not_called_an_outage(binance, ms):
    """Four empty answers; the question for the end then shows a candle inside of the hole."""
    server, source = binance()
    for day in ("2024-01-02", "2024-01-03"):
        until = ms(day) + 900 * MINUTE
        gekko_lab.fetch(source, "BTC/USDT", "1m", since=day, until=until, log=True)
    server.faults.add(Fault("empty_page", path=KLINES, count=4))
    asked = {"since": "2024-01-02", "until": ms("2024-01-03") + 900 * MINUTE, "log": True}
    with warnings.catch_warnings(), contextlib.suppress(IncompleteData):
        warnings.simplefilter("ignore")
        gekko_lab.fetch(source, "BTC/USDT", "1m", **asked)
    table = datalog.coverage(source, "BTC/USDT", "1m")
    assert table.filter(state="empty").is_empty(), table.rows()


def test_a_replay_that_travels_is_no_live_source(binance):
    """Processes keep sources that came to them; a replay shares its identity with a live one."""
    server, source = binance()
    day = {"since": "2024-01-01", "until": "2024-01-02"}
    gekko_lab.fetch(source, "BTC/USDT", "1h", **day, log=True)
    replay = LogReplay(source)
    assert copy.copy(replay).exchange == replay.exchange  # as pickle does
    settings = {name: getattr(gekko_lab.options, name) for name in ("data_dir", "state_dir")}
    work = _Work(settings)
    for exchange in (source, replay):
        before = len(pages(server))
        asked = Asked(exchange, "BTC/USDT", "1h", "2024-01-01", "2024-01-03")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            done = work(Task(asked), _Carried.of(exchange))
    assert len(pages(server)) == before
    assert done.row["source"].item() == "log"
    assert done.row["exchange"].item() == "replay:binance"


def test_gaps_of_trades_come_in_the_order_of_time():
    error = SourceError("gone")
    missed = TradesFound([Failure(Span(70, 90), error)], [Span(0, 20)])
    assert _gaps(Found(empty(TRADES), missed))["since"].is_sorted()


def test_a_plan_tells_what_the_log_alone_gives(binance):
    server, source = binance()
    gekko_lab.fetch_trades(source, "BTC/USDT", since="2024-02-01", until="2024-02-01T00:05")
    before = len(server.requests)
    asked = {"since": "2024-02-01", "until": "2024-02-02", "source": "log"}
    table = gekko_lab.plan(source, "BTC/USDT", kind="trades", **asked)
    assert set(table["source"]) == {"log"}
    assert all(request.path != "/api/v3/aggTrades" for request in server.requests[before:])


def test_a_plan_promises_nothing_that_the_exchange_refuses(moving_kraken):
    _, source = moving_kraken
    since = {"since": "2023-06-01"}
    with pytest.raises(HistoryUnavailable):
        gekko_lab.fetch(source, "BTC/USDT", "1h", **since)
    with pytest.raises(HistoryUnavailable):
        gekko_lab.plan(source, "BTC/USDT", "1h", **since)


def test_archived_trades_are_not_taken_from_the_exchange_where_a_number_is_wanted(binance):
    _, source = binance()
    with pytest.raises(UnsupportedBySource):
        gekko_lab.fetch_trades(source, "BTC/USDT", limit=5, source="archive")


@pytest.mark.parametrize("more", [["--no-log"], ["--source", "archive"]])
def test_the_command_does_not_pass_over_what_it_is_told_of_trades(monkeypatch, tmp_path, more):
    given = {}
    real = gekko_lab.fetch_trades

    def spy(*names, **asked):
        given.update(asked)
        return real(*names, **asked)

    monkeypatch.setattr(gekko_lab, "fetch_trades", spy)
    out = ["--limit", "3", "--out", str(tmp_path / "trades.csv")]
    code = main(["fetch", "simulator", "BTC/USDT", "--trades", *out, *more])
    assert code != 0 or given.get("log") is False or given.get("source") == "archive"


@pytest.mark.parametrize("name", ["coinbaseexchange", "kraken"])
def test_candles_that_come_late_are_not_kept_as_minutes_without_trades(served_as, market, ms, name):
    """No candle follows the hole yet, so nobody knows that nothing was traded: a lagging answer."""
    day, lag = ms("2024-01-01"), ms("2024-01-01T10:00")
    rows = market.candles("BTC/USDT", Timeframe.parse("1m"), day, day + 720 * MINUTE)
    late = rows.filter(pl.col("timestamp").dt.epoch("ms") < lag)
    server, source = served_as(name, late, "2024-01-01T12:00:30")
    asked = {"since": "2024-01-01T09:00", "until": "2024-01-01T10:45", "log": True}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert gekko_lab.fetch(source, "BTC/USDT", "1m", **asked).height <= 60
        served_as(name, rows, "2024-01-01T12:00:30", instead_of=server)
        found = gekko_lab.fetch(source, "BTC/USDT", "1m", **asked)
    assert found["timestamp"].max().isoformat() >= "2024-01-01T10:40"


def test_a_report_of_candles_reads_no_rows(binance, monkeypatch):
    """Memory must not grow with what is left in the log."""
    _, source = binance()
    span = {"since": "2024-01-01", "until": "2024-01-03"}
    monkeypatch.setattr(datalog.Series, "read", lambda *_: pytest.fail("all rows were read"))
    report = gekko_lab.fetch_many(source, "BTC/USDT", "1m", **span, result="report")
    assert report["rows"].to_list() == [2880]
