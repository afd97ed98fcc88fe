"""Longer candles and gaps, held against pandas and plain counting."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import gekko_lab
from gekko_lab.errors import DataError, InvalidArgument, InvalidType, UnknownTimeframe
from gekko_lab.frames.convert import to_pandas
from gekko_lab.frames.resample import find_timeframe, gap_frame, gaps, missing, resample
from gekko_lab.frames.schemas import CANDLES, CANDLES_FULL, GAPS, empty
from gekko_lab.market.spans import Span
from gekko_lab.market.timeframe import Timeframe

START = 1_704_067_200_000  # 2024-01-01, a Monday
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR

FIXED = {"5m": "5min", "1h": "h", "4h": "4h"}
RULES = {**FIXED, "1d": "D", "1w": "W-MON", "1M": "MS", "1y": "YS"}
AGGREGATES = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
SPACINGS = {
    "1m": MINUTE,
    "3m": 3 * MINUTE,
    "5m": 5 * MINUTE,
    "15m": 15 * MINUTE,
    "1h": HOUR,
    "4h": 4 * HOUR,
    "1d": DAY,
    "1w": 7 * DAY,
}


def in_ms(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def months(first, count):
    dates = pd.date_range(first, periods=count, freq="MS", tz="UTC")
    return [date.value // 1_000_000 for date in dates]


def at(frame):
    return frame["timestamp"].dt.strftime("%Y-%m-%d %H:%M").to_list()


def by_pandas(frame, timeframe, since, until):
    """Resample with pandas and keep the whole buckets of [since, until) that have rows."""
    rule = RULES[timeframe]
    origin = {"origin": "epoch"} if timeframe in FIXED else {}
    grouped = to_pandas(frame).resample(rule, closed="left", label="left", **origin)
    table = grouped.agg(AGGREGATES)[grouped.size() > 0]
    ends = table.index + pd.tseries.frequencies.to_offset(rule)
    since, until = (pd.Timestamp(edge, unit="ms", tz="UTC") for edge in (since, until))
    return table[(table.index >= since) & (ends <= until)]


def spread(steps, width):
    opens = [START + 17 * width]
    for step in steps:
        opens.append(opens[-1] + step * width)
    return opens


@settings(max_examples=40)
@given(
    st.lists(st.sampled_from([1, 1, 1, 2, 3, 60, 700, 5000]), min_size=1, max_size=30),
    st.sampled_from(["5m", "1h", "4h", "1d", "1w", "1M"]),
)
def test_longer_candles_are_those_of_pandas(make_candles, steps, timeframe):
    opens = spread([1, *steps], MINUTE)  # the first step shows the spacing
    frame = make_candles(opens)
    expected = by_pandas(frame, timeframe, opens[0], opens[-1] + MINUTE)
    found = resample(to_pandas(frame), timeframe)
    pd.testing.assert_frame_equal(found, expected, check_freq=False)


@pytest.mark.parametrize("timeframe", ["1w", "1M", "1y"])
@pytest.mark.parametrize("first", ["2022-12-15", "2024-01-01"])
def test_calendar_candles_are_those_of_pandas(make_candles, timeframe, first):
    opens = [in_ms(first) + day * DAY for day in range(800) if day % 11]
    frame = make_candles(opens)
    found = resample(frame, timeframe)
    expected = by_pandas(frame, timeframe, opens[0], opens[-1] + DAY)
    pd.testing.assert_frame_equal(to_pandas(found), expected, check_freq=False)
    assert len(found) > 0


@settings(max_examples=40)
@given(
    st.integers(-90, 400),
    st.integers(-90, 400),
    st.sampled_from(["5m", "1h", "4h"]),
)
def test_only_whole_candles_of_the_range_are_given(make_candles, first, last, timeframe):
    frame = make_candles(range(START, START + 300 * MINUTE, MINUTE))
    since, until = START + first * MINUTE, START + last * MINUTE
    found = resample(frame, timeframe, since=since, until=until)
    expected = by_pandas(frame, timeframe, since, until)
    assert to_pandas(found)["volume"].tolist() == expected["volume"].tolist()
    assert found["timestamp"].to_list() == list(expected.index)


def test_no_candle_is_built_from_a_part_of_its_time(make_candles):
    frame = make_candles(range(START + 30 * MINUTE, START + 200 * MINUTE, MINUTE))
    assert at(resample(frame, "1h")) == ["2024-01-01 01:00", "2024-01-01 02:00"]
    assert at(resample(frame, "1h", since="2024-01-01", until="2024-01-01T04:00")) == [
        "2024-01-01 00:00",
        "2024-01-01 01:00",
        "2024-01-01 02:00",
        "2024-01-01 03:00",
    ]


def test_an_hour_without_rows_is_absent_and_one_with_holes_is_not(make_candles):
    held = [minute for minute in range(240) if not 60 <= minute < 120 and minute != 130]
    frame = make_candles([START + minute * MINUTE for minute in held])
    found = resample(frame, "1h")
    assert at(found) == ["2024-01-01 00:00", "2024-01-01 02:00", "2024-01-01 03:00"]
    assert found["volume"].sum() == frame["volume"].sum()


def test_spans_count_back_from_the_last_candle(make_candles):
    frame = make_candles(range(START, START + 300 * MINUTE, MINUTE))
    assert at(resample(frame, "1h", since="2h")) == ["2024-01-01 03:00", "2024-01-01 04:00"]


@pytest.mark.parametrize(
    ("width", "count", "target"),
    [
        (5 * MINUTE, 50, "7m"),
        (5 * MINUTE, 50, "1m"),
        (HOUR, 50, "90m"),
        (7 * DAY, 50, "1M"),
        (2 * DAY, 50, "1M"),
        (2 * DAY, 50, "1w"),
        (3 * DAY, 50, "3w"),  # a multiple, but weeks start on Monday and days in 1970
    ],
)
def test_candles_that_do_not_fill_the_longer_ones_are_refused(make_candles, width, count, target):
    first = Timeframe(width // MINUTE, "m").ceil(START)
    frame = make_candles(range(first, first + count * width, width))
    with pytest.raises(InvalidArgument, match=f"can't be joined into {target}: ask for a multiple"):
        resample(frame, target)


def test_months_do_not_make_weeks(make_candles):
    with pytest.raises(InvalidArgument, match="candles of 1M can't be joined into 5w"):
        resample(make_candles(months("2023-01-01", 15)), "5w")


def test_months_make_quarters_and_years(make_candles):
    frame = make_candles(months("2022-12-01", 14))  # to January 2024
    assert at(resample(frame, "1y")) == ["2023-01-01 00:00"]
    quarters = resample(frame, "3M")
    assert at(quarters) == [f"2023-{month:02d}-01 00:00" for month in (1, 4, 7, 10)]
    assert quarters["volume"][0] == frame["volume"][1:4].sum()


def test_a_market_that_seldom_trades_shows_its_spacing_all_the_same(make_candles):
    frame = make_candles([START + minute * MINUTE for minute in (0, 2, 5, 7, 10, 14)])
    assert at(resample(frame, "5m")) == [f"2024-01-01 00:{m:02d}" for m in (0, 5, 10)]


def test_the_same_width_gives_the_same_candles(make_candles):
    frame = make_candles(range(START, START + 300 * MINUTE, MINUTE), full=True)
    assert_frame_equal(resample(frame, "1m"), frame)


def test_two_steps_lead_where_one_does(make_candles):
    frame = make_candles(range(START, START + 5 * DAY, MINUTE), full=True)
    assert_frame_equal(resample(resample(frame, "5m"), "4h"), resample(frame, "4h"))


def test_the_kind_of_frame_stays(make_candles):
    frame = make_candles(range(START, START + 120 * MINUTE, MINUTE))
    assert isinstance(resample(frame, "1h"), pl.DataFrame)
    assert isinstance(resample(frame.lazy(), "1h"), pl.DataFrame)
    table = resample(to_pandas(frame), "1h")
    assert isinstance(table, pd.DataFrame)
    assert table.index.name == "timestamp"
    assert_frame_equal(resample(frame, "1h"), pl.from_pandas(table.reset_index()))


def test_a_sum_over_unknown_parts_is_unknown(make_candles):
    frame = make_candles(range(START, START + 120 * MINUTE, MINUTE), full=True)
    first = pl.int_range(pl.len()) == 7
    frame = frame.with_columns(
        quote_volume=pl.when(~first).then("quote_volume"),
        trade_count=pl.when(~first).then("trade_count"),
    )
    found = resample(frame, "1h")
    assert found.schema == CANDLES_FULL
    assert found["quote_volume"].to_list() == [None, frame["quote_volume"][60:].sum()]
    assert found["trade_count"].to_list() == [None, frame["trade_count"][60:].sum()]
    table = resample(to_pandas(frame), "1h")
    assert table["trade_count"].isna().tolist() == [True, False]
    assert table["trade_count"].iloc[1] == frame["trade_count"][60:].sum()


def test_columns_that_are_not_of_candles_are_left_out(make_candles):
    frame = make_candles(range(START, START + 120 * MINUTE, MINUTE)).with_columns(note=pl.lit("a"))
    assert resample(frame, "1h").schema == CANDLES


@pytest.mark.parametrize("schema", [CANDLES, CANDLES_FULL])
def test_no_candles_make_no_candles(schema):
    assert resample(empty(schema), "1h").schema == schema
    table = resample(to_pandas(empty(schema)), "1h")
    assert len(table) == 0
    assert str(table.index.dtype) == "datetime64[us, UTC]"
    assert list(table.columns) == list(schema)[1:]


def test_one_candle_covers_what_it_is_said_to_cover(make_candles):
    frame = make_candles([START + 5 * MINUTE])
    with pytest.raises(DataError, match="too few candles to see their timeframe"):
        resample(frame, "1h")
    assert resample(frame, "1h", present="1m").is_empty()
    hour = {"since": "2024-01-01", "until": "2024-01-01T01:00"}
    found = resample(frame, "1h", present="1m", **hour)
    assert at(found) == ["2024-01-01 00:00"]
    assert found["close"].item() == frame["close"].item()


@pytest.mark.parametrize("timeframe", ["9999y", "9999M"])
def test_a_candle_longer_than_the_calendar_is_never_whole(make_candles, timeframe):
    assert resample(make_candles(months("2022-12-01", 14)), timeframe).is_empty()


def test_wrong_requests_are_refused(make_candles):
    frame = make_candles(range(START, START + 120 * MINUTE, MINUTE))
    with pytest.raises(UnknownTimeframe):
        resample(frame, "hour")
    with pytest.raises(InvalidArgument, match=r"^until='junk'"):
        resample(frame, "1h", until="junk")
    with pytest.raises(InvalidType, match="a polars or pandas frame is needed"):
        resample([1, 2], "1h")
    with pytest.raises(DataError, match="doesn't open after the row before"):
        resample(frame.reverse(), "1h")
    with pytest.raises(DataError, match="no column 'open' among"):
        resample(frame.drop("open"), "1h")


@given(st.lists(st.integers(1, 40), min_size=1, max_size=10), st.sampled_from(list(SPACINGS)))
def test_the_spacing_is_the_widest_that_every_step_is_a_multiple_of(make_candles, steps, width):
    opens = spread(steps, SPACINGS[width])
    ours = find_timeframe(make_candles(opens))
    differences = [two - one for one, two in pairwise(opens)]
    assert all(difference % ours.milliseconds == 0 for difference in differences)
    wider = [each for each in SPACINGS.values() if each > ours.milliseconds]
    assert not any(all(step % each == 0 for step in differences) for each in wider)


@pytest.mark.parametrize("name", list(SPACINGS))
def test_neighbors_show_their_timeframe(make_candles, name):
    opens = spread([1, 1, 5, 1, 2], SPACINGS[name])
    assert str(find_timeframe(make_candles(opens))) == name


def test_months_are_told_from_days(make_candles):
    assert str(find_timeframe(make_candles(months("2023-01-01", 3)))) == "1M"
    assert str(find_timeframe(make_candles(months("2023-02-01", 2)))) == "1M"
    opens = [in_ms("2023-02-02"), in_ms("2023-03-02")]
    assert str(find_timeframe(make_candles(opens))) == "4w"


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_candles_show_no_timeframe(make_candles, count):
    assert find_timeframe(make_candles([START] * count)) is None


def test_candles_closer_than_a_second_show_no_timeframe(make_candles):
    assert find_timeframe(make_candles([START, START + 250])) is None


def runs(times, width):
    """Join open times to ranges, one after the other."""
    found = []
    for time in times:
        if found and found[-1][1] == time:
            found[-1] = (found[-1][0], time + width)
        else:
            found.append((time, time + width))
    return found


@given(
    st.sets(st.integers(0, 30)),
    st.integers(-5, 35),
    st.integers(0, 40),
    st.sampled_from(["1m", "1h", "1d"]),
)
def test_gaps_are_what_a_walk_over_the_grid_does_not_meet(make_candles, held, first, count, name):
    width = SPACINGS[name]
    present = sorted(START + place * width for place in held)
    since, until = START + first * width, START + (first + count) * width
    absent = [time for time in range(since, until, width) if time not in set(present)]
    found = gaps(make_candles(present), name, since=since, until=until)
    assert found.schema == GAPS
    edges = found.select(pl.col("since", "until").dt.epoch("ms")).rows()
    assert edges == runs(absent, width)
    assert found["missing"].sum() == len(absent)
    assert found["reason"].null_count() == found["error"].null_count() == len(found)


@given(st.sets(st.integers(0, 40), min_size=2), st.integers(0, 3), st.integers(0, 3))
def test_missing_months_are_counted_on_the_calendar(make_candles, held, before, after):
    calendar = months("2020-01-01", 60)
    present = [calendar[place + 3] for place in sorted(held)]
    first, last = min(held) + 3 - before, max(held) + 4 + after
    found = gaps(make_candles(present), "1M", since=calendar[first], until=calendar[last])
    absent = [place for place in range(first, last) if place - 3 not in held]
    expected = [(calendar[one], calendar[end]) for one, end in runs(absent, 1)]
    assert found.select(pl.col("since", "until").dt.epoch("ms")).rows() == expected
    assert found["missing"].to_list() == [end - one for one, end in runs(absent, 1)]


def test_by_default_gaps_lie_between_the_first_and_the_last(make_candles):
    frame = make_candles([START + place * HOUR for place in (0, 1, 4, 5, 7)])
    for candles in (frame, frame.lazy(), to_pandas(frame)):
        found = gaps(candles)
        assert isinstance(found, pl.DataFrame)
        assert found["missing"].to_list() == [2, 1]
        assert at(found.rename({"since": "timestamp"})) == ["2024-01-01 02:00", "2024-01-01 06:00"]


def test_edges_are_moved_onto_the_grid(make_candles):
    frame = make_candles([START + place * HOUR for place in range(2, 5)])
    found = gaps(frame, since="2024-01-01T00:30", until="2024-01-01T06:30")
    assert found.select(pl.col("since", "until").dt.hour()).rows() == [(1, 2), (5, 7)]
    assert gaps(frame, since="2h").is_empty()


def test_complete_candles_have_no_gaps(make_candles):
    found = gaps(make_candles(range(START, START + 9 * HOUR, HOUR)))
    assert found.is_empty()
    assert found.schema == GAPS


def test_of_no_candles_everything_is_missing():
    found = gaps(empty(CANDLES), "1h", since="2024-01-01", until="2024-01-02")
    assert found["missing"].to_list() == [24]
    assert gaps(empty(CANDLES), "1h").is_empty()


def test_a_width_that_cannot_be_seen_must_be_named(make_candles):
    for candles in (empty(CANDLES), make_candles([START])):
        with pytest.raises(DataError, match="too few candles to see their timeframe"):
            gaps(candles)
    assert gaps(make_candles([START]), "1h").is_empty()


def test_candles_off_their_grid_have_no_gaps_to_tell(make_candles):
    with pytest.raises(DataError, match="candle 1 of 2 isn't on the grid of 1h"):
        gaps(make_candles([START, START + MINUTE]), "1h")
    with pytest.raises(UnknownTimeframe):
        gaps(make_candles([START]), "hour")


def test_an_anchored_week_has_its_own_gaps():
    week = Timeframe(1, "w", anchor=START + 3 * DAY)
    opens = pl.Series([week.anchor, week.anchor + 21 * DAY])
    hole = Span(week.anchor + 7 * DAY, week.anchor + 21 * DAY)
    assert missing(opens, week, Span(week.anchor, week.anchor + 28 * DAY)) == [hole]


def test_the_table_of_gaps_holds_reasons_and_counts():
    rows = [
        (Span(START, START + 3 * HOUR), Timeframe.parse("1h"), "outage", None),
        (Span(START, START + 1), None, "failed", "no answer"),
    ]
    found = gap_frame(rows)
    assert found.schema == GAPS
    assert found.select("missing", "reason", "error").rows() == [
        (3, "outage", None),
        (None, "failed", "no answer"),
    ]
    assert gap_frame([]).schema == GAPS


@pytest.mark.parametrize(
    ("finer", "width"),
    [("1m", "20m"), ("1m", "90m"), ("1h", "5h"), ("1d", "4d"), ("1d", "10d"), ("1d", "3w")],
)
def test_widths_that_resample_makes_are_seen_again(finer, width):
    candles = gekko_lab.fetch("simulator", "BTC/USDT", finer, since="2024-01-01", limit=2000)
    longer = resample(candles, width)
    assert str(find_timeframe(longer)) == width
    assert gaps(longer).is_empty()


@pytest.mark.parametrize("width", ["2M", "3M", "6M", "1y", "2y"])
def test_months_and_years_are_seen_again(width):
    days = gekko_lab.fetch("simulator", "BTC/USDT", "1d", since="2012-01-01", until="2020-01-01")
    longer = resample(days, width)
    assert str(find_timeframe(longer)) == width
    assert gaps(longer).is_empty()


def test_joining_twice_loses_no_candle():
    minutes = gekko_lab.fetch("simulator", "BTC/USDT", "1m", since="2024-01-01", limit=7 * 1440)
    once, twice = resample(minutes, "1h"), resample(resample(minutes, "20m"), "1h")
    assert twice.equals(once)


def simulated(exchange, symbol, timeframe, since, until, columns):
    asked = {"since": since, "until": until, "columns": columns}
    return gekko_lab.fetch(exchange, symbol, timeframe, **asked)


@pytest.mark.parametrize("exchange", ["simulator", "simulator:thin"])
@pytest.mark.parametrize("symbol", ["BTC/USDT", "LTC/EUR"])
@pytest.mark.parametrize(
    ("timeframe", "since", "until", "columns"),
    [
        ("1h", "2024-01-01", "2024-01-03", "full"),
        ("4h", "2024-01-01", "2024-01-03", "full"),
        ("1d", "2024-01-01", "2024-01-03", "full"),
        ("1d", "2024-01-01", "2024-03-01", "base"),
        ("1w", "2024-01-01", "2024-03-04", "base"),
        ("1M", "2024-01-01", "2024-03-01", "base"),
    ],
)
def test_minutes_make_the_candles_of_the_simulator(
    exchange, symbol, timeframe, since, until, columns
):
    minutes = simulated(exchange, symbol, "1m", since, until, columns)
    longer = simulated(exchange, symbol, timeframe, since, until, columns)
    assert len(longer) > 0
    assert resample(minutes, timeframe).equals(longer)
    assert to_pandas(longer).equals(resample(to_pandas(minutes), timeframe))


@pytest.mark.parametrize("exchange", ["simulator", "simulator:thin"])
def test_joining_twice_makes_the_candles_of_the_simulator(exchange):
    asked = (exchange, "BTC/USDT"), ("2024-01-01", "2024-01-08", "full")
    minutes, weeks = (simulated(*asked[0], name, *asked[1]) for name in ("1m", "1w"))
    hours = resample(minutes, "1h")
    assert resample(resample(hours, "1d"), "1w").equals(weeks)


def with_volumes(make_candles, volumes, name="volume"):
    frame = make_candles(range(START, START + len(volumes) * MINUTE, MINUTE), full=True)
    return frame.with_columns(pl.Series(name, volumes, dtype=pl.Float64))


UNITS = st.lists(st.integers(0, 2**51), min_size=60, max_size=60)


@settings(max_examples=40)
@given(UNITS, st.integers(0, 16), st.sampled_from(["volume", "quote_volume"]))
def test_volumes_are_summed_as_decimals_and_rounded_once(make_candles, units, decimals, name):
    exact = [Decimal(one).scaleb(-decimals) for one in units]
    frame = with_volumes(make_candles, [float(one) for one in exact], name)
    assert resample(frame, "1h")[name].item() == float(sum(map(Fraction, exact)))


def test_sums_that_a_float_does_not_count_are_right(make_candles):
    volumes = [2.0**53 - 1.0] * 600  # 60 of them in an hour
    hours = resample(with_volumes(make_candles, volumes), "1h")
    assert hours["volume"].to_list() == [float(60 * (2**53 - 1))] * 10
    weeks = with_volumes(make_candles, [2.0**52 + place for place in range(7 * 1440)])
    total = sum(2**52 + place for place in range(7 * 1440))  # beyond 64 bits
    assert resample(weeks, "1w")["volume"].item() == float(total)


def test_a_step_of_the_caller_takes_calculated_volumes_for_what_they_mean(make_candles):
    frame = with_volumes(make_candles, [0.1 + 0.2, 0.7, *[0.1] * 58])
    assert resample(frame, "1h", step_size=0.1)["volume"].item() == 6.8
    assert resample(frame, "1h", step_size=0.05)["volume"].item() == 6.8


def test_volumes_off_the_step_of_the_caller_are_refused(make_candles):
    frame = with_volumes(make_candles, [0.5] * 7 + [0.25] + [0.5] * 52)
    text = r"candle 7 of 60 has volume=0\.25, which isn't a whole number of step_size=0\.1"
    with pytest.raises(DataError, match=text):
        resample(frame, "1h", step_size=0.1)
    with pytest.raises(DataError, match=r"candle 0 of 60 has volume=0\.5"):
        resample(frame, "1h", step_size=0.2)
    with pytest.raises(InvalidArgument, match="step_size=0"):
        resample(frame, "1h", step_size=0)


def test_volumes_without_a_step_are_summed_as_floats(make_candles):
    volumes = [1 / 3, 1e6, *[0.1] * 58]
    frame = with_volumes(make_candles, volumes)
    assert resample(frame, "1h")["volume"].item() == pytest.approx(math.fsum(volumes), rel=1e-14)


def test_unknown_costs_leave_the_known_ones_exact(make_candles):
    costs = [None, *[0.1] * 119]
    frame = with_volumes(make_candles, costs, "quote_volume")
    assert resample(frame, "1h")["quote_volume"].to_list() == [None, 6.0]


def test_fragments_are_no_hours_when_the_present_width_is_told(make_candles):
    halves = make_candles([START, START + 30 * MINUTE])
    assert resample(halves, "1h", present="1m").is_empty()


def test_columns_in_another_order_and_type_are_understood(make_candles):
    frame = make_candles(range(START, START + 60 * MINUTE, MINUTE))
    odd = frame.select(
        "close", "volume", "timestamp", "low", "high", pl.col("open").cast(pl.Float32)
    )
    made = resample(odd, "1h")
    assert made.columns == frame.columns
    assert made["close"].equals(resample(frame, "1h")["close"])
    with pytest.raises(DataError, match="column 'volume' is String, where numbers are needed"):
        resample(frame.with_columns(volume=pl.lit("much")), "1h")
