"""The grid of candles, held against the calendar of `datetime`."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gekko_lab.errors import InvalidType, UnknownTimeframe
from gekko_lab.market.timeframe import Timeframe

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MONDAY = datetime(1970, 1, 5, tzinfo=UTC)
END = 253_402_300_800_000  # 10000-01-01, where datetime ends
WORDS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

times = st.integers(0, 4_102_444_800_000)  # to the year 2100
fixed_names = st.builds("{}{}".format, st.integers(1, 60), st.sampled_from("smhdw"))
month_names = st.builds("{}{}".format, st.integers(1, 30), st.sampled_from("My"))
names = fixed_names | month_names


def moment(time):
    return EPOCH + timedelta(milliseconds=time)


def time_of(*date):
    return (datetime(*date, tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1)


@given(names)
def test_a_name_survives_being_read(name):
    assert str(Timeframe.parse(name)) == name
    assert Timeframe.understands(name)


@given(fixed_names, times)
def test_fixed_widths_start_at_whole_steps_from_1970_and_weeks_on_monday(name, time):
    width = timedelta(**{WORDS[name[-1]]: int(name[:-1])})
    origin = MONDAY if name[-1] == "w" else EPOCH
    passed = (moment(time) - origin) // width
    timeframe = Timeframe.parse(name)
    assert moment(timeframe.floor(time)) == origin + passed * width
    assert moment(timeframe.next(timeframe.floor(time))) == origin + (passed + 1) * width
    assert timeframe.milliseconds == width / timedelta(milliseconds=1)


@given(times)
def test_a_week_opens_on_monday_at_midnight(time):
    opened = moment(Timeframe.parse("1w").floor(time))
    assert opened.isoweekday() == 1
    assert opened.timetz() == EPOCH.timetz()
    assert opened <= moment(time) < opened + timedelta(days=7)


@given(month_names, times)
def test_months_and_years_open_on_their_first_day(name, time):
    months = int(name[:-1]) * (12 if name[-1] == "y" else 1)
    held = moment(time)
    passed = ((held.year - 1970) * 12 + held.month - 1) // months * months
    expected = datetime(1970 + passed // 12, passed % 12 + 1, 1, tzinfo=UTC)
    timeframe = Timeframe.parse(name)
    assert moment(timeframe.floor(time)) == expected
    assert timeframe.milliseconds is None


@pytest.mark.parametrize(
    ("name", "opened", "closed"),
    [
        ("1M", (2024, 2), (2024, 3)),  # with a leap day
        ("1M", (2023, 2), (2023, 3)),
        ("1M", (2023, 12), (2024, 1)),
        ("3M", (2023, 10), (2024, 1)),
        ("1y", (2024, 1), (2025, 1)),
        ("2y", (2022, 1), (2024, 1)),
    ],
)
def test_a_calendar_candle_closes_where_the_next_one_opens(name, opened, closed):
    timeframe = Timeframe.parse(name)
    start, end = time_of(*opened, 1), time_of(*closed, 1)
    assert timeframe.next(start) == end
    assert timeframe.shift(end, -1) == start
    assert timeframe.floor(end - 1) == start
    assert timeframe.ceil(start + 1) == end


@given(names, times)
def test_floor_holds_the_time_and_ceil_is_not_before_it(name, time):
    timeframe = Timeframe.parse(name)
    floor, ceil = timeframe.floor(time), timeframe.ceil(time)
    assert floor <= time < timeframe.next(floor)
    assert time <= ceil
    assert timeframe.floor(floor) == timeframe.ceil(floor) == floor
    assert ceil in (floor, timeframe.next(floor))


@given(names, times, st.integers(-40, 40))
def test_as_many_candles_lie_between_as_were_shifted(name, time, count):
    timeframe = Timeframe.parse(name)
    start = timeframe.floor(time)
    end = timeframe.shift(start, count)
    assert timeframe.shift(end, -count) == start
    assert timeframe.between(start, end) == max(0, count)
    assert len(list(timeframe.opens(start, end))) == max(0, count)


@given(names, times, st.integers(0, 12))
def test_opens_walks_the_grid_inside_a_range(name, time, count):
    timeframe = Timeframe.parse(name)
    until = timeframe.shift(timeframe.floor(time), count)
    opens = list(timeframe.opens(time, until))
    assert all(time <= opened < until for opened in opens)
    assert all(timeframe.next(one) == two for one, two in pairwise(opens))
    assert len(opens) == timeframe.between(timeframe.ceil(time), until)


@given(names, times)
def test_no_candle_is_shorter_than_the_shortest(name, time):
    timeframe = Timeframe.parse(name)
    start = timeframe.floor(time)
    assert timeframe.next(start) - start >= timeframe.shortest > 0


def test_an_anchor_moves_the_grid():
    thursday = time_of(1970, 1, 1)
    week = Timeframe(1, "w", anchor=thursday)
    assert week.floor(time_of(2024, 1, 5)) == time_of(2024, 1, 4)  # a Thursday
    assert week.ceil(time_of(2024, 1, 5)) == time_of(2024, 1, 11)
    assert week.origin == thursday
    assert Timeframe.parse("1w").floor(time_of(2024, 1, 5)) == time_of(2024, 1, 1)


@given(times, times)
def test_any_open_time_can_be_the_anchor(anchor, time):
    width = Timeframe(3, "d", anchor=anchor)
    floor = width.floor(time)
    assert (floor - anchor) % 259_200_000 == 0
    assert floor <= time < floor + 259_200_000


def test_a_minute_is_not_a_month():
    assert Timeframe.parse("1m").milliseconds == 60_000
    assert Timeframe.parse("1M").milliseconds is None


@pytest.mark.parametrize(
    "name",
    [
        "",
        "1",
        "m",
        "0m",
        "01m",
        "-1m",
        "1.5h",
        "1 m",
        " 1m",
        "1m\n",
        "1D",
        "1H",
        "1min",
        "60",
        "\u0661m",
    ],
)
def test_what_is_no_timeframe_is_refused_with_examples(name):
    with pytest.raises(UnknownTimeframe, match="is not a timeframe: write a count") as caught:
        Timeframe.parse(name)
    assert repr(name) in str(caught.value)
    assert not Timeframe.understands(name)


@pytest.mark.parametrize("value", [60, 1.5, None, b"1m", ["1m"]])
def test_a_timeframe_of_another_type_is_refused(value):
    with pytest.raises(InvalidType, match=f"is a {type(value).__name__}; give text"):
        Timeframe.parse(value)


@pytest.mark.parametrize("name", ["1M", "7M", "1y", "9999y"])
def test_the_last_calendar_candle_ends_with_the_calendar(name):
    timeframe = Timeframe.parse(name)
    assert timeframe.ceil(time_of(9999, 12, 31)) == END
    assert timeframe.next(timeframe.floor(time_of(9999, 12, 31))) == END


def test_candles_are_counted_to_the_end_of_the_calendar():
    month = Timeframe.parse("1M")
    assert month.between(time_of(9999, 11, 1), END) == 2
    assert list(month.opens(time_of(9999, 11, 5), END)) == [time_of(9999, 12, 1)]
    assert month.floor(END) == END


def test_timeframes_are_values():
    assert Timeframe.parse("4h") == Timeframe(4, "h")
    assert Timeframe.parse("1w") != Timeframe(1, "w", anchor=0)
    assert len({Timeframe.parse("1h"), Timeframe(1, "h")}) == 1
    assert pickle.loads(pickle.dumps(Timeframe.parse("1M"))) == Timeframe(1, "M")  # noqa: S301
