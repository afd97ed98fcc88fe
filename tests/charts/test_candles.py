"""What a chart draws, read back from the figure."""

from __future__ import annotations

import json
from datetime import datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gekko_lab import candle_chart
from gekko_lab.errors import DataError, InvalidArgument, InvalidType
from gekko_lab.frames.convert import to_pandas
from gekko_lab.frames.schemas import CANDLES, TIME, empty

START = 1_704_067_200_000  # 2024-01-01
HOUR = 3_600_000


def hourly(held):
    """Candles of these hours, whose numbers tell their place."""
    rows = [
        (START + place * HOUR, 100 + place, 110 + place * 7 % 40, 90 - place * 3 % 17, 105, place)
        for place in held
    ]
    frame = pl.DataFrame(rows, schema=list(CANDLES), orient="row")
    times = (pl.col("timestamp").cast(pl.Int64) * 1000).cast(TIME)
    frame = frame.with_columns(times).cast(dict(CANDLES))
    return frame.with_columns(high=pl.max_horizontal("open", "high", "close"))


def traces(figure):
    price, volume = figure.data
    return price, volume


def drawn(figure):
    """Read the drawn candles as rows."""
    price, volume = traces(figure)
    columns = (price.x, price.open, price.high, price.low, price.close, volume.y)
    return list(zip(*(np.asarray(column).tolist() for column in columns), strict=True))


def title(figure):
    return figure.layout.title.text


def test_prices_stand_above_volumes_on_one_axis():
    frame = hourly(range(30))
    figure = candle_chart(frame, title="BTC/USDT", height=300)
    price, volume = traces(figure)
    assert (price.type, price.name) == ("candlestick", "price")
    assert (volume.type, volume.name, volume.yaxis) == ("bar", "volume", "y2")
    assert figure.layout.yaxis.domain[0] > figure.layout.yaxis2.domain[1]
    assert figure.layout.xaxis.title.text == "UTC"
    assert (title(figure), figure.layout.height) == ("BTC/USDT", 300)
    assert not figure.layout.shapes


def test_every_row_is_drawn_with_its_own_numbers():
    frame = hourly(range(30))
    price, volume = traces(candle_chart(frame))
    for name in ("open", "high", "low", "close"):
        assert list(price[name]) == frame[name].to_list()
    assert list(volume.y) == frame["volume"].to_list()
    assert list(price.x) == list(volume.x)
    times = [np.datetime64(time, "us") for time in frame["timestamp"].dt.replace_time_zone(None)]
    assert np.array_equal(np.asarray(price.x), times)


def test_a_bar_has_the_color_of_its_candle():
    price, volume = traces(candle_chart(hourly(range(10))))
    up, down = price.increasing.line.color, price.decreasing.line.color
    assert up != down
    rises = [close >= start for start, close in zip(price.open, price.close, strict=True)]
    assert list(volume.marker.color) == [up if rise else down for rise in rises]
    assert {True, False} == set(rises)


@settings(max_examples=25)
@given(st.integers(1, 60), st.integers(1, 25), st.booleans())
def test_many_candles_are_joined_exactly(count, most, holes):
    held = [place for place in range(count) if not holes or place % 5]
    if not held:
        held = [0]
    rows = hourly(held).rows()
    figure = candle_chart(hourly(held), most=most)
    joined = -(-len(rows) // most)
    parts = [rows[place : place + joined] for place in range(0, len(rows), joined)]
    price, volume = traces(figure)
    assert len(price.open) == len(parts) <= most
    assert list(price.open) == [part[0][1] for part in parts]
    assert list(price.high) == [max(row[2] for row in part) for part in parts]
    assert list(price.low) == [min(row[3] for row in part) for part in parts]
    assert list(price.close) == [part[-1][4] for part in parts]
    assert list(volume.y) == [sum(row[5] for row in part) for part in parts]
    firsts = [part[0][0].replace(tzinfo=None) for part in parts]
    assert np.array_equal(np.asarray(price.x), np.array(firsts, dtype="datetime64[us]"))
    told = title(figure) or ""
    assert (f"{joined} candles" in told) == (joined > 1)


def test_the_title_says_how_many_candles_were_joined():
    assert title(candle_chart(hourly(range(10)), most=4, title="BTC/USDT")) == (
        "BTC/USDT · 3 candles of 1h in each drawn one"
    )
    assert title(candle_chart(hourly(range(10)), most=5)) == "2 candles of 1h in each drawn one"
    assert title(candle_chart(hourly(range(10)), most=10)) is None


@pytest.mark.parametrize("most", [2000, 4])
def test_gaps_are_shaded_where_they_are_and_counted(most):
    held = [*range(5), *range(8, 20), 21, 22]
    shapes = candle_chart(hourly(held), most=most).layout.shapes
    edges = [
        (datetime.fromisoformat(shape.x0), datetime.fromisoformat(shape.x1)) for shape in shapes
    ]
    assert edges == [
        (datetime(2024, 1, 1, 5), datetime(2024, 1, 1, 8)),  # noqa: DTZ001 (plotly draws naive times)
        (datetime(2024, 1, 1, 20), datetime(2024, 1, 1, 21)),  # noqa: DTZ001
    ]
    assert [shape.label.text for shape in shapes] == ["3 missing", "1 missing"]
    assert [shape.name for shape in shapes] == ["gap: 3 candles of 1h", "gap: 1 candles of 1h"]
    assert {(shape.yref, shape.y0, shape.y1) for shape in shapes} == {("paper", 0, 1)}


@pytest.mark.parametrize("count", [0, 1])
def test_few_candles_are_drawn_without_a_fuss(count):
    figure = candle_chart(hourly(range(count)), title="new")
    assert [len(trace.x) for trace in figure.data] == [count, count]
    assert not figure.layout.shapes
    assert title(figure) == "new"
    json.loads(figure.to_json())


def test_an_empty_table_of_the_schema_makes_an_empty_chart():
    assert [trace.name for trace in candle_chart(empty(CANDLES)).data] == ["price", "volume"]


def test_pandas_frames_make_the_same_chart():
    frame = hourly([*range(5), *range(8, 20)])
    expected = candle_chart(frame, most=7).to_json()
    assert candle_chart(to_pandas(frame), most=7).to_json() == expected
    assert candle_chart(frame.lazy(), most=7).to_json() == expected
    assert candle_chart(to_pandas(frame).tz_convert("Asia/Kolkata"), most=7).to_json() == expected


def test_a_chart_can_be_saved():
    figure = candle_chart(hourly([*range(5), *range(8, 20)]), title="BTC/USDT")
    content = json.loads(figure.to_json())
    assert [trace["type"] for trace in content["data"]] == ["candlestick", "bar"]
    assert len(content["layout"]["shapes"]) == 1


def test_the_drawn_frame_stays_as_it_was():
    frame = hourly(range(10))
    before = frame.clone()
    candle_chart(frame, most=3)
    assert frame.equals(before)
    assert drawn(candle_chart(frame)) == drawn(candle_chart(before))


def test_additional_columns_do_not_matter():
    frame = hourly(range(10))
    wide = frame.with_columns(quote_volume=pl.lit(None, pl.Float64), note=pl.lit("mine"))
    assert candle_chart(wide, most=3).to_json() == candle_chart(frame, most=3).to_json()


@pytest.mark.parametrize("most", [0, -1])
def test_at_least_one_candle_is_drawn(most):
    with pytest.raises(InvalidArgument, match=f"most={most}: draw at least one candle"):
        candle_chart(hourly(range(3)), most=most)


@pytest.mark.parametrize("most", [2.5, "10", None, True])
def test_the_most_drawn_is_a_whole_number(most):
    with pytest.raises(InvalidType, match=f"most={most!r} is a {type(most).__name__}"):
        candle_chart(hourly(range(3)), most=most)


def test_what_are_no_candles_is_refused():
    with pytest.raises(InvalidType, match="a polars or pandas frame is needed"):
        candle_chart([1, 2, 3])
    with pytest.raises(DataError, match="doesn't open after the row before"):
        candle_chart(hourly(range(3)).reverse())
    with pytest.raises(DataError, match="no column 'open' among"):
        candle_chart(hourly(range(3)).drop("open"))


def test_of_very_many_gaps_the_longest_are_shaded_and_the_title_says_so():
    held = [hour for hour in range(700) if hour % 3 or hour == 300]
    held = [hour for hour in held if not 400 <= hour < 420]
    figure = candle_chart(hourly(held))
    shapes = figure.layout.shapes
    assert len(shapes) == 100
    assert max(int(shape.label.text.split()[0]) for shape in shapes) == 22  # 399 to 420
    assert "the 100 longest of" in figure.layout.title.text


def test_a_drawn_candle_never_reaches_across_a_wide_gap():
    figure = candle_chart(hourly([*range(5), *range(1000, 1100)]), most=12)
    price = figure.data[0]
    times = [datetime.fromisoformat(str(time)) for time in price.x]
    later = [time for time in times if (time - times[0]).total_seconds() >= 1000 * 3600]
    assert len(times) <= 12
    assert (later[0] - times[0]).total_seconds() == 1000 * 3600
