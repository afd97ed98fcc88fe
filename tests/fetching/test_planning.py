"""A plan tells beforehand what a fetch will ask for; the fetch then asks for that."""

from __future__ import annotations

import pytest

import gekko_lab
from gekko_lab.errors import InvalidArgument, UnknownSymbol
from gekko_lab.sources.log_replay import LogReplay

KLINES = "/api/v3/klines"
DAYS = {"since": "2024-01-01", "until": "2024-01-08"}


def weight(server, path=KLINES):
    return sum(request.weight for request in server.requests if request.path == path)


def test_calls_and_weight_are_those_of_the_fetch(binance):
    server, exchange = binance()
    table = gekko_lab.plan(exchange, ["BTC/USDT", "ETH/USDT"], ["1m", "1h"], **DAYS)
    assert table.select("symbol", "timeframe", "source", "rows", "calls", "weight").rows() == [
        ("BTC/USDT", "1m", "rest", 10080, 11, 22),
        ("BTC/USDT", "1h", "rest", 168, 1, 2),
        ("ETH/USDT", "1m", "rest", 10080, 11, 22),
        ("ETH/USDT", "1h", "rest", 168, 1, 2),
    ]
    before = weight(server)
    gekko_lab.fetch_many(exchange, ["BTC/USDT", "ETH/USDT"], ["1m", "1h"], **DAYS)
    assert weight(server) - before == table["weight"].sum()


def test_what_the_log_holds_costs_nothing(binance):
    _, exchange = binance()
    gekko_lab.fetch(exchange, "BTC/USDT", "1m", since="2024-01-03", until="2024-01-05")
    table = gekko_lab.plan(exchange, "BTC/USDT", "1m", **DAYS)
    assert table["source"].to_list() == ["rest", "log", "rest"]
    assert table["calls"].to_list() == [3, 0, 5]
    assert table["rows"].sum() == 7 * 1440
    assert table["disk_bytes"][1] == 0


def test_seconds_are_what_the_budget_allows(binance):
    """6000 a minute, of which 92 % are taken at a steady pace: 92 a second."""
    _, exchange = binance()
    year = {"since": "2020-01-01", "until": "2024-01-01"}
    row = gekko_lab.plan(exchange, "BTC/USDT", "1m", n_jobs=64, **year).row(0, named=True)
    assert row["calls"] == -(-row["rows"] // 1000)
    assert row["seconds"] == pytest.approx(row["weight"] / 92, abs=0.1)


def test_the_time_before_a_listing_is_not_counted(binance, ms):
    _, exchange = binance(listed_since={"BTC/USDT": ms("2024-01-05")})
    table = gekko_lab.plan(exchange, "BTC/USDT", "1m", **DAYS)
    assert table["rows"].to_list() == [3 * 1440]


def test_trades_are_counted_at_their_pace_of_late(binance):
    server, exchange = binance()
    until = "2024-03-01"
    row = gekko_lab.plan(
        exchange, "BTC/USDT", kind="trades", since="2024-02-29T12:00", until=until
    ).row(0, named=True)
    trades = gekko_lab.fetch_trades(exchange, "BTC/USDT", since="2024-02-29T12:00", until=until)
    assert row["timeframe"] == ""
    assert row["rows"] == pytest.approx(len(trades), rel=0.6)
    assert row["weight"] == 4 * row["calls"]
    assert server.requests


def test_a_simulated_market_costs_no_requests_of_anybody():
    row = gekko_lab.plan("simulator", "BTC/USDT", "1d", **DAYS).row(0, named=True)
    assert (row["rows"], row["weight"], row["seconds"]) == (7, 0, 0.0)


def test_wrong_requests_are_refused():
    with pytest.raises(UnknownSymbol):
        gekko_lab.plan("simulator", "BTC/USTD", "1d", **DAYS)
    with pytest.raises(InvalidArgument, match="source='disk'"):
        gekko_lab.plan("simulator", "BTC/USDT", "1d", source="disk", **DAYS)


def test_what_is_replayed_is_called_so(binance):
    _, exchange = binance()
    days = gekko_lab.fetch(exchange, "BTC/USDT", "1h", since="2024-01-02", until="2024-01-03")
    held = gekko_lab.plan(LogReplay(exchange), "BTC/USDT", "1h", **DAYS)
    assert held.select("source", "rows", "calls").rows() == [("log", 24, 0)]
    recorded = gekko_lab.ExchangeReplay({"BTC/USDT": days})
    asked = {"since": "2024-01-02", "until": "2024-01-03"}
    table = gekko_lab.plan(recorded, "BTC/USDT", "1h", **asked)
    assert table["source"].to_list() == ["replay"]
    trades = gekko_lab.plan(recorded, "BTC/USDT", kind="trades", **asked)
    assert trades["source"].to_list() == ["replay"]
    report = gekko_lab.fetch_many(recorded, "BTC/USDT", "1h", result="report", **asked)
    assert report["source"].to_list() == ["replay"]
