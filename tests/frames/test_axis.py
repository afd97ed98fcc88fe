"""Places of candles on the axis of a chart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from gekko_lab.errors import DataError
from gekko_lab.frames import blocks
from gekko_lab.frames.axis import Axis
from gekko_lab.frames.schemas import TIME


def opens(*texts):
    times = [datetime.fromisoformat(text).replace(tzinfo=UTC) for text in texts]
    return pl.DataFrame({"timestamp": times}, schema={"timestamp": TIME})


def every(width, count, start="2024-01-01"):
    first = datetime.fromisoformat(start).replace(tzinfo=UTC)
    times = [first + width * row for row in range(count)]
    return pl.DataFrame({"timestamp": times}, schema={"timestamp": TIME})


def test_the_spacing_shows_the_timeframe():
    assert str(Axis.of(every(timedelta(minutes=5), 3)).timeframe) == "5m"
    assert str(Axis.of(opens("2024-01-01", "2024-02-01", "2024-04-01")).timeframe) == "1M"


def test_the_spacing_of_many_candles_is_found_as_that_of_few(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", 4)
    table = every(timedelta(minutes=15), 40)
    holes = table.filter(~pl.int_range(pl.len()).is_in([3, 4, 9, 17]))
    assert str(Axis.of(holes).timeframe) == "15m"
    mixed = pl.concat([table, every(timedelta(minutes=10), 3, "2024-02-01")])
    assert str(Axis.of(mixed).timeframe) == "5m"


def test_few_candles_take_the_timeframe_that_is_named():
    assert str(Axis.of(opens("2024-01-01"), "4h").timeframe) == "4h"
    assert str(Axis.of(opens()).timeframe) == "1m"


def test_steps_are_nice_multiples_of_the_candles():
    axis = Axis.of(every(timedelta(minutes=15), 3))
    hours = [width / 3_600_000 for width in axis.widths]
    assert hours[:9] == [0.25, 0.5, 1, 2, 4, 6, 12, 24, 48]
    odd = Axis.of(every(timedelta(minutes=7), 3))
    assert [step // odd.step for step in odd.steps[:5]] == [1, 2, 5, 10, 20]
    months = Axis.of(opens("2024-01-01", "2024-02-01"))
    assert months.steps == (1, 3, 6, 12, 24, 60, 120)


def test_joined_candles_begin_at_midnight_and_on_monday(ms):
    axis = Axis.of(every(timedelta(hours=1), 3, "2024-01-03T05:00"))
    place = axis.place(ms("2024-01-04T17:00"))
    for hours, text in ((24, "2024-01-04"), (24 * 7, "2024-01-01")):
        step = axis.steps[axis.widths.index(hours * 3_600_000)]
        assert axis.time(axis.floor(place, step)) == ms(text)


def test_candles_off_the_full_hour_have_a_grid_of_their_own(ms):
    axis = Axis.of(opens("2024-01-01T00:20", "2024-01-01T01:20", "2024-01-01T03:20"), "1h")
    assert axis.time(axis.floor(axis.place(ms("2024-01-01T02:30")), axis.step)) == ms(
        "2024-01-01T02:20"
    )


def test_months_are_places_of_the_calendar(ms):
    axis = Axis.of(opens("2023-11-01", "2024-02-01"), "1M")
    place = axis.place(ms("2024-02-28T12:00"))
    assert axis.time(place) == ms("2024-02-01")
    assert axis.time(place + 1) == ms("2024-03-01")
    assert axis.time(axis.floor(place, 12)) == ms("2024-01-01")
    assert axis.ceil(ms("2024-02-02")) == place + 1


def test_what_has_no_place_is_refused():
    with pytest.raises(DataError, match="closer than a second"):
        Axis.of(opens("2024-01-01", "2024-01-01T00:00:00.500"))
    with pytest.raises(DataError, match="not all candles are on one grid of 1h"):
        Axis.of(opens("2024-01-01", "2024-01-01T00:30"), "1h")
