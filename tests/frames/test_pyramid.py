"""Candles joined ahead are those that joining all of them gives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gekko_lab
from gekko_lab.errors import InvalidArgument
from gekko_lab.frames import blocks
from gekko_lab.frames import pyramid as module
from gekko_lab.frames.axis import Axis
from gekko_lab.frames.pyramid import Pyramid, bars_of
from gekko_lab.frames.schemas import CANDLES

START = datetime(2024, 1, 1, tzinfo=UTC)
STEPS = [1, 2, 5, 15, 60, 240, 1440]  # in minutes


def frame(rows):
    """Candles from rows of minute, open, high above, low below, close and volume."""
    table = [
        (START + timedelta(minutes=minute), o, max(o, c) + up, min(o, c) - down, c, volume)
        for minute, o, up, down, c, volume in rows
    ]
    return pl.DataFrame(table, schema=CANDLES, orient="row")


def minutes(count, seed=1):
    random = np.random.default_rng(seed)
    close = 100 + np.round(np.cumsum(random.normal(0, 0.1, count)), 2)
    rows = zip(range(count), close, close, random.integers(1, 9, count), strict=True)
    return frame((minute, o, 0.5, 0.25, c, float(v)) for minute, o, c, v in rows)


prices = st.integers(10, 99).map(float)
few = st.integers(0, 3).map(float)
candle = st.tuples(prices, few, few, prices, st.integers(1, 3).map(float))


@st.composite
def candles(draw):
    """Candles with holes; without volume one repeats the last price, as exchanges give it."""
    places = draw(st.lists(st.integers(0, 2000), min_size=1, max_size=60, unique=True))
    rows = draw(st.lists(candle | st.none(), min_size=len(places), max_size=len(places)))
    last, table = 50.0, []
    for place, row in zip(sorted(places), rows, strict=True):
        table.append((place, *(row or (last, 0.0, 0.0, last, 0.0))))
        last = table[-1][4]
    return frame(table)


def naive(rows):
    """Join candles one by one; a quiet one counts only where nothing else has volume."""
    loud = [row for row in rows if row["volume"] > 0 or row["high"] != row["low"]]
    counted = loud if any(row["volume"] > 0 for row in rows) else rows
    return (
        counted[0]["open"],
        max(row["high"] for row in counted),
        min(row["low"] for row in counted),
        rows[-1]["close"],
        sum(row["volume"] for row in rows),
    )


def naively(table, step_minutes):
    groups = {}
    for row in table.iter_rows(named=True):
        passed = (row["timestamp"] - START) // timedelta(minutes=step_minutes)
        groups.setdefault(START + passed * timedelta(minutes=step_minutes), []).append(row)
    return {time: naive(rows) for time, rows in groups.items()}


def read(bars):
    columns = [each.tolist() for each in bars.columns[1:]]
    times = [datetime.fromtimestamp(place / 1e6, UTC) for place in bars.places.tolist()]
    return dict(zip(times, zip(*columns, strict=True), strict=True))


@pytest.fixture
def small_levels(monkeypatch):
    """Levels, blocks and tails so small that few candles go through all of them."""
    monkeypatch.setattr(blocks, "BLOCK", 16)
    for name, size in {"_FEW": 4, "_TAIL": 8, "_ROWS_AT_FIRST": 2}.items():
        monkeypatch.setattr(module, name, size)


@pytest.mark.parametrize("step", STEPS)
@given(data=st.data())
def test_every_step_gives_what_joining_one_by_one_gives(step, data):
    table = data.draw(candles())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_FEW", 4)
        patch.setattr(blocks, "BLOCK", 16)
        axis = Axis.of(table, "1m")
        pyramid = Pyramid(table, axis)
        width = step * 60_000_000
        begin = axis.floor(pyramid.first, width)
        bars = pyramid.window(begin, axis.floor(pyramid.last, width) + width, width)
    assert read(bars) == naively(table, step)


@given(data=st.data())
def test_candles_that_come_one_by_one_end_up_as_those_that_were_there(data):
    table = data.draw(candles())
    cut = data.draw(st.integers(1, len(table)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_FEW", 4)
        patch.setattr(module, "_TAIL", 8)
        patch.setattr(module, "_ROWS_AT_FIRST", 2)
        axis = Axis.of(table, "1m")
        pyramid = Pyramid(table[:cut], axis)
        for row in range(cut, len(table)):
            forming = table[row].with_columns(high="open", low="open", close="open", volume=0.0)
            pyramid.append(bars_of(forming, axis))
            pyramid.append(bars_of(table[row], axis))
        width = 15 * 60_000_000
        begin = axis.floor(pyramid.first, width)
        bars = pyramid.window(begin, axis.floor(pyramid.last, width) + width, width)
    assert pyramid.rows == len(table)
    assert read(bars) == naively(table, 15)
    assert read(pyramid.candles()) == naively(table, 1)


@pytest.mark.usefixtures("small_levels")
def test_a_window_in_the_middle_is_that_part_of_the_whole():
    table = minutes(5000)
    axis = Axis.of(table)
    pyramid = Pyramid(table, axis)
    width = 60 * 60_000_000
    begin = axis.floor(pyramid.first, width) + 3 * width
    part = read(pyramid.window(begin, begin + 40 * width, width))
    whole = naively(table, 60)
    assert part == {time: whole[time] for time in sorted(whole)[3:43]}


def test_longer_candles_are_those_of_resample():
    table = gekko_lab.fetch("simulator:thin", "LTC/EUR", "1m", until="2024-01-03", limit=3000)
    axis = Axis.of(table)
    pyramid = Pyramid(table, axis)
    width = 60 * 60_000_000
    hours = gekko_lab.resample(table, "1h")
    begin = axis.places(hours)[0]
    bars = pyramid.window(begin, axis.places(hours)[-1] + width, width)
    for name in ("open", "high", "low", "close"):
        assert getattr(bars, name).tolist() == hours[name].to_list()
    assert bars.volume == pytest.approx(hours["volume"].to_numpy())


def test_places_without_candles_are_not_numbers():
    table = minutes(10).filter(~pl.int_range(pl.len()).is_in([3, 4]))
    axis = Axis.of(table)
    pyramid = Pyramid(table, axis)
    bars = pyramid.dense(pyramid.first, pyramid.last + axis.step, axis.step)
    assert np.flatnonzero(np.isnan(bars.close)).tolist() == [3, 4]
    assert len(bars) == 10
    assert pyramid.missing == 2


def test_years_of_nothing_between_two_candles_cost_nothing():
    table = frame([(0, 1.0, 0, 0, 1.0, 1.0), (60 * 24 * 365 * 40, 2.0, 0, 0, 2.0, 1.0)])
    pyramid = Pyramid(table, Axis.of(table, "1m"))
    assert pyramid.rows == 2
    assert pyramid.missing == 60 * 24 * 365 * 40 - 1


def test_candles_from_before_the_newest_are_refused():
    table = minutes(10)
    axis = Axis.of(table)
    pyramid = Pyramid(table, axis)
    with pytest.raises(InvalidArgument, match="2024-01-01T00:08Z on come before the newest"):
        pyramid.append(bars_of(table[8], axis))
    assert pyramid.rows == 10
