"""`fetch` against a served Binance, through the unmodified ccxt class."""

from __future__ import annotations

import warnings

import polars as pl
import pytest

import gekko_lab
from gekko_lab.errors import (
    AccessDenied,
    BadResponse,
    GapWarning,
    IncompleteData,
    InvalidArgument,
    InvalidRange,
    InvalidType,
    RateLimited,
    RequestRefused,
    SourceTimeout,
    SourceUnavailable,
    UnknownSymbol,
    UnknownTimeframe,
)
from gekko_lab.frames.schemas import CANDLES, CANDLES_FULL
from gekko_lab.market.timeframe import Timeframe
from gekko_lab.server import Fault

KLINES = "/api/v3/klines"
MINUTE = Timeframe.parse("1m")
OUTAGE = ("2024-02-01T10:00", "2024-02-01T22:00")


@pytest.fixture
def truth(market, ms):
    """What the market itself says."""

    def candles(symbol, timeframe, since, until):
        width = Timeframe.parse(timeframe)
        return market.candles(symbol, width, ms(since), ms(until)).select(CANDLES.names())

    return candles


def page_calls(server):
    return [request for request in server.requests if request.path == KLINES]


def test_a_range_longer_than_a_page_is_complete(binance, truth):
    server, exchange = binance()
    candles = gekko_lab.fetch(exchange, "BTC/USDT", "1m", since="2024-01-01", until="2024-01-04")
    assert candles.equals(truth("BTC/USDT", "1m", "2024-01-01", "2024-01-04"))
    assert candles.schema == CANDLES
    assert len(page_calls(server)) == 5


@pytest.mark.parametrize(
    "timeframe", ["1s", "1m", "3m", "15m", "1h", "4h", "12h", "1d", "1w", "1M"]
)
def test_every_timeframe_is_closed_and_on_its_grid(binance, market, ms, timeframe):
    _, exchange = binance(clock="2024-02-29T15:17:42")
    width = Timeframe.parse(timeframe)
    candles = gekko_lab.fetch(exchange, "BTC/USDT", timeframe, limit=30)
    end = width.floor(ms("2024-02-29T15:17:40"))
    expected = market.candles("BTC/USDT", width, width.shift(end, -30), end)
    assert candles.equals(expected.select(CANDLES.names()))


def test_the_default_is_the_last_500_closed_hours(binance, truth):
    _, exchange = binance(clock="2024-03-01T10:00:30")
    candles = gekko_lab.fetch(exchange, "BTC/USDT")
    assert candles.equals(truth("BTC/USDT", "1h", "2024-02-09T14:00", "2024-03-01T10:00"))


def test_a_candle_is_closed_only_after_two_seconds_of_grace(binance):
    for clock, last in (("2024-03-01T10:00:01", 8), ("2024-03-01T10:00:02", 9)):
        _, exchange = binance(clock=clock)
        assert gekko_lab.fetch(exchange, "BTC/USDT", limit=1)["timestamp"].dt.hour()[0] == last


def test_limit_counts_from_the_side_that_is_fixed(binance, truth):
    _, exchange = binance()
    first = gekko_lab.fetch(exchange, "BTC/USDT", "1m", since="2024-01-01", limit=1500)
    assert first.equals(truth("BTC/USDT", "1m", "2024-01-01", "2024-01-02T01:00"))
    last = gekko_lab.fetch(exchange, "BTC/USDT", "1m", until="2024-01-02T01:00", limit=1500)
    assert last.equals(first)
    assert (
        len(gekko_lab.fetch(exchange, "BTC/USDT", "1m", since="2024-02-29T23:00", limit=99)) == 60
    )


def test_full_columns_hold_what_the_exchange_counted(binance, market, ms):
    _, exchange = binance(exact_quote_volume=True)
    asked = {"since": "2024-01-01", "limit": 50, "columns": "full"}
    candles = gekko_lab.fetch(exchange, "BTC/USDT", "1h", **asked)
    hour = Timeframe.parse("1h")
    expected = market.candles(
        "BTC/USDT", hour, ms("2024-01-01"), ms("2024-01-03T02:00"), quote_volume=True
    )
    assert candles.schema == CANDLES_FULL
    assert candles["trade_count"].equals(expected["trade_count"])
    assert candles["quote_volume"].to_list() == pytest.approx(expected["quote_volume"].to_list())


def test_pandas_is_the_same_table(binance):
    _, exchange = binance()
    asked = {"since": "2024-01-01", "limit": 10}
    table = gekko_lab.fetch(exchange, "BTC/USDT", frame="pandas", **asked)
    assert str(table.index.dtype) == "datetime64[us, UTC]"
    assert table.index.name == "timestamp"
    polars = gekko_lab.fetch(exchange, "BTC/USDT", **asked)
    assert table["close"].tolist() == polars["close"].to_list()


def test_an_outage_is_absent_asked_twice_and_named(binance, truth, ms):
    server, exchange = binance(outages=[tuple(map(ms, OUTAGE))])
    with pytest.warns(GapWarning, match=r"720 candles in an outage .*10:00Z to .*22:00Z") as told:
        candles = gekko_lab.fetch(
            exchange, "BTC/USDT", "1m", since="2024-01-31", until="2024-02-03"
        )
    whole = truth("BTC/USDT", "1m", "2024-01-31", "2024-02-03")
    since, until = map(ms, OUTAGE)
    time = pl.col("timestamp").dt.epoch("ms")
    assert candles.equals(whole.filter((time < since) | (time >= until)))
    assert len(told) == 1
    assert told[0].filename == __file__
    asked_there = [r for r in page_calls(server) if since <= int(r.query["startTime"]) < until]
    assert asked_there


def test_what_lies_before_the_listing_costs_one_page(binance, truth, ms):
    server, exchange = binance(listed_since={"ETH/USDT": ms("2024-01-15T12:34")})
    with pytest.warns(GapWarning, match=r"before the market was listed .*2024-01-15T12:34Z"):
        candles = gekko_lab.fetch(exchange, "ETH/USDT", "1m", since="2011", until="2024-01-16")
    assert candles.equals(truth("ETH/USDT", "1m", "2024-01-15T12:34", "2024-01-16"))
    assert len(page_calls(server)) < 6


def test_fewer_candles_than_asked_for_are_no_secret(binance, ms):
    server, exchange = binance(listed_since={"ETH/USDT": ms("2024-02-20")})
    with pytest.warns(GapWarning, match="700 candles before the market was listed"):
        candles = gekko_lab.fetch(exchange, "ETH/USDT", "1d", limit=710)
    assert len(candles) == 10
    assert len(page_calls(server)) < 6


def test_a_market_that_ended_says_so(binance, ms):
    _, exchange = binance(outages=[(ms("2024-02-01"), ms("2025-01-01"))])
    with pytest.warns(
        GapWarning, match=r"after the market's last candle \(2024-02-01 to 2024-02-03"
    ):
        candles = gekko_lab.fetch(
            exchange, "BTC/USDT", "1h", since="2024-01-31", until="2024-02-03"
        )
    assert len(candles) == 24
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GapWarning)
        last = gekko_lab.fetch(exchange, "BTC/USDT", "1h", limit=30)
    assert len(last) == 30
    assert str(last["timestamp"][-1]) == "2024-01-31 23:00:00+00:00"


PASSING = [
    *("rate_limited", "status", "status_html", "status_empty", "delay", "reset", "reset_body"),
    *("early_fin", "truncated", "html", "empty", "null", "empty_page", "drop_rows", "short_page"),
    *("double_rows", "shuffle_rows", "reverse_rows", "shift_rows", "nan_rows"),
]


@pytest.mark.parametrize("kind", PASSING)
def test_a_passing_fault_costs_a_request_and_no_row(binance, truth, kind):
    server, exchange = binance()
    server.faults.add(Fault(kind, path=KLINES, every=3))
    candles = gekko_lab.fetch(exchange, "BTC/USDT", "1m", since="2024-01-01", until="2024-01-04")
    assert candles.equals(truth("BTC/USDT", "1m", "2024-01-01", "2024-01-04"))


@pytest.mark.parametrize("kind", ["hang", "slow_body"])
def test_a_request_has_one_deadline_for_all_of_it(binance, kind):
    server, exchange = binance(config={"timeout": 1500})
    exchange.now()
    server.faults.add(Fault(kind, path=KLINES, count=1, value=8))
    candles = gekko_lab.fetch(exchange, "BTC/USDT", "1m", since="2024-01-01", limit=1000)
    assert len(candles) == 1000
    server.faults.add(Fault(kind, path=KLINES, value=8))
    with pytest.raises(SourceTimeout, match="timeout"):
        exchange.candles("BTC/USDT", MINUTE, 1_704_067_200_000, 1_704_067_260_000)


@pytest.mark.parametrize(
    ("fault", "error", "asked"),
    [
        (Fault("status", path=KLINES, value=451), AccessDenied, 1),
        (Fault("status_html", path=KLINES, value=403), AccessDenied, 1),
        (Fault("status", path=KLINES, value=404), RequestRefused, 1),
        (Fault("status_empty", path=KLINES, value=503), SourceUnavailable, 8),
        (Fault("rate_limited", path=KLINES), RateLimited, 8),
        (Fault("banned", path=KLINES, value=7200), RateLimited, 1),
        (Fault("null", path=KLINES), BadResponse, 4),
    ],
)
def test_a_lasting_fault_is_translated_and_tried_again_only_where_that_helps(
    binance, fault, error, asked
):
    server, exchange = binance()
    server.faults.add(fault)
    with pytest.raises(error) as told:
        gekko_lab.fetch(exchange, "BTC/USDT", since="2024-01-01", limit=10)
    assert told.value.__cause__ is not None or error is BadResponse
    assert len(page_calls(server)) == asked
    if fault.kind == "banned":
        assert told.value.retry_after == 7200


def test_what_came_before_a_failure_is_kept_and_the_rest_is_named(binance, truth, ms):
    server, exchange = binance()
    server.faults.add(Fault("status", path=KLINES, skip=2, value=451))
    asked = {"since": "2024-01-01", "until": "2024-01-04"}
    with pytest.raises(
        IncompleteData, match="2000 rows came, 2320 candles could not be had"
    ) as told:
        gekko_lab.fetch(exchange, "BTC/USDT", "1m", n_jobs=1, **asked)
    assert told.value.frame.equals(truth("BTC/USDT", "1m", "2024-01-01", "2024-01-02T09:20"))
    report = told.value.report
    assert report.select("missing", "reason").rows() == [(2320, "failed")]
    assert report.select(pl.col("since", "until").dt.epoch("ms")).row(0) == (
        ms("2024-01-02T09:20"),
        ms("2024-01-04"),
    )
    assert isinstance(told.value.__cause__, AccessDenied)


def test_one_lastingly_broken_page_does_not_cost_the_others(binance):
    server, exchange = binance()
    server.faults.add(Fault("truncated", path=KLINES, skip=1, count=4))
    asked = {"since": "2024-01-01", "until": "2024-01-04"}
    with pytest.raises(IncompleteData) as told:
        gekko_lab.fetch(exchange, "BTC/USDT", "1m", n_jobs=1, **asked)
    assert len(told.value.frame) == 3320
    assert told.value.report["missing"].to_list() == [1000]


def test_one_lastingly_bad_candle_costs_itself_alone(binance, truth, ms, market):
    class Spoiled:
        rules = market.rules
        trades = market.trades
        trades_from_id = market.trades_from_id

        def candles(self, symbol, timeframe, since, until, *, quote_volume=False):
            frame = market.candles(symbol, timeframe, since, until, quote_volume=quote_volume)
            bad = pl.col("timestamp").dt.epoch("ms") == ms("2024-01-02T03:04")
            return frame.with_columns(high=pl.when(bad).then(pl.col("low") - 1).otherwise("high"))

    _, exchange = binance(data=Spoiled())
    with pytest.raises(IncompleteData, match="high below") as told:
        gekko_lab.fetch(exchange, "BTC/USDT", "1m", since="2024-01-01", until="2024-01-04")
    assert told.value.report["missing"].to_list() == [1]
    whole = truth("BTC/USDT", "1m", "2024-01-01", "2024-01-04")
    time = pl.col("timestamp").dt.epoch("ms")
    assert told.value.frame.equals(whole.filter(time != ms("2024-01-02T03:04")))


def test_an_incomplete_pandas_fetch_keeps_pandas_rows(binance):
    server, exchange = binance()
    server.faults.add(Fault("status", path=KLINES, skip=1, value=403))
    with pytest.raises(IncompleteData) as told:
        gekko_lab.fetch(
            exchange, "BTC/USDT", "1m", since="2024-01-01", until="2024-01-03", frame="pandas"
        )
    assert type(told.value.frame).__module__.startswith("pandas")
    assert len(told.value.frame) == 1000


@pytest.mark.parametrize(
    ("asked", "error", "text"),
    [
        ({"symbol": "BTC/USDX"}, UnknownSymbol, "'BTC/USDT'"),
        ({"timeframe": "7m"}, UnknownTimeframe, "1m, 3m, 5m"),
        ({"timeframe": "hour"}, UnknownTimeframe, "a count and a unit"),
        ({"since": "2024-03-02"}, InvalidRange, "clock"),
        ({"since": "2024-02-02", "until": "2024-02-01"}, InvalidRange, "later than since"),
        ({"since": "2024-02-02", "until": "2024-02-02"}, InvalidRange, "exclusive"),
        ({"since": 1, "until": "2024", "limit": 3}, InvalidRange, "contradict"),
        ({"limit": 0}, InvalidArgument, "at least one"),
        ({"limit": 2.5}, InvalidType, "whole number"),
        ({"limit": True}, InvalidType, "whole number"),
        ({"symbol": None}, InvalidType, "symbol"),
        ({"timeframe": 60}, InvalidType, "timeframe"),
        ({"since": 1_700_000_000}, InvalidArgument, "multiply by 1000"),
        ({"columns": "all"}, InvalidArgument, "'base' or 'full'"),
    ],
)
def test_a_wrong_request_is_told_before_a_candle_is_asked_for(binance, asked, error, text):
    server, exchange = binance()
    arguments = {"symbol": "BTC/USDT", "timeframe": "1h", **asked}
    with pytest.raises(error, match=text):
        gekko_lab.fetch(exchange, **arguments)
    assert not page_calls(server)


def test_a_range_of_less_than_a_candle_is_an_empty_table(binance):
    server, exchange = binance()
    asked = {"since": "2024-01-01T00:10", "until": "2024-01-01T00:20"}
    empty = gekko_lab.fetch(exchange, "BTC/USDT", "1h", columns="full", **asked)
    assert empty.is_empty()
    assert empty.schema == CANDLES_FULL
    assert not page_calls(server)


def test_the_exchange_s_clock_decides_and_is_asked_once(binance):
    server, exchange = binance(clock="2024-01-05T00:00:05")
    for _ in range(3):
        assert len(gekko_lab.fetch(exchange, "BTC/USDT", "1d", since="2024-01-01")) == 4
    assert [request.path for request in server.requests].count("/api/v3/time") == 1


def test_markets_are_asked_for_once_a_day_and_again_for_an_unknown_symbol(binance, monkeypatch):
    server, first = binance()
    second = gekko_lab.CcxtMarketData("binance", config=first.config)
    for exchange in (first, second):
        gekko_lab.fetch(exchange, "BTC/USDT", limit=1)
    paths = [request.path for request in server.requests]
    assert paths.count("/api/v3/exchangeInfo") == 1
    import time

    later = time.time() + 3600
    monkeypatch.setattr(time, "time", lambda: later)
    with pytest.raises(UnknownSymbol):
        second.market("NO/SUCH")
    second.close()
    assert [r.path for r in server.requests].count("/api/v3/exchangeInfo") == 2


def test_a_disk_that_keeps_no_market_list_never_breaks_a_fetch(binance, tmp_path):
    _, exchange = binance()
    with gekko_lab.options(data_dir=tmp_path / "data"):
        (tmp_path / "data").mkdir(exist_ok=True)
        (tmp_path / "data" / "markets").write_text("in the way")
        assert len(gekko_lab.fetch(exchange, "BTC/USDT", limit=3)) == 3


def test_sources_of_different_hosts_have_different_identities(binance):
    one, other = binance()[1], binance()[1]
    names = {source.identity for source in (one, other, gekko_lab.CcxtMarketData("binance"))}
    assert len(names) == 3
    assert "binance" in names
    quicker = gekko_lab.CcxtMarketData("binance", config={"timeout": 5})
    assert quicker.identity == "binance"
