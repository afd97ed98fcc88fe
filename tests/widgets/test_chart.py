"""The chart without a browser."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest

import gekko_lab
from gekko_lab.errors import DataError, InvalidArgument, InvalidRange, InvalidType, NotInLog
from gekko_lab.frames.convert import to_pandas

HOUR = 3_600_000


def day(number):
    return datetime(2024, 1, number, tzinfo=UTC)


def read(message, buffers):
    """Give a window's columns, as the front end reads them."""
    return np.frombuffer(buffers[0], dtype="<f8").reshape(-1, message["head"]["rows"])


def ask(chart, since, until, step=0, number=1):
    question = {"kind": "window", "view": "a", "number": number, "step": step}
    chart._hear({**question, "since": since, "until": until, "shown": [since, until]})


def greet(chart, view="a", step=0):
    chart._hear({"kind": "hello", "view": view, "step": step, "version": chart.head["version"]})


def test_all_candles_are_shown_at_first(hours):
    chart = gekko_lab.Chart(hours)
    assert chart.range == (day(1), day(15))
    assert chart.candles.equals(hours)
    assert chart.selection is None


def test_it_tells_what_it_shows(hours):
    chart = gekko_lab.Chart(hours, title="BTC/USDT")
    told = "Chart: BTC/USDT · 321 candles of 1h · 2024-01-01 to 2024-01-15 · 15 missing"
    assert repr(chart) == told
    assert repr(gekko_lab.Chart(title="x")) == "Chart: x · no candles"


def test_the_first_window_is_in_the_state(hours):
    chart = gekko_lab.Chart(hours)
    columns = read({"head": chart.head}, [chart.window])
    steps = columns[0] / HOUR
    assert np.unique(np.diff(steps)).tolist() == [1.0]
    assert np.isnan(columns[1:]).all(axis=0).sum() == 15
    known = ~np.isnan(columns[4])
    assert columns[4][known].tolist() == hours["close"].to_list()
    assert columns[5][known].tolist() == hours["volume"].to_list()
    assert chart.head["shown"] == [int(day(1).timestamp() * 1000), int(day(15).timestamp() * 1000)]


def test_a_window_has_as_much_again_on_both_sides_and_its_number(hours, ms, told):
    chart = gekko_lab.Chart(hours)
    ask(chart, ms("2024-01-05"), ms("2024-01-06"), number=7)
    message, buffers = told[-1]
    assert (message["kind"], message["view"], message["number"]) == ("window", "a", 7)
    times = read(message, buffers)[0]
    assert (times[0], times[-1]) == (ms("2024-01-04"), ms("2024-01-07"))
    assert chart.range == (day(5), day(6))


def test_no_window_has_more_than_two_thousand_bars():
    rows = 300_000
    times = pl.datetime_range(
        day(1), day(1) + pl.duration(seconds=rows - 1), "1s", time_zone="UTC", eager=True
    )
    price = np.linspace(1, 2, rows)
    table = pl.DataFrame({"timestamp": times, **dict.fromkeys(("open", "high"), price)})
    table = table.with_columns(low="open", close="open", volume=pl.lit(1.0))
    chart = gekko_lab.Chart(table)
    assert chart.head["rows"] <= 2000
    for step in range(5):
        window = chart._content.window(*chart._shown, step)
        assert window.head["rows"] <= 2000
        assert window.head["step"] >= step


def test_longer_candles_in_a_window_are_those_of_resample(hours, told, ms):
    chart = gekko_lab.Chart(hours)
    step = chart.head["steps"].index(4 * HOUR)
    ask(chart, ms("2024-01-02"), ms("2024-01-03"), step)
    columns = read(*told[-1])
    rows = (columns[0] >= ms("2024-01-02")) & (columns[0] < ms("2024-01-03"))
    longer = gekko_lab.resample(hours, "4h").filter(pl.col("timestamp").is_between(day(2), day(3)))
    assert columns[2][rows].tolist() == longer["high"].to_list()[:6]
    assert columns[3][rows].tolist() == longer["low"].to_list()[:6]


def test_months_lie_on_the_calendar(told, ms):
    times = [datetime(2024, month, 1, tzinfo=UTC) for month in (1, 2, 3, 5)]
    columns = {name: [1.0, 2.0, 3.0, 4.0] for name in ("open", "high", "low", "close", "volume")}
    chart = gekko_lab.Chart(pl.DataFrame({"timestamp": times, **columns}))
    window = read({"head": chart.head}, [chart.window])
    assert window[0].tolist() == [ms(f"2024-0{month}-01") for month in range(1, 6)]
    assert np.isnan(window[4]).tolist() == [False, False, False, True, False]
    assert chart.range == (day(1), datetime(2024, 6, 1, tzinfo=UTC))
    chart.select("2024-02-01", "2024-04-15")
    assert chart.selection["timestamp"].to_list() == times[1:3]


def test_zoom_shows_a_range(hours, ms):
    chart = gekko_lab.Chart(hours)
    seen = []
    chart.on("range", seen.append)
    chart.zoom("2024-01-03", "2024-01-04T12:00")
    assert chart.range == (day(3), datetime(2024, 1, 4, 12, tzinfo=UTC))
    assert seen == [chart.range]
    assert chart.head["shown"] == [ms("2024-01-03"), ms("2024-01-04T12:00")]
    chart.zoom("2d", "2024-01-15")
    assert chart.range == (day(13), day(15))
    with pytest.raises(InvalidRange):
        chart.zoom("2024-01-04", "2024-01-03")


def test_other_candles_keep_the_range_where_they_overlap_it(hours):
    chart = gekko_lab.Chart(hours)
    chart.zoom("2024-01-03", "2024-01-05")
    minutes = gekko_lab.fetch("simulator", "BTC/USDT", "15m", since="2024-01-04", limit=300)
    chart.show(minutes)
    assert chart.range == (day(3), day(5))
    assert chart.candles.equals(minutes)
    chart.show(gekko_lab.fetch("simulator", "BTC/USDT", "1h", since="2023-01-01", limit=24))
    assert chart.range == (datetime(2023, 1, 1, tzinfo=UTC), datetime(2023, 1, 2, tzinfo=UTC))


def test_a_selection_is_a_frame_of_candles(hours, ms):
    chart = gekko_lab.Chart(hours)
    seen = []
    chart.on("selection", seen.append)
    chart._hear({"kind": "select", "selected": [ms("2024-01-02"), ms("2024-01-03")]})
    assert chart.selection.equals(hours[24:48])
    assert seen[0].equals(hours[24:48])
    chart.clear_selection()
    assert chart.selection is None
    assert seen[1] is None
    chart.select("2024-01-02T00:30", day(3))
    assert chart.selection.equals(hours[25:48])


def test_pandas_in_pandas_out(hours):
    table = hours.to_pandas().set_index("timestamp")
    chart = gekko_lab.Chart(table)
    chart.select(day(2), day(3))
    assert isinstance(chart.selection, pd.DataFrame)
    assert chart.selection["close"].to_list() == hours["close"][24:48].to_list()
    assert isinstance(chart.candles, pd.DataFrame)


def test_live_candles_join_those_that_are_there(hours, told):
    chart = gekko_lab.Chart(hours[:300])
    greet(chart)
    forming = hours[299].with_columns(pl.col("close") + 1.0, pl.col("high") + 1.0)
    chart.update(forming)
    message, _ = told[-1]
    assert message["kind"] == "live"
    assert message["bars"]["0"][0][4] == forming["close"].item()
    assert len(chart.candles) == 300
    chart.update(hours[299:])
    assert chart.candles.equals(hours)
    assert chart.range[1] == day(15) - (hours["timestamp"][-1] - hours["timestamp"][299])


def test_live_bars_come_in_the_steps_that_are_seen(hours, told, monkeypatch):
    chart = gekko_lab.Chart(hours[:195])
    chart._live.ask = chart._tell_live
    step = chart.head["steps"].index(4 * HOUR)
    greet(chart, "a", 0)
    greet(chart, "b", step)
    chart.update(hours[195:203])
    (message, _) = told[-1]
    assert set(message["bars"]) == {"0", str(step)}
    single = [bar[4] for bar in message["bars"]["0"]]
    assert [close for close in single if close is not None] == hours["close"][194:203].to_list()
    assert single.count(None) == 15
    longer = message["bars"][str(step)]
    assert longer[-1][1:5] == [
        hours["open"][201],
        hours["high"][201:203].max(),
        hours["low"][201:203].min(),
        hours["close"][202],
    ]
    assert [bar[4] for bar in longer].count(None) == 3
    chart._hear({"kind": "bye", "view": "b"})
    chart.update(hours[203:204])
    assert set(told[-1][0]["bars"]) == {"0"}


def test_an_empty_chart_shows_what_comes(hours):
    chart = gekko_lab.Chart(timeframe="1h")
    assert chart.range is None
    assert chart.candles.is_empty()
    chart.update(hours[:1])
    assert chart.range == (day(1), datetime(2024, 1, 1, 1, tzinfo=UTC))
    chart.update(hours[:10])
    assert chart.candles.equals(hours[:10])


@pytest.mark.parametrize("count", [0, 1])
def test_the_first_candles_that_show_their_spacing_decide_on_the_width(hours, count):
    chart = gekko_lab.Chart(hours[:count]) if count else gekko_lab.Chart()
    chart.update(hours[:1])
    chart.update(hours[1:50])
    assert repr(chart) == "Chart: 50 candles of 1h · 2024-01-01 to 2024-01-03T02:00Z"
    assert chart.head["timeframe"] == "1h"
    assert chart.range == (day(1), datetime(2024, 1, 3, 2, tzinfo=UTC))
    assert chart.candles.equals(hours[:50])
    chart.update(hours[50:])
    assert chart.candles.equals(hours)


def test_one_candle_does_not_say_how_wide_it_is(hours):
    chart = gekko_lab.Chart()
    chart.update(hours[:1])
    forming = hours[:1].with_columns(pl.col("high") + 1.0)
    chart.update(forming)
    assert chart.candles.equals(forming)
    assert repr(chart).startswith("Chart: 1 candle · 2024-01-01 to ")
    assert chart.head["timeframe"] == ""
    with pytest.raises(InvalidArgument, match="before the newest"):
        chart.update(hours[:1].with_columns(pl.col("timestamp") - pl.duration(hours=1)))


def test_what_lies_over_one_candle_stays_when_months_come():
    months = gekko_lab.fetch("simulator", "BTC/USDT", "1M", since="2023-01-01", until="2024-01-01")
    chart = gekko_lab.Chart(months[:1])
    chart.overlay("line", months[:1].select("timestamp", "close"))
    chart.mark(months[:1].select("timestamp", text=pl.lit("here")))
    chart.update(months[1:])
    assert repr(chart) == "Chart: 12 candles of 1M · 2023-01-01 to 2024-01-01"
    window = read({"head": chart.head}, [chart.window])
    begins = window[0] == months["timestamp"].dt.epoch("ms")[0]
    assert window[6][begins].tolist() == [months["close"][0]]
    assert [mark[2] for mark in chart.head["marks"]] == ["here"]


def test_candles_may_come_from_any_thread(hours):
    chart = gekko_lab.Chart(hours[:100])
    thread = threading.Thread(target=lambda: [chart.update(hours[n]) for n in range(100, 200)])
    thread.start()
    for _ in range(50):
        chart._content.window(*chart._shown)
    thread.join()
    assert chart.candles.equals(hours[:200])


def test_old_candles_are_no_update(hours):
    chart = gekko_lab.Chart(hours)
    with pytest.raises(InvalidArgument, match="before the newest"):
        chart.update(hours[:5])


def test_lines_give_the_last_number_of_each_bar(hours, ms):
    chart = gekko_lab.Chart(hours)
    mean = hours["close"].rolling_mean(20)
    chart.overlay("SMA", mean, color="#ff0000")
    chart.overlay("some", hours.select("timestamp", x="open")[::2])
    window = chart._content.window(*chart._shown, 0)
    assert window.head["lines"] == [
        {"name": "SMA", "color": "#ff0000"},
        {"name": "some", "color": None},
    ]
    columns = read({"head": window.head}, [window.numbers])
    assert columns[6][~np.isnan(columns[6])].tolist() == mean.drop_nulls().to_list()
    assert columns[7][~np.isnan(columns[7])].tolist() == hours["open"][::2].to_list()
    step = chart.head["steps"].index(4 * HOUR)
    window = chart._content.window(*chart._shown, step)
    longer = read({"head": window.head}, [window.numbers])
    assert longer[6][longer[0] == ms("2024-01-02")] == mean[27]
    chart.remove("SMA")
    assert [line["name"] for line in chart._content.about()["lines"]] == ["some"]


def test_a_series_of_pandas_stands_at_its_own_times(hours):
    chart = gekko_lab.Chart(hours)
    closes = to_pandas(hours)["close"]
    chart.overlay("later", closes.shift(freq="5h"))  # as long as the candles, so no place is theirs
    chart.overlay("some", closes[::3])
    window = chart._content.window(*chart._shown, 0)
    columns = read({"head": window.head}, [window.numbers])
    bars = pd.date_range(closes.index[0], closes.index[-1], freq="h")
    np.testing.assert_array_equal(columns[6], closes.shift(freq="5h").reindex(bars).to_numpy())
    assert columns[7][~np.isnan(columns[7])].tolist() == closes[::3].tolist()


def test_lines_that_fit_nothing_are_refused(hours):
    chart = gekko_lab.Chart(hours)
    with pytest.raises(InvalidArgument, match="3 values for 321 candles"):
        chart.overlay("SMA", [1.0, 2.0, 3.0])
    with pytest.raises(DataError, match="one column beside 'timestamp'"):
        chart.overlay("SMA", hours)
    with pytest.raises(DataError, match="must ascend"):
        chart.overlay("SMA", hours.select("timestamp", "close").reverse())
    with pytest.raises(InvalidArgument, match="no overlay 'EMA'"):
        chart.remove("EMA")


def test_marks_stand_at_their_bars(hours, ms):
    chart = gekko_lab.Chart(hours)
    times = [day(2), day(2).replace(minute=10), day(3), day(20)]
    sides, prices = ["buy", "buy", "sell", None], [10.0, 20.0, None, None]
    marks = {"timestamp": times, "text": ["a", "b", "c", "d"], "side": sides, "price": prices}
    chart.mark(pl.DataFrame(marks))
    found = chart._content.window(*chart._shown, 0).head["marks"]
    assert found == [
        (ms("2024-01-02"), "buy", "2 times", 15.0),
        (ms("2024-01-03"), "sell", "c", None),
    ]
    chart.mark(pl.DataFrame({"timestamp": [day(4)], "text": ["news"]}))
    assert chart._content.window(*chart._shown).head["marks"] == [
        (ms("2024-01-04"), None, "news", None)
    ]
    chart.mark(None)
    assert chart._content.window(*chart._shown).head["marks"] == []
    with pytest.raises(DataError, match="'long'"):
        chart.mark(pl.DataFrame({"timestamp": times, "text": ["a"] * 4, "side": ["long"] * 4}))


def test_views_are_told_that_lines_have_changed(hours, told):
    chart = gekko_lab.Chart(hours)
    chart.overlay("SMA", hours["close"])
    assert told == []
    chart._hear({"kind": "hello", "view": "a", "step": 0, "version": 0})
    assert told[-1][0] == {"kind": "stale", "view": "a"}
    chart.mark(None)
    assert told[-1][0] == {"kind": "stale"}


def test_errors_of_callbacks_show_in_the_chart(hours, ms):
    chart = gekko_lab.Chart(hours)
    seen, after = [], []

    def fail(_):
        raise ValueError("no such thing")

    chart.on("selection", fail)
    chart.on("selection", after.append)
    chart.on("error", seen.append)
    chart.select("2024-01-02", "2024-01-03")
    assert chart.fault == "ValueError: no such thing"
    assert [str(error) for error in seen] == ["no such thing"]
    assert len(after) == 1
    chart._hear({"kind": "dismiss"})
    assert chart.fault == ""
    chart.off("selection", fail)
    chart.select("2024-01-03", "2024-01-04")
    assert chart.fault == ""


def test_an_error_while_errors_are_told_goes_in_no_circle(hours):
    chart = gekko_lab.Chart(hours)

    def fail(_):
        raise ValueError("again")

    chart.on("range", fail)
    chart.on("error", fail)
    chart.zoom("2024-01-02", "2024-01-03")
    assert chart.fault == "ValueError: again"


def test_a_broken_message_shows_in_the_chart(hours):
    chart = gekko_lab.Chart(hours)
    chart._hear({"kind": "window", "view": "a"})
    assert chart.fault.startswith("KeyError")


def test_wrong_arguments_are_told_at_once(hours):
    with pytest.raises(InvalidArgument, match="theme='black'"):
        gekko_lab.Chart(hours, theme="black")
    chart = gekko_lab.Chart(hours)
    with pytest.raises(InvalidArgument, match="choose one of"):
        chart.on("click", print)
    with pytest.raises(InvalidType, match="can't be called"):
        chart.on("range", 3)
    with pytest.raises(DataError, match="has a high below"):
        gekko_lab.Chart(hours.with_columns(high=pl.lit(1.0)))


def test_the_log_is_shown(hours):
    gekko_lab.datalog.write(hours, "mine", "BTC/USDT", "1h")
    chart = gekko_lab.Chart.from_log("mine", "BTC/USDT", "1h", since="2024-01-02", height=300)
    assert chart.candles.equals(hours[24:])
    assert (chart.title, chart.height) == ("mine · BTC/USDT", 300)
    with pytest.raises(NotInLog):
        gekko_lab.Chart.from_log("mine", "ETH/USDT", "1h")


def test_a_notebook_keeps_the_same_small_picture(hours):
    first, second = (gekko_lab.Chart(hours, title="<b>")._repr_mimebundle_()[0] for _ in "ab")
    view = "application/vnd.jupyter.widget-view+json"
    assert first.pop(view) != second.pop(view)
    assert first == second
    assert first["text/plain"].startswith("Chart: <b> · 321 candles")
    assert first["text/html"].startswith('<img alt="Chart: &lt;b&gt; ·')
    assert sum(map(len, first.values())) < 50_000


def test_what_is_displayed_has_the_newest_state(hours):
    chart = gekko_lab.Chart(hours[:100])
    chart.update(hours[100:110])
    chart.overlay("close", hours["close"][:110])
    chart._repr_mimebundle_()
    assert chart.head["count"] == 110
    assert chart.head["lines"] == [{"name": "close", "color": None}]


def test_a_page_holds_all_that_it_shows(hours, tmp_path):
    chart = gekko_lab.Chart(hours, title="</script>")
    chart.to_html(tmp_path / "chart.html")
    text = (tmp_path / "chart.html").read_text(encoding="utf-8")
    assert text.count("</script>") == 2
    assert "http" not in text.split("data:text/javascript")[0]
    assert len(text) < 500_000
