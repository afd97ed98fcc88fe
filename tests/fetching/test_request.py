"""Requests are read before anything is asked: every kind of time, the future, too many bounds."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest

import gekko_lab
from gekko_lab.errors import InvalidArgument, InvalidRange, InvalidType, UnsupportedBySource
from gekko_lab.fetching.request import DEFAULT_LIMIT, read_candle_request, read_trade_request

NOW = 1_710_502_245_678  # 2024-03-15T11:30:45.678Z
DAY = 86_400_000
HOUR = 3_600_000


class Clocked(gekko_lab.ExchangeSimulator):
    """The simulator at a time of its own; as a live exchange it can't tell the future."""

    clock = NOW
    foresees = False

    def now(self):
        return self.clock


class Foreseeing(Clocked):
    foresees = True


@pytest.fixture
def read():
    def candles(timeframe="1h", *, source=None, since=None, until=None, limit=None):
        request, _ = read_candle_request(
            source or Clocked(), "BTC/USDT", timeframe, since=since, until=until, limit=limit
        )
        return request

    return candles


JANUARY = 1_704_067_200_000


@pytest.mark.parametrize(
    "since",
    [
        "2024",
        "2024-01",
        "2024-01-01",
        " 2024-01-01 ",
        "2024-01-01T00:00",
        "2024-01-01T00:00Z",
        "2024-01-01T02:00+02:00",
        "20240101",
        JANUARY,
        np.int64(JANUARY),
        date(2024, 1, 1),
        datetime(2024, 1, 1),  # noqa: DTZ001 (means UTC here)
        datetime(2024, 1, 1, tzinfo=UTC),
        datetime(2024, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))),
        np.datetime64("2024-01-01"),
        np.datetime64("2024-01-01T00:00:00", "ns"),
        pd.Timestamp("2024-01-01"),
        pd.Timestamp("2024-01-01 02:00", tz="Europe/Kyiv"),
    ],
    ids=repr,
)
def test_every_way_to_write_a_time_means_the_same(read, since):
    assert read(since=since).span == (JANUARY, NOW - NOW % HOUR)
    assert read(until=since, limit=3).span.until == JANUARY


@pytest.mark.parametrize(
    ("since", "begins"),
    [
        ("30d", NOW - 30 * DAY),
        ("12h", NOW - 12 * HOUR),
        ("90m", NOW - 90 * 60_000),
        ("2w", NOW - 14 * DAY),
        ("1M", NOW - 29 * DAY),  # 15 February 2024; that month had 29 days
        ("1y", NOW - 366 * DAY),
    ],
)
def test_a_span_counts_back_from_the_exchange_s_clock(read, since, begins):
    first_whole_hour = begins + -begins % HOUR
    assert read(since=since).span == (first_whole_hour, NOW - NOW % HOUR)
    trades = read_trade_request(Clocked(), "BTC/USDT", since=since, until=None, limit=None)
    assert trades.span == (begins, NOW)


def test_times_between_opens_count_from_the_next_open(read):
    span = read("1d", since="2024-01-01T00:00:01", until="2024-02-01T23:59").span
    assert span == (JANUARY + DAY, JANUARY + 32 * DAY)


def test_the_forming_candle_is_left_out(read):
    closed = NOW - NOW % HOUR
    for until in (None, "2024-03-15T11:45", "2024-03-16", "2030", NOW):
        assert read(since="1d", until=until).span.until == closed


def test_a_candle_is_closed_two_seconds_after_its_end(read):
    for late, closed in ((0, -HOUR), (1999, -HOUR), (2000, 0)):
        source = Clocked()
        source.clock = JANUARY + late
        assert read(source=source).span.until == JANUARY + closed


@pytest.mark.parametrize(
    ("asked", "limit", "newest_first"),
    [
        ({}, DEFAULT_LIMIT, True),
        ({"until": "2024-01"}, DEFAULT_LIMIT, True),
        ({"limit": 7}, 7, True),
        ({"limit": np.int64(7), "until": "2024-01"}, 7, True),
        ({"limit": 7, "since": "2024-01"}, 7, False),
        ({"since": "2024-01"}, None, False),
        ({"since": "2023", "until": "2024-01"}, None, False),
    ],
)
def test_the_bound_that_is_given_decides_which_rows_are_meant(read, asked, limit, newest_first):
    request = read(**asked)
    assert (request.limit, request.newest_first) == (limit, newest_first)
    trades = read_trade_request(
        Clocked(), "BTC/USDT", **{"since": None, "until": None, "limit": None, **asked}
    )
    assert (trades.limit, trades.newest_first) == (limit, newest_first)


def test_all_three_bounds_contradict_each_other(read):
    with pytest.raises(InvalidRange, match="contradict each other"):
        read(since="2023", until="2024", limit=5)


@pytest.mark.parametrize(
    ("bounds", "error", "text"),
    [
        ({"since": "2024-02-30"}, InvalidArgument, "ISO 8601"),
        ({"until": "tomorrow"}, InvalidArgument, "until='tomorrow'"),
        ({"since": 1.5}, InvalidType, "float"),
        ({"since": True}, InvalidType, "bool"),
        ({"since": [2024]}, InvalidType, "list"),
        ({"since": -1}, InvalidArgument, "before 1970"),
        ({"since": "99y"}, InvalidArgument, "before 1970"),
        ({"since": NOW * 1000}, InvalidArgument, "divide microseconds"),
        ({"since": "2024-02", "until": "2024-01"}, InvalidRange, r"until \(2024-01-01\) must be"),
        ({"limit": -3}, InvalidArgument, "limit=-3"),
        ({"limit": "5"}, InvalidType, "limit='5' is a str"),
    ],
)
def test_bounds_that_make_no_sense_are_named(read, bounds, error, text):
    with pytest.raises(error, match=text):
        read(**bounds)


class TestFuture:
    def test_since_now_is_an_empty_range(self, read):
        request = read(since=NOW)
        assert request.span.since == request.span.until

    def test_a_live_exchange_has_none(self, read):
        with pytest.raises(InvalidRange, match=r"lies after simulator's clock \(2024-03-15T11:30"):
            read(since=NOW + 1)
        with pytest.raises(InvalidRange, match="clock"):
            read(since="2025", until="2026")

    def test_an_until_in_the_future_means_now(self, read):
        assert read(since="2024-03", until="2025").span.until == NOW - NOW % HOUR
        trades = read_trade_request(
            Clocked(), "BTC/USDT", since="2024-03", until="2025", limit=None
        )
        assert trades.span.until == NOW

    def test_a_foreseeing_one_shows_it_up_to_until(self, read):
        span = read(source=Foreseeing(), since="2025-01-01", until="2025-01-02").span
        assert span.until - span.since == DAY
        assert read(source=Foreseeing(), until="2025-01-02", limit=3).span.until == span.until
        with pytest.raises(InvalidRange, match="give until as well"):
            read(source=Foreseeing(), since="2025")


def test_a_source_that_answers_for_another_market_is_not_believed():
    class Sloppy(Clocked):
        def market(self, symbol):
            return super().market("ETH/USDT")

    with pytest.raises(UnsupportedBySource, match="answers 'BTC/USDT' with 'ETH/USDT'"):
        gekko_lab.fetch(Sloppy(), "BTC/USDT")


def test_until_now_is_no_way_to_see_the_forming_candle(monkeypatch):
    exchange = gekko_lab.ExchangeSimulator()
    now = 1_704_110_400_000 + 25 * 60_000  # 2024-01-01T12:25
    monkeypatch.setattr(type(exchange), "now", lambda self: now)
    for until in (now, "2024-01-01T12:25", "2024-01-01T13:00"):
        hours = gekko_lab.fetch(exchange, "BTC/USDT", "1h", until=until, limit=2)
        assert hours["timestamp"].dt.hour().to_list() == [10, 11]
    future = gekko_lab.fetch(exchange, "BTC/USDT", "1h", until="2024-01-01T14:00", limit=2)
    assert future["timestamp"].dt.hour().to_list() == [12, 13]


def test_a_limit_beyond_all_markets_is_refused():
    with pytest.raises(InvalidArgument, match="no market has so many rows"):
        gekko_lab.fetch("simulator", "BTC/USDT", since="2024-01-01", limit=10**30)
