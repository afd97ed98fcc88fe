"""Candles out of trades, held against plain Python with fractions, and against the simulator."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gekko_lab
from gekko_lab.errors import DataError, InvalidArgument, InvalidType, UnknownTimeframe
from gekko_lab.frames.convert import to_pandas
from gekko_lab.frames.schemas import CANDLES, CANDLES_FULL, PRINTS, TRADES, empty

START = datetime(2024, 1, 1, tzinfo=UTC)  # a Monday
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MONDAY = datetime(1970, 1, 5, tzinfo=UTC)
WIDTHS = {
    "1s": timedelta(seconds=1),
    "15s": timedelta(seconds=15),
    "1m": timedelta(minutes=1),
    "4h": timedelta(hours=4),
    "3d": timedelta(days=3),
    "2w": timedelta(weeks=2),
}
MONTHS = {"1M": 1, "3M": 3, "1y": 12}
WAYS = ["off", "on"]


@pytest.fixture(params=WAYS)
def way(request):
    """Both ways to sum up: without and with compiled loops."""
    with gekko_lab.options(compile=request.param):
        yield request.param


def frame_of(rows):
    """Trades of (seconds from the start, price, amount)."""
    times = [START + timedelta(seconds=seconds) for seconds, _, _ in rows]
    numbers = {name: [float(row[at]) for row in rows] for at, name in ((1, "price"), (2, "amount"))}
    return pl.DataFrame({"timestamp": times, **numbers}, schema=PRINTS)


def open_time(time, timeframe):
    if timeframe in MONTHS:
        months = (time.year * 12 + time.month - 1) // MONTHS[timeframe] * MONTHS[timeframe]
        return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)
    origin = MONDAY if timeframe.endswith("w") else EPOCH
    return time - (time - origin) % WIDTHS[timeframe]


def by_hand(rows, timeframe):
    """Candles of (seconds, price, amount as decimals) by plain Python."""
    groups = {}
    for seconds, price, amount in rows:
        opened = open_time(START + timedelta(seconds=seconds), timeframe)
        groups.setdefault(opened, []).append((Fraction(price), Fraction(amount)))
    return [
        (
            opened,
            float(trades[0][0]),
            float(max(price for price, _ in trades)),
            float(min(price for price, _ in trades)),
            float(trades[-1][0]),
            float(sum(amount for _, amount in trades)),
            float(sum(price * amount for price, amount in trades)),
            len(trades),
        )
        for opened, trades in groups.items()
    ]


@st.composite
def tapes(draw):
    ticks, steps = draw(st.integers(0, 6)), draw(st.integers(0, 9))
    most = draw(st.sampled_from([2, 1_000, 10**7, 2**40]))
    gap = draw(st.sampled_from([0.25, 20, 5_000, 900_000]))
    seconds, rows = Fraction(0), []
    for _ in range(draw(st.integers(1, 40))):
        seconds += Fraction(draw(st.integers(0, 8))) * Fraction(gap)
        price = Decimal(draw(st.integers(1, 10**6))).scaleb(-ticks)
        amount = Decimal(draw(st.integers(0, most))).scaleb(-steps)
        rows.append((float(seconds), price, amount))
    return rows


@settings(max_examples=150, deadline=None)
@given(tapes(), st.sampled_from([*WIDTHS, *MONTHS]), st.sampled_from(WAYS))
def test_candles_are_those_of_plain_python(rows, timeframe, way):
    with gekko_lab.options(compile=way):
        found = gekko_lab.candles_from_trades(frame_of(rows), timeframe, columns="full")
    assert found.schema == CANDLES_FULL
    assert found.rows() == by_hand(rows, timeframe)


@pytest.mark.parametrize("exchange", ["simulator", "simulator:thin"])
@pytest.mark.parametrize(
    ("timeframe", "until"),
    [
        ("1s", "2024-01-01T02:00"),
        ("15s", "2024-01-01T06:00"),
        ("1m", "2024-01-03"),
        ("1h", "2024-01-03"),
        ("1d", "2024-01-04"),
        ("1w", "2024-01-08"),
    ],
)
def test_trades_of_the_simulator_make_its_candles(way, exchange, timeframe, until):
    asked = {"since": "2024-01-01", "until": until}
    trades = gekko_lab.fetch_trades(exchange, "BTC/USDT", **asked)
    candles = gekko_lab.fetch(exchange, "BTC/USDT", timeframe, **asked, columns="full")
    traded = candles.filter(pl.col("trade_count") > 0)
    assert len(traded) > 0
    assert gekko_lab.candles_from_trades(trades, timeframe, columns="full").equals(traded)
    plain = gekko_lab.candles_from_trades(trades, timeframe)
    assert plain.equals(traded.select(CANDLES.names()))


def test_a_month_of_the_simulator_is_the_sum_of_its_trades(way):
    asked = {"since": "2024-01-01", "until": "2024-03-01"}
    trades = gekko_lab.fetch_trades("simulator:thin", "LTC/EUR", **asked)
    months = gekko_lab.fetch("simulator:thin", "LTC/EUR", "1M", **asked)
    assert gekko_lab.candles_from_trades(trades, "1M").equals(months)


def test_a_candle_without_trades_is_absent(way):
    trades = frame_of([(0, 1, 1), (185, 2, 1)])
    found = gekko_lab.candles_from_trades(trades, "1m")
    assert found["timestamp"].dt.minute().to_list() == [0, 3]


def test_only_candles_within_the_range_are_given(way):
    trades = frame_of([(minute * 60, 1 + minute, 1) for minute in range(10)])
    span = {"since": "2024-01-01T00:01:30", "until": "2024-01-01T00:05:30"}
    found = gekko_lab.candles_from_trades(trades, "1m", **span)
    assert found["open"].to_list() == [3, 4, 5]
    assert gekko_lab.candles_from_trades(trades, "1m", since="2m")["open"].to_list() == [8, 9, 10]
    assert gekko_lab.candles_from_trades(trades, "1h", until="2024-01-01T00:30").is_empty()


def test_the_decimals_of_one_amount_among_many_are_found(way):
    rows = [(second, 100, 1) for second in range(7_000)]
    rows[3_333] = (3_333, Decimal("100.25"), Decimal("0.000001"))
    found = gekko_lab.candles_from_trades(frame_of(rows), "1y", columns="full")
    assert found["volume"].item() == 6999.000001
    assert found["quote_volume"].item() == float(Fraction(699_900 * 10**8 + 10_025, 10**8))


def test_sums_that_a_float_does_not_count_are_right(way):
    rows = [(second / 4, 1, 2**53 - 1 - second) for second in range(6_000)]
    found = gekko_lab.candles_from_trades(frame_of(rows), "1h", columns="full")
    total = float(sum(amount for _, _, amount in rows))
    assert found["volume"].item() == total
    assert found["quote_volume"].item() == pytest.approx(total)


def test_calculated_amounts_are_summed_as_floats_from_left_to_right(way):
    rows = [(place, 3 + place / 7, 1 / (3 + place)) for place in range(5_000)]
    volume, cost = 0.0, 0.0
    for _, price, amount in rows:
        volume += amount
        cost += price * amount
    found = gekko_lab.candles_from_trades(frame_of(rows), "1d", columns="full")
    assert found["volume"].item() == volume
    assert found["quote_volume"].item() == cost


@pytest.mark.parametrize(
    ("price", "amount"),
    [(0.1 + 0.2, 0.5), (10**9 + Decimal("0.01"), 10**9 + Decimal("0.01")), (3 * 10**9, 2**33)],
    ids=["calculated prices", "many digits", "too high"],
)
def test_costs_that_can_not_be_counted_are_summed_as_floats(way, price, amount):
    rows = [(place, price, amount) for place in range(3)]
    found = gekko_lab.candles_from_trades(frame_of(rows), "1h", columns="full")
    single = float(price) * float(amount)
    assert found["volume"].item() == float(3 * Fraction(amount))
    assert found["quote_volume"].item() == single + single + single


@settings(max_examples=60, deadline=None)
@given(
    tapes(),
    st.lists(st.integers(0, 40), max_size=4),
    st.sampled_from([*WIDTHS, *MONTHS]),
    st.booleans(),
    st.sampled_from(WAYS),
)
def test_the_chunks_of_a_frame_do_not_matter(rows, cuts, timeframe, calculated, way):
    frame = frame_of(rows)
    if calculated:
        frame = frame.with_columns(pl.col("amount") / 3)
    edges = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    parts = [frame[one:end] for one, end in pairwise(edges)]
    with gekko_lab.options(compile=way):
        whole = gekko_lab.candles_from_trades(frame, timeframe, columns="full")
        chunks = pl.concat(parts, rechunk=False)
        assert gekko_lab.candles_from_trades(chunks, timeframe, columns="full").equals(whole)
        uneven = chunks.with_columns(pl.Series("price", frame["price"].to_list()))
        assert gekko_lab.candles_from_trades(uneven, timeframe, columns="full").equals(whole)


GOOD = [(0, 100, 1), (1, 101, 2), (1, 102, 0), (5, 99, 3)]


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        ("timestamp", START - timedelta(seconds=3), "is older than the row before: timestamp=2023"),
        ("timestamp", None, "has a null"),
        ("price", None, "has a null"),
        ("amount", None, "has a null"),
        ("price", float("nan"), "has a number that isn't finite"),
        ("price", float("inf"), "has a number that isn't finite"),
        ("amount", float("nan"), "has a number that isn't finite"),
        ("amount", float("inf"), "has a number that isn't finite"),
        ("price", 0.0, "has a price that isn't positive"),
        ("price", -0.0, "has a price that isn't positive"),
        ("price", -1.0, "has a price that isn't positive"),
        ("amount", -1.0, "has a negative amount"),
    ],
)
@pytest.mark.parametrize("row", [1, 3, 2_500, 3_999])
@pytest.mark.parametrize("timeframe", ["1s", "1M"])
def test_the_first_wrong_trade_is_named(way, column, value, text, row, timeframe):
    rows = [(place, *GOOD[place % 4][1:]) for place in range(4_000)]
    frame = frame_of(rows)
    values = frame[column].to_list()
    values[row] = value
    frame = frame.with_columns(pl.Series(column, values, dtype=PRINTS[column]))
    for trades in (frame, pl.concat([frame[:1_000], frame[1_000:]], rechunk=False)):
        with pytest.raises(DataError, match=f"trade {row} of 4000 {text}"):
            gekko_lab.candles_from_trades(trades, timeframe, columns="full")


def test_a_last_trade_that_is_not_the_latest_breaks_nothing(way):
    rows = [(place * 3600, 1, 1) for place in range(2_000)]
    frame = pl.concat([frame_of(rows), frame_of([(7, 1, 1)])], rechunk=False)
    for timeframe in ("1s", "1h", "1M"):
        with pytest.raises(DataError, match="trade 2000 of 2001 is older than the row before"):
            gekko_lab.candles_from_trades(frame, timeframe)


def test_minus_zero_is_an_amount(way):
    found = gekko_lab.candles_from_trades(frame_of([(0, 1, -0.0), (1, 1, 2)]), "1m")
    assert found["volume"].item() == 2.0


def test_a_step_of_the_caller_takes_calculated_amounts_for_what_they_mean(way):
    trades = frame_of([(0, 1, 0.1 + 0.2), (1, 1, 0.7), (2, 1, 0.1 * 3)])
    for size in (0.1, 0.05):
        found = gekko_lab.candles_from_trades(trades, "1m", step_size=size)
        assert found["volume"].item() == 1.3


@pytest.mark.parametrize(("size", "row"), [(0.1, 2), (0.5, 1), (5, 0)])
def test_amounts_off_the_step_of_the_caller_are_refused(way, size, row):
    trades = frame_of([(0, 1, 0.5), (1, 1, 0.7), (2, 1, 0.25)])
    text = f"trade {row} of 3 has amount=.*, which isn't a whole number of step_size={size}"
    with pytest.raises(DataError, match=text):
        gekko_lab.candles_from_trades(trades, "1m", step_size=size)


def test_what_is_passed_decides_what_comes_back(way):
    trades = frame_of(GOOD)
    candles = gekko_lab.candles_from_trades(trades, "1m")
    assert gekko_lab.candles_from_trades(trades.lazy(), "1m").equals(candles)
    table = gekko_lab.candles_from_trades(to_pandas(trades), "1m")
    assert isinstance(table, pd.DataFrame)
    assert table.equals(to_pandas(candles))
    local = to_pandas(trades).tz_convert("Asia/Tokyo").reset_index()
    assert gekko_lab.candles_from_trades(local, "1m").equals(to_pandas(candles))


def test_whole_numbers_and_other_columns_are_welcome(way):
    trades = frame_of(GOOD).cast({"price": pl.Int32, "amount": pl.UInt8})
    noted = trades.with_columns(note=pl.lit(None))
    expected = gekko_lab.candles_from_trades(frame_of(GOOD), "1m")
    assert gekko_lab.candles_from_trades(noted, "1m").equals(expected)


def test_no_trades_make_no_candles(way):
    assert gekko_lab.candles_from_trades(empty(TRADES), "1h").schema == CANDLES
    full = gekko_lab.candles_from_trades(empty(PRINTS), "1M", columns="full")
    assert full.schema == CANDLES_FULL


def test_wrong_requests_are_refused():
    trades = frame_of(GOOD)
    with pytest.raises(UnknownTimeframe):
        gekko_lab.candles_from_trades(trades, "hour")
    with pytest.raises(InvalidArgument, match="columns='all': choose 'base' or 'full'"):
        gekko_lab.candles_from_trades(trades, "1h", columns="all")
    with pytest.raises(InvalidArgument, match="step_size=0"):
        gekko_lab.candles_from_trades(trades, "1h", step_size=0)
    with pytest.raises(InvalidArgument, match=r"^since='junk'"):
        gekko_lab.candles_from_trades(trades, "1h", since="junk")
    with pytest.raises(InvalidType, match="a polars or pandas frame is needed"):
        gekko_lab.candles_from_trades([1], "1h")
    with pytest.raises(DataError, match="no column 'amount' among"):
        gekko_lab.candles_from_trades(trades.drop("amount"), "1h")
    with pytest.raises(DataError, match="column 'price' is String, where numbers are needed"):
        gekko_lab.candles_from_trades(trades.cast({"price": pl.String}), "1h")


def test_months_end_with_the_calendar(way):
    late = pl.Series([np.iinfo(np.int64).max // 2]).cast(PRINTS["timestamp"])
    trades = frame_of(GOOD[:1]).with_columns(timestamp=late)
    with pytest.raises(DataError, match="after the year 9999, where no 1M ends"):
        gekko_lab.candles_from_trades(trades, "1M")
