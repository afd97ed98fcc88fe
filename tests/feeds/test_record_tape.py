"""What a recorder may keep: rows with the time that they answer, and no time that lacks any."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gekko_lab.feeds.record_tape import SeriesTape
from gekko_lab.frames.schemas import TRADES
from gekko_lab.market.spans import Span
from gekko_lab.market.timeframe import Timeframe

MINUTE = 60_000
TIMES = st.integers(0, 300)


def row(time, name="x"):
    return (time, name, "buy", 1.0, 2.0)


def page(times):
    return pl.DataFrame(
        {
            "timestamp": [datetime.fromtimestamp(time / 1000, UTC) for time in times],
            "id": [str(time) for time in times],
            "side": ["buy"] * len(times),
            "price": [1.0] * len(times),
            "amount": [2.0] * len(times),
        },
        schema=TRADES,
    )


def held_times(portions):
    spans = [span for portion in portions for span in portion.held]
    spans += [span for portion in portions for span, _ in portion.pages]
    return [time for span in spans for time in range(*span)]


STEPS = st.one_of(
    st.tuples(st.just("add"), TIMES),
    st.tuples(st.just("lose"), st.tuples(TIMES, st.integers(1, 20))),
    st.tuples(st.just("reach"), TIMES),
    st.tuples(st.just("take"), st.none()),
)


@given(st.integers(0, 50), st.lists(STEPS, max_size=60))
def test_no_row_is_kept_outside_of_what_is_held_and_none_twice(began, steps):
    tape, portions, added = SeriesTape("trades"), [], []
    tape.begin(began)
    reached = began
    for number, (name, value) in enumerate([*steps, ("take", None)]):
        if name == "add":
            tape.add(row(value, str(number)))
            added.append((value, str(number)))
        elif name == "lose":
            since = max(value[0], reached)  # what is lost is told before later time is reached
            tape.lose(since, since + value[1])
        elif name == "reach":
            tape.reach(value)
            reached = max(reached, value)
        else:
            portions.append(tape.take())
    held = held_times(portions)
    kept = [(each[0], each[1]) for portion in portions for each in portion.rows]
    assert len(held) == len(set(held))
    assert {time for time, _ in kept} <= set(held)
    assert sorted(kept) == sorted(each for each in added if each[0] in set(held))
    assert set(range(began, reached)) - set(held) == {
        time for span in tape.lost for time in range(*span) if began <= time < reached
    }


def test_the_newest_millisecond_waits_for_what_may_follow_in_it():
    tape = SeriesTape("trades")
    tape.begin(0)
    tape.add(row(7))
    tape.reach(7)
    assert (tape.take().held, len(tape)) == ([Span(0, 7)], 1)
    tape.add(row(7))
    tape.reach(9)
    portion = tape.take()
    assert (portion.held, [each[0] for each in portion.rows]) == ([Span(7, 9)], [7, 7])


def test_nothing_is_kept_before_the_begin_is_known():
    tape = SeriesTape("trades")
    tape.add(row(5))
    tape.reach(9)
    assert not tape.take()
    tape.begin(5)
    tape.reach(6)
    assert tape.take().rows == [row(5)]


@pytest.mark.parametrize("count", [100, 5000])
def test_frames_are_kept_as_the_rows_that_they_are(count):
    tape = SeriesTape("trades")
    tape.begin(10)
    tape.add_frame(page(range(count)))
    tape.lose(30, 40)
    tape.reach(count - 1)
    portion = tape.take()
    assert bool(portion.pages) == (count > 2000)
    times = [each[0] for each in portion.rows]
    for span, frame in portion.pages:
        inside = frame["timestamp"].dt.epoch("ms")
        assert inside.is_between(span.since, span.until, closed="left").all()
        times += inside.to_list()
    assert sorted(times) == [*range(10, 30), *range(40, count - 1)]
    assert held_times([portion]) == [*range(10, 30), *range(40, count - 1)]
    assert len(tape) == 1


def test_candles_count_in_whole_ones():
    tape = SeriesTape("candles", Timeframe.parse("1m"))
    tape.begin(5)
    for place in range(6):
        tape.add((place * MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1))
    tape.lose(3 * MINUTE + 1, 3 * MINUTE + 2)
    tape.reach(5 * MINUTE + 59_999)
    portion = tape.take()
    assert [each[0] // MINUTE for each in portion.rows] == [1, 2, 4]
    assert portion.held == [Span(MINUTE, 3 * MINUTE), Span(4 * MINUTE, 5 * MINUTE)]


def test_minutes_without_trades_are_told_where_they_have_no_candle():
    tape = SeriesTape("candles", Timeframe.parse("1m"), dense=False)
    tape.begin(0)
    tape.add((MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1))
    tape.reach(3 * MINUTE)
    portion = tape.take()
    assert portion.held == [Span(MINUTE, 2 * MINUTE)]
    assert portion.quiet == [Span(0, MINUTE), Span(2 * MINUTE, 3 * MINUTE)]
