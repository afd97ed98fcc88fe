"""Pages of numbers come back from memory as they were."""

from __future__ import annotations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from gekko_lab.datalog import arrays
from gekko_lab.datalog.kinds import SCHEMAS

SCHEMA = SCHEMAS["candles"]
pages = st.lists(st.lists(st.integers(0, 50), unique=True, min_size=1).map(sorted), min_size=1)


def packed(*frames):
    return [arrays.block(memoryview(arrays.pack(frame))) for frame in frames]


@settings(deadline=None)
@given(pages, st.booleans(), st.booleans())
def test_pages_come_back_joined(minutes, places, costs, counts):
    frames = [
        minutes([60 * page + n for n in each]).with_columns(
            quote_volume=pl.lit(2.5 if costs else None, pl.Float64),
            trade_count=pl.lit(7 if counts else None, pl.Int64),
        )
        for page, each in enumerate(places)
    ]
    (run,) = arrays.runs(packed(*frames))
    found = arrays.unpack(run, SCHEMA)
    assert found.schema == SCHEMA
    assert found.equals(pl.concat(frames))


def test_pages_of_walks_beside_each_other_are_one_in_order(minutes):
    frames = [minutes(range(10 * page, 10 * page + 10)) for page in (0, 3, 1, 4, 2, 5)]
    (run,) = arrays.runs(packed(*frames))
    assert arrays.unpack(run, SCHEMA).equals(minutes(range(60)))


def test_pages_that_overlap_stay_as_they_were_written(minutes):
    late, early, again = (minutes(each) for each in (range(10, 20), range(10), range(5, 12)))
    found = [arrays.unpack(run, SCHEMA) for run in arrays.runs(packed(late, early, again))]
    assert [frame["timestamp"][0] for frame in found] == [
        frame["timestamp"][0] for frame in (late, early, again)
    ]
    (first, second) = arrays.runs(packed(early, late, again))
    assert arrays.unpack(first, SCHEMA).equals(minutes(range(20)))
    assert arrays.unpack(second, SCHEMA).equals(again)


def test_pages_of_other_columns_are_others(minutes):
    known = minutes(range(9, 12)).with_columns(trade_count=pl.lit(1, pl.Int64))
    assert len(list(arrays.runs(packed(minutes(range(5)), known)))) == 2


def test_text_and_half_known_columns_are_kept_otherwise(minutes, prints):
    half = minutes([0, 1]).with_columns(trade_count=pl.Series([1, None], dtype=pl.Int64))
    assert arrays.pack(half) is None
    assert arrays.pack(prints([(0, "a", 1.0)])) is None
