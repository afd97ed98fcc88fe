"""One broken row is found, wherever it is, and named with its rule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gekko_lab.errors import DataError
from gekko_lab.frames.checks import as_time, check_candles, check_trades, milliseconds
from gekko_lab.frames.schemas import CANDLES, TRADES, empty
from gekko_lab.market.timeframe import Timeframe

START = 1_704_067_200_000  # 2024-01-01
HOUR = 3_600_000
COUNT = 20
HOURLY = Timeframe.parse("1h")

prices = st.floats(1e-9, 1e9)
places = st.integers(0, COUNT - 1)


def hours(count=COUNT):
    return range(START, START + count * HOUR, HOUR)


def put(frame, place, **values):
    """Replace values of one row."""
    here = pl.int_range(pl.len()) == place
    return frame.with_columns(
        pl.when(here).then(pl.lit(value, frame.schema[name])).otherwise(pl.col(name)).alias(name)
        for name, value in values.items()
    )


@st.composite
def sound_candles(draw):
    rows, time = [], START
    for _ in range(draw(st.integers(0, 12))):
        four = sorted(draw(st.lists(prices, min_size=4, max_size=4)))
        low, one, two, high = four
        start, end = draw(st.permutations([one, two]))
        moment = datetime.fromtimestamp(time / 1000, UTC)
        rows.append((moment, start, high, low, end, draw(st.floats(0, 1e12))))
        time += HOUR * draw(st.integers(1, 5))
    return pl.DataFrame(rows, schema=CANDLES, orient="row")


@given(sound_candles())
def test_sound_candles_pass_as_they_are(frame):
    assert check_candles(frame) is frame
    assert check_candles(frame, HOURLY, since=START, until=START + 60 * HOUR) is frame


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"open": None}, "has a null"),
        ({"volume": None}, "has a null"),
        ({"close": float("nan")}, "has a number that isn't finite"),
        ({"high": float("inf")}, "has a number that isn't finite"),
        ({"low": float("-inf")}, "has a number that isn't finite"),
        ({"volume": float("nan")}, "has a number that isn't finite"),
        ({"high": 1.0}, "has a high below its open, close or low"),
        ({"low": 1e6, "high": 1e6}, "has a low above its open or close"),
        ({"volume": -0.001}, "has a negative volume"),
    ],
    ids=repr,
)
@given(place=places)
def test_a_broken_candle_is_found_and_named(make_candles, values, rule, place):
    frame = put(make_candles(hours()), place, **values)
    with pytest.raises(DataError) as caught:
        check_candles(frame, HOURLY)
    assert str(caught.value).startswith(f"candle {place} of {COUNT} {rule}: timestamp=2024-01-01 ")


@given(place=st.integers(1, COUNT - 1), back=st.integers(1, 3))
def test_a_candle_that_does_not_follow_is_found(make_candles, place, back):
    moment = datetime.fromtimestamp(START / 1000, UTC) + timedelta(hours=place - back)
    frame = put(make_candles(hours()), place, timestamp=moment)
    with pytest.raises(DataError, match=f"candle {place} of 20 doesn't open after the row before"):
        check_candles(frame, HOURLY)


@given(place=places, off=st.integers(1, 3_599_999_999))
def test_a_candle_off_the_grid_is_found_to_the_microsecond(make_candles, place, off):
    moment = datetime.fromtimestamp(START / 1000, UTC) + timedelta(hours=place, microseconds=off)
    frame = put(make_candles(hours()), place, timestamp=moment)
    check_candles(frame)  # nobody said which grid
    with pytest.raises(DataError, match=f"candle {place} of 20 isn't on the grid of 1h"):
        check_candles(frame, HOURLY)


@pytest.mark.parametrize(
    ("name", "on", "off"),
    [
        ("1w", "2024-01-01", "2024-01-04"),
        ("2w", "1970-01-19", "1970-01-12"),
        ("1M", "2024-02-01", "2024-02-02"),
        ("1M", "2024-02-01", "2024-02-01T00:00:00.000001"),
        ("3M", "2024-04-01", "2024-05-01"),
        ("1y", "2024-01-01", "2024-02-01"),
        ("2y", "2024-01-01", "2023-01-01"),
        ("3d", "1970-01-04", "1970-01-05"),
    ],
)
def test_calendar_grids_are_known(make_candles, name, on, off):
    timeframe = Timeframe.parse(name)
    for text, sound in ((on, True), (off, False)):
        moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
        frame = put(make_candles([START]), 0, timestamp=moment)
        if sound:
            assert check_candles(frame, timeframe) is frame
        else:
            with pytest.raises(DataError, match=f"isn't on the grid of {name}"):
                check_candles(frame, timeframe)


def test_an_anchored_grid_is_known(make_candles):
    thursday = START + 72 * HOUR
    assert len(check_candles(make_candles([thursday]), Timeframe(1, "w", anchor=0))) == 1
    with pytest.raises(DataError, match="isn't on the grid of 1w"):
        check_candles(make_candles([thursday]), Timeframe(1, "w"))


def test_rows_that_were_not_asked_for_are_found(make_candles, make_trades):
    since, until = START + HOUR, START + (COUNT - 1) * HOUR
    for check, frame, noun in (
        (check_candles, make_candles(hours()), "candle"),
        (check_trades, make_trades(hours()), "trade"),
    ):
        with pytest.raises(DataError, match=f"{noun} 0 of 20 is before 2024-01-01T01:00Z, which"):
            check(frame, since=since)
        with pytest.raises(DataError, match=f"{noun} 19 of 20 is not before 2024-01-01T19:00Z"):
            check(frame, until=until)
        assert check(frame[1:-1], since=since, until=until).height == COUNT - 2


def test_the_first_of_several_broken_rows_is_named(make_candles):
    frame = put(put(make_candles(hours()), 7, volume=-1.0), 3, volume=-1.0)
    with pytest.raises(DataError, match=r"^candle 3 of 20 has a negative volume"):
        check_candles(frame)


def test_additional_columns_may_be_null(make_candles):
    frame = make_candles(hours(), full=True).with_columns(
        quote_volume=pl.lit(None, pl.Float64), note=pl.lit("mine")
    )
    assert check_candles(frame, HOURLY) is frame


@pytest.mark.parametrize("name", list(CANDLES))
def test_a_missing_or_wrong_column_is_named(make_candles, name):
    frame = make_candles(hours())
    with pytest.raises(DataError, match=f"column '{name}' is missing, where"):
        check_candles(frame.drop(name))
    with pytest.raises(DataError, match=f"column '{name}' is String, where"):
        check_candles(frame.with_columns(pl.col(name).cast(pl.String)))


def test_columns_in_another_order_are_refused(make_candles, make_trades):
    with pytest.raises(DataError, match=r"columns are \['volume', .* come first"):
        check_candles(make_candles(hours()).select("volume", *list(CANDLES)[:-1]))
    with pytest.raises(DataError, match=r"columns are \['amount', .* come first"):
        check_trades(make_trades(hours()).select("amount", *list(TRADES)[:-1]))


def test_empty_tables_are_sound_if_their_columns_are():
    assert check_candles(empty(CANDLES), HOURLY, since=0, until=1).is_empty()
    assert check_trades(empty(TRADES), since=0, until=1).is_empty()
    with pytest.raises(DataError, match="column 'timestamp' is missing"):
        check_candles(pl.DataFrame())


@given(st.lists(st.integers(0, 50), max_size=12).map(sorted))
def test_sound_trades_pass_as_they_are(make_trades, steps):
    frame = make_trades([START + step for step in steps])
    assert check_trades(frame, since=START, until=START + 51) is frame


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"price": None}, "has a null"),
        ({"timestamp": None}, "has a null"),
        ({"amount": float("inf")}, "has a number that isn't finite"),
        ({"price": float("nan")}, "has a number that isn't finite"),
        ({"amount": 0.0}, "has an amount that isn't positive"),
        ({"amount": -1.0}, "has an amount that isn't positive"),
    ],
    ids=repr,
)
@given(place=places)
def test_a_broken_trade_is_found_and_named(make_trades, values, rule, place):
    frame = put(make_trades(hours()), place, **values)
    with pytest.raises(DataError, match=f"^trade {place} of {COUNT} {rule}: timestamp="):
        check_trades(frame)


def test_trades_may_share_a_time_but_not_go_back(make_trades):
    assert len(check_trades(make_trades([START, START, START + 1]))) == 3
    with pytest.raises(DataError, match=r"^trade 1 of 2 is older than the row before"):
        check_trades(make_trades([START, START - 1]))


def test_no_trade_comes_twice_but_ids_may_be_unknown(make_trades):
    frame = make_trades(hours())
    with pytest.raises(DataError, match=r"^trade 9 of 20 repeats an id: .*id=t4"):
        check_trades(put(frame, 9, id="t4"))
    unknown = frame.with_columns(id=pl.lit(None, pl.String), side=pl.lit(None, TRADES["side"]))
    assert check_trades(unknown) is unknown


def test_ids_of_trades_may_be_numbers(make_trades):
    frame = make_trades(hours()).with_columns(id=pl.int_range(pl.len()))
    assert check_trades(frame) is frame


@given(st.lists(st.integers(0, 4_102_444_800_000)))
def test_milliseconds_become_times_and_back(values):
    frame = pl.DataFrame({"timestamp": values}, schema={"timestamp": pl.Int64})
    times = frame.select(as_time())
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert times["timestamp"].to_list() == [epoch + timedelta(milliseconds=v) for v in values]
    assert times.select(milliseconds())["timestamp"].to_list() == values
