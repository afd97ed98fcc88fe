"""The quick yes says yes to nothing that the careful checks refuse."""

from __future__ import annotations

import math

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gekko_lab.datalog import Span
from gekko_lab.errors import DataError
from gekko_lab.frames.checks import check_candles, check_trades
from gekko_lab.frames.soundness import clearly_candles, clearly_trades
from gekko_lab.market.timeframe import Timeframe

START, MINUTE = 1_704_067_200_000, 60_000
WIDTH = Timeframe.parse("1m")
numbers = st.sampled_from([math.nan, math.inf, -math.inf, -1.0, 0.0, 99.75, 100.5, 101.25, None])
changes = st.dictionaries(
    st.tuples(st.integers(0, 4), st.sampled_from(["open", "high", "low", "close", "volume"])),
    numbers,
    max_size=2,
)


def changed(frame, values):
    for (row, name), value in values.items():
        column = frame[name].to_list()
        column[row] = value
        frame = frame.with_columns(pl.Series(name, column, pl.Float64))
    return frame


def refused(check, frame, **told):
    try:
        check(frame, **told)
    except DataError:
        return True
    return False


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 7), min_size=5, max_size=5) | st.just([0, 1, 2, 3, 4]),
    st.sampled_from([0, 1, 30_000]),
    st.integers(-1, 1),
    changes,
)
def test_candles_that_are_clearly_sound_pass_every_check(minutes, places, offset, early, values):
    frame = changed(minutes(places), values)
    frame = frame.with_columns(pl.col("timestamp").dt.offset_by(f"{offset}ms"))
    span = Span(START + early * MINUTE, START + (5 + early) * MINUTE)
    if clearly_candles(frame, WIDTH, span):
        assert not refused(check_candles, frame, timeframe=WIDTH, since=span[0], until=span[1])


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 3),
            st.sampled_from(["1", "2", "3", "03", "x", None]),
            st.sampled_from([1.0, 0.0, -1.0, math.nan, math.inf]),
        ),
        max_size=4,
    ),
    st.integers(1, 4),
)
def test_trades_that_are_clearly_sound_pass_every_check(prints, rows, end):
    frame = prints([(time, name, price) for time, name, price in rows])
    span = Span(START, START + end)
    if clearly_trades(frame, span):
        assert not refused(check_trades, frame, since=span[0], until=span[1])


def test_what_is_usual_is_clear(minutes, prints, span):
    assert clearly_candles(minutes(range(50)), WIDTH, span(0, 50))
    assert clearly_trades(prints([(0, "8", 1.0), (0, "9", 1.0), (4, "10", 2.0)]), span(0, 1))


@pytest.mark.parametrize("name", ["1M", "1m"])
def test_nothing_is_clear_about_no_rows_or_uneven_widths(minutes, span, name):
    rows = minutes([]) if name == "1m" else minutes([0])
    assert not clearly_candles(rows, Timeframe.parse(name), span(0, 5))
