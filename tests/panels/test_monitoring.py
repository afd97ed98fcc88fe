"""`monitor`: markets as they happen, of the simulator and of a served exchange."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

import gekko_lab
from gekko_lab.errors import InvalidArgument
from gekko_lab.panels.forming import Forming
from gekko_lab.panels.tape import ladder_rows
from tests.feeds.live import served

MINUTES = {"since": "2024-01-01T00:00", "until": "2024-01-01T00:04", "speed": "max"}


@pytest.fixture
def monitor(opened):
    def begin(*given, **settings):
        return opened(gekko_lab.monitor(*given, **settings))

    return begin


def until(true):
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_candles_grow_out_of_trades_into_those_of_fetch(monitor):
    panel = monitor("simulator", ["BTC/USDT", "ETH/USDT"], "1m", **MINUTES)
    panel.feed.wait()
    asyncio.run(panel.ready())
    for symbol in ("BTC/USDT", "ETH/USDT"):
        panel.controls["symbol"].value = symbol
        wanted = gekko_lab.fetch(
            "simulator", symbol, "1m", since="2024-01-01", until="2024-01-01T00:04"
        )
        assert panel.frame.tail(4).equals(wanted)
        assert panel.frame.height == 304
        assert panel.chart.candles.equals(panel.frame)


def test_the_newest_trades_and_the_book_are_shown(monitor):
    panel = monitor("simulator", "BTC/USDT", "1m", **MINUTES)
    panel.feed.wait()
    panel._refresh()
    trades, books = panel.feed.frame("trades"), panel.feed.frame("order_books")
    assert [row["key"] for row in panel._tape.rows][:3] == [
        str(number) for number in trades["sequence"].tail(3).reverse()
    ]
    sides = [row["cells"]["side"] for row in panel._ladder.rows]
    assert sides == ["ask"] * 6 + ["bid"] * 6
    prices = [float(row["cells"]["price"].replace(",", "")) for row in panel._ladder.rows]
    assert prices == sorted(prices, reverse=True)
    best = books.filter(books["sequence"] == books["sequence"].max()).filter(level=1)
    assert prices[5:7] == best.sort("price", descending=True)["price"].to_list()


@pytest.fixture
def ended(monitor):
    """Give a panel whose stream is over, and its newest order book, which isn't shown."""
    panel = monitor("simulator", "BTC/USDT", "1m", **MINUTES)
    panel.feed.wait()
    until(lambda: not panel._ticker.running)
    newest = panel._books["BTC/USDT"]
    panel._books["BTC/USDT"] = newest.with_columns(price=newest["price"] + 1)
    return panel, newest


def test_an_older_look_at_the_market_does_not_cover_a_newer_one(ended):
    panel, newest = ended
    show, looked, shown = panel._ladder.show, threading.Event(), threading.Event()

    def show_late(rows):
        if not looked.is_set():
            looked.set()
            shown.wait(0.3)
        show(rows)

    panel._ladder.show = show_late
    older = threading.Thread(target=panel._refresh)
    older.start()
    assert looked.wait(30)
    panel._books["BTC/USDT"] = newest
    panel._refresh()
    shown.set()
    older.join(30)
    assert panel._ladder.told() == ladder_rows(newest)


def test_the_last_look_is_one_at_the_end(ended, monkeypatch):
    panel, newest = ended
    health = panel.feed.health

    def health_as_it_ends():
        panel._books["BTC/USDT"] = newest
        return health()

    monkeypatch.setattr(panel.feed, "health", health_as_it_ends)
    panel._refresh()
    assert panel._ladder.told() == ladder_rows(newest)


def test_it_pauses_goes_on_and_stops(monitor):
    panel = monitor("simulator", "BTC/USDT", "1m", speed=600)
    until(lambda: panel.feed.health().events > 0)
    panel.controls["pause"].value = True
    assert panel.state == "paused"
    panel.controls["pause"].value = False
    until(lambda: panel.state == "running")
    panel.controls["stop"].click()
    until(lambda: panel.state == "stopped")
    until(lambda: not panel._ticker.running)


def test_what_comes_is_recorded_into_the_log(monitor):
    panel = monitor("simulator", "BTC/USDT", "1m")
    panel.controls["record"].value = True
    until(lambda: panel.recorder.status()["rows"].sum() > 0)
    assert "gekko_lab.record('simulator', ['BTC/USDT'], timeframe='1m')" in panel.code
    until(lambda: any("recording" in part for part in panel._health.parts))
    panel.controls["record"].value = False
    assert panel.recorder.wait(20)
    held = gekko_lab.datalog.catalog("trades")
    assert held["rows"].item() > 0
    assert "record" not in panel.code


def test_a_live_exchange_is_shown_with_its_latency(monitor, market):
    with served(market, 20) as (server, _):
        source = gekko_lab.CcxtMarketData(
            "binance", config={**server.ccxt_config(), "enableRateLimit": False}
        )
        panel = monitor(source, "BTC/USDT", "1m", depth=20)
        until(lambda: panel.frame.height > 100 and panel.feed.health().events > 20)
        until(lambda: panel._tape.rows and panel._ladder.rows)
        assert panel._header.badge == "LIVE"
        assert any("events/s" in part for part in panel._health.parts)
        panel.close()
        source.close()


def test_a_stream_that_can_not_be_is_refused_at_once():
    with pytest.raises(InvalidArgument):
        gekko_lab.monitor("simulator", [])


def test_a_candle_that_was_joined_late_is_made_whole():
    forming = Forming("1m")
    minutes = {"since": "2024-01-01T00:00", "until": "2024-01-01T00:03"}
    trades = gekko_lab.fetch_trades("simulator", "BTC/USDT", **minutes)
    whole = gekko_lab.fetch("simulator", "BTC/USDT", "1m", **minutes)
    forming.add(trades.filter(trades["timestamp"].dt.second() >= 30)[:5])
    forming.add(trades.filter(trades["timestamp"].dt.minute() >= 1))
    assert not forming.candles.equals(whole)
    forming.put(whole.head(1))
    assert forming.candles.equals(whole)
    assert forming.begun == 3
