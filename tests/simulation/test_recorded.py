"""Trades made for recorded candles add up to them exactly, whatever the candles are."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gekko_lab
from gekko_lab.errors import DataError, InvalidArgument, InvalidType
from gekko_lab.frames.schemas import CANDLES, TIME, TRADES, empty
from gekko_lab.simulation.recorded import Recording

START = 1_704_067_200_000
MINUTE = 60_000


def frame_of(rows, width=MINUTE):
    """Candles of (place, open, high, low, close, volume)."""
    table = [(START + place * width, *rest) for place, *rest in rows]
    frame = pl.DataFrame(table, schema=list(CANDLES), orient="row")
    times = (pl.col("timestamp") * 1000).cast(TIME)
    return frame.with_columns(times).cast(dict(CANDLES))


def aggregated(trades, width=MINUTE):
    """Candles of trades by plain Python, volumes as exact decimals."""
    found = {}
    for time, _, _, price, amount in trades.rows():
        opened = int(time.timestamp() * 1000) // width * width
        found.setdefault(opened, []).append((price, Decimal(repr(amount))))
    return {
        opened: (
            rows[0][0],
            max(price for price, _ in rows),
            min(price for price, _ in rows),
            rows[-1][0],
            sum(amount for _, amount in rows),
        )
        for opened, rows in found.items()
    }


@st.composite
def candles(draw):
    ticks, steps = draw(st.integers(0, 8)), draw(st.integers(0, 8))
    rows, place = [], 0
    for _ in range(draw(st.integers(1, 12))):
        place += draw(st.integers(1, 3))
        four = draw(
            st.lists(st.integers(1, draw(st.sampled_from([3, 50, 10**6]))), min_size=4, max_size=4)
        )
        low, high = min(four), max(four)
        lots = draw(st.integers(1, 10**6))
        numbers = [Decimal(each).scaleb(-ticks) for each in (four[0], high, low, four[1])]
        rows.append((place, *map(float, numbers), float(Decimal(lots).scaleb(-steps))))
    return rows


@settings(max_examples=150, deadline=None)
@given(candles(), st.integers(0, 2**40), st.sampled_from([MINUTE, 5 * MINUTE, 60 * MINUTE]))
def test_trades_add_up_to_any_candles(rows, seed, width):
    frame = frame_of(rows, width)
    name = {MINUTE: "1m", 5 * MINUTE: "5m", 60 * MINUTE: "1h"}[width]
    trades = gekko_lab.trades_from_candles(frame, name, seed=seed)
    assert trades.schema == TRADES
    assert trades["timestamp"].is_sorted()
    assert not trades["id"].is_duplicated().any()
    assert (trades["amount"] > 0).all()
    expected = {
        START + place * width: (*prices, Decimal(repr(volume))) for place, *prices, volume in rows
    }
    assert aggregated(trades, width) == expected


def test_simulated_candles_come_back_with_other_trades():
    hours = gekko_lab.fetch("simulator", "BTC/USDT", "1h", since="2024-01-01", limit=200)
    trades = gekko_lab.trades_from_candles(hours, seed=3)
    again = aggregated(trades, 60 * MINUTE)
    for time, *prices, volume in hours.rows():
        made = again[int(time.timestamp() * 1000)]
        assert made[:4] == tuple(prices)
        assert float(made[4]) == volume


def test_the_seed_chooses_the_tape_and_nothing_else_does():
    minutes = gekko_lab.fetch("simulator", "ETH/USDT", "1m", since="2024-01-01", limit=60)
    one = gekko_lab.trades_from_candles(minutes, seed=1)
    assert one.equals(gekko_lab.trades_from_candles(minutes, seed=1))
    assert not one.equals(gekko_lab.trades_from_candles(minutes, seed=2))
    first = gekko_lab.trades_from_candles(minutes[:20], "1m", seed=1, trades_per_candle=30)
    assert first["timestamp"].max() < minutes["timestamp"][20]


def test_the_number_of_trades_is_the_recorded_one_where_there_is_one():
    asked = {"since": "2024-01-01", "limit": 50, "columns": "full"}
    minutes = gekko_lab.fetch("simulator", "BTC/USDT", "1m", **asked)
    trades = gekko_lab.trades_from_candles(minutes)
    assert len(trades) == minutes["trade_count"].sum()


def test_numbers_that_were_calculated_come_back_to_the_last_bit():
    rows = [(0, 0.1 + 0.2, 0.7, 0.1, 0.1 * 3, 0.1 + 0.7), (1, 0.3, 0.3, 0.1, 0.2, 1.1 * 3)]
    frame = frame_of(rows)
    again = aggregated(gekko_lab.trades_from_candles(frame, "1m"))
    for place, *prices, volume in rows:
        made = again[START + place * MINUTE]
        assert made[:4] == tuple(prices)
        assert float(made[4]) == pytest.approx(volume, rel=1e-15)


def test_a_candle_without_volume_has_no_trades():
    trades = gekko_lab.trades_from_candles(frame_of([(0, 2, 2, 2, 2, 0), (1, 2, 3, 1, 2, 5)]))
    assert trades["timestamp"].dt.minute().unique().to_list() == [1]


def test_pandas_candles_give_pandas_trades_and_no_candles_no_trades():
    table = gekko_lab.fetch("simulator", "BTC/USDT", limit=3, until="2024-01-01", frame="pandas")
    trades = gekko_lab.trades_from_candles(table)
    assert trades.index.name == "timestamp"
    assert gekko_lab.trades_from_candles(empty(CANDLES)).equals(empty(TRADES))


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ((1, 2.0, 1.0, 1.0, 2.0, 5.0), "candle 1 of 3 has a high below"),
        ((1, 2.0, 3.0, 1.0, 2.0, -5.0), "candle 1 of 3 has a negative volume"),
        ((1, 2.0, 3.0, 1.0, 2.0, 0.0), r"candle 1 of 3 \(2024-01-01T00:01Z\) moved without volume"),
        ((1.5, 2.0, 3.0, 1.0, 2.0, 1.0), "candle 1 of 3 isn't on the grid of 1m"),
        ((1, float("nan"), 3.0, 1.0, 2.0, 1.0), "candle 1 of 3 has a number that isn't finite"),
    ],
)
def test_an_impossible_candle_is_named(row, text):
    flat = (2.0, 2.0, 2.0, 2.0, 1.0)
    frame = frame_of([(0, *flat), row, (3, *flat)])
    with pytest.raises(DataError, match=text):
        gekko_lab.trades_from_candles(frame, "1m")


def test_bad_parameters_are_told():
    minutes = gekko_lab.fetch("simulator", "BTC/USDT", "1m", since="2024-01-01", limit=3)
    with pytest.raises(InvalidType, match="seed"):
        gekko_lab.trades_from_candles(minutes, seed="7")
    with pytest.raises(InvalidArgument, match="trades_per_candle=0"):
        gekko_lab.trades_from_candles(minutes, trades_per_candle=0)
    with pytest.raises(InvalidArgument, match="weeks at most"):
        gekko_lab.trades_from_candles(minutes, "1M")
    with pytest.raises(InvalidType, match="frame is needed"):
        gekko_lab.trades_from_candles([1, 2])


def test_tiny_numbers_come_back_exactly():
    rows = [(0, 1.24465e-12, 1.24466e-12, 1.244335e-12, 1.244565e-12, 1.2345678e-9)]
    made = aggregated(gekko_lab.trades_from_candles(frame_of(rows), "1m"))[START]
    assert made[:4] == rows[0][1:5]
    assert float(made[4]) == rows[0][5]


def test_numbers_without_a_common_step_are_refused_not_rounded():
    rows = [(0, 2.0, 2.0, 2.0, 2.0, 123456789.0), (1, 2.0, 2.0, 2.0, 2.0, 1.23456789e-9)]
    with pytest.raises(DataError, match=r"volume of candle 1 of 2 is .*no step of ten"):
        gekko_lab.trades_from_candles(frame_of(rows), "1m")


def test_seeds_of_numpy_are_seeds():
    minutes = gekko_lab.fetch("simulator", "BTC/USDT", "1m", since="2024-01-01", limit=3)
    numpys = gekko_lab.trades_from_candles(minutes, seed=np.int64(7))
    assert numpys.equals(gekko_lab.trades_from_candles(minutes, seed=7))
    with pytest.raises(InvalidType, match="trades_per_candle='3'"):
        gekko_lab.trades_from_candles(minutes, trades_per_candle="3")


@pytest.fixture(scope="module", params=["1m", "1w"])
def recording(request):
    """Candles with gaps and all their trades."""
    asked = {"until": "2024-01-01", "limit": {"1m": 300, "1w": 30}[request.param]}
    candles = gekko_lab.fetch("simulator", "ETH/USDT", request.param, **asked)
    candles = candles.filter(pl.int_range(pl.len()) % 7 != 3)
    made = Recording.of(candles, request.param, seed=5, trades_per_candle=None)
    return made, gekko_lab.trades_from_candles(candles, request.param, seed=5)


@settings(max_examples=40, deadline=None)
@given(first=st.integers(0, 300), count=st.integers(0, 300))
def test_the_trades_of_some_rows_are_a_slice_of_all_trades(recording, first, count):
    made, whole = recording
    size = len(made.candles)
    first, last = min(first, size), min(first + count, size)
    opens = [*made.candles["timestamp"], whole["timestamp"][-1] + timedelta(1)]
    window = pl.col("timestamp").is_between(opens[first], opens[last], closed="left")
    found = made.trades(first, last).with_columns(pl.col("id").cast(pl.String))
    assert found.equals(whole.filter(window))


def test_pieces_of_a_recording_cover_its_rows_once_and_are_small():
    candles = gekko_lab.fetch("simulator", "BTC/USDT", "1h", until="2024-01-01", limit=4000)
    made = Recording.of(candles, "1h", seed=0, trades_per_candle=100)
    blocks = list(made.blocks(10, 3990))
    assert [row for block in blocks for row in range(*block)] == list(range(10, 3990))
    counts = [made.rows.count[slice(*block)].sum() for block in blocks]
    assert len(blocks) > 5
    assert max(counts) <= 2**15 + 5000
