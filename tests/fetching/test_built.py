"""Candles built from trades are those that the exchange makes itself."""

from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest

import gekko_lab
from gekko_lab import datalog
from gekko_lab.errors import AccessDenied, RequestRefused
from gekko_lab.fetching.built import collect_built
from gekko_lab.fetching.completion import Series
from gekko_lab.frames.schemas import CANDLES_FULL
from gekko_lab.market.spans import Span
from gekko_lab.market.timeframe import DAY, HOUR, MINUTE, Timeframe
from gekko_lab.server import Fault

START = 1_704_067_200_000  # 2024-01-01, a Monday
AGG = "/api/v3/aggTrades"


def build(source, symbol, timeframe, since, until, anchor=None):
    width = Timeframe.parse(timeframe)
    width = Timeframe(width.count, width.unit, anchor)
    told = []
    found = collect_built(
        Series(source, symbol, width, full=True), Span(since, until), report=told.append
    )
    assert told == sorted(told)
    return found


def regular(days, step_ms):
    times = range(START, START + days * DAY, step_ms)
    return [
        (n + 1, time * 10**6, "buy", f"{100 + n % 37}.5", f"0.{n % 99 + 1:04d}")
        for n, time in enumerate(times)
    ]


def expected(rows, open_of):
    """Candles by the definition, with decimals."""
    candles = {}
    for _, ns, _, price, amount in rows:
        candles.setdefault(open_of(ns // 10**6), []).append((Decimal(price), Decimal(amount)))
    return [
        (
            start,
            *(float(x) for x in (ps[0][0], max(ps)[0], min(ps)[0], ps[-1][0])),
            float(sum(amount for _, amount in ps)),
        )
        for start, ps in candles.items()
    ]


def seen(frame):
    return frame.select(pl.col("timestamp").dt.epoch("ms"), *CANDLES_FULL.names()[1:6]).rows()


@pytest.mark.parametrize("timeframe", ["1m", "15m", "1h"])
def test_they_are_the_exchanges_own_where_both_exist(binance, timeframe):
    _, exchange = binance()
    asked = {"since": START, "until": START + 2 * HOUR}
    own = gekko_lab.fetch(exchange, "BTC/USDT", timeframe, **asked)
    found = build(exchange, "BTC/USDT", timeframe, *asked.values())
    assert found.frame.schema == CANDLES_FULL
    assert found.frame.select(own.columns).equals(own)
    assert found.frame["trade_count"].null_count() == len(own)  # fills joined into one
    assert (found.holes, found.failures) == ([], [])


def test_a_time_without_trades_is_a_hole(binance):
    outage = Span(START + 10 * MINUTE, START + 25 * MINUTE)
    _, exchange = binance(outages=[outage])
    found = build(exchange, "BTC/USDT", "1m", START, START + HOUR)
    assert found.frame.height == 45
    assert (found.holes, found.failures) == ([outage], [])


def test_days_on_end_reach_beyond_the_newest_720_of_kraken(trade_tape):
    rows = regular(3, 20_000)
    tape, source = trade_tape("kraken", rows, START + 10 * DAY)
    found = build(source, "BTC/EUR", "1m", START, START + 3 * DAY)
    assert seen(found.frame) == expected(rows, lambda ms: ms - ms % MINUTE)
    assert found.frame["trade_count"].to_list() == [3] * (3 * 1440)
    before = len(tape.asked)
    longer = build(source, "BTC/EUR", "4h", START, START + 2 * DAY)
    assert seen(longer.frame) == expected(rows, lambda ms: ms - ms % (4 * HOUR))[:12]
    assert len(tape.asked) == before


@pytest.mark.parametrize(
    ("timeframe", "anchor", "open_of", "span"),
    [
        ("1d", None, lambda ms: ms - ms % DAY, Span(START, START + 21 * DAY)),
        ("1w", None, lambda ms: ms - (ms - START) % (7 * DAY), Span(START, START + 21 * DAY)),
        ("1w", 0, lambda ms: ms - ms % (7 * DAY), Span(START + 3 * DAY, START + 24 * DAY)),
        ("3d", None, lambda ms: ms - ms % (3 * DAY), Span(START + 2 * DAY, START + 29 * DAY)),
        ("1M", None, lambda ms: START, Span(START, START + 31 * DAY)),
    ],
)
def test_longer_ones_begin_where_the_exchange_says(trade_tape, timeframe, anchor, open_of, span):
    rows = regular(31, 600_000)
    _, source = trade_tape("kraken", rows, START + 40 * DAY)
    found = build(source, "BTC/EUR", timeframe, *span, anchor=anchor)
    inside = [row for row in rows if span.since <= row[1] // 10**6 < span.until]
    assert seen(found.frame) == expected(inside, open_of)
    assert (found.holes, found.failures) == ([], [])


def test_candles_that_lack_trades_are_failures_and_the_rest_is_kept(binance):
    server, exchange = binance()
    server.faults.add(Fault("status", path=AGG, skip=3, count=1, value=451))
    found = build(exchange, "BTC/USDT", "15m", START, START + 2 * HOUR)
    own = gekko_lab.fetch(exchange, "BTC/USDT", "15m", since=START, until=START + 2 * HOUR)
    (failure,) = found.failures
    assert isinstance(failure.error, AccessDenied)
    assert failure.span.until == START + 2 * HOUR
    assert 0 < found.frame.height < 8
    assert failure.span.since == START + found.frame.height * 15 * MINUTE
    assert found.frame.select(own.columns).equals(own.head(found.frame.height))
    again = build(exchange, "BTC/USDT", "15m", START, START + 2 * HOUR)
    assert again.frame.select(own.columns).equals(own)


def test_what_is_not_served_any_more_is_a_failure_too():
    source = gekko_lab.ExchangeSimulator()
    begin = 1_262_304_000_000  # 2010-01-01
    found = build(source, "BTC/USDT", "1h", begin - 2 * HOUR, begin + 2 * HOUR)
    (failure,) = found.failures
    assert failure.span == Span(begin - 2 * HOUR, begin)
    assert isinstance(failure.error, RequestRefused)
    assert found.frame.height == 2


def test_trades_are_kept_for_the_next_time(trade_tape):
    rows = regular(2, 60_000)
    _, source = trade_tape("coinbaseexchange", rows, START + 10 * DAY)
    build(source, "BTC/EUR", "1h", START, START + DAY)
    held = datalog.load(source, "BTC/EUR", kind="trades")
    assert held.height == 1440


@pytest.mark.parametrize("options", [{"log": False}, {}])
def test_a_fetch_that_is_not_to_be_logged_keeps_no_trades(trade_tape, data_dir, options):
    rows = regular(2, 60_000)
    source = gekko_lab.ExchangeSimulator()
    asked = {"since": START, "until": START + 2 * HOUR}
    if options:
        _, source = trade_tape("coinbaseexchange", rows, START + 10 * DAY)
    symbol = "BTC/EUR" if options else "BTC/USDT"
    found = gekko_lab.fetch(source, symbol, "1h", source="trades", **options, **asked)
    assert found.height == 2
    if options:
        assert seen_columns(found) == expected(rows[:120], lambda time: time - time % HOUR)
    assert datalog.catalog().is_empty()
    assert not list(data_dir.glob("trades")), "a folder for trades was made"


def seen_columns(frame):
    return frame.select(pl.col("timestamp").dt.epoch("ms"), *frame.columns[1:]).rows()
