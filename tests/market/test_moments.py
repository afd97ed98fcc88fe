"""Times as people write them, held against `datetime`, pandas and literals."""

from __future__ import annotations

import datetime as dt
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gekko_lab.errors import InvalidArgument, InvalidType
from gekko_lab.market.moments import read_time, show_time

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
YEAR_2024 = 1_704_067_200_000
NOW = 1_711_886_400_000  # 2024-03-31T12:00Z
HOUR = 3_600_000

moments = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31, 12))  # noqa: DTZ001


def ceil_milliseconds(moment):
    return -((EPOCH - moment) // timedelta(milliseconds=1))


def in_2024(**parts):
    return YEAR_2024 + timedelta(**parts) // timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024", YEAR_2024),
        ("2024-01", YEAR_2024),
        ("2024-02", in_2024(days=31)),
        ("2024-12", in_2024(days=335)),
        ("2024-01-31", in_2024(days=30)),
        ("  2024-01-31 \n", in_2024(days=30)),
        ("20240131", in_2024(days=30)),
        ("2024-01-31T12:00", in_2024(days=30, hours=12)),
        ("2024-01-31 12:00", in_2024(days=30, hours=12)),
        ("2024-01-31T12:00Z", in_2024(days=30, hours=12)),
        ("2024-01-31T12:00:30.250Z", in_2024(days=30, hours=12, seconds=30, milliseconds=250)),
        ("2024-01-31T12:00+01:00", in_2024(days=30, hours=11)),
        ("2024-01-31T12:00-05:30", in_2024(days=30, hours=17, minutes=30)),
        ("1970", 0),
        ("1970-01-01T00:00:05Z", 5000),
    ],
)
def test_iso_text_is_read_as_utc(text, expected):
    assert read_time(text, now=NOW) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-01-01T00:00:00.0001", YEAR_2024 + 1),
        ("2024-01-01T00:00:00.000001Z", YEAR_2024 + 1),
        ("2024-01-01T00:00:00.0000001", YEAR_2024 + 1),
        ("2024-01-01T00:00:00.000000001Z", YEAR_2024 + 1),
        ("2024-01-01T00:00:00,000000001+00:00", YEAR_2024 + 1),
        ("2024-01-01T00:00:00.001000000", YEAR_2024 + 1),
        ("2024-01-01T00:00:00.000000000", YEAR_2024),
        ("2023-12-31T23:59:59.9990001Z", YEAR_2024),
    ],
)
def test_fractions_of_a_millisecond_in_text_are_rounded_up(text, expected):
    assert read_time(text, now=NOW) == expected


@pytest.mark.parametrize(
    ("text", "back"),
    [
        ("30d", timedelta(days=30)),
        ("12h", timedelta(hours=12)),
        ("90m", timedelta(minutes=90)),
        ("45s", timedelta(seconds=45)),
        ("2w", timedelta(weeks=2)),
    ],
)
def test_spans_count_back_from_now(text, back):
    assert read_time(text, now=NOW) == NOW - back // timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("text", "now", "expected"),
    [
        ("6M", "2024-03-31T12:00", "2023-09-30T12:00"),
        ("1M", "2024-03-31T12:00", "2024-02-29T12:00"),
        ("1M", "2023-03-29T01:00", "2023-02-28T01:00"),
        ("1M", "2024-03-15T06:30", "2024-02-15T06:30"),
        ("12M", "2024-02-29", "2023-02-28"),
        ("1y", "2024-03-01", "2023-03-01"),
        ("1y", "2024-12-31T23:00", "2023-12-31T23:00"),
        ("4y", "2024-02-29", "2020-02-29"),
        ("10y", "2024-07-04", "2014-07-04"),
    ],
)
def test_months_and_years_back_keep_the_day_as_far_as_the_month_has_it(text, now, expected):
    start = read_time(now, now=0)
    assert read_time(text, now=start) == read_time(expected, now=0)


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001
    st.integers(1, 300),
    st.sampled_from("My"),
)
def test_calendar_spans_are_those_of_pandas(now, count, unit):
    stamp = pd.Timestamp(now, tz="UTC").floor("ms")
    offset = pd.DateOffset(months=count) if unit == "M" else pd.DateOffset(years=count)
    milliseconds = ceil_milliseconds(stamp.to_pydatetime())
    earlier = (stamp - offset).to_pydatetime()
    if earlier < EPOCH:
        with pytest.raises(InvalidArgument, match="lies before 1970"):
            read_time(f"{count}{unit}", now=milliseconds)
    else:
        found = read_time(f"{count}{unit}", now=milliseconds)
        assert found == ceil_milliseconds(earlier)


@pytest.mark.parametrize("text", ["999999d", "100y", "2025y", "11000y", "999999M", "999999y"])
def test_a_span_that_reaches_before_1970_is_refused(text):
    with pytest.raises(InvalidArgument, match=f"^until='{text}' lies before 1970"):
        read_time(text, now=NOW, name="until")


@given(st.dates(date(1970, 1, 1), date(9999, 12, 31)))
def test_a_date_is_its_midnight(day):
    expected = datetime(day.year, day.month, day.day, tzinfo=UTC)
    assert read_time(day, now=NOW) == ceil_milliseconds(expected)
    assert read_time(day.isoformat(), now=NOW) == ceil_milliseconds(expected)


@given(moments)
def test_a_datetime_without_a_zone_is_utc(moment):
    aware = moment.replace(tzinfo=UTC)
    assert read_time(moment, now=NOW) == read_time(aware, now=NOW) == ceil_milliseconds(aware)
    assert read_time(moment.isoformat(), now=NOW) == ceil_milliseconds(aware)


@given(
    st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30)),  # noqa: DTZ001
    st.integers(-23 * 60, 23 * 60),
)
def test_a_zone_is_taken_off(moment, minutes):
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    expected = ceil_milliseconds(aware.astimezone(UTC))
    assert read_time(aware, now=NOW) == expected
    assert read_time(aware.isoformat(), now=NOW) == expected


def test_a_named_zone_knows_its_summer_time():
    zone = ZoneInfo("Europe/Berlin")
    assert read_time(datetime(2024, 7, 1, tzinfo=zone), now=NOW) == in_2024(days=182, hours=-2)
    assert read_time(datetime(2024, 1, 31, tzinfo=zone), now=NOW) == in_2024(days=30, hours=-1)


@given(st.integers(0, 2**63 - 1))
@example(YEAR_2024 * 1_000_000 + 1)
@example(YEAR_2024 * 1_000_000 - 1)
@example(1)
def test_nanoseconds_of_pandas_and_numpy_are_rounded_up(nanoseconds):
    expected = (nanoseconds + 999_999) // 1_000_000
    stamp = pd.Timestamp(nanoseconds, unit="ns")
    assert read_time(stamp, now=NOW) == expected
    assert read_time(stamp.tz_localize("UTC"), now=NOW) == expected
    assert read_time(np.datetime64(nanoseconds, "ns"), now=NOW) == expected


def test_a_timestamp_of_pandas_may_have_a_zone():
    stamp = pd.Timestamp("2024-01-31T12:00", tz="America/New_York")
    assert read_time(stamp, now=NOW) == in_2024(days=30, hours=17)


@pytest.mark.parametrize("unit", ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns"])
def test_a_datetime64_of_any_unit_is_read(unit):
    value = np.datetime64("2024-01-04").astype(f"datetime64[{unit}]")
    expected = value.astype("datetime64[D]").astype(date)
    assert read_time(value, now=NOW) == read_time(expected, now=NOW)


@pytest.mark.parametrize("value", ["3000-01-01", "2262-04-12", "9999-12-31"])
def test_a_datetime64_beyond_the_range_of_nanoseconds_is_read(value):
    expected = ceil_milliseconds(datetime.fromisoformat(value).replace(tzinfo=UTC))
    assert read_time(np.datetime64(value), now=NOW) == expected
    assert read_time(np.datetime64(f"{value}T00:00:00.000001"), now=NOW) == expected + 1


@pytest.mark.parametrize("kind", [int, np.int64, np.uint64])
def test_whole_numbers_are_milliseconds(kind):
    assert read_time(kind(YEAR_2024), now=NOW) == YEAR_2024
    assert read_time(kind(0), now=NOW) == 0
    assert type(read_time(kind(YEAR_2024), now=NOW)) is int


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_a_value_out_of_a_polars_column_is_read(zone):
    column = pl.Series([datetime(2024, 1, 31, 12)]).dt.replace_time_zone(zone)  # noqa: DTZ001
    hour = 11 if zone == "Europe/Berlin" else 12
    assert read_time(column[0], now=NOW) == in_2024(days=30, hours=hour)
    assert read_time(column.dt.date()[0], now=NOW) == in_2024(days=30)
    assert read_time(column.dt.epoch("ms")[0], now=NOW) == in_2024(days=30, hours=hour)


@pytest.mark.parametrize(
    "value",
    [
        True,
        False,
        1.7e12,
        float("nan"),
        None,
        np.float64(1.7e12),
        np.True_,
        np.timedelta64(1, "D"),
        np.array(["2024-01-01"], dtype="datetime64[D]"),
        np.array([YEAR_2024]),
        timedelta(days=30),
        dt.time(12, 0),
        pd.Timedelta(days=30),
        b"2024",
        ["2024"],
        pl.Series([YEAR_2024]),
    ],
    ids=repr,
)
def test_what_is_no_time_is_refused_by_its_type(value):
    with pytest.raises(InvalidType, match=r"^until="):
        read_time(value, now=NOW, name="until")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "now",
        "2024-13",
        "2024-00",
        "2024-02-30",
        "0000",
        "31.01.2024",
        "01/31/2024",
        "-30d",
        "0d",
        "30D",
        "1.5d",
        "30 days",
        "2024-01-01T25:00",
        "2024-01-01T00:00 UTC",
    ],
)
def test_text_that_is_no_time_is_refused_with_examples(text):
    with pytest.raises(InvalidArgument, match="is not a time: write ISO 8601") as caught:
        read_time(text, now=NOW, name="until")
    assert str(caught.value).startswith(f"until={text!r}")


@pytest.mark.parametrize("value", [pd.NaT, np.datetime64("NaT"), np.datetime64("NaT", "ns")])
def test_not_a_time_is_refused(value):
    with pytest.raises(InvalidArgument, match=r"^until is not a time \(NaT\)"):
        read_time(value, now=NOW, name="until")


@pytest.mark.parametrize(
    "value", [YEAR_2024 // 1000, 1, 99_999_999_999, np.int64(YEAR_2024 // 1000)]
)
def test_seconds_are_recognized(value):
    with pytest.raises(InvalidArgument, match=rf"^until={value} looks like seconds.*by 1000"):
        read_time(value, now=NOW, name="until")


@pytest.mark.parametrize("value", [YEAR_2024 * 1000, YEAR_2024 * 1_000_000, 2**80])
def test_microseconds_and_nanoseconds_are_recognized(value):
    with pytest.raises(InvalidArgument, match=rf"^until={value} is too large for milliseconds"):
        read_time(value, now=NOW, name="until")


@pytest.mark.parametrize(
    "value",
    [
        "1969",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00+01:00",
        -1,
        date(1969, 12, 31),
        datetime(1, 1, 1, tzinfo=UTC),
        pd.Timestamp("1969-12-31"),
        np.datetime64("1969-12-31"),
        np.datetime64("0001-01-01"),
    ],
    ids=repr,
)
def test_times_before_1970_are_refused(value):
    with pytest.raises(InvalidArgument, match=r"^until=.* lies before 1970"):
        read_time(value, now=NOW, name="until")


def test_the_argument_is_called_since_unless_told():
    with pytest.raises(InvalidArgument, match=r"^since='junk'"):
        read_time("junk", now=NOW)


@given(st.integers(0, 253_402_300_799_999))
def test_shown_times_are_read_back(time):
    shown = show_time(time)
    moment = datetime.fromisoformat(shown)
    assert moment.replace(tzinfo=UTC) == EPOCH + timedelta(milliseconds=time)
    assert read_time(shown, now=NOW) == time


@pytest.mark.parametrize(
    ("time", "shown"),
    [
        (YEAR_2024, "2024-01-01"),
        (YEAR_2024 + HOUR, "2024-01-01T01:00Z"),
        (YEAR_2024 + 1000, "2024-01-01T00:00:01Z"),
        (YEAR_2024 + 7, "2024-01-01T00:00:00.007Z"),
        (253_402_300_800_000, "10000-01-01"),  # where a range to the last day ends
    ],
)
def test_times_are_shown_as_short_as_they_can_be(time, shown):
    assert show_time(time) == shown
