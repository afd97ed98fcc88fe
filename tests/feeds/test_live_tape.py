"""The tape of a live market: whatever the stream leaves out or repeats, each trade comes once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gekko_lab.events.types import Gap, Trade
from gekko_lab.feeds.live_tape import Tape
from gekko_lab.sources.live import TradeRules

SECOND = 1_000_000
COUNTED = TradeRules(counted=True, by_id=True)
PLAIN = TradeRules()


def trade(number):
    return Trade("x", "A/B", number * SECOND, 0, 0, str(number), "buy", 1.0, 1.0)


def numbers(events):
    return [int(event.id) for event in events if isinstance(event, Trade)]


def take(tape, event, out):
    """Do what the desk does with a trade of the stream."""
    if not tape.go_on(event, out):
        tape.take(event, out)


class Exchange:
    """Serves trades by id or time up to the newest, from the oldest on."""

    def __init__(self, existing, oldest=0, page=3):
        self.existing, self.oldest, self.page, self.newest = existing, oldest, page, 0

    def answer(self, cursor):
        first = int(cursor.id) if cursor.id is not None else cursor.time // 1000
        rows = [n for n in self.existing if max(first, self.oldest) <= n <= self.newest]
        return [trade(n) for n in rows[: self.page]]


def begun(rules, last):
    """A tape that goes on behind a trade."""
    tape = Tape("x", "A/B", rules, 0)
    tape.fill([trade(last)], [])
    tape.release([], received_us=0)
    return tape, []


def fill(tape, exchange, out):
    """Do what the desk does, without waiting."""
    for _ in range(100):
        if not tape.filling:
            return
        while tape.fill(exchange.answer(tape.cursor), out):
            pass
        tape.release(out, received_us=0)
    raise AssertionError("it asks for ever")


@st.composite
def courses(draw):
    """Existing ids, what the stream does with each trade, and when the connection is lost."""
    steps = draw(st.lists(st.integers(1, 3), min_size=2, max_size=40))
    existing = [sum(steps[: place + 1]) for place in range(len(steps))]
    fates = draw(
        st.lists(
            st.sampled_from(["told", "told", "told", "skipped", "twice", "lost"]),
            min_size=len(existing),
            max_size=len(existing),
        )
    )
    delays = draw(st.lists(st.integers(0, 4), min_size=len(existing), max_size=len(existing)))
    return existing, fates, delays


@given(courses(), st.sampled_from([COUNTED, PLAIN]))
def test_each_trade_comes_once_and_in_order(course, rules):
    existing, fates, delays = course
    exchange = Exchange(existing)
    tape, out = Tape("x", "A/B", rules, 0), []
    fill(tape, exchange, out)
    waits = 0
    for number, fate, delay in zip(existing, fates, delays, strict=True):
        exchange.newest = number
        if fate == "lost":
            tape.lose()
        elif fate != "skipped":
            for _ in range(1 + (fate == "twice")):
                take(tape, trade(number), out)
        if rules is PLAIN and fate == "skipped":
            tape.lose()  # nothing but the connection tells it there
        waits = delay if tape.filling and not waits else max(0, waits - 1)
        if tape.filling and not waits:
            fill(tape, exchange, out)
    tape.filling = True
    fill(tape, exchange, out)
    assert numbers(out) == existing
    assert not [event for event in out if isinstance(event, Gap)]


@pytest.mark.parametrize("rules", [COUNTED, PLAIN])
def test_what_is_no_longer_served_is_a_gap_before_the_newer_ones(rules):
    exchange = Exchange(range(1, 50), oldest=20)
    tape, out = begun(rules, 4)
    take(tape, trade(5), out)
    tape.lose()
    take(tape, trade(23), out)
    assert tape.filling
    assert numbers(out) == [5]
    exchange.newest = 24
    fill(tape, exchange, out)
    gap = out[1]
    assert (gap.subject, gap.since_us, gap.until_us) == ("trade", 5 * SECOND, 20 * SECOND)
    assert numbers(out) == [5, *range(20, 25)]


@pytest.mark.parametrize("rules", [COUNTED, PLAIN])
def test_an_exchange_that_shows_nothing_ends_in_a_gap_and_the_stream_goes_on(rules):
    tape, out = begun(rules, 4)
    take(tape, trade(5), out)
    tape.lose()
    take(tape, trade(8), out)
    tape.release(out, received_us=7)
    take(tape, trade(9), out)
    assert numbers(out) == [5, 8, 9]
    assert [(each.since_us, each.until_us, each.received_us) for each in out[1:2]] == [
        (5 * SECOND, 8 * SECOND, 7)
    ]


def test_a_leap_of_ids_that_the_exchange_confirms_is_no_gap():
    exchange = Exchange([1, 2, 7, 8])
    tape, out = begun(COUNTED, 0)
    for number in (1, 2, 7):
        exchange.newest = number
        take(tape, trade(number), out)
    assert tape.filling
    assert not tape.reached
    fill(tape, exchange, out)
    exchange.newest = 8
    take(tape, trade(8), out)
    assert numbers(out) == [1, 2, 7, 8]
    assert len(out) == 4


def test_doubles_are_counted():
    tape, out = begun(COUNTED, 0)
    for number in (1, 2, 2, 1, 3):
        take(tape, trade(number), out)
    assert (numbers(out), tape.duplicates) == ([1, 2, 3], 2)


def test_trades_without_ids_are_told_apart_by_the_page_they_come_with():
    def plain(time):
        return Trade("x", "A/B", time, 0, 0, None, None, 1.0, 1.0)

    tape, out = Tape("x", "A/B", PLAIN, 0), []
    tape.release(out, received_us=0)
    take(tape, plain(1), out)
    take(tape, plain(1), out)
    tape.lose()
    take(tape, plain(4), out)
    tape.fill([plain(1), plain(2), plain(4)], out)
    assert tape.reached
    tape.release(out, received_us=0)
    assert [each.timestamp_us for each in out] == [1, 1, 2, 4]
