"""The data log topped up to now, once or again and again."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

import gekko_lab
from gekko_lab import datalog
from gekko_lab.errors import InvalidArgument, NotInLog
from gekko_lab.limits import waiting
from gekko_lab.server import serve
from gekko_lab.sources.log_replay import LogReplay

KLINES = "/api/v3/klines"


@pytest.fixture
def moving(market, ms):
    """A served market whose clock the test moves."""
    now = SimpleNamespace(ms=ms("2024-01-02T00:00:30"))
    server = serve(market, clock=lambda: now.ms)
    settings = {"enableRateLimit": False, **server.ccxt_config()}
    exchange = gekko_lab.CcxtMarketData("binance", config=settings)
    yield now, server, exchange
    exchange.close()
    server.close()


def move(now, exchange, text, ms):
    now.ms = ms(text)
    exchange._clock = None  # its offset is asked for once in ten minutes


def test_everything_stored_is_brought_up_to_now(moving, ms):
    now, _, exchange = moving
    for symbol, timeframe in (("BTC/USDT", "1m"), ("ETH/USDT", "1h")):
        gekko_lab.fetch(exchange, symbol, timeframe, since="2024-01-01")
    move(now, exchange, "2024-01-03T06:00:30", ms)
    report = gekko_lab.update(exchange)
    assert report["status"].to_list() == ["complete", "complete"]
    assert report["rows"].to_list() == [30 * 60, 30]
    assert datalog.load(exchange, "BTC/USDT", "1m").height == 54 * 60
    assert datalog.load(exchange, "ETH/USDT", "1h").height == 54


def test_only_what_is_missing_is_asked_for(moving, ms):
    now, server, exchange = moving
    gekko_lab.fetch(exchange, "BTC/USDT", "1m", since="2024-01-01")
    move(now, exchange, "2024-01-02T01:00:30", ms)
    before = len(server.requests)
    gekko_lab.update(exchange)
    asked = [each for each in server.requests[before:] if each.path == KLINES]
    assert [int(each.query["startTime"]) for each in asked] == [ms("2024-01-02")]


def test_a_hole_in_the_middle_is_filled_too(moving):
    _, _, exchange = moving
    gekko_lab.fetch(exchange, "BTC/USDT", "1m", since="2024-01-01", until="2024-01-01T06:00")
    gekko_lab.fetch(exchange, "BTC/USDT", "1m", since="2024-01-01T12:00")
    gekko_lab.update(exchange)
    assert datalog.gaps(exchange, "BTC/USDT", "1m").is_empty()
    assert datalog.load(exchange, "BTC/USDT", "1m").height == 1440


def test_a_series_of_a_source_that_no_name_leads_to_is_told(moving):
    _, _, exchange = moving
    gekko_lab.fetch(exchange, "BTC/USDT", "1h", since="2024-01-01")
    gekko_lab.fetch("simulator", "BTC/USDT", "1d", since="40d", until="20d", log=True)
    report = gekko_lab.update()
    told = dict(report.select("exchange", "status").rows())
    assert told.pop(exchange.identity) == "skipped"
    assert "pass the source itself" in report.filter(status="skipped")["error"].item()


def test_every_so_often_until_the_rounds_are_over(moving, ms, monkeypatch):
    now, _, exchange = moving
    gekko_lab.fetch(exchange, "BTC/USDT", "1m", since="2024-01-01")
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        move(now, exchange, f"2024-01-02T0{len(slept)}:00:30", ms)

    monkeypatch.setattr(waiting, "sleep", lambda seconds, _: sleep(seconds))
    report = gekko_lab.update(exchange, every="1h", rounds=3)
    assert len(slept) == 2
    assert all(0 < seconds <= 3600 + 3 for seconds in slept)
    assert report["rows"].to_list() == [60]
    assert datalog.load(exchange, "BTC/USDT", "1m").height == 26 * 60


def test_what_makes_no_sense_is_refused():
    with pytest.raises(NotInLog, match="fetch something first"):
        gekko_lab.update()
    with pytest.raises(InvalidArgument, match="goes with every"):
        gekko_lab.update(rounds=3)
    with pytest.raises(InvalidArgument, match="choose 'candles' or 'trades'"):
        gekko_lab.update(kind="books")
    with pytest.raises(gekko_lab.errors.GekkoLabError, match="soon"):
        gekko_lab.update(every="soon")


@pytest.mark.parametrize("rounds", [0, -1, 1.5, True, "2"])
def test_rounds_are_counted_from_one_on(moving, rounds):
    _, server, exchange = moving
    gekko_lab.fetch(exchange, "BTC/USDT", "1h", since="2024-01-01")
    before = len(server.requests)
    with pytest.raises(InvalidArgument, match=f"rounds={rounds!r}"):
        gekko_lab.update(exchange, every="1h", rounds=rounds)
    assert len(server.requests) == before


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"symbols": ["BTC/USDT", "LTC/USDT"]},
            "no series with symbol 'LTC/USDT', but with 'BTC/USDT'",
        ),
        ({"symbols": "btcusdt"}, "Did you mean 'BTC/USDT'?"),
        (
            {"timeframes": ["1h", "1d", "1w"]},
            "no series with timeframe '1d' and '1w', but with '1h'",
        ),
        ({"exchanges": "binanc"}, "no series with exchange 'binanc', but with 'binance-"),
        ({"symbols": "BTC/USDT", "kind": "trades"}, "fetch something first"),
    ],
)
def test_names_that_hold_nothing_are_told_before_anything_is_asked(moving, given, message):
    _, server, exchange = moving
    gekko_lab.fetch(exchange, "BTC/USDT", "1h", since="2024-01-01")
    before = len(server.requests)
    with pytest.raises(NotInLog) as caught:
        gekko_lab.update(given.pop("exchanges", exchange), **given)
    assert message in str(caught.value)
    assert "gekko_lab.datalog.catalog()" in str(caught.value)
    assert len(server.requests) == before


def test_names_that_hold_trades_or_other_timeframes_are_no_error(moving, ms):
    now, _, exchange = moving
    gekko_lab.fetch(exchange, "BTC/USDT", "1h", since="2024-01-01")
    gekko_lab.fetch(exchange, "ETH/USDT", "1d", since="2023-12-30")
    trades = {"since": "2024-01-01T23:59", "log": True}
    gekko_lab.fetch_trades(exchange, "LTC/USDT", **trades)
    move(now, exchange, "2024-01-02T00:01:30", ms)
    report = gekko_lab.update(exchange, ["BTC/USDT", "ETH/USDT", "LTC/USDT"])
    assert report["timeframe"].to_list() == ["1h", "1d", ""]
    report = gekko_lab.update(exchange, ["BTC/USDT", "ETH/USDT"], ["1h", "1d"])
    assert report["symbol"].to_list() == ["BTC/USDT", "ETH/USDT"]


def test_a_timeframe_of_trades_is_refused(moving):
    _, _, exchange = moving
    gekko_lab.fetch_trades(exchange, "BTC/USDT", since="2024-01-01T23:59", log=True)
    with pytest.raises(InvalidArgument, match="timeframes='1h': trades have none"):
        gekko_lab.update(exchange, kind="trades", timeframes="1h")


def test_a_replay_is_refused_as_it_asks_nobody(moving):
    _, server, exchange = moving
    gekko_lab.fetch(exchange, "BTC/USDT", "1h", since="2024-01-01")
    before = len(server.requests)
    for replay in (LogReplay(exchange), [exchange, LogReplay(exchange)], "replay:binance"):
        with pytest.raises(InvalidArgument, match="update 'binance'"):
            gekko_lab.update(replay)
    assert len(server.requests) == before
