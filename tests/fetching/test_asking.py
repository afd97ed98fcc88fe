"""A question is asked again where that may help, after the waits that were asked for."""

from __future__ import annotations

import logging
import threading
import time

import pytest
import stamina

from gekko_lab.errors import (
    AccessDenied,
    BadResponse,
    InvalidRange,
    NetworkFailed,
    RateLimited,
    RequestRefused,
    SourceTimeout,
    SourceUnavailable,
    Stopped,
)
from gekko_lab.fetching.asking import ask
from gekko_lab.limits.waiting import stopped_by


class Question:
    """Fails with each of the errors in turn, then answers."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.asked = 0

    def __call__(self):
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


@pytest.fixture
def waits(monkeypatch):
    """The seconds that were slept, without sleeping them."""
    slept = []
    monkeypatch.setattr(time, "sleep", slept.append)
    with stamina.set_testing(False):
        yield slept


def test_an_answer_is_given_at_once(waits):
    assert ask(Question()) == "answer"
    assert waits == []


@pytest.mark.parametrize("kind", [NetworkFailed, SourceTimeout, SourceUnavailable, RateLimited])
def test_what_may_pass_is_asked_eight_times(waits, kind):
    question = Question(*[kind("busy")] * 7)
    assert ask(question) == "answer"
    assert question.asked == 8
    hopeless = Question(*[kind("busy")] * 20)
    with pytest.raises(kind):
        ask(hopeless)
    assert hopeless.asked == 8


def test_waits_grow_from_half_a_second_to_twenty(waits):
    with pytest.raises(SourceUnavailable):
        ask(Question(*[SourceUnavailable("busy")] * 20))
    assert len(waits) == 7
    for place, wait in enumerate(waits):
        assert min(20, 0.5 * 2**place) <= wait <= min(20, 0.5 * 2**place + 1)


class Stop(threading.Event):
    """Somebody who may say stop, and says it when so many seconds were waited."""

    def __init__(self, after_s):
        super().__init__()
        self.after_s = after_s
        self.waited_s = 0.0

    def wait(self, timeout=None):
        self.waited_s += timeout
        if self.waited_s >= self.after_s:
            self.set()
        return self.is_set()


@pytest.mark.parametrize("retry_after", [None, 30])
def test_a_stop_ends_every_wait(waits, retry_after):
    question, stop = Question(SourceUnavailable("busy", retry_after=retry_after)), Stop(0.3)
    with stopped_by(stop), pytest.raises(Stopped):
        ask(question)
    assert question.asked == 1
    assert stop.waited_s <= 0.5
    assert sum(waits) == 0


def test_waits_are_as_long_where_somebody_may_say_stop(waits):
    stop = Stop(float("inf"))
    with stopped_by(stop), pytest.raises(SourceUnavailable):
        ask(Question(*[SourceUnavailable("busy")] * 20))
    least = 0.5 + 1 + 2 + 4 + 8 + 16 + 20
    assert least <= stop.waited_s <= least + 7
    assert sum(waits) == 0


def test_nothing_is_waited_for_behind_the_last_try(waits):
    stop = Stop(float("inf"))
    with stopped_by(stop), pytest.raises(RateLimited):
        ask(Question(*[RateLimited("slow down", retry_after=10)] * 20))
    assert stop.waited_s == pytest.approx(70)


@pytest.mark.parametrize("seconds", [0.25, 7, 30, 119.5, 120])
def test_the_wait_is_as_long_as_the_exchange_says(waits, seconds):
    assert ask(Question(RateLimited("slow down", retry_after=seconds))) == "answer"
    assert waits == [pytest.approx(seconds)]


@pytest.mark.parametrize("seconds", [120.5, 7200, float("inf")])
def test_more_than_two_minutes_are_left_to_the_user(waits, seconds):
    question = Question(RateLimited("banned", retry_after=seconds))
    with pytest.raises(RateLimited) as told:
        ask(question)
    assert told.value.retry_after == seconds
    assert question.asked == 1
    assert waits == []


def test_no_seconds_to_wait_is_no_reason_to_hammer(waits):
    assert ask(Question(RateLimited("slow down", retry_after=0.0))) == "answer"
    assert waits[0] >= 0.5


def test_broken_answers_are_taken_four_times(waits):
    question = Question(*[BadResponse("cut")] * 3)
    assert ask(question) == "answer"
    hopeless = Question(*[BadResponse("cut")] * 20)
    with pytest.raises(BadResponse):
        ask(hopeless)
    assert hopeless.asked == 4
    assert len(waits) == 6


def test_broken_answers_are_counted_apart_from_others(waits):
    busy, cut = SourceUnavailable("busy"), BadResponse("cut")
    question = Question(busy, cut, busy, cut, busy, cut)
    assert ask(question) == "answer"
    assert question.asked == 7
    assert len(waits) == 6


def test_fewer_broken_answers_can_be_demanded(waits):
    question = Question(BadResponse("cut"))
    with pytest.raises(BadResponse):
        ask(question, bad_answers=1)
    assert question.asked == 1
    assert waits == []


@pytest.mark.parametrize(
    "error",
    [
        AccessDenied("no"),
        RequestRefused("no"),
        InvalidRange("no"),
        KeyError("bug"),
        KeyboardInterrupt(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_will_not_pass_is_asked_once(waits, error):
    question = Question(error)
    with pytest.raises(type(error)):
        ask(question)
    assert question.asked == 1
    assert waits == []


def test_each_new_try_is_in_the_log_with_its_reason(waits, caplog):
    with caplog.at_level(logging.INFO, logger="gekko_lab"):
        ask(Question(SourceUnavailable("in maintenance")))
    assert [r.message for r in caplog.records if r.name == "gekko_lab"] == [
        "asking again, as this may pass: in maintenance"
    ]
