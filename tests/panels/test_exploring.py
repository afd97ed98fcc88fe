"""`explore`: any market as a chart; what is changed leaves all else as it was."""

from __future__ import annotations

import asyncio

import polars as pl
import pytest

import gekko_lab
from gekko_lab.errors import UnknownSymbol

DAYS = {"since": "2024-01-01", "until": "2024-01-11"}


@pytest.fixture
def explore(opened):
    def begin(*given, **settings):
        panel = opened(gekko_lab.explore(*given, **{**DAYS, **settings}))
        return asyncio.run(panel.ready())

    return begin


def drawn(chart):
    """Give the lines over a chart's candles, by name, where they have values."""
    content = chart._content
    places = content.pyramid.places
    return {name: line.at(places, content.axis.steps[0]) for name, line in content.lines.items()}


def test_it_shows_what_fetch_gives(explore):
    panel = explore("simulator", "BTC/USDT", "1h")
    assert panel.frame.equals(gekko_lab.fetch("simulator", "BTC/USDT", "1h", **DAYS))
    assert panel.chart.candles.equals(panel.frame)
    assert panel._header.parts == ["simulator", "BTC/USDT", "1h", "240 rows", "0 missing"]
    assert panel._header.badge == "SIM"


def test_the_code_gives_the_same_chart(explore):
    panel = explore("simulator", "BTC/USDT", "1h")
    for name in ("sma", "ema", "vwap"):
        panel.controls[name].value = True
    panel.controls["sma_length"].value = 5
    known = {"gekko_lab": gekko_lab}
    exec(panel.code, known)  # noqa: S102 (our own text)
    assert known["chart"].candles.equals(panel.chart.candles)
    ours, theirs = drawn(panel.chart), drawn(known["chart"])
    assert set(ours) == set(theirs) == {"SMA 5", "EMA 50", "VWAP"}
    for name, line in ours.items():
        assert pl.Series(line).equals(pl.Series(theirs[name]), null_equal=True)


def test_averages_are_what_their_names_say(explore):
    panel = explore("simulator", "BTC/USDT", "1h")
    for name in ("sma", "ema", "vwap"):
        panel.controls[name].value = True
    lines, rows = drawn(panel.chart), panel.frame
    closes = rows["close"].to_list()
    assert lines["SMA 20"][30] == pytest.approx(sum(closes[11:31]) / 20)
    average = closes[0]
    for close in closes[1:101]:
        average += (close - average) * 2 / 51
    assert lines["EMA 50"][100] == pytest.approx(average)
    day = rows[24:28].to_dicts()
    cost = sum((row["high"] + row["low"] + row["close"]) / 3 * row["volume"] for row in day)
    assert lines["VWAP"][27] == pytest.approx(cost / sum(row["volume"] for row in day))


def test_another_exchange_keeps_width_overlays_range_and_selection(explore, binance):
    _, source = binance(clock="2024-01-11T00:00:30")
    panel = explore("simulator", "BTC/USDT", "1h", exchanges=[source])
    panel.controls["timeframe"].value = "4h"
    panel.controls["sma"].value = True
    asyncio.run(panel.ready())
    panel.chart.zoom("2024-01-03", "2024-01-06")
    panel.chart.select("2024-01-04", "2024-01-05")
    seen, chosen = panel.chart.range, panel.selection
    panel.controls["exchange"].value = "binance"
    asyncio.run(panel.ready())
    assert panel._header.parts[:3] == ["binance", "BTC/USDT", "4h"]
    assert panel._header.badge == "LIVE"
    assert panel.chart.range == seen
    assert panel.selection.equals(chosen)
    assert chosen.height == 6
    assert list(drawn(panel.chart)) == ["SMA 20"]


def test_an_overlay_goes_as_it_came(explore):
    panel = explore("simulator", "BTC/USDT", "1h")
    panel.controls["vwap"].value = True
    panel.controls["vwap"].value = False
    assert drawn(panel.chart) == {}
    assert "overlay" not in panel.code


def test_a_market_that_is_not_there_shows_an_error_and_leaves_the_chart(explore):
    panel = explore("simulator", "BTC/USDT", "1h")
    before = panel.frame
    panel.controls["symbol"].value = "BTC/USDTT"
    with pytest.raises(UnknownSymbol):
        asyncio.run(panel.ready())
    assert "BTC/USDTT" in panel._header.error
    assert panel.frame.equals(before)
    panel.controls["symbol"].value = "ETH/USDT"
    asyncio.run(panel.ready())
    assert panel._header.error == ""


def test_what_is_selected_is_told_as_a_frame(explore):
    panel = explore("simulator", "BTC/USDT", "1h")
    heard = []
    panel.on("selection", lambda told: heard.append(told.selection))
    panel.chart.select("2024-01-02", "2024-01-03")
    assert heard[0]["timestamp"].dt.day().unique().to_list() == [2]


def test_gaps_of_the_log_are_counted(explore):
    hours = gekko_lab.fetch("simulator", "BTC/USDT", "1h", **DAYS)
    gekko_lab.datalog.write(hours[[*range(100), *range(130, 240)]], "mine", "BTC/USDT", "1h")
    panel = explore("replay:mine", "BTC/USDT", "1h")
    assert panel._header.parts[3:] == ["210 rows", "30 missing"]
    assert panel._header.badge == "LOG"


def test_pandas_is_given_to_those_who_set_it(opened):
    with gekko_lab.options(frame="pandas"):
        panel = opened(gekko_lab.explore("simulator", "BTC/USDT", "1h", **DAYS))
        asyncio.run(panel.ready())
        panel.chart.select("2024-01-02", "2024-01-03")
        assert (len(panel.frame), len(panel.selection)) == (240, 24)
        assert type(panel.frame).__module__.startswith("pandas")


def test_the_page_holds_the_chart_and_asks_nobody(explore, tmp_path):
    panel = explore("simulator", "BTC/USDT", "1h")
    page = panel.to_html(tmp_path / "page.html").read_text(encoding="utf-8")
    assert "srcdoc=" in page
    assert "gekko_lab.fetch(&#x27;simulator&#x27;" in page


def test_the_saved_notebook_shows_the_chart(explore):
    bundles = [explore("simulator", "BTC/USDT", "1h")._repr_mimebundle_() for _ in range(2)]
    assert bundles[0]["text/html"] == bundles[1]["text/html"]
    assert "data:image/svg+xml;base64," in bundles[0]["text/html"]
    assert len(bundles[0]["text/html"]) < 50_000
