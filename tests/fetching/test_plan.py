"""A plan covers its range once, in pages that are no larger than asked for."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gekko_lab.fetching.plan import Plan
from gekko_lab.market.spans import Span
from gekko_lab.market.timeframe import END, Timeframe

WIDTHS = ["1s", "7s", "1m", "5m", "1h", "6h", "1d", "3d", "1w", "2w", "1M", "3M", "1y"]
widths = st.sampled_from([Timeframe.parse(name) for name in WIDTHS])


@given(
    width=widths,
    begin=st.integers(0, 1_900_000_000_000),
    count=st.integers(0, 200),
    size=st.integers(1, 70),
    newest_first=st.booleans(),
)
def test_pages_cover_the_range_once_and_in_order(width, begin, count, size, newest_first):
    since = width.ceil(begin)
    opens = list(itertools.islice(width.opens(since, END), count + 1))
    pages = list(Plan(Span(since, opens[-1]), width, size, newest_first=newest_first))
    held = [list(width.opens(*page)) for page in pages]
    assert all(1 <= len(page) <= size for page in held)
    ordered = held[::-1] if newest_first else held
    assert [time for page in ordered for time in page] == opens[:-1]
    assert len(pages) == -(-count // size)
    full = held[:-1]  # only the last page may be short
    assert all(len(page) == size for page in full)


@given(
    count=st.integers(1, 60),
    size=st.integers(1, 20),
    skips=st.lists(st.tuples(st.integers(0, 10), st.integers(-20, 80)), max_size=4),
    newest_first=st.booleans(),
)
def test_what_is_skipped_and_what_is_asked_are_the_whole(count, size, skips, newest_first):
    plan = Plan(Span(0, count * 1000), Timeframe.parse("1s"), size, newest_first=newest_first)
    taken = []
    for place, page in enumerate(plan):
        taken.append(page)
        taken += [plan.skip_to(time * 1000) for after, time in skips if after == place]
    seconds = sorted(
        second for span in taken for second in range(span.since // 1000, span.until // 1000)
    )
    assert seconds == list(range(count))


@pytest.mark.parametrize(
    ("newest_first", "time", "skipped", "left"),
    [
        (False, 5000, (2000, 5000), (5000, 9000)),
        (False, 1000, (2000, 2000), (2000, 9000)),  # never back
        (False, 99_000, (2000, 9000), (9000, 9000)),
        (True, 5000, (5000, 7000), (0, 5000)),
        (True, 8000, (7000, 7000), (0, 7000)),
        (True, -5, (0, 7000), (0, 0)),
    ],
)
def test_a_skip_leaves_out_what_lies_between(newest_first, time, skipped, left):
    plan = Plan(Span(0, 9000), Timeframe.parse("1s"), 2, newest_first=newest_first)
    next(iter(plan))
    assert plan.skip_to(time) == skipped
    assert plan.left == left


def test_an_empty_range_has_no_page():
    assert not list(Plan(Span(5000, 5000), Timeframe.parse("1s"), 2))
    assert not list(Plan(Span(5000, 4000), Timeframe.parse("1s"), 2, newest_first=True))


@pytest.mark.parametrize("newest_first", [False, True])
def test_pages_end_where_the_calendar_does(newest_first):
    month = Timeframe.parse("1M")
    span = Span(0, END)
    pages = list(Plan(span, month, 100_000, newest_first=newest_first))
    assert pages == [span]


def test_pages_are_made_as_they_are_needed():
    endless = Plan(Span(0, END), Timeframe.parse("1s"), 1)
    assert list(itertools.islice(endless, 2)) == [(0, 1000), (1000, 2000)]
