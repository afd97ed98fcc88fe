"""Several pages of one symbol at a time: the same candles, sooner."""

from __future__ import annotations

import itertools
import threading
import time
import warnings
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gekko_lab
from gekko_lab.errors import GapWarning, IncompleteData, Stopped
from gekko_lab.fetching import beside as beside_module
from gekko_lab.fetching.beside import beside
from gekko_lab.limits.waiting import check_stopped, stopped_by
from gekko_lab.market.timeframe import MINUTE
from gekko_lab.server import Fault

pytestmark = pytest.mark.usefixtures("idle")

KLINES = "/api/v3/klines"
START = 1_704_067_200_000  # 2024-01-01
WEEK = {"since": "2024-01-01", "until": "2024-01-08"}


@pytest.fixture
def idle(monkeypatch):
    """A process that has all its time left, though its own server uses some of it here."""
    monkeypatch.setattr(beside_module, "process_time", lambda: 0.0)


def fetch(exchange, **asked):
    """Give candles, and the table of gaps that was warned of."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", GapWarning)
        candles = gekko_lab.fetch(exchange, "BTC/USDT", "1m", **asked)
    reports = [one.message.report for one in told]
    return candles, reports[0] if reports else None


def test_pages_are_asked_for_side_by_side(binance, monkeypatch):
    """Behind the first page, which goes alone, each waits until five are under way."""
    _, exchange = binance()
    five = threading.Barrier(5, timeout=60)
    served = exchange.candles

    def candles(symbol, width, since, until, *, full=False):
        if since > START:
            five.wait()
        return served(symbol, width, since, until, full=full)

    monkeypatch.setattr(exchange, "candles", candles)
    found, _ = fetch(exchange, **WEEK, n_jobs=5)
    assert found.height == 7 * 1440


def test_one_at_a_time_is_possible(binance):
    server, exchange = binance()
    fetch(exchange, **WEEK, n_jobs=1)
    starts = [int(each.query["startTime"]) for each in server.requests if each.path == KLINES]
    assert starts == sorted(starts)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(1, 3000)), max_size=3),
    st.integers(0, 6000),
    st.integers(2, 9),
    st.booleans(),
)
def test_candles_and_gaps_are_those_of_one_walk(binance, outages, listed, n_jobs, log):
    server, exchange = binance(
        outages=[
            (START + begin * MINUTE, START + (begin + length) * MINUTE) for begin, length in outages
        ],
        listed_since={"BTC/USDT": START + listed * MINUTE},
    )
    alone = fetch(exchange, **WEEK, n_jobs=1, log=False)
    beside_each_other = fetch(exchange, **WEEK, n_jobs=n_jobs, log=log)
    assert beside_each_other[0].equals(alone[0])
    if alone[1] is None:
        assert beside_each_other[1] is None
    else:
        assert beside_each_other[1].equals(alone[1])
    server.close()


def test_an_empty_answer_between_candles_is_never_an_outage(binance):
    server, exchange = binance()
    page = str(START + 3000 * MINUTE)
    served = server._exchange._dialect.answer

    def answer(method, path, parameters, now):
        if path == KLINES and ("startTime", page) in parameters:
            return type(served(method, path, parameters, now))(200, b"[]")
        return served(method, path, parameters, now)

    server._exchange._dialect.answer = answer
    with pytest.raises(IncompleteData, match="says that no candles") as caught:
        gekko_lab.fetch(exchange, "BTC/USDT", "1m", **WEEK)
    assert caught.value.frame.height == 7 * 1440 - 1000
    assert caught.value.report["reason"].to_list() == ["failed"]
    del server._exchange._dialect.answer
    again, gaps = fetch(exchange, **WEEK)
    assert again.height == 7 * 1440
    assert gaps is None


def test_a_candle_that_came_late_counts_among_the_last_so_many(binance):
    server, exchange = binance(page_limit=40)
    server.faults.add(Fault("short_page", path=KLINES, every=2, count=2))
    candles = gekko_lab.fetch(exchange, "BTC/USDT", "1m", until=START + MINUTE, limit=81)
    assert candles.height == 81
    assert candles["timestamp"].dt.epoch("ms")[-1] == START


def test_a_closed_door_ends_all_walks(binance):
    server, exchange = binance()
    server.faults.add(Fault("status", path=KLINES, skip=1, value=451))
    with pytest.raises(IncompleteData) as caught:
        gekko_lab.fetch(exchange, "BTC/USDT", "1m", since="2024-01-01", until="2024-03-01")
    assert caught.value.frame.height == 1000
    assert caught.value.report["missing"].sum() == 60 * 1440 - 1000
    pages = [each for each in server.requests if each.path == KLINES]
    assert len(pages) <= 1 + 8


@pytest.mark.parametrize("n_jobs", [0, -1, 65, True, 2.0])
def test_a_number_of_jobs_that_makes_no_sense_is_refused(n_jobs):
    with pytest.raises(gekko_lab.errors.InvalidArgument, match="n_jobs="):
        gekko_lab.fetch("simulator", "BTC/USDT", n_jobs=n_jobs)


def test_tasks_end_when_their_caller_goes():
    ended = threading.Event()
    begun = threading.Barrier(3)

    def last():
        begun.wait(timeout=10)
        try:
            while True:
                check_stopped()
        except Stopped:
            ended.set()
            raise

    def first():
        begun.wait(timeout=10)
        return 1

    answers = beside([first, last, last], 3)
    begun_answers = iter(answers)
    assert next(begun_answers) == 1
    begun_answers.close()
    assert ended.wait(timeout=10)


def test_a_stop_reaches_them_from_outside():
    stop = threading.Event()

    def work():
        stop.set()
        check_stopped()

    with stopped_by(stop), pytest.raises(Stopped):
        list(beside([work], 1))


def test_what_one_raises_comes_out():
    def fail():
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        list(beside([fail, *[lambda: 1] * 5], 2))


def most_at_a_time(monkeypatch, busy):
    """Give how many of forty tasks were ever under way at once, at most of six."""
    wall = itertools.count()
    monkeypatch.setattr(beside_module, "perf_counter", lambda: float(next(wall)))
    cpu = itertools.count()
    monkeypatch.setattr(beside_module, "process_time", lambda: busy * next(cpu))
    lock, under_way, most = threading.Lock(), set(), []

    def task(number):
        with lock:
            under_way.add(number)
            most.append(len(under_way))
        time.sleep(0.005)
        with lock:
            under_way.remove(number)
        return number

    tasks = [partial(task, number) for number in range(40)]
    assert sorted(beside(tasks, 6)) == list(range(40))
    return max(most)


def test_who_waits_gets_company(monkeypatch):
    assert most_at_a_time(monkeypatch, 0.05) == 6


def test_who_keeps_a_core_busy_stays_alone(monkeypatch):
    assert most_at_a_time(monkeypatch, 0.9) == 1
