"""`player`: the past as if it came now."""

from __future__ import annotations

import asyncio
import threading

import polars as pl
import pytest

import gekko_lab
from gekko_lab.errors import DataError, InvalidArgument, NotInLog


@pytest.fixture(scope="module")
def hours():
    return gekko_lab.fetch(
        "simulator", "BTC/USDT", "1h", since="2024-01-01", until="2024-01-21", progress="off"
    )


@pytest.fixture
def player(opened):
    def begin(*given, **settings):
        return asyncio.run(opened(gekko_lab.player(*given, **settings)).ready())

    return begin


def marks(chart):
    return [] if chart._content.marks is None else chart._content.marks


def test_steps_and_scrubbing_show_just_what_had_come(player, hours):
    panel = player(hours, "BTC/USDT")
    assert panel.frame.equals(hours.head(100))
    panel.controls["step"].click()
    assert panel.frame.equals(hours.head(101))
    assert panel.chart.candles.equals(hours.head(101))
    panel.controls["back"].click()
    assert panel.chart.candles.equals(hours.head(100))
    panel.controls["place"].value = 7
    assert panel.chart.candles.equals(hours.head(7))
    panel.go(10_000)
    assert panel.chart.candles.equals(hours)
    assert panel.state == "ended"


def test_one_candle_is_played_without_a_word_about_its_width(player, hours):
    panel = player(hours[:1], "BTC/USDT")
    assert repr(panel) == "<player: frame · BTC/USDT · 1 of 1 rows · 2024-01-01 00:00 · REPLAY>"
    assert repr(panel.chart).startswith("Chart: 1 candle · ")
    told = player(hours[:1], "BTC/USDT", "1h")
    assert "1 candles of 1h" in repr(told.chart)


def test_a_hand_on_the_slider_counts_while_it_follows_the_play(player, hours):
    panel = player(hours, "BTC/USDT")
    slider = panel.controls["place"]
    hand = threading.Thread(target=setattr, args=(slider, "value", 7))

    def meddle(change):
        if change.new == 101:
            hand.start()
            hand.join(0.3)

    slider.observe(meddle, "value")
    panel.controls["step"].click()
    hand.join(30)
    assert panel.frame.equals(hours.head(7))
    assert panel.chart.candles.equals(hours.head(7))


def test_it_plays_to_the_end_and_then_again_from_the_begin(player, hours):
    panel = player(hours, "BTC/USDT")
    ended = threading.Event()
    panel.controls["speed"].value = 500
    panel.on("change", lambda told: ended.set() if told.frame.height == 480 else None)
    panel.controls["play"].value = True
    assert panel.state == "playing"
    assert ended.wait(20)
    assert panel.chart.candles.equals(hours)
    while panel.state == "playing":
        pass
    assert panel.controls["play"].value is False
    panel.play()
    panel.pause()
    assert panel.frame.height < 480


def test_trades_are_marked_once_their_candle_has_come(player, hours):
    trades = pl.DataFrame(
        {
            "timestamp": hours["timestamp"][[50, 150]],
            "side": ["buy", "sell"],
            "price": hours["close"][[50, 150]],
        }
    )
    panel = player(hours, "BTC/USDT", trades=trades)
    seen = []
    panel.chart.mark = lambda rows: seen.append(rows.rows())
    panel.go(150)
    panel.go(151)
    assert [len(rows) for rows in seen] == [1, 2]
    assert [row[1:3] for row in seen[1]] == [("buy", "buy"), ("sell", "sell")]


def test_the_data_log_is_played_and_the_code_gives_the_same_candles(player, hours):
    gekko_lab.datalog.write(hours, "mine", "BTC/USDT", "1h")
    panel = player("mine", "BTC/USDT", since="2024-01-02", until="2024-01-04")
    panel.go(48)
    told = []
    known = {"gekko_lab": gekko_lab, "print": lambda *values: told.append(values)}
    exec(panel.code, known)  # noqa: S102 (our own text)
    assert told == panel.frame.select("timestamp", "close").rows()
    assert len(told) == 48


def test_trades_are_played_as_the_candles_they_make(player):
    trades = gekko_lab.fetch_trades(
        "simulator", "BTC/USDT", since="2024-01-01T00:00", until="2024-01-01T02:00"
    )
    panel = player(trades, "BTC/USDT", "15m")
    panel.go(8)
    assert panel.frame.equals(gekko_lab.candles_from_trades(trades, "15m"))


def test_a_part_of_a_frame_is_played(player, hours):
    panel = player(hours, "BTC/USDT", since="2024-01-02", until="2024-01-03")
    panel.go(1000)
    assert panel.frame["timestamp"].dt.day().unique().to_list() == [2]
    assert panel.frame.height == 24


def test_what_is_not_there_is_told(player, hours, opened):
    with pytest.raises(InvalidArgument, match="which market"):
        gekko_lab.player("mine")
    with pytest.raises(NotInLog):
        player("mine", "BTC/USDT")
    with pytest.raises(DataError, match="no candles to play"):
        player(hours.head(0), "BTC/USDT")
    with pytest.raises(DataError, match="no column 'timestamp'"):
        player(hours, "BTC/USDT", trades=pl.DataFrame({"price": [1.0]}))
