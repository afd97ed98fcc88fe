"""Clocks of served exchanges."""

from __future__ import annotations

import time
from datetime import timedelta
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gekko_lab.errors import InvalidArgument, InvalidType
from gekko_lab.server import Clock, serve
from gekko_lab.simulation import GENESIS, HORIZON

START = 1_704_067_200_000  # 2024-01-01
SECOND = 1_000_000_000


@pytest.fixture
def real():
    return SimpleNamespace(now=1_800_000_000 * SECOND)


def test_by_default_it_is_the_wall_clock(real):
    clock = Clock(real=lambda: real.now)
    assert clock() == 1_800_000_000_000
    real.now += 1_999_999
    assert clock() == 1_800_000_000_001


def test_it_runs_from_a_moment_as_fast_as_it_is_told(real):
    clock = Clock("2024-01-01", speed=60, real=lambda: real.now)
    assert clock() == START
    real.now += 2 * SECOND
    assert clock() == START + 120_000
    clock.speed = 0.5
    real.now += 2 * SECOND
    assert clock() == START + 121_000
    assert repr(clock) == "<Clock 2024-01-01T00:02:01Z at speed 0.5>"


def test_a_span_counts_back_from_now(real):
    assert Clock("1h", real=lambda: real.now)() == 1_800_000_000_000 - 3_600_000


def test_it_stands_steps_and_goes_on(real):
    clock = Clock(START, paused=True, real=lambda: real.now)
    real.now += SECOND
    assert clock() == START
    clock.step(500)
    clock.go_to("2024-01-01T00:00:02Z")
    assert clock() == START + 2000
    clock.resume()
    real.now += SECOND
    assert clock() == START + 3000
    clock.pause()
    real.now += SECOND
    assert (clock(), clock.paused) == (START + 3000, True)
    assert repr(clock) == "<Clock 2024-01-01T00:00:03Z paused>"


@pytest.mark.parametrize("moment", ["2009-12-31T23:59Z", "2200-01-01T00:01Z", 10**14])
def test_it_is_set_to_the_time_of_markets_alone(market, moment):
    told = "markets have the time from 2010-01-01 until 2200-01-01"
    with pytest.raises(InvalidArgument, match=f"start=.*: {told}"):
        Clock(moment)
    with pytest.raises(InvalidArgument, match=f"start=.*: {told}"):
        serve(market, start=moment)
    clock = Clock(START, paused=True)
    with pytest.raises(InvalidArgument, match=f"time=.*: {told}"):
        clock.go_to(moment)
    assert clock() == START


def test_it_reaches_both_ends_of_the_market():
    clock = Clock(GENESIS, paused=True)
    clock.step(HORIZON - GENESIS)
    with pytest.raises(InvalidArgument, match="step=1 from 2200-01-01 leads to 2200"):
        clock.step(1)
    clock.step(0)
    assert clock() == HORIZON


def test_it_never_goes_back(real):
    clock = Clock(START, speed=10, real=lambda: real.now)
    real.now += SECOND
    before = clock()
    real.now -= 3600 * SECOND
    assert clock() == before
    with pytest.raises(InvalidArgument, match="is over: the clock is at 2024-01-01T00:00:10Z"):
        clock.go_to(START)
    with pytest.raises(InvalidArgument, match="goes back"):
        clock.step(-1)


@pytest.mark.parametrize("hour", ["1h", "60m", timedelta(hours=1), 3_600_000, np.int64(3_600_000)])
def test_a_step_is_told_as_any_length(hour):
    clock = Clock(START, paused=True)
    clock.step(hour)
    assert clock() == START + 3_600_000


@pytest.mark.parametrize(
    ("step", "error"),
    [
        ("1M", InvalidArgument),
        ("soon", InvalidArgument),
        (timedelta(seconds=-1), InvalidArgument),
        (1.5, InvalidType),
        (True, InvalidType),
        (None, InvalidType),
    ],
)
def test_a_step_that_says_no_length_is_refused(step, error):
    clock = Clock(START, paused=True)
    with pytest.raises(error, match="step="):
        clock.step(step)
    assert clock() == START


@given(
    acts=st.lists(
        st.one_of(
            st.tuples(st.just("pass"), st.integers(-2 * SECOND, 5 * SECOND)),
            st.tuples(st.just("speed"), st.floats(0.001, 1000)),
            st.tuples(st.just("step"), st.integers(0, 10_000)),
            st.tuples(st.sampled_from(["pause", "resume"]), st.none()),
        )
    )
)
def test_whatever_is_done_to_it_time_grows(acts):
    real = SimpleNamespace(now=1_800_000_000 * SECOND)
    clock = Clock(START, real=lambda: real.now)
    told = [clock()]
    for act, value in acts:
        if act == "pass":
            real.now += value
        elif act == "speed":
            clock.speed = value
        elif act == "step":
            clock.step(value)
        else:
            getattr(clock, act)()
        told.append(clock())
    assert told == sorted(told)


@pytest.mark.parametrize("speed", [0, -1, 2_000_000, float("nan"), float("inf")])
def test_impossible_speeds_are_refused(speed):
    with pytest.raises(InvalidArgument, match="or pause the clock"):
        Clock(speed=speed)


@pytest.mark.parametrize("speed", ["60", True, None])
def test_speeds_are_numbers(speed):
    with pytest.raises(InvalidType, match="speed="):
        Clock(speed=speed)


def test_a_served_exchange_runs_from_where_and_as_fast_as_it_is_told(market, ask):
    with serve(market, start="2024-01-02", speed=1000) as server:
        first = ask(server, "/api/v3/time").json()["serverTime"]
        began = time.monotonic()
        while time.monotonic() < began + 0.02:
            pass
        second = ask(server, "/api/v3/time").json()["serverTime"]
    assert first >= START + 86_400_000
    assert second - first >= 20_000
    assert isinstance(server.clock, Clock)


def test_a_clock_comes_alone(market):
    with pytest.raises(InvalidArgument, match="clock comes with start or speed"):
        serve(market, clock=Clock(), speed=2)


def test_limits_stay_in_real_time(market, ask):
    clock = Clock("2024-01-02", paused=True)
    with serve(market, clock=clock, weight_limit=4, limit_clock=lambda: 5.0) as server:
        page = {"symbol": "BTCUSDT", "interval": "1m", "limit": 1}
        statuses = [ask(server, "/api/v3/klines", **page).status_code for _ in range(3)]
        clock.step(3_600_000)  # which doesn't begin another minute of the limits
        refused = ask(server, "/api/v3/klines", **page)
    assert statuses == [200, 200, 429]
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "55")
