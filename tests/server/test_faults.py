"""Every fault as it is seen on the wire."""

from __future__ import annotations

import contextlib
import math
import re
import time
from typing import get_args

import pytest
import requests

from gekko_lab.errors import InvalidArgument, InvalidType
from gekko_lab.server import Fault
from gekko_lab.server.fault_reading import parse_fault
from gekko_lab.server.faults import Kind

MINUTE = 60_000
PAGE = {"symbol": "BTCUSDT", "interval": "1m", "limit": 200}
RESET = requests.ConnectionError
PATHS = {
    "binance": [
        *("/api/v3/klines?symbol=BTCUSDT&interval=1m", "/api/v3/aggTrades?symbol=BTCUSDT"),
        *("/api/v3/time", "/api/v3/depth?symbol=BTCUSDT"),
    ],
    "coinbaseexchange": [
        *("/products/BTC-USDT/candles?granularity=60", "/products/BTC-USDT/trades"),
        *("/time", "/products/BTC-USDT/book"),
    ],
    "kraken": [
        *("/0/public/OHLC?pair=XBTUSDT", "/0/public/Trades?pair=XBTUSDT"),
        *("/0/public/Time", "/0/public/Depth?pair=XBTUSDT"),
    ],
}


@pytest.fixture
def page(get):
    def ask(**parameters):
        return get("klines", **{**PAGE, **parameters})

    return ask


@pytest.fixture
def failing(server, page):
    """Commit a fault; gives the good rows and the answer with the fault."""

    def commit(kind, value=None, **parameters):
        good = page().json()
        server.faults.add(Fault(kind, value=value))
        return good, page(**parameters)

    return commit


@pytest.mark.parametrize(
    ("kind", "value", "status", "wait"),
    [("rate_limited", 7, 429, "7"), ("banned", None, 418, "120"), ("banned", 3, 418, "3")],
)
def test_refusals_say_how_long_to_wait(failing, kind, value, status, wait):
    _, answer = failing(kind, value)
    assert (answer.status_code, answer.headers["Retry-After"]) == (status, wait)
    assert answer.json()["code"] == -1003


@pytest.mark.parametrize("status", [403, 451, 500, 503, 504])
def test_a_status_comes_with_json_html_or_nothing(server, failing, status):
    _, answer = failing("status", status)
    assert answer.status_code == status
    assert answer.json()["code"] == -1000
    server.faults.clear()
    _, answer = failing("status_html", status)
    assert answer.status_code == status
    assert answer.text.startswith("<html>")
    assert answer.headers["Content-Type"].startswith("text/html")
    server.faults.clear()
    _, answer = failing("status_empty", status)
    assert (answer.status_code, answer.content) == (status, b"")


def test_a_delay_comes_before_a_good_answer(failing):
    begun = time.monotonic()
    good, answer = failing("delay", 0.15)
    assert time.monotonic() - begun >= 0.15
    assert answer.json() == good


def test_a_hang_lasts_until_the_client_leaves(server, failing):
    with pytest.raises(requests.Timeout):
        failing("hang", timeout=0.2)
    assert [request.status for request in server.requests] == [200, 0]


def test_a_hang_of_a_given_length_ends_with_a_reset(failing):
    with pytest.raises(RESET):
        failing("hang", 0.05)


def test_a_slow_body_arrives_whole(failing):
    begun = time.monotonic()
    good, answer = failing("slow_body", 0.3)
    assert time.monotonic() - begun >= 0.3
    assert answer.json() == good


def test_a_slow_body_never_trips_a_timeout_between_bytes(failing):
    good, answer = failing("slow_body", 0.6, timeout=0.3)
    assert answer.json() == good


def test_a_reset_before_the_answer(server, failing):
    with pytest.raises(RESET, match=r"(?i)reset|aborted"):
        failing("reset")
    assert server.requests[-1].status == 0


@pytest.mark.parametrize("kind", ["reset_body", "early_fin"])
def test_a_body_that_is_cut(failing, kind):
    with pytest.raises((RESET, requests.exceptions.ChunkedEncodingError)):
        failing(kind)


@pytest.mark.parametrize(
    ("kind", "body"), [("empty", b""), ("null", b"null"), ("empty_page", b"[]")]
)
def test_a_body_that_says_nothing(failing, kind, body):
    _, answer = failing(kind)
    assert (answer.status_code, answer.content) == (200, body)


def test_a_page_of_html_with_200(failing):
    _, answer = failing("html")
    assert answer.status_code == 200
    assert answer.text.startswith("<html>")


def test_truncated_json_is_complete_as_http(failing):
    _, answer = failing("truncated")
    assert answer.status_code == 200
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    with pytest.raises(requests.exceptions.JSONDecodeError):
        answer.json()


def test_rows_are_dropped_inside_the_page(failing):
    good, answer = failing("drop_rows", 3)
    rows = answer.json()
    assert len(rows) == len(good) - 3
    assert (rows[0], rows[-1]) == (good[0], good[-1])
    assert all(row in good for row in rows)


def test_a_page_is_short(failing):
    good, answer = failing("short_page", 30)
    assert answer.json() == good[:-30]


def test_rows_come_twice(failing):
    good, answer = failing("double_rows", 4)
    rows = answer.json()
    assert len(rows) == len(good) + 4
    assert sorted(rows) != good
    assert {row[0] for row in rows} == {row[0] for row in good}


def test_rows_come_in_no_order(failing):
    good, answer = failing("shuffle_rows")
    assert answer.json() != good
    assert sorted(answer.json()) == good


def test_rows_come_newest_first(failing):
    good, answer = failing("reverse_rows")
    assert answer.json() == good[::-1]


@pytest.mark.parametrize("by", [1, -500 * MINUTE])
def test_rows_are_shifted(failing, by):
    good, answer = failing("shift_rows", by)
    assert [row[0] - by for row in answer.json()] == [row[0] for row in good]


def test_prices_are_not_numbers(failing):
    good, answer = failing("nan_rows", 2)
    spoiled = [row for row in answer.json() if row not in good]
    assert [row[1:5] for row in spoiled] == [["NaN"] * 4] * 2


def test_trades_can_be_spoiled_too(server, get):
    good = get("aggTrades", symbol="BTCUSDT", limit=9).json()
    server.faults.add(Fault("nan_rows", path="/api/v3/aggTrades", value=1))
    server.faults.add(Fault("shift_rows", path="/api/v3/aggTrades", value=5))
    rows = get("aggTrades", symbol="BTCUSDT", limit=9).json()
    assert [row["p"] for row in rows].count("NaN") == 1
    assert [row["T"] - 5 for row in rows] == [row["T"] for row in good]


def test_the_exchanges_clock_is_skewed(server, get, clock):
    server.faults.add(Fault("clock_skew", value=-1500))
    assert get("time").json() == {"serverTime": clock.now - 1500}
    assert get("klines", **PAGE).status_code == 200


def test_the_same_seed_drops_the_same_rows(failing, server, page):
    _, first = failing("drop_rows", 20)
    second = page().json()
    server.faults.clear()
    server.faults.add(Fault("drop_rows", value=20))
    assert page().json() == first.json()
    assert second != first.json()  # each hit has chance of its own


def test_faults_are_met_every_so_often_after_some_and_so_many_times(server, page):
    server.faults.add(Fault("status", every=3, skip=2, count=2))
    statuses = [page().status_code for _ in range(14)]
    assert [place for place, status in enumerate(statuses) if status == 503] == [4, 7]


def test_faults_choose_their_requests(server, get):
    server.faults.add(Fault("status", path=None, symbol="ETH/BTC"))
    assert get("klines", **PAGE).status_code == 200
    assert get("klines", symbol="ETHBTC", interval="1m").status_code == 503
    assert get("aggTrades", symbol="ETHBTC").status_code == 503
    assert get("ping").status_code == 200
    server.faults.clear()
    assert get("aggTrades", symbol="ETHBTC").status_code == 200


def test_refused_requests_count_no_weight(server, page):
    server.faults.add(Fault("status", count=1))
    page()
    assert page().headers["X-MBX-USED-WEIGHT"] == "2"
    assert [(request.status, request.weight) for request in server.requests] == [(503, 0), (200, 2)]


def test_an_unknown_fault_is_refused():
    with pytest.raises(InvalidArgument, match="shuffle_rows"):
        Fault("flood")
    with pytest.raises(InvalidArgument, match="every"):
        Fault("reset", every=0)


@pytest.mark.parametrize(
    ("kind", "value", "possible"),
    [
        *[(kind, -3, "rows, 0 to") for kind in ("drop_rows", "short_page", "double_rows")],
        *[("nan_rows", rows, "a whole number of rows, 0 to") for rows in (-1, 2.5, math.inf)],
        *[
            ("status", status, "an HTTP status, 200 to 599")
            for status in (math.nan, 99, 1000, 451.5)
        ],
        *[(kind, 101, "an HTTP status, 200 to 599") for kind in ("status_html", "status_empty")],
        *[(kind, -5, "seconds, 0 to") for kind in ("rate_limited", "banned", "delay", "hang")],
        *[(kind, math.nan, "seconds, 0 to") for kind in ("slow_body", "stream_silence")],
        *[(kind, math.inf, "seconds, 0 to") for kind in ("stream_shutdown", "stream_restart")],
        *[("rate_limited", 1e300, "seconds, 0 to"), ("shift_rows", 1e15, "whole milliseconds, -1")],
        *[
            ("clock_skew", 0.5, "whole milliseconds"),
            ("stream_close", 1006, "1000 to 1003 or 1007"),
        ],
    ],
)
def test_impossible_values_are_refused_when_a_fault_is_made(kind, value, possible):
    shown = re.escape(f"value={value:.16g}")
    told = f"{shown} is impossible for '{kind}': give .*{possible}"
    with pytest.raises(InvalidArgument, match=told):
        Fault(kind, value=value)
    with pytest.raises(InvalidArgument, match=told):
        parse_fault(f"{kind}:*:value={value}")


@pytest.mark.parametrize("value", ["5", True, [5]])
def test_values_are_numbers(value):
    with pytest.raises(InvalidType, match="give a number"):
        Fault("delay", value=value)


@pytest.mark.parametrize(
    "kind",
    [
        *("rate_limited", "banned", "status", "status_html", "status_empty", "drop_rows"),
        *("short_page", "double_rows", "shift_rows", "nan_rows", "clock_skew"),
    ],
)
@pytest.mark.parametrize("exchange", ["binance", "coinbaseexchange", "kraken"])
def test_the_most_and_the_least_of_a_value_break_no_answer(served_as, ask, exchange, kind):
    server = served_as(exchange)
    for value in (-(10**12), -1, 0, 200, 204, 304, 418, 599, 10**9, 10**12):
        with contextlib.suppress(InvalidArgument):
            server.faults.clear()
            server.faults.add(Fault(kind, path=None, value=value))
            for path in PATHS[exchange]:
                answer = ask(server, path)
                assert "got itself in trouble" not in answer.text
                assert int(answer.headers.get("Retry-After", 0)) >= 0


def test_every_kind_of_fault_is_documented():
    assert all(f"\n    {kind} " in Fault.__doc__ for kind in get_args(Kind))
