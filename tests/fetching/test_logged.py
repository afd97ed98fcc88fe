"""A fetch through the data log gives what the exchange gives, and asks for nothing twice."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gekko_lab
from gekko_lab import datalog
from gekko_lab.errors import GapWarning, IncompleteData, InvalidType, SourceError
from gekko_lab.fetching.completion import Series
from gekko_lab.fetching.logged import collect_logged
from gekko_lab.fetching.request import read_candle_request
from gekko_lab.fetching.supply import Supply
from gekko_lab.market.timeframe import MINUTE, Timeframe
from gekko_lab.server import Fault

KLINES = "/api/v3/klines"
START = 1_704_067_200_000  # 2024-01-01
OUTAGE = (START + 600 * MINUTE, START + 700 * MINUTE)
DAYS = {"since": "2024-01-01", "until": "2024-01-04"}


def pages(server):
    return [request for request in server.requests if request.path == KLINES]


def fetch(exchange, **asked):
    """Give candles through the log, and the table of gaps that was warned of."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        candles = gekko_lab.fetch(exchange, "BTC/USDT", "1m", log=True, **asked)
    reports = [one.message.report for one in told if isinstance(one.message, GapWarning)]
    assert len(reports) == len(told) <= 1
    return candles, reports[0] if reports else None


def test_the_second_fetch_asks_for_nothing(binance):
    server, exchange = binance()
    plain = gekko_lab.fetch(exchange, "BTC/USDT", "1m", **DAYS)
    first, _ = fetch(exchange, **DAYS)
    asked = len(pages(server))
    second, _ = fetch(exchange, **DAYS)
    assert first.equals(plain)
    assert second.equals(plain)
    assert len(pages(server)) == asked


def test_only_what_the_log_lacks_is_asked_for(binance):
    server, exchange = binance()
    fetch(exchange, since="2024-01-02", until="2024-01-03")
    before = len(pages(server))
    candles, _ = fetch(exchange, **DAYS)
    assert candles.height == 3 * 1440
    for request in pages(server)[before:]:
        start, end = int(request.query["startTime"]), int(request.query.get("endTime", "0"))
        held = range(START + 1440 * MINUTE, START + 2 * 1440 * MINUTE)
        assert start not in held
        assert end not in held


def test_an_outage_is_told_each_time_and_asked_for_once(binance):
    server, exchange = binance(outages=[OUTAGE])
    first, gaps = fetch(exchange, **DAYS)
    asked = len(pages(server))
    second, again = fetch(exchange, **DAYS)
    assert first.height == 3 * 1440 - 100
    assert second.equals(first)
    assert again.equals(gaps)
    assert gaps["reason"].to_list() == ["outage"]
    assert len(pages(server)) == asked


def test_the_time_before_the_listing_is_asked_for_once(binance):
    server, exchange = binance(listed_since={"BTC/USDT": START + 1440 * MINUTE})
    first, gaps = fetch(exchange, **DAYS)
    asked = len(pages(server))
    second, again = fetch(exchange, **DAYS)
    assert first.height == 2 * 1440
    assert second.equals(first)
    assert again.equals(gaps)
    assert gaps["reason"].to_list() == ["before_listing"]
    assert len(pages(server)) == asked


def test_an_outage_where_the_log_goes_on_is_not_taken_for_the_time_before_the_listing(binance):
    _, exchange = binance(outages=[OUTAGE])
    fetch(exchange, since=START, until=OUTAGE[0])
    _, gaps = fetch(exchange, **DAYS)
    assert gaps["reason"].to_list() == ["outage"]


def test_pages_that_came_before_a_failure_are_not_asked_for_again(binance):
    server, exchange = binance()
    server.faults.add(Fault("status", path=KLINES, skip=3, count=1000, value=451))
    with pytest.raises(IncompleteData) as caught:
        gekko_lab.fetch(exchange, "BTC/USDT", "1m", log=True, n_jobs=1, **DAYS)
    assert caught.value.frame.height == 3000
    failed = datalog.coverage(exchange, "BTC/USDT", "1m").filter(state="failed")
    assert failed.height == 1
    server.faults.clear()
    before = len(pages(server))
    candles, _ = fetch(exchange, **DAYS)
    assert candles.height == 3 * 1440
    assert len(pages(server)) - before == 2


@pytest.mark.parametrize("asked", [{"limit": 1500}, {"since": "2024-01-01", "limit": 1500}])
def test_the_first_and_the_last_so_many_come_from_the_log_too(binance, asked):
    server, exchange = binance(clock="2024-01-04T00:00:30")
    first, _ = fetch(exchange, **asked)
    before = len(pages(server))
    second, _ = fetch(exchange, **asked)
    assert len(pages(server)) == before
    assert second.equals(first)
    assert first.equals(gekko_lab.fetch(exchange, "BTC/USDT", "1m", log=False, **asked))


def test_the_newest_candles_of_kraken_are_kept_while_they_are_served(kraken, market, ms):
    minute = Timeframe.parse("1m")
    early = market.candles("BTC/USDT", minute, ms("2024-01-01"), ms("2024-01-01T12:00"))
    late = market.candles("BTC/USDT", minute, ms("2024-01-01"), ms("2024-01-01T20:00"))
    server, first = kraken(early, "2024-01-01T11:59:30")
    gekko_lab.fetch(first, "BTC/USDT", "1m", since="2024-01-01", log=True)
    _, second = kraken(late, "2024-01-01T19:59:30", instead_of=server)
    asked = {"since": "2024-01-01T00:30", "log": True}
    candles = gekko_lab.fetch(second, "BTC/USDT", "1m", **asked)
    assert candles.height == 19 * 60 + 29


def test_minutes_without_trades_on_coinbase_are_asked_for_once(coinbase, market, ms):
    candles = market.candles(
        "BTC/USDT", Timeframe.parse("1m"), ms("2024-01-01"), ms("2024-01-01T12:00")
    )
    minutes = candles[[row for row in range(candles.height) if row % 7]]
    server, exchange = coinbase(minutes, "2024-01-01T12:00:30")
    asked = {"since": "2024-01-01", "until": "2024-01-01T10:00"}
    first, gaps = fetch(exchange, **asked)
    before = len(server.requests)
    second, again = fetch(exchange, **asked)
    assert len(server.requests) == before
    assert first.height == 600 - 86
    assert second.equals(first)
    assert again.equals(gaps)
    assert set(gaps["reason"]) <= {"no_trades", "before_listing"}


def test_candles_that_come_late_are_not_lost(coinbase, market, ms):
    def until(end):
        return market.candles(
            "BTC/USDT", Timeframe.parse("1m"), ms("2024-01-01"), ms(f"2024-01-01T{end}")
        )

    asked = {"since": "2024-01-01", "until": "2024-01-01T12:00"}
    server, late = coinbase(until("11:55"), "2024-01-01T12:00:30")
    first, _ = fetch(late, **asked)
    _, there = coinbase(until("12:00"), "2024-01-01T12:05:30", instead_of=server)
    second, gaps = fetch(there, **asked)
    assert first.height == 715
    assert second.height == 720
    assert gaps is None


def test_progress_counts_all_parts(binance):
    _, exchange = binance()
    fetch(exchange, since="2024-01-02", until="2024-01-03")
    request, width = read_candle_request(exchange, "BTC/USDT", "1m", **DAYS, limit=None)
    told = []
    supply = Supply(Series(exchange, "BTC/USDT", width, full=True))
    collect_logged(supply, request, report=told.append)
    assert told == [1440, 2440, 2880, 3880, 4320]


def test_simulated_candles_are_logged_when_asked(data_dir):
    source = gekko_lab.ExchangeSimulator(seed=7)
    candles, _ = fetch(source, **DAYS)
    assert candles.equals(gekko_lab.fetch(source, "BTC/USDT", "1m", **DAYS))
    held = datalog.load(source, "BTC/USDT", "1m", columns="full")
    full = gekko_lab.fetch(source, "BTC/USDT", "1m", columns="full", **DAYS)
    assert held.equals(full)
    other, _ = fetch(gekko_lab.ExchangeSimulator(seed=8), **DAYS)
    assert not other.equals(candles)


edges = st.integers(0, 4000)
spans = st.tuples(edges, edges).map(sorted).filter(lambda span: span[0] < span[1])


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    windows=st.lists(spans, min_size=1, max_size=5),
    outages=st.lists(spans.filter(lambda span: span[1] - span[0] < 500), max_size=2),
    page_limit=st.integers(100, 1000),
    fault=st.none() | st.integers(0, 6),
)
def test_any_fetches_one_after_the_other_give_the_truth(
    binance, tmp_path_factory, windows, outages, page_limit, fault
):
    holes = [(START + a * MINUTE, START + b * MINUTE) for a, b in outages]
    listed = {"BTC/USDT": START - 1440 * MINUTE}
    server, exchange = binance(outages=holes, page_limit=page_limit, listed_since=listed)
    plain_server, plain = binance(outages=holes, page_limit=page_limit, listed_since=listed)
    try:
        with gekko_lab.options(data_dir=tmp_path_factory.mktemp("log"), progress="off"):
            if fault is not None:
                server.faults.add(Fault("status", path=KLINES, skip=fault, count=1, value=451))
            for window in [*windows, *windows]:
                since, until = (START + edge * MINUTE for edge in window)
                asked = {"since": since, "until": until}
                try:
                    candles, _ = fetch(exchange, **asked)
                except (IncompleteData, SourceError):
                    continue
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", GapWarning)
                    expected = gekko_lab.fetch(plain, "BTC/USDT", "1m", **asked)
                assert candles.equals(expected)
    finally:
        for each in (exchange, server, plain, plain_server):
            each.close()


@pytest.mark.parametrize("log", ["off", "on", 0, 1])
def test_log_is_true_false_or_none(log):
    asked = {"since": "2024-01-01", "until": "2024-01-02", "log": log}
    for ask in (
        lambda: gekko_lab.fetch("simulator", "BTC/USDT", "1h", **asked),
        lambda: gekko_lab.fetch_many("simulator", ["BTC/USDT"], "1h", **asked),
        lambda: gekko_lab.fetch_trades("simulator", "BTC/USDT", **asked),
    ):
        with pytest.raises(InvalidType, match=rf"log={log!r} is .* give True, False or None"):
            ask()
    assert datalog.catalog().is_empty()
