"""Weight, refusals and bans."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import requests

from gekko_lab.server import serve
from gekko_lab.server.limits import Bucket, Counter


@pytest.fixture
def hands():
    return SimpleNamespace(now=600.0)


def test_a_window_is_a_whole_minute(hands):
    counter = Counter(10, lambda: hands.now)
    assert counter.charge("a", 10).status == 200
    hands.now = 645.5
    refused = counter.charge("a", 1)
    assert (refused.status, refused.used, refused.retry_after) == (429, 11, 15)
    assert refused.until == 660_000
    hands.now = 660.0
    assert counter.charge("a", 10).used == 10


def test_every_address_has_its_own_weight(hands):
    counter = Counter(10, lambda: hands.now)
    assert counter.charge("a", 10).status == counter.charge("b", 10).status == 200


def test_who_goes_on_is_banned_and_longer_the_next_time(hands):
    counter = Counter(1, lambda: hands.now, refusals_before_ban=2)

    def offend():
        return [counter.charge("a", 1) for _ in range(4)]

    first = offend()
    assert [verdict.status for verdict in first] == [200, 429, 429, 418]
    assert first[-1].retry_after == 120
    hands.now += 119
    assert counter.charge("a", 1).status == 418
    hands.now += 1
    assert offend()[-1].retry_after == 240


def test_without_a_limit_weight_is_counted_only(hands):
    counter = Counter(None, lambda: hands.now)
    verdict = counter.charge("a", 99_999)
    assert (verdict.status, verdict.used) == (200, 99_999)


def test_refusals_on_the_wire(market, clock, hands):
    with (
        serve(
            market,
            clock=lambda: clock.now,
            weight_limit=2,
            refusals_before_ban=1,
            limit_clock=lambda: hands.now,
        ) as server,
        requests.Session() as session,
    ):
        answers = [session.get(f"{server.url}/api/v3/ping") for _ in range(4)]
        limit = session.get(f"{server.url}/api/v3/ping").status_code
        log = server.requests
    assert [answer.status_code for answer in answers] == [200, 200, 429, 418]
    assert [answer.headers.get("Retry-After") for answer in answers] == [None, None, "60", "120"]
    assert answers[2].json() == {
        "code": -1003,
        "msg": "Too much request weight used; current limit is 2 request weight per 1 MINUTE. "
        "Please use WebSocket Streams for live updates to avoid polling the API.",
    }
    assert "IP banned until 720000" in answers[3].json()["msg"]
    assert limit == 418
    assert [request.status for request in log] == [200, 200, 429, 418, 418]


def test_a_bucket_takes_a_burst_and_then_so_many_a_second(hands):
    bucket = Bucket(10, lambda: hands.now, burst=15)
    assert [bucket.charge("a", 1).status for _ in range(16)] == [200] * 15 + [429]
    hands.now += 0.1
    assert [bucket.charge("a", 1).status for _ in range(2)] == [200, 429]
    hands.now += 100
    assert [bucket.charge("a", 1).status for _ in range(16)] == [200] * 15 + [429]
    assert bucket.charge("b", 1).used == 1


def test_a_bucket_says_how_long_to_wait(hands):
    bucket = Bucket(0.5, lambda: hands.now, burst=1)
    bucket.charge("a", 1)
    refused = bucket.charge("a", 1)
    assert (refused.status, refused.retry_after, refused.until) == (429, 2, 602_000)
    hands.now += refused.retry_after
    assert bucket.charge("a", 1).status == 200


def test_a_bucket_without_a_rate_counts_only(hands):
    bucket = Bucket(None, lambda: hands.now, burst=1)
    assert [bucket.charge("a", 1).used for _ in range(3)] == [1, 2, 3]
    assert bucket.charge("a", 97).status == 200


def test_whatever_is_asked_a_bucket_never_lets_more_through_than_burst_and_rate(hands):
    bucket = Bucket(3, lambda: hands.now, burst=5)
    passed = []
    for step in range(400):
        hands.now += (step * 7 % 11) / 40
        if bucket.charge("a", 1).status == 200:
            passed.append(hands.now)
    for first, begin in enumerate(passed):
        for last, end in enumerate(passed[first:], first):
            assert last - first + 1 <= 5 + 3 * (end - begin) + 1e-6
