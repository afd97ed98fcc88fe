"""The chart's front end alone, used as a person would."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from axe_playwright_python.sync_playwright import Axe

import gekko_lab
from gekko_lab.frames.schemas import CANDLES
from gekko_lab.market.timeframe import Timeframe
from gekko_lab.widgets.front import STATIC

HOUR = timedelta(hours=1)
START = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def hours():
    """Eighty days of hourly candles, of which days are missing."""
    asked = {"since": "2024-01-01", "until": "2024-03-21", "progress": "off"}
    whole = gekko_lab.fetch("simulator", "BTC/USDT", "1h", **asked)
    return whole[[*range(200), *range(260, len(whole))]]


def many(rows):
    """Candles of a second each."""
    random = np.random.default_rng(7)
    close = 30_000 * np.exp(np.cumsum(random.normal(0, 2e-5, rows)))
    opens = np.append(close[0], close[:-1])
    times = 1_704_067_200_000_000 + 1_000_000 * np.arange(rows)
    columns = [np.maximum(opens, close), np.minimum(opens, close), close, random.random(rows)]
    return pl.DataFrame(dict(zip(CANDLES, [times, opens, *columns], strict=True)), schema=CANDLES)


def under_cursor(shown):
    """Give the width and the time of the bar that the legend tells of."""
    text = shown.legend
    width, time = re.search(r"(\d+[smhdwM]) · (\d{4}-\d\d-\d\d(?: [\d:]+)?) · ", text).groups()
    moment = datetime.fromisoformat(time).replace(tzinfo=UTC)
    return timedelta(milliseconds=Timeframe.parse(width).shortest), moment


def wheel(shown, times, amount):
    for _ in range(times):
        shown.page.mouse.wheel(0, amount)
        shown.frames(1)
    shown.settle()


@pytest.mark.parametrize("share", [0.1, 0.8])
def test_the_time_under_the_cursor_stays_while_zooming(open_chart, hours, share):
    shown = open_chart(gekko_lab.Chart(hours))
    shown.settle()
    shown.hover(share)
    width, before = under_cursor(shown)
    seen = set()
    for amount in (-300, -300, 300, 300):
        wheel(shown, 8, amount)
        now, time = under_cursor(shown)
        seen.add(now)
        assert abs(time - before) <= max(width, now)
    assert len(seen) >= 2
    assert len(shown.asked("window")) >= 4


def test_the_time_under_the_cursor_stays_while_answers_are_late(open_chart, hours):
    shown = open_chart(gekko_lab.Chart(hours))
    shown.settle()
    shown.hover(0.7)
    width, before = under_cursor(shown)
    shown.delay_s = 0.03
    for _ in range(30):
        shown.page.mouse.wheel(0, -300)
        shown.page.wait_for_timeout(8)
    shown.settle()
    now, time = under_cursor(shown)
    assert now == HOUR
    assert abs(time - before) <= width


def test_panning_keeps_the_time_below_the_hand(open_chart, hours):
    chart = gekko_lab.Chart(hours)
    chart.zoom("2024-02-01", "2024-02-06")
    shown = open_chart(chart)
    for _ in range(2):
        x = shown.hover(0.3)
        width, before = under_cursor(shown)
        y = shown.plot["y"] + 100
        shown.page.mouse.move(x, y)
        shown.page.mouse.down()
        for step in range(1, 7):
            shown.page.mouse.move(x + 100 * step, y)
            shown.frames(1)
        shown.page.mouse.up()
        shown.settle()
        now, time = under_cursor(shown)
        assert abs(time - before) <= max(width, now)
    assert chart.range[0] < datetime(2024, 2, 1, tzinfo=UTC) - 100 * HOUR
    assert len(shown.asked("window")) >= 1


def test_gaps_take_their_time_on_the_axis_and_are_named(open_chart, hours):
    chart = gekko_lab.Chart(hours)
    chart.zoom("2024-01-06", "2024-01-16")
    shown = open_chart(chart)
    shown.settle()
    for share in (0.1, 0.3, 0.5, 0.7, 0.9):
        shown.hover(share)
        _, time = under_cursor(shown)
        expected = datetime(2024, 1, 6, tzinfo=UTC) + share * timedelta(days=10)
        assert abs(time - expected) <= 1.5 * HOUR
        missing = START + 200 * HOUR <= time < START + 260 * HOUR
        assert ("no candle" in shown.legend) == missing


def test_ten_million_candles_are_shown_in_small_windows(open_chart):
    chart = gekko_lab.Chart(many(10_000_000))
    shown = open_chart(chart)
    shown.settle()
    code = sum((STATIC / name).stat().st_size for name in ("chart.js", "chart.css"))
    assert sum(shown.sent) + code <= 500_000
    chart.zoom("2024-03-01", "2024-03-01T00:20")
    shown.deliver()
    shown.settle()
    shown.hover(0.6)
    assert under_cursor(shown)[0] > timedelta(seconds=1)
    wheel(shown, 16, -600)
    width, time = under_cursor(shown)
    assert width == timedelta(seconds=1)
    row = chart.candles.row(by_predicate=pl.col("timestamp") == time, named=True)
    assert f"C {row['close']:.{chart.head['decimals']}f}" in shown.legend
    assert max(shown.sent) <= 2001 * 6 * 8


def test_only_the_answer_to_the_last_question_counts(open_chart, hours):
    chart = gekko_lab.Chart(hours)
    shown = open_chart(chart)
    shown.settle()
    shown.hover(0.5)
    before = shown.legend
    view = shown.heard[0]["view"]
    for strange in ({"view": view, "number": 0}, {"view": "another", "number": 1}):
        window = chart._content.window(0, 1)
        shown._send({"kind": "window", **strange, "head": window.head}, [window.numbers])
    shown.deliver()
    shown.hover(0.5)
    assert shown.legend == before


def test_a_slow_kernel_gets_one_question_at_a_time(open_chart, hours):
    shown = open_chart(gekko_lab.Chart(hours))
    shown.settle()
    shown.delay_s = 0.05
    shown.hover(0.5)
    already = len(shown.asked("window"))
    for _ in range(40):
        shown.page.mouse.wheel(0, -200)
    shown.settle()
    assert 1 <= len(shown.asked("window")) - already <= 6
    assert under_cursor(shown)[0] == HOUR


def test_live_candles_move_the_last_bar_and_add_new_ones(open_chart, hours):
    chart = gekko_lab.Chart(hours[:300])
    chart._live.ask = chart._tell_live
    chart.zoom(hours["timestamp"][200], hours["timestamp"][299] + HOUR)
    shown = open_chart(chart)
    shown.settle()
    forming = hours[299].with_columns(close=pl.col("high"))
    chart.update(forming)
    shown.deliver()
    shown.hover(0.999)
    assert f"C {forming['close'].item():.2f}" in shown.legend
    for row in range(299, 315):
        chart.update(hours[row])
        shown.deliver()
        shown.frames(1)
    shown.settle()
    shown.hover(0.998)
    assert under_cursor(shown)[1] == hours["timestamp"][314]
    assert chart.range[1] == hours["timestamp"][314] + HOUR


def test_a_gap_between_live_candles_is_seen(open_chart, hours):
    chart = gekko_lab.Chart(hours[:190])
    chart._live.ask = chart._tell_live
    chart.zoom(hours["timestamp"][100], hours["timestamp"][189] + HOUR)
    shown = open_chart(chart)
    shown.settle()
    for row in range(190, 210):
        chart.update(hours[row])
        shown.deliver()
    shown.settle()
    shown.hover(0.7)
    assert "no candle" in shown.legend


def test_a_view_that_comes_later_has_the_live_candles_too(open_chart, hours):
    chart = gekko_lab.Chart(hours[:100])
    chart._live.ask = chart._tell_live
    first = open_chart(chart)
    for row in range(100, 120):
        chart.update(hours[row])
    first.deliver()
    second = open_chart(chart)
    second.settle()
    second.page.get_by_role("button", name="Show all candles").click()
    second.settle()
    second.hover(0.998)
    assert under_cursor(second)[1] == hours["timestamp"][119]
    assert len(second.asked("window")) == 1


def test_an_empty_chart_shows_what_comes(open_chart, hours):
    chart = gekko_lab.Chart(timeframe="1h", title="soon")
    shown = open_chart(chart)
    shown.settle()
    for key in ("+", "a", "End", "ArrowLeft", "Shift+ArrowLeft"):
        shown.root.press(key)
    assert chart.selection is None
    for row in range(3):
        chart.update(hours[row])
        shown.deliver()
    shown.settle()
    assert f"C {hours['close'][2]:.2f}" in shown.legend


def test_a_chart_made_out_of_sight_is_right_when_it_comes_into_sight(open_chart, hours):
    chart = gekko_lab.Chart(hours)
    chart.zoom("2024-02-01", "2024-02-06")
    shown = open_chart(chart)
    hide = "on => { document.getElementById('place').style.display = on ? 'none' : 'block'; }"
    shown.page.evaluate(hide, True)
    chart.zoom("2024-03-01", "2024-03-06")
    shown.deliver()
    shown.settle()
    shown.page.evaluate(hide, False)
    shown.settle()
    shown.hover(0.5)
    _, time = under_cursor(shown)
    assert abs(time - datetime(2024, 3, 3, 12, tzinfo=UTC)) <= 2 * HOUR


def drag(shown, begin, end):
    box = shown.plot
    y = box["y"] + box["height"] / 2
    x = [box["x"] + share * box["width"] for share in (begin, end)]
    shown.page.mouse.move(x[0], y)
    shown.page.mouse.down()
    shown.page.mouse.move(x[1], y, steps=4)
    shown.page.mouse.up()
    shown.settle()


def test_brushed_candles_are_a_frame(open_chart, hours):
    chart = gekko_lab.Chart(hours)
    chart.zoom("2024-02-01", "2024-02-06")
    seen = []
    chart.on("selection", seen.append)
    shown = open_chart(chart)
    shown.settle()
    shown.page.keyboard.down("Shift")
    drag(shown, 0.2, 0.4)
    shown.page.keyboard.up("Shift")
    times = chart.selection["timestamp"]
    assert seen[-1].equals(chart.selection)
    assert abs(times[0] - datetime(2024, 2, 2, tzinfo=UTC)) <= HOUR
    assert abs(times[-1] - datetime(2024, 2, 3, tzinfo=UTC)) <= HOUR
    assert chart.range == (datetime(2024, 2, 1, tzinfo=UTC), datetime(2024, 2, 6, tzinfo=UTC))
    button = shown.page.get_by_role("button", name="Select candles")
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    drag(shown, 0.8, 0.6)
    assert abs(chart.selection["timestamp"][0] - datetime(2024, 2, 4, tzinfo=UTC)) <= HOUR
    assert button.get_attribute("aria-pressed") == "false"
    shown.root.press("Escape")
    assert chart.selection is None


def test_keys_do_what_the_mouse_does(open_chart, hours):
    chart = gekko_lab.Chart(hours)
    shown = open_chart(chart)
    status = shown.page.get_by_role("status")
    length = timedelta(days=8)
    chart.zoom("2024-02-01", datetime(2024, 2, 1, tzinfo=UTC) + length)
    shown.deliver()

    def after(key):
        shown.root.press(key)
        shown.page.wait_for_timeout(120)
        shown.settle()
        return chart.range

    since, until = after("ArrowRight")
    assert abs(since - datetime(2024, 2, 1, tzinfo=UTC) - length / 10) <= HOUR
    assert "192 candles of 1h" in status.text_content()
    since, until = after("Home")
    assert abs(since - START) <= HOUR
    since, until = after("End")
    assert abs(until - datetime(2024, 3, 21, tzinfo=UTC)) <= HOUR
    since, until = after("+")
    assert abs((until - since) * 1.4 - length) <= 2 * HOUR
    since, until = after("-")
    assert abs((until - since) - length) <= 2 * HOUR
    since, until = after("a")
    assert abs(until - since - timedelta(days=80)) <= 2 * HOUR
    after("Shift+ArrowLeft")
    after("Shift+ArrowRight")
    assert len(chart.selection) >= 2


def test_buttons_have_names_and_work(open_chart, hours):
    chart = gekko_lab.Chart(hours, title="BTC/USDT")
    shown = open_chart(chart)
    assert shown.page.get_by_role("group", name="Candles: BTC/USDT").count() == 1
    whole = chart.range[1] - chart.range[0]
    shown.page.get_by_role("button", name="Zoom in").click()
    shown.page.wait_for_timeout(120)
    shown.settle()
    assert abs((chart.range[1] - chart.range[0]) * 1.4 - whole) <= 12 * HOUR
    shown.page.get_by_role("button", name="Show all candles").click()
    shown.page.wait_for_timeout(120)
    shown.settle()
    assert abs(chart.range[1] - chart.range[0] - whole) <= 6 * HOUR


def brightness(shown):
    """Give the color of the ground of the plot, from 0 to 255."""
    return shown.page.evaluate(
        "() => { const canvas = document.querySelector('.gekko-lab-chart-body canvas');"
        " return canvas.getContext('2d').getImageData(3, 3, 1, 1).data[0]; }"
    )


def test_the_theme_follows_at_once(open_chart, hours):
    chart = gekko_lab.Chart(hours)
    shown = open_chart(chart, dark=True)
    shown.settle()
    assert brightness(shown) < 40
    shown.page.emulate_media(color_scheme="light")
    shown.frames(3)
    assert brightness(shown) > 240
    shown.page.evaluate("() => { document.body.dataset.jpThemeLight = 'false'; }")
    shown.frames(3)
    assert brightness(shown) < 40
    chart.theme = "light"
    shown.deliver()
    shown.frames(3)
    assert brightness(shown) > 240


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_serious(open_chart, hours, dark):
    chart = gekko_lab.Chart(hours, title="BTC/USDT")
    chart.overlay("SMA 20", hours["close"].rolling_mean(20))
    chart.fault = "ValueError: no such thing"
    shown = open_chart(chart, dark=dark)
    shown.settle()
    found = Axe().run(shown.page).response["violations"]
    assert [each["id"] for each in found if each["impact"] in {"serious", "critical"}] == []


def test_it_fills_its_place_and_shows_the_same_time(open_chart, hours):
    chart = gekko_lab.Chart(hours)
    chart.zoom("2024-02-01", "2024-02-06")
    shown = open_chart(chart)
    shown.settle()
    assert shown.root.bounding_box()["width"] == 1200
    shown.page.set_viewport_size({"width": 700, "height": 500})
    shown.settle()
    assert shown.root.bounding_box()["width"] == 700
    assert shown.plot["width"] > 600
    shown.hover(0.5)
    _, time = under_cursor(shown)
    assert abs(time - datetime(2024, 2, 3, 12, tzinfo=UTC)) <= 2 * HOUR
    chart.height = 300
    shown.deliver()
    shown.settle()
    assert shown.root.bounding_box()["height"] == 300


def test_errors_show_until_they_are_dismissed(open_chart, hours):
    chart = gekko_lab.Chart(hours)
    shown = open_chart(chart)

    def fail(_):
        raise ValueError("no such thing")

    chart.on("range", fail)
    shown.root.press("End")
    shown.page.wait_for_timeout(150)
    alert = shown.page.get_by_role("alert")
    alert.get_by_text("ValueError: no such thing").wait_for()
    chart.off("range", fail)
    shown.page.get_by_role("button", name="Dismiss").click()
    alert.wait_for(state="hidden")


def test_lines_and_marks_come_with_the_next_window(open_chart, hours):
    chart = gekko_lab.Chart(hours)
    shown = open_chart(chart)
    shown.settle()
    chart.overlay("SMA 20", hours["close"].rolling_mean(20))
    chart.mark(pl.DataFrame({"timestamp": [START], "text": ["begin"], "side": ["buy"]}))
    line = shown.page.get_by_text("SMA 20")
    shown.deliver_until(line.count)
    assert len(shown.asked("window")) >= 1
    chart.remove("SMA 20")
    shown.deliver_until(lambda: not line.count())


def test_volume_can_be_hidden_and_shown(open_chart, hours):
    chart = gekko_lab.Chart(hours, volume=False)
    shown = open_chart(chart)
    shown.settle()
    tall = shown.plot["height"]
    chart.volume = True
    shown.deliver()
    shown.settle()
    assert shown.plot["height"] < 0.9 * tall


def test_a_closed_view_leaves_nothing(open_chart, hours):
    chart = gekko_lab.Chart(hours)
    shown = open_chart(chart)
    shown.settle()
    shown.page.evaluate("() => window.undo()")
    shown.frames()
    assert shown.page.evaluate("() => window.listeners.length") == 0
    assert shown.root.count() == 0
    assert chart._steps == {}


def test_the_logo_of_tradingview_is_there(open_chart, hours):
    shown = open_chart(gekko_lab.Chart(hours))
    link = shown.page.locator("a[href*='tradingview.com']")
    assert link.is_visible()
    assert "TradingView" in link.get_attribute("title")


def test_a_written_page_shows_the_chart(open_page, hours, tmp_path):
    chart = gekko_lab.Chart(hours, title="BTC/USDT")
    chart.to_html(tmp_path / "chart.html")
    page = open_page()
    page.set_content((tmp_path / "chart.html").read_text(encoding="utf-8"))
    page.locator(".gekko-lab-chart canvas").first.wait_for()
    assert "1h · 2024-03-20 23:00" in page.locator(".gekko-lab-chart-legend").inner_text()
