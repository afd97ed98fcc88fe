"""Messages no faster than their rate, and the last one always."""

from __future__ import annotations

import pytest

from gekko_lab.widgets.pace import Pace


class Time:
    """A clock and a loop that a test moves on."""

    def __init__(self):
        self.now, self.later = 100.0, []
        self.loop = self

    def call(self, function):
        function()

    def call_later(self, delay, function):
        self.later.append((self.now + delay, function))

    def pass_by(self, seconds):
        self.now += seconds
        due = [each for each in self.later if each[0] <= self.now + 1e-9]
        self.later = [each for each in self.later if each not in due]
        for _, function in due:
            function()


@pytest.fixture
def moved():
    return Time()


def test_the_first_is_sent_at_once_and_the_last_is_not_lost(moved):
    sent = []
    pace = Pace(lambda: sent.append(moved.now), 50, clock=lambda: moved.now, loop=moved)
    for _ in range(3):
        pace.ask()
    assert sent == [100.0]
    moved.pass_by(0.02)
    assert sent == [100.0, pytest.approx(100.02)]
    moved.pass_by(1)
    assert len(sent) == 2


def test_a_second_of_asking_gives_no_more_than_the_rate(moved):
    sent = []
    pace = Pace(lambda: sent.append(moved.now), 60, clock=lambda: moved.now, loop=moved)
    for _ in range(1000):
        pace.ask()
        moved.pass_by(0.001)
    assert 50 <= len(sent) <= 61
