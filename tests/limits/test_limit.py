"""The arithmetic of budgets: nothing passes that shouldn't, and nothing is left lying."""

from __future__ import annotations

import heapq
import sqlite3
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gekko_lab.limits.accounts import Charge, keep_turn, put_on_hold, take_turn
from gekko_lab.limits.clock import SECOND
from gekko_lab.limits.ledger import _SCHEMA
from gekko_lab.limits.limit import Limit, Weight

BEGIN = 1_704_067_200 * SECOND
PATIENCE = 250 * SECOND
ASKED = st.tuples(st.integers(0, 20 * SECOND), st.integers(1, 30))
HELD = st.tuples(st.integers(0, 20 * SECOND), st.integers(1, 10 * SECOND))
LIMITS = (Limit("weight", 200, 10), Limit("requests", 30, 5))


class Host:
    """Requests that arrive, wait and go, in simulated time."""

    def __init__(self, limits):
        self.db = sqlite3.connect(":memory:", isolation_level=None)
        self.db.executescript(_SCHEMA)
        self.limits = limits
        self.went = []  # when, in which order it had come, its costs

    def charges(self, cost):
        return [
            Charge(limit.name, limit, 1 if place else cost)
            for place, limit in enumerate(self.limits)
        ]

    def run(self, asked, held=()):
        events = [(BEGIN + time, 1, order, cost, None) for order, (time, cost) in enumerate(asked)]
        events += [(BEGIN + time, 0, 0, length, None) for time, length in held]
        heapq.heapify(events)
        while events:
            now, kind, order, amount, turn = heapq.heappop(events)
            if kind == 0:
                put_on_hold(self.db, "h", now + amount, "told to", now)
                continue
            charges = self.charges(amount)
            turn = turn and keep_turn(self.db, "h", charges, turn, now)
            turn = turn or take_turn(self.db, "h", charges, now, PATIENCE)
            if turn.taken:
                self.went.append((now, order, [charge.cost for charge in charges]))
            else:
                heapq.heappush(events, (turn.moment, 1, order, amount, turn))
        self.db.close()
        return self.went


def assert_within(went, limits):
    for place, limit in enumerate(limits):
        sums = [0, *accumulate(costs[place] for _, _, costs in went)]
        most = max(limit.capacity, *(costs[place] for _, _, costs in went))
        for first in range(len(went)):
            for last in range(first, len(went)):
                length = (went[last][0] - went[first][0]) / SECOND
                assert sums[last + 1] - sums[first] <= limit.rate * length + most + 1e-6


@given(asked=st.lists(ASKED, min_size=1, max_size=40))
@settings(deadline=None)
def test_no_window_holds_more_than_pace_and_burst(asked):
    asked.sort()
    went = Host(LIMITS).run(asked)
    assert len(went) == len(asked)
    assert_within(went, LIMITS)


@given(asked=st.lists(ASKED, min_size=1, max_size=30), held=st.lists(HELD, max_size=4))
@settings(deadline=None)
def test_holds_let_nothing_pass_and_nothing_bunch_behind_them(asked, held):
    asked.sort()
    went = Host(LIMITS).run(asked, held)
    assert len(went) == len(asked)
    assert_within(went, LIMITS)
    for begin, length in held:
        assert not [when for when, *_ in went if BEGIN + begin < when < BEGIN + begin + length]


@given(costs=st.lists(st.integers(1, 30), min_size=1, max_size=40))
@settings(deadline=None)
def test_all_of_it_is_used_while_there_is_work(costs):
    limit = LIMITS[0]
    went = Host([limit]).run([(0, cost) for cost in costs])
    heaviest = max(limit.capacity, *costs)
    least = (sum(costs) - heaviest) / limit.rate
    assert (went[-1][0] - BEGIN) / SECOND <= max(0, sum(costs) / limit.rate)
    assert (went[-1][0] - BEGIN) / SECOND >= least - 1e-6


@given(asked=st.lists(ASKED, min_size=1, max_size=40))
@settings(deadline=None)
def test_a_light_request_never_overtakes_a_heavy_one_for_ever(asked):
    """Who came earlier goes at most one bucket later."""
    limit = Limit("weight", 200, 10)
    asked.sort()
    went = {order: when for when, order, _ in Host([limit]).run(asked)}
    for earlier, (_, cost) in enumerate(asked):
        for later in range(earlier + 1, len(asked)):
            late = (went[earlier] - went[later]) / SECOND
            assert late <= max(cost, limit.capacity) / limit.rate


def test_what_costs_more_than_the_bucket_holds_goes_when_it_is_full():
    limit = Limit("weight", 100, 10)  # 9.2 a second, three at once
    went = Host([limit]).run([(0, 30), (0, 1)])
    assert went[0][0] == BEGIN
    assert (went[1][0] - BEGIN) / SECOND == pytest.approx(28 / 9.2)


@pytest.mark.parametrize(("amount", "window"), [(6000, 60), (61_000, 300), (2400, 60), (7, 1)])
def test_pace_and_burst_of_a_window_stay_below_95_percent_and_above_90(amount, window):
    limit = Limit("weight", amount, window)
    taken = limit.rate * window + limit.capacity
    assert 0.90 * amount <= taken <= 0.95 * amount + 1e-9
    assert limit.rate * window >= 0.95 * taken


def test_a_pace_is_kept_to_95_percent():
    limit = Limit("requests", 10, 1, burst=4)
    assert limit.rate == pytest.approx(9.5)
    assert limit.capacity == 4


def test_the_weight_depends_on_what_is_asked_for():
    depth = Weight(by_limit=((100, 5), (500, 25), (1000, 50), (5000, 250)), rows=100)
    rows = {"": 5, "1": 5, "100": 5, "101": 25, "500": 25, "1000": 50, "5000": 250, "9999": 250}
    assert {text: depth.of({"limit": text} if text else {}) for text in rows} == rows
    assert depth.of({"limit": "many"}) == 5
    assert Weight(2, without_symbol=80).of({}) == 80
    assert Weight(2, without_symbol=80).of({"symbol": "BTCUSDT"}) == 2
    assert Weight(4).of({}) == 4
