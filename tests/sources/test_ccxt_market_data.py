"""CcxtMarketData: identity, clock, markets, and rows of every shape."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import threading
import time

import ccxt
import polars as pl
import pytest

import gekko_lab
from gekko_lab.errors import (
    BadResponse,
    GapWarning,
    InvalidType,
    SourceError,
    UnknownExchange,
    UnknownSymbol,
    UnsupportedBySource,
)
from gekko_lab.frames.schemas import CANDLES, CANDLES_FULL, TRADES
from gekko_lab.market.timeframe import Timeframe
from gekko_lab.sources.ccxt_markets import to_rules
from gekko_lab.sources.source import TradeCursor

HOUR = Timeframe.parse("1h")
START = 1_704_067_200_000  # 2024-01-01
SPOT = {
    "id": "BTC-EUR",
    "symbol": "BTC/EUR",
    "base": "BTC",
    "quote": "EUR",
    "type": "spot",
    "spot": True,
    "precision": {},
    "limits": {},
}
LINEAR = {
    **SPOT,
    "id": "BTCUSDT",
    "symbol": "BTC/USDT:USDT",
    "quote": "USDT",
    "settle": "USDT",
    "type": "swap",
    "spot": False,
    "swap": True,
    "contract": True,
    "linear": True,
    "inverse": False,
}
INVERSE = {**LINEAR, "symbol": "BTC/USD:BTC", "settle": "BTC", "linear": False, "inverse": True}


def source_of(config=None, exchange="binance"):
    return gekko_lab.CcxtMarketData(exchange, config=config)


class TestIdentity:
    def test_a_source_without_settings_is_called_as_its_exchange(self):
        assert source_of().identity == "binance"
        assert source_of({}).identity == "binance"

    @pytest.mark.parametrize(
        "config",
        [
            {"timeout": 1},
            {"rateLimit": 1, "enableRateLimit": False},
            {"verbose": True, "userAgent": "mine", "session": object()},
        ],
    )
    def test_settings_that_change_no_data_change_no_name(self, config):
        assert source_of(config).identity == "binance"

    def test_settings_that_may_change_the_data_do(self):
        names = {
            source_of(config).identity
            for config in ({}, {"hostname": "a"}, {"hostname": "b"}, {"options": {"x": 1}})
        }
        assert len(names) == 4

    def test_the_order_of_settings_does_not_matter(self):
        one = {"urls": {"api": {"public": "x", "private": "y"}}, "options": {"a": 1, "b": [1, 2]}}
        other = {"options": {"b": [1, 2], "a": 1}, "urls": {"api": {"private": "y", "public": "x"}}}
        assert source_of(one).identity == source_of(other).identity

    def test_it_is_the_same_in_every_process(self):
        config = {"options": {"b": 2, "a": {"z": None, 1: "one"}}, "hostname": "x"}
        code = (
            f"import gekko_lab; print(gekko_lab.CcxtMarketData('okx', config={config!r}).identity)"
        )
        names = {
            subprocess.run(
                [sys.executable, "-c", code],
                env={**os.environ, "PYTHONHASHSEED": seed},
                capture_output=True,
                text=True,
                check=True,
            ).stdout.strip()
            for seed in ("1", "2")
        }
        assert names == {source_of(config, "okx").identity}

    def test_a_secret_is_not_readable_anywhere(self):
        config = {"apiKey": "KEY-1234", "secret": "TOP-5678", "options": {"password": "PW-90"}}
        source = source_of(config)
        for shown in (source.identity, repr(source), str(source)):
            assert not any(word in shown for word in ("1234", "5678", "PW-90"))
        assert source.identity != source_of({**config, "secret": "OTHER"}).identity

    @pytest.mark.parametrize("config", [{}, {"hostname": "x/y\\z:*"}, {"weird": {1, 2}}])
    def test_it_can_be_the_name_of_a_file(self, config):
        assert not set(source_of(config).identity) & set('/\\:*?"<>|\0 ')


class TestTravel:
    def test_a_pickled_source_is_the_same_source(self, binance):
        _, source = binance()
        source.market("BTC/USDT")
        copy = pickle.loads(pickle.dumps(source))  # noqa: S301 (our own)
        assert copy.identity == source.identity
        assert copy.market("BTC/USDT") == source.market("BTC/USDT")
        copy.close()

    def test_the_repr_is_short_and_names_the_exchange(self):
        assert repr(source_of({"timeout": 1})) == "CcxtMarketData('binance')"
        assert repr(source_of({"hostname": "x"})) == "CcxtMarketData('binance', config={…})"

    def test_later_changes_of_the_given_settings_change_nothing(self):
        config = {"hostname": "x"}
        source = source_of(config)
        name = source.identity
        config["hostname"] = "y"
        assert source.identity == name


@pytest.mark.parametrize("config", [5, "timeout=3", [("timeout", 3)], object()])
def test_settings_that_are_no_mapping_are_refused_at_once(config):
    with pytest.raises(InvalidType, match="not a mapping"):
        source_of(config)


def test_an_unknown_exchange_is_refused_at_once():
    with pytest.raises(UnknownExchange, match="'binance'"):
        source_of(exchange="binnance")


@pytest.mark.parametrize("exchange", ["binance", "kraken", "okx", "coinbaseexchange", "bitfinex"])
def test_timeframes_are_sorted_and_those_of_ccxt(exchange):
    names = list(source_of(exchange=exchange).timeframes())
    wrong = {"2w"} if exchange == "kraken" else set()  # 21,600 minutes, which are 15 days
    assert set(names) == set(getattr(ccxt, exchange)().timeframes) - wrong
    seconds = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "M": 2_600_000, "y": 3e7}
    widths = [int(name[:-1]) * seconds[name[-1]] for name in names]
    assert widths == sorted(widths)


class TestClock:
    @pytest.fixture
    def clocks(self, monkeypatch):
        """Wall and monotonic time that only the test moves."""
        passed = [0.0]
        monkeypatch.setattr(time, "time", lambda: START / 1000 + passed[0])
        monkeypatch.setattr(time, "monotonic", lambda: 5000 + passed[0])
        return passed

    def test_the_offset_is_measured_once_in_ten_minutes(self, fake_exchange, clocks):
        asked = []

        def answer(path, query):
            asked.append(path)
            return 200, {"time": START + 7000 + int(clocks[0] * 1000)}

        source = fake_exchange("bitvavo", answer)
        for second in (0, 1, 599):
            clocks[0] = second
            assert source.now() == START + second * 1000 + 7000
        assert len(asked) == 1
        clocks[0] = 601
        assert source.now() == START + 601_000 + 7000
        assert len(asked) == 2

    def test_half_of_the_way_counts_for_the_answer(self, fake_exchange, clocks):
        def answer(path, query):
            clocks[0] += 4.0
            return 200, {"time": START + 2000}

        assert fake_exchange("bitvavo", answer).now() == START + 4000

    def test_an_exchange_without_a_clock_has_ours(self, fake_exchange, clocks):
        source = fake_exchange("bitstamp", lambda path, query: pytest.fail("not asked"))
        assert not source._client.ccxt.has["fetchTime"]
        assert source.now() == START + int(clocks[0])

    def test_a_failure_is_told_and_asked_again(self, fake_exchange, clocks):
        assert clocks
        given = [(503, {}), (200, {"time": START + 1000})]
        source = fake_exchange("bitvavo", lambda path, query: given.pop(0))
        with pytest.raises(SourceError, match="its time"):
            source.now()
        assert source.now() == START + 1000


class TestMarkets:
    def test_steps_are_told_whatever_their_precision_counts(self):
        def steps(price, mode):
            return to_rules({**SPOT, "precision": {"price": price, "amount": None}}, mode).tick_size

        assert steps(0.01, 4) == 0.01
        assert steps(2, 2) == 0.01
        assert steps(0, 2) == 1
        assert steps(-2, 2) == 100
        assert steps(5, 3) is None  # significant digits are no step
        assert steps(None, 4) is None

    def test_what_an_exchange_does_not_tell_is_none(self):
        rules = to_rules({"id": 17, "symbol": "A/B", "base": "A", "quote": "B"}, 4)
        assert rules.market_id == "17"
        assert (rules.tick_size, rules.min_cost, rules.maker, rules.active) == (None,) * 4

    def test_rules_are_what_the_exchange_said(self, binance, market):
        _, source = binance()
        assert source.rules().keys() >= {"BTC/USDT", "ETH/BTC"}
        for symbol in ("BTC/USDT", "ETH/BTC"):
            theirs, ours = market.rules[symbol], source.market(symbol)
            assert (ours.base, ours.quote, ours.settle) == (theirs.base, theirs.quote, None)
            assert ours.tick_size == theirs.tick_size
            assert ours.step_size == theirs.step_size
            assert ours.min_amount == theirs.min_amount

    def test_an_unknown_market_is_answered_with_the_nearest(self, binance):
        _, source = binance()
        with pytest.raises(UnknownSymbol, match=r"Did you mean .*'BTC/USDT'") as told:
            source.market("btcusdt")
        assert "gekko_lab.symbols('binance')" in str(told.value)

    def test_markets_are_read_once_by_many_threads(self, binance):
        server, source = binance()
        threads = [threading.Thread(target=source.market, args=("BTC/USDT",)) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        paths = [request.path for request in server.requests]
        assert paths.count("/api/v3/exchangeInfo") == 1


@pytest.fixture
def futures(fake_exchange):
    """Binance's USD-M futures: hours of one contract, at most 1000 a page."""

    def start(until=START + 30 * 3_600_000, exchange="binanceusdm"):
        def row(time):
            price = str(40_000 + (time - START) / 3_600_000)
            end = time + 3_599_999
            return [time, price, price, price, price, "1.5", end, "60000.25", 42, "1", "1", "0"]

        def trade(number):
            time = START + number * 1000
            return {"a": number, "p": "4", "q": "2.5", "T": time, "m": number % 2 == 0}

        def answer(path, query):
            if path == "/fapi/v1/klines":
                since, most = int(query["startTime"]), int(query["limit"])
                return 200, [row(t) for t in range(since, until, 3_600_000)][:most]
            if path == "/fapi/v1/aggTrades":
                first = query.get("fromId") or (int(query["startTime"]) - START) // 1000
                return 200, [trade(number) for number in range(int(first), 2500)][:1000]
            assert path.endswith("/time")
            return 200, {"serverTime": until + 1800_000}

        source = fake_exchange(exchange, answer)
        source._client.ccxt.set_markets([LINEAR, INVERSE])
        return source

    return start


class TestContracts:
    @pytest.mark.parametrize("exchange", ["binanceusdm", "binance"])
    def test_linear_candles_of_binance_are_fetched_from_its_futures(self, futures, exchange):
        candles = gekko_lab.fetch(
            futures(exchange=exchange), "BTC/USDT:USDT", since=START, columns="full"
        )
        assert candles.schema == CANDLES_FULL
        assert candles["close"].to_list() == [40_000.0 + hour for hour in range(30)]
        assert set(candles["quote_volume"]) == {60000.25}
        assert set(candles["trade_count"]) == {42}

    def test_linear_trades_of_binance_are_fetched_by_id(self, futures):
        source = futures()
        trades = gekko_lab.fetch_trades(source, "BTC/USDT:USDT", since=START, limit=2100)
        assert trades["id"].to_list() == [str(number) for number in range(2100)]
        assert trades["side"].to_list()[:2] == ["sell", "buy"]  # the buyer made number 0
        pages = [
            query for path, query in source.config["session"].asked if path.endswith("aggTrades")
        ]
        assert [query.get("fromId") for query in pages] == [None, "1000", "2000"]

    @pytest.mark.parametrize("ask", [gekko_lab.fetch, gekko_lab.fetch_trades])
    def test_contracts_of_unknown_worth_are_refused_unasked(self, futures, ask):
        source = futures()
        with pytest.raises(UnsupportedBySource, match="in contracts"):
            ask(source, "BTC/USD:BTC", since=START, limit=1)
        assert {path for path, _ in source.config["session"].asked} <= {"/fapi/v1/time"}

    @pytest.mark.parametrize("ask", [gekko_lab.fetch, gekko_lab.fetch_trades])
    def test_contracts_of_an_exchange_nobody_checked_are_refused(self, fake_exchange, ask):
        source = fake_exchange("okx", lambda path, query: (200, {"code": "0", "data": []}))
        source._client.ccxt.set_markets([LINEAR])
        with pytest.raises(UnsupportedBySource, match="okx counts the volume of BTC/USDT:USDT"):
            ask(source, "BTC/USDT:USDT", since=START, limit=1)


KLINE = [START, "1", "2", "1", "2", "5", START + 3_599_999, "7", 3, "1", "1", "0"]
AGG = {"a": 1, "p": "4", "q": "2", "T": START, "m": True}


@pytest.mark.parametrize(
    "body",
    [
        {"unexpected": 1},
        [1, 2],
        [KLINE[:5]],
        [[None, *KLINE[1:]]],
        [["x", *KLINE[1:]]],
        [[10**30, *KLINE[1:]]],
        [[START, "abc", *KLINE[2:]]],
        [[START, None, *KLINE[2:]]],
        [{"open": 1}],
        [AGG],
        ["abcdefghijkl"],
    ],
    ids=json.dumps,
)
def test_what_is_no_candle_of_binance_is_a_bad_response(fake_exchange, body):
    source = fake_exchange("binance", lambda path, query: (200, body))
    source._client.ccxt.set_markets([SPOT])
    with pytest.raises(BadResponse):
        source.candles("BTC/EUR", HOUR, START, START + 3_600_000)


@pytest.mark.parametrize(
    "body",
    [
        {"unexpected": 1},
        [1, 2],
        [KLINE],
        [{**AGG, "p": None}],
        [{**AGG, "T": "soon"}],
        [{**AGG, "T": 10**30}],
        [{**AGG, "a": None}],
        [{"a": 1}],
    ],
    ids=json.dumps,
)
def test_what_is_no_trade_of_binance_is_a_bad_response(fake_exchange, body):
    source = fake_exchange("binance", lambda path, query: (200, body))
    source._client.ccxt.set_markets([SPOT])
    with pytest.raises(BadResponse):
        source.trades("BTC/EUR", TradeCursor(START), START + 10)


CANDLE = [START, "1", "2", "1", "2", "5"]
PRINT = {"id": "a", "timestamp": START, "price": "4", "amount": "2", "side": "buy"}


@pytest.mark.parametrize(
    "body",
    [
        [1, 2],
        [CANDLE[:3]],
        [[None, *CANDLE[1:]]],
        [CANDLE, [None, *CANDLE[1:]]],
        [["x", *CANDLE[1:]]],
        [[10**30, *CANDLE[1:]]],
        [[START, "abc", *CANDLE[2:]]],
        [[START, None, *CANDLE[2:]]],
        ["abcdef"],
    ],
    ids=json.dumps,
)
def test_what_is_no_candle_of_any_exchange_is_a_bad_response(fake_exchange, body):
    source = fake_exchange("bitvavo", lambda path, query: (200, body))
    source._client.ccxt.set_markets([SPOT])
    with pytest.raises(BadResponse):
        gekko_lab.fetching.completion.Series(source, "BTC/EUR", HOUR, full=False).page(
            gekko_lab.market.spans.Span(START, START + 3_600_000)
        )


@pytest.mark.parametrize(
    "body",
    [
        {"unexpected": [1]},
        [1, 2],
        [{**PRINT, "timestamp": None}],
        [PRINT, {**PRINT, "id": "b", "timestamp": None}],
        [{**PRINT, "price": None}],
        [{**PRINT, "timestamp": 10**30}],
        [{"id": "a"}],
        ["ab"],
    ],
    ids=json.dumps,
)
def test_what_is_no_trade_of_any_exchange_is_told(fake_exchange, body):
    source = fake_exchange("bitvavo", lambda path, query: (200, body))
    source._client.ccxt.set_markets([SPOT])
    source._clock = (time.monotonic() + 600, START + 60_000 - time.time() * 1000)
    with pytest.raises(BadResponse):
        gekko_lab.fetch_trades(source, "BTC/EUR", since=START)


def test_a_side_that_nobody_knows_is_unknown(fake_exchange):
    body = [{**PRINT, "side": "up"}, {**PRINT, "id": "b", "side": None}]
    source = fake_exchange("bitvavo", lambda path, query: (200, body))
    source._client.ccxt.set_markets([SPOT])
    page = source.trades("BTC/EUR", TradeCursor(START), START + 10)
    assert page.frame["side"].to_list() == [None, None]


def test_good_rows_of_any_exchange_are_read(fake_exchange):
    def answer(path, query):
        return 200, ([PRINT] if path.endswith("trades") else [CANDLE])

    source = fake_exchange("bitvavo", answer)
    source._client.ccxt.set_markets([SPOT])
    page = source.candles("BTC/EUR", HOUR, START, START + 3_600_000)
    assert page.frame.schema == CANDLES_FULL
    assert page.frame.select(list(CANDLES)[1:]).row(0) == (1, 2, 1, 2, 5)
    assert page.frame.select("quote_volume", "trade_count").row(0) == (None, None)
    trades = source.trades("BTC/EUR", TradeCursor(START), START + 10).frame
    assert trades.schema == TRADES
    assert trades.select(pl.exclude("timestamp")).row(0) == ("a", "buy", 4.0, 2.0)


def test_rows_around_the_window_are_no_fault_of_an_unknown_exchange(fake_exchange):
    rows = [[START + hour * 3_600_000, *CANDLE[1:]] for hour in range(-2, 5)]
    source = fake_exchange("bitvavo", lambda path, query: (200, rows))
    source._client.ccxt.set_markets([SPOT])
    page = source.candles("BTC/EUR", HOUR, START, START + 2 * 3_600_000)
    assert page.frame["timestamp"].dt.epoch("ms").to_list() == [START, START + 3_600_000]
    assert page.resumes_at == START + 2 * 3_600_000


def test_the_first_candle_behind_a_gap_is_the_earliest_that_came(fake_exchange):
    """Rows behind the window are not checked, so their order is not believed."""
    rows = [
        [START + hour * 3_600_000, *KLINE[1:]]
        for hour in (9, 5, 7)  # out of order
    ]
    source = fake_exchange("binance", lambda path, query: (200, rows))
    source._client.ccxt.set_markets([SPOT])
    page = source.candles("BTC/EUR", HOUR, START, START + 3_600_000)
    assert page.frame.is_empty()
    assert page.resumes_at == START + 5 * 3_600_000


def test_a_gap_is_left_where_the_more_careful_of_two_answers_says(fake_exchange):
    """One answer that lost its first rows must not make the walk jump over candles."""
    hours = [*range(3), *range(2100, 2200)]
    lies = [5]

    def answer(path, query):
        if path.endswith("time"):
            return 200, {"serverTime": START + 2200 * 3_600_000 + 5000}
        rows = [hour for hour in hours if START + hour * 3_600_000 >= int(query["startTime"])]
        if rows[0] == 2100 and len(rows) > 50 and lies:
            lies.pop()
            rows = rows[50:]
        most = int(query["limit"])
        return 200, [[START + hour * 3_600_000, *KLINE[1:]] for hour in rows[:most]]

    source = fake_exchange("binance", answer)
    source._client.ccxt.set_markets([SPOT])
    with pytest.warns(GapWarning, match="2097 candles in an outage") as told:
        candles = gekko_lab.fetch(source, "BTC/EUR", since=START)
    assert len(candles) == len(hours)
    assert len(told) == 1
