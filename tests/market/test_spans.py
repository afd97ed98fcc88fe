"""The algebra of ranges, held against sets of whole numbers."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gekko_lab.market.spans import Span, intersect, merge, subtract

spans = st.lists(st.builds(Span, st.integers(0, 30), st.integers(0, 30)), max_size=8)


def members(ranges):
    return {time for since, until in ranges for time in range(since, until)}


def is_tidy(ranges):
    filled = all(span.since < span.until for span in ranges)
    return filled and all(one.until < two.since for one, two in pairwise(ranges))


@given(spans)
def test_merged_ranges_hold_the_same_time_and_do_not_touch(ranges):
    merged = merge(ranges)
    assert members(merged) == members(ranges)
    assert is_tidy(merged)


@given(spans, st.randoms(use_true_random=False))
def test_the_order_of_ranges_does_not_matter(ranges, random):
    shuffled = random.sample(ranges, len(ranges))
    assert merge(shuffled) == merge(ranges)
    assert merge(merge(ranges)) == merge(ranges)


@given(spans, spans)
def test_a_difference_of_ranges_is_the_difference_of_their_times(ranges, taken):
    left = subtract(ranges, taken)
    assert members(left) == members(ranges) - members(taken)
    assert is_tidy(left)


@given(spans, spans)
def test_an_intersection_of_ranges_is_the_intersection_of_their_times(ranges, others):
    shared = intersect(ranges, others)
    assert members(shared) == members(ranges) & members(others)
    assert is_tidy(shared)
    assert shared == intersect(others, ranges)


@given(spans)
def test_nothing_is_left_of_ranges_taken_from_themselves(ranges):
    assert subtract(ranges, ranges) == []
    assert subtract(ranges, []) == merge(ranges)
    assert subtract([], ranges) == []


@given(spans, spans)
def test_what_is_left_and_what_was_taken_make_the_whole(ranges, taken):
    left = subtract(ranges, taken)
    shared = subtract(ranges, left)
    assert merge([*left, *shared]) == merge(ranges)


def test_ranges_may_come_from_an_iterator():
    assert merge(iter([Span(2, 3), Span(0, 2)])) == [Span(0, 3)]
    assert subtract(iter([Span(0, 9)]), iter([Span(3, 4)])) == [Span(0, 3), Span(4, 9)]
