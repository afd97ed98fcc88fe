"""What the data log holds, read through `fetch`: by a name, without asking anybody."""

from __future__ import annotations

import pytest

import gekko_lab
from gekko_lab import datalog
from gekko_lab.errors import GapWarning, NotInLog, UnknownExchange, UnknownSymbol, UnknownTimeframe
from gekko_lab.market.timeframe import Timeframe
from gekko_lab.sources.contract import check_source
from gekko_lab.sources.log_replay import LogReplay

DAY = {"since": "2024-01-01", "until": "2024-01-02"}


@pytest.fixture
def filled(binance, ms):
    """Three days of minutes in the log, an outage in the second, and nobody there any more."""
    outage = (ms("2024-01-02T10:00"), ms("2024-01-02T11:00"))
    server, exchange = binance(outages=[outage])
    with pytest.warns(GapWarning):
        gekko_lab.fetch(exchange, "BTC/USDT", "1m", since="2024-01-01", until="2024-01-04")
    server.close()
    return exchange


def test_the_name_replay_reads_what_was_fetched(filled, market, ms):
    truth = market.candles("BTC/USDT", Timeframe.parse("1m"), *map(ms, DAY.values()))
    name = f"replay:{filled.identity}"
    held = gekko_lab.fetch(name, "BTC/USDT", "1m", **DAY)
    assert held.equals(truth.select(held.columns))
    assert gekko_lab.fetch(filled, "BTC/USDT", "1m", source="log", **DAY).equals(held)
    full = gekko_lab.fetch(name, "BTC/USDT", "1m", columns="full", **DAY)
    assert full["trade_count"].equals(truth["trade_count"])


def test_an_outage_is_told_with_its_reason(filled):
    with pytest.warns(GapWarning, match="60 candles in an outage") as told:
        held = gekko_lab.fetch(filled, "BTC/USDT", "1m", since="2024-01-02", source="log")
    assert held.height == 2 * 1440 - 60
    assert len(told) == 1


def test_what_is_not_held_is_named(filled):
    asked = {"since": "2023-12-31", "until": "2024-01-02", "source": "log"}
    with pytest.warns(GapWarning, match=r"1440 candles .* data log .*2023-12-31 to 2024-01-01"):
        held = gekko_lab.fetch(filled, "BTC/USDT", "1m", **asked)
    assert held.height == 1440


def test_without_an_end_it_ends_where_the_log_ends(filled):
    held = gekko_lab.fetch(filled, "BTC/USDT", "1m", since="2024-01-03", source="log")
    assert held.height == 1440


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ({"limit": 10}, "2024-01-03 23:50:00+00:00", "2024-01-03 23:59:00+00:00"),
        (
            {"since": "2024-01-01", "limit": 3},
            "2024-01-01 00:00:00+00:00",
            "2024-01-01 00:02:00+00:00",
        ),
        (
            {"until": "2024-01-01T00:05", "limit": 2},
            "2024-01-01 00:03:00+00:00",
            "2024-01-01 00:04:00+00:00",
        ),
    ],
)
def test_the_first_and_the_last_so_many(filled, asked, first, last):
    held = gekko_lab.fetch(filled, "BTC/USDT", "1m", source="log", **asked)
    assert held.height == asked["limit"]
    assert str(held["timestamp"][0]) == first
    assert str(held["timestamp"][-1]) == last


def test_the_last_so_many_across_an_outage(filled):
    asked = {"until": "2024-01-02T11:05", "limit": 10, "source": "log"}
    with pytest.warns(GapWarning, match="outage"):
        held = gekko_lab.fetch(filled, "BTC/USDT", "1m", **asked)
    assert held.height == 10
    assert str(held["timestamp"][0]) == "2024-01-02 09:55:00+00:00"


def test_what_is_not_there_is_refused_with_what_is(filled):
    name = f"replay:{filled.identity}"
    with pytest.raises(UnknownSymbol, match="Did you mean 'BTC/USDT'"):
        gekko_lab.fetch(name, "BTC/USD", "1m", **DAY)
    with pytest.raises(UnknownTimeframe, match="choose one of 1m"):
        gekko_lab.fetch(name, "BTC/USDT", "4h", **DAY)
    with pytest.raises(UnknownExchange, match="'replay:binance'"):
        gekko_lab.fetch("replay:", "BTC/USDT", "1m", **DAY)
    with pytest.raises((UnknownSymbol, NotInLog)):
        gekko_lab.fetch("replay:kraken", "BTC/USDT", "1m", **DAY)


def test_many_series_replay_beside_live_ones(filled):
    name = f"replay:{filled.identity}"
    many = gekko_lab.fetch_many([name, "simulator"], "BTC/USDT", "1m", **DAY)
    assert many["exchange"].unique(maintain_order=True).to_list() == [name, "simulator"]


def test_it_keeps_the_rules_of_a_source(data_dir):
    """Of a log that reaches to now, as the rules ask for late candles and trades."""
    market = gekko_lab.ExchangeSimulator(seed=3)
    gekko_lab.fetch(market, "BTC/USDT", "1h", since="2d", log=True)
    trades = gekko_lab.fetch_trades(market, "BTC/USDT", since="5m")
    datalog.write(trades, market, "BTC/USDT", kind="trades")
    check_source(LogReplay(market), "BTC/USDT", "1h")
