"""`monitor`: markets as they happen, of the simulator and of a served exchange."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import datetime

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


def test_what_is_recorded_is_what_is_shown_from_where_it_is(monitor):
    panel = monitor("simulator", "BTC/USDT", "1m", since="2024-01-01T00:00:30", speed=60, depth=3)
    until(lambda: panel._reached is not None and panel._reached.minute >= 1)
    source = gekko_lab.ExchangeSimulator()
    panel.controls["record"].value = True
    before = datetime.fromisoformat(panel._recording["since"])
    minute = before.replace(second=0, microsecond=0)  # of the first candle, whose trades are kept
    until(lambda: panel.recorder.status()["rows"].sum() > 200)
    code = panel.code
    panel.controls["record"].value = False
    assert panel.recorder.wait(20)
    after = panel._reached
    for kind, timeframe in (("trades", None), ("order_book", None), ("candles", "1m")):
        held = gekko_lab.datalog.load(source, "BTC/USDT", timeframe, kind=kind)
        assert held["timestamp"].dt.year().unique().to_list() == [2024]
        if kind != "candles":
            assert minute <= held["timestamp"][0] <= after
        if kind == "order_book":
            assert held["level"].max() == 3
    shown = gekko_lab.fetch_trades("simulator", "BTC/USDT", since=before, limit=5)
    kept = gekko_lab.datalog.load(source, "BTC/USDT", kind="trades", since=before)
    assert kept.head(5).equals(shown)
    recorder = code.partition("recorder = gekko_lab.record(")[2].split("\n")
    assert recorder[1:5] == [
        "    'simulator',",
        "    ['BTC/USDT'],",
        "    kinds=['trade', 'candle', 'order_book'],",
        "    timeframe='1m',",
    ]
    assert recorder[5].startswith("    since='2024-01-01T00:0")
    assert recorder[6:9] == ["    speed=60,", "    depth=3,", ")"]


def test_what_is_in_the_log_already_can_not_be_recorded(monitor):
    gekko_lab.record(
        "simulator", "BTC/USDT", kinds=("trade", "candle", "order_book"), **MINUTES
    ).wait()
    panel = monitor("replay:simulator", "BTC/USDT", "1m", speed="max")
    control = panel.controls["record"]
    assert control.disabled
    assert control.tooltip == "What is replayed is in the data log already"
    control.value = True
    assert not control.value
    assert "is in the data log already" in str(panel.error)
    assert "record" not in panel.code


def test_of_what_is_over_nothing_more_can_be_recorded(ended):
    panel, _ = ended
    control = panel.controls["record"]
    assert control.disabled
    assert control.tooltip == "The stream is over: nothing more comes"
    panel.start()
    until(lambda: panel.state == "ended")


def test_a_recording_that_can_not_begin_is_not_shown_as_one(monitor, monkeypatch):
    def fail(*_, **__):
        raise InvalidArgument("no")

    panel = monitor("simulator", "BTC/USDT", "1m")
    monkeypatch.setattr("gekko_lab.panels.monitoring.record", fail)
    panel.controls["record"].value = True
    assert not panel.controls["record"].value
    assert str(panel.error) == "no"


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
    assert "recorder = gekko_lab.record(\n    'simulator',\n    ['BTC/USDT']," in panel.code
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


def test_a_live_candle_holds_the_trades_from_its_begin(monitor, market):
    with served(market, 20) as (server, _):
        source = gekko_lab.CcxtMarketData(
            "binance", config={**server.ccxt_config(), "enableRateLimit": False}
        )
        panel = monitor(source, "BTC/USDT", "1h")
        until(lambda: "BTC/USDT" in panel._newest and panel.frame.height > 100)
        panel.stop()
        panel.feed.wait()
        newest = panel._newest["BTC/USDT"].tail(1)
        opened = newest["timestamp"].dt.truncate("1h").dt.epoch("ms").item()
        trades = market.trades("BTC/USDT", opened, newest["timestamp"].dt.epoch("ms").item() + 1)
        told = trades.filter(trades["id"] <= int(newest["id"].item()))
        assert panel.frame[-1:].equals(gekko_lab.candles_from_trades(told, "1h"))
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
    assert forming.candles.is_empty()
    forming.add(trades.filter(trades["timestamp"].dt.minute() >= 1))
    assert not forming.candles.equals(whole)
    assert forming.candles.equals(whole[1:])
    forming.put(whole.head(1))
    assert forming.candles.equals(whole)


def test_an_open_candle_goes_on_from_what_it_was():
    forming = Forming("1m")
    minutes = {"since": "2024-01-01T00:00", "until": "2024-01-01T00:03"}
    trades = gekko_lab.fetch_trades("simulator", "BTC/USDT", **minutes)
    whole = gekko_lab.fetch("simulator", "BTC/USDT", "1m", **minutes)
    late = trades["timestamp"].dt.strftime("%M:%S") >= "00:30"
    forming.join(gekko_lab.candles_from_trades(trades.filter(~late), "1m"))
    for part in trades.filter(late).iter_slices(3):
        forming.add(part)
    assert forming.candles.equals(whole)


def test_what_closed_is_not_changed_by_trades_that_come_late():
    forming = Forming("1m")
    minutes = {"since": "2024-01-01T00:00", "until": "2024-01-01T00:03"}
    trades = gekko_lab.fetch_trades("simulator", "BTC/USDT", **minutes)
    whole = gekko_lab.fetch("simulator", "BTC/USDT", "1m", **minutes)
    assert forming.close(whole[:2]).equals(whole[:2])
    forming.join(whole[:0])
    assert forming.add(trades[5:]).equals(whole[2:])
    assert forming.candles.equals(whole)
    assert forming.close(whole[1:]).is_empty()


HALF = {"since": "2024-01-01T00:00:30", "until": "2024-01-01T00:10:30"}


@pytest.mark.parametrize("speed", ["max", 6000])
def test_candles_are_whole_that_had_begun_before_the_feed(monitor, speed):
    panel = monitor("simulator", "BTC/USDT", "1m", **HALF, speed=speed)
    panel.feed.wait()
    asyncio.run(panel.ready())
    closed = gekko_lab.fetch("simulator", "BTC/USDT", "1m", since="2024-01-01", limit=10)
    assert panel.frame[-11:-1].equals(closed)
    last = gekko_lab.fetch_trades(
        "simulator", "BTC/USDT", since="2024-01-01T00:10", until="2024-01-01T00:10:30"
    )
    assert panel.frame[-1:].equals(gekko_lab.candles_from_trades(last, "1m"))
    assert panel.chart.candles.equals(panel.frame)


def test_a_forming_candle_holds_the_trades_from_its_begin(monitor):
    noon = {"since": "2024-01-02T12:00", "until": "2024-01-02T12:01", "speed": "max"}
    panel = monitor("simulator", "BTC/USDT", "1d", **noon)
    panel.feed.wait()
    asyncio.run(panel.ready())
    day = gekko_lab.fetch_trades("simulator", "BTC/USDT", since="2024-01-02", until=noon["until"])
    assert panel.frame[-1:].equals(gekko_lab.candles_from_trades(day, "1d"))
    before = gekko_lab.fetch("simulator", "BTC/USDT", "1d", until="2024-01-02", limit=300)
    assert panel.frame[:-1].equals(before)


def test_what_is_replayed_shows_nothing_of_its_future(monitor):
    half = {"since": "2024-01-01T00:00:30", "until": "2024-01-01T00:05:30"}
    kinds = ("trade", "candle", "order_book")
    gekko_lab.record("simulator", "BTC/USDT", kinds=kinds, **half, speed="max").wait()
    panel = monitor("replay:simulator", "BTC/USDT", "1m", speed="max", until="2024-01-01T00:02:30")
    panel.feed.wait()
    asyncio.run(panel.ready())
    trades = gekko_lab.fetch_trades(
        "simulator", "BTC/USDT", since="2024-01-01", until="2024-01-01T00:02:30"
    )
    whole = gekko_lab.candles_from_trades(trades, "1m")
    assert panel.frame.equals(whole)


def test_candles_of_a_replayed_exchange_are_whole(monitor):
    candles = gekko_lab.fetch("simulator", "BTC/USDT", "1m", since="2024-01-01", limit=60)
    recorded = gekko_lab.ExchangeReplay({"BTC/USDT": candles})
    half = {"since": "2024-01-01T00:30:30", "until": "2024-01-01T00:31:30", "speed": "max"}
    panel = monitor(recorded, "BTC/USDT", "1m", **half)
    panel.feed.wait()
    asyncio.run(panel.ready())
    assert panel.frame[:-1].equals(candles[:31])
    trades = gekko_lab.fetch_trades(
        recorded, "BTC/USDT", since="2024-01-01T00:31", until=half["until"]
    )
    assert panel.frame[-1:].equals(gekko_lab.candles_from_trades(trades, "1m"))
