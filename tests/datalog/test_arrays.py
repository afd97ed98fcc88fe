"""Pages of numbers come back from memory as they were."""

from __future__ import annotations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from gekko_lab.datalog import arrays
from gekko_lab.datalog.kinds import SCHEMAS

SCHEMA = SCHEMAS["candles"]
pages = st.lists(st.lists(st.integers(0, 50), unique=True, min_size=1).map(sorted), min_size=1)


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
    blocks = [arrays.block(memoryview(arrays.pack(frame))) for frame in frames]
    assert all(map(arrays.follows, blocks, blocks[1:]))
    found = arrays.unpack(blocks, SCHEMA)
    assert found.schema == SCHEMA
    assert found.equals(pl.concat(frames))


def test_what_does_not_follow_is_told(minutes):
    early, late = (
        arrays.block(memoryview(arrays.pack(minutes(each)))) for each in (range(5), range(4, 9))
    )
    assert not arrays.follows(early, late)
    known = minutes(range(9, 12)).with_columns(trade_count=pl.lit(1, pl.Int64))
    assert not arrays.follows(late, arrays.block(memoryview(arrays.pack(known))))


def test_text_and_half_known_columns_are_kept_otherwise(minutes, prints):
    half = minutes([0, 1]).with_columns(trade_count=pl.Series([1, None], dtype=pl.Int64))
    assert arrays.pack(half) is None
    assert arrays.pack(prints([(0, "a", 1.0)])) is None
