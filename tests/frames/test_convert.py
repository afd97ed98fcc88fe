"""Between polars and pandas nothing is lost, and times are UTC."""

from __future__ import annotations

import pandas as pd
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from gekko_lab.errors import DataError, InvalidType
from gekko_lab.frames.convert import like, to_frame, to_pandas, to_polars, to_table
from gekko_lab.frames.schemas import CANDLES, CANDLES_FULL, GAPS, TIME, TRADES, empty

START = 1_704_067_200_000  # 2024-01-01
HOUR = 3_600_000
HOURS = range(START, START + 5 * HOUR, HOUR)


def test_pandas_frames_are_indexed_by_time_in_utc(make_candles):
    table = to_pandas(make_candles(HOURS))
    assert isinstance(table.index, pd.DatetimeIndex)
    assert table.index.name == "timestamp"
    assert str(table.index.dtype) == "datetime64[us, UTC]"
    assert list(table.index) == list(pd.date_range("2024-01-01", periods=5, freq="h", tz="UTC"))
    assert list(table.columns) == ["open", "high", "low", "close", "volume"]
    assert set(table.dtypes.astype(str)) == {"float64"}


def test_tables_without_a_time_keep_their_running_number():
    table = to_pandas(pl.DataFrame({"symbol": ["BTC/USDT", "ETH/USDT"]}))
    assert list(table.index) == [0, 1]
    assert list(to_pandas(empty(GAPS)).columns) == list(GAPS)


@pytest.mark.parametrize("full", [False, True])
def test_candles_come_back_from_pandas_as_they_were(make_candles, full):
    frame = make_candles(HOURS, full=full)
    assert_frame_equal(to_polars(to_pandas(frame)), frame)


def test_unknown_numbers_come_back_as_unknown(make_candles):
    frame = make_candles(HOURS, full=True).with_columns(
        quote_volume=pl.when(pl.col("volume") > 0).then("quote_volume"),
        trade_count=pl.lit(None, pl.Int64),
    )
    found = to_polars(to_pandas(frame))
    assert_frame_equal(found.cast(dict(CANDLES_FULL)), frame)
    assert found["trade_count"].null_count() == 5


def test_sides_of_trades_are_categories_in_pandas(make_trades):
    frame = make_trades(HOURS)
    table = to_pandas(frame)
    assert isinstance(table["side"].dtype, pd.CategoricalDtype)
    assert list(table["side"].cat.categories) == ["buy", "sell"]
    assert table["side"].isna().tolist() == [False, False, True, False, False]
    assert_frame_equal(to_polars(table).cast(dict(TRADES)), frame)


@pytest.mark.parametrize("schema", [CANDLES, CANDLES_FULL])
def test_empty_candles_keep_their_schema_both_ways(schema):
    table = to_pandas(empty(schema))
    assert str(table.index.dtype) == "datetime64[us, UTC]"
    assert to_polars(table).schema == schema


def test_empty_trades_keep_their_columns_both_ways():
    found = to_polars(to_pandas(empty(TRADES)))
    assert found.columns == list(TRADES)
    assert found.cast(dict(TRADES)).is_empty()


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_times_without_a_zone_are_utc(make_candles, unit):
    frame = make_candles(HOURS)
    naive = frame.with_columns(
        pl.col("timestamp").dt.replace_time_zone(None).dt.cast_time_unit(unit)
    )
    assert_frame_equal(to_polars(naive), frame)
    table = to_pandas(frame)
    table.index = table.index.tz_localize(None).as_unit(unit)
    assert_frame_equal(to_polars(table), frame)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Kolkata"])
def test_times_in_another_zone_are_converted(make_candles, zone):
    frame = make_candles(HOURS)
    local = frame.with_columns(pl.col("timestamp").dt.convert_time_zone(zone))
    assert_frame_equal(to_polars(local), frame)
    table = to_pandas(frame).tz_convert(zone)
    assert_frame_equal(to_polars(table), frame)


def test_a_fixed_offset_of_pandas_is_converted(make_candles):
    frame = make_candles(HOURS)
    table = to_pandas(frame)
    table.index = pd.DatetimeIndex([time.isoformat() for time in table.index.tz_convert("+05:30")])
    assert_frame_equal(to_polars(table), frame)


def test_the_index_of_pandas_may_have_any_name(make_candles):
    frame = make_candles(HOURS)
    for name in (None, "date", "open time"):
        assert_frame_equal(to_polars(to_pandas(frame).rename_axis(name)), frame)


def test_pandas_may_keep_times_in_a_column(make_candles):
    frame = make_candles(HOURS)
    assert_frame_equal(to_polars(to_pandas(frame).reset_index()), frame)


def test_a_series_of_pandas_with_times_is_a_table_of_one_column(make_candles):
    frame = make_candles(HOURS)
    closes = to_pandas(frame)["close"]
    assert_frame_equal(to_polars(closes), frame.select("timestamp", "close"))
    unnamed = to_polars(closes.rename(None).tz_convert("Asia/Kolkata"))
    assert_frame_equal(unnamed, frame.select("timestamp", value="close"))


def test_the_frame_that_was_passed_stays_as_it_was(make_candles):
    table = to_pandas(make_candles(HOURS)).rename_axis("date")
    before = table.copy()
    to_polars(table)
    pd.testing.assert_frame_equal(table, before)


def test_lazy_frames_are_collected(make_candles):
    frame = make_candles(HOURS)
    assert_frame_equal(to_polars(frame.lazy()), frame)


@pytest.mark.parametrize(
    "value",
    [None, 5, "candles.csv", [1, 2], {"timestamp": [1]}, pd.Series([1]), pl.Series([1])],
    ids=lambda value: type(value).__module__ + type(value).__name__,
)
def test_what_is_no_frame_is_refused(value):
    message = f"a polars or pandas frame is needed, not {type(value).__name__}"
    with pytest.raises(InvalidType, match=message):
        to_polars(value)


def test_frames_without_times_are_refused():
    with pytest.raises(DataError, match="no column 'timestamp' among"):
        to_polars(pl.DataFrame({"time": [1]}))
    with pytest.raises(DataError, match="neither a DatetimeIndex nor a 'timestamp' column"):
        to_polars(pd.DataFrame({"open": [1.0]}))


@pytest.mark.parametrize("values", [[START], ["2024-01-01"], [1.5]], ids=repr)
def test_a_column_of_something_else_is_no_time(values):
    for kind in (pl.DataFrame, pd.DataFrame):
        with pytest.raises(DataError, match=r"column 'timestamp' is .*, where times are needed"):
            to_polars(kind({"timestamp": values}))


def test_the_asked_kind_of_frame_is_given(make_candles):
    frame = make_candles(HOURS)
    assert to_frame(frame, "polars") is frame
    assert isinstance(to_frame(frame, "pandas"), pd.DataFrame)


def test_the_kind_of_frame_follows_a_model(make_candles):
    frame = make_candles(HOURS)
    assert like(frame, frame) is frame
    assert like(frame, frame.lazy()) is frame
    assert isinstance(like(frame, to_pandas(frame)), pd.DataFrame)


def test_times_finer_than_the_schema_are_cut(make_candles):
    frame = make_candles(HOURS).with_columns(pl.col("timestamp").dt.cast_time_unit("ns"))
    assert to_polars(frame).schema["timestamp"] == TIME


def test_any_table_becomes_polars_with_its_index_first():
    expected = pl.DataFrame({"name": ["a", "b"], "x": [1, 2]})
    plain = pd.DataFrame({"name": ["a", "b"], "x": [1, 2]})
    for frame in (expected, expected.lazy(), plain, plain.set_index("name")):
        assert to_table(frame).equals(expected)
    unnamed = pd.DataFrame({"x": [1, 2]}, index=["a", "b"])
    assert to_table(unnamed).columns == ["index", "x"]
    with pytest.raises(InvalidType, match="a polars or pandas frame is needed, not list"):
        to_table([1])
