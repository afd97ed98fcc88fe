"""Every fault in the format of every exchange, on candles and trades."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import get_args

import ccxt
import pytest
import requests

from gekko_lab.errors import InvalidArgument
from gekko_lab.server import Fault
from gekko_lab.server.faults import Kind

START = 1_704_067_200_000
RESET = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)


def binance_time(row):
    return row["T"] if isinstance(row, dict) else row[0]


def coinbase_time(row):
    if not isinstance(row, dict):
        return row[0] * 1000
    return round(datetime.fromisoformat(row["time"]).timestamp() * 1000)


class Page:
    """One kind of page of one exchange: how to ask for it and what its rows say."""

    def __init__(self, path, query, time, prices, rows=lambda page: page):
        self.path, self.query, self.time, self.prices, self.rows = path, query, time, prices, rows


def kraken_rows(page):
    return page["result"]["XBTUSDT"]


PAGES = {
    ("binance", "candles"): Page(
        "/api/v3/klines",
        {"symbol": "BTCUSDT", "interval": "1m", "limit": 200},
        binance_time,
        lambda row: row[1:5],
    ),
    ("binance", "trades"): Page(
        "/api/v3/aggTrades",
        {"symbol": "BTCUSDT", "limit": 200},
        binance_time,
        lambda row: [row["p"]],
    ),
    ("coinbaseexchange", "candles"): Page(
        "/products/BTC-USDT/candles", {"granularity": 60}, coinbase_time, lambda row: row[1:5]
    ),
    ("coinbaseexchange", "trades"): Page(
        "/products/BTC-USDT/trades", {"limit": 200}, coinbase_time, lambda row: [row["price"]]
    ),
    ("kraken", "candles"): Page(
        "/0/public/OHLC",
        {"pair": "XBTUSDT", "since": START // 1000},
        lambda row: row[0] * 1000,
        lambda row: row[1:5],
        kraken_rows,
    ),
    ("kraken", "trades"): Page(
        "/0/public/Trades",
        {"pair": "XBTUSDT", "count": 200},
        lambda row: row[2] * 1000,
        lambda row: [row[0]],
        kraken_rows,
    ),
}
EXCHANGES = ["binance", "coinbaseexchange", "kraken"]


@pytest.fixture(params=PAGES, ids="-".join)
def case(request, served_as, ask):
    """A server, its page as it is, and a way to get the page with a fault."""
    exchange, subject = request.param
    page = PAGES[request.param]

    class Case:
        server = served_as(exchange)

        def get(self, **settings):
            return ask(self.server, page.path, **page.query, **settings)

        def spoil(self, kind, value=None, **settings):
            self.server.faults.clear()
            self.server.faults.add(Fault(kind, path=subject, value=value))
            return self.get(**settings)

        def rows(self, answer):
            return page.rows(answer.json())

        time = staticmethod(page.time)
        prices = staticmethod(page.prices)

    found = Case()
    found.good = found.get()
    assert len(found.rows(found.good)) >= 200
    found.exchange = exchange
    return found


@pytest.mark.parametrize(("kind", "body"), [("html", b"<html>"), ("empty", b""), ("null", b"null")])
def test_bodies_that_are_no_page(case, kind, body):
    answer = case.spoil(kind)
    assert answer.status_code == 200
    assert answer.content.startswith(body)
    assert len(answer.content) < 100


def test_a_truncated_body_is_complete_as_http(case):
    answer = case.spoil("truncated")
    assert answer.status_code == 200
    assert answer.content == case.good.content[: len(case.good.content) // 2]


def test_an_empty_page_is_a_good_page_without_rows(case):
    answer = case.spoil("empty_page")
    assert case.rows(answer) == []
    if case.exchange == "kraken":
        assert answer.json()["error"] == []
        assert answer.json()["result"]["last"] == case.good.json()["result"]["last"]


def test_rows_are_dropped_inside(case):
    good, rows = case.rows(case.good), case.rows(case.spoil("drop_rows", 3))
    assert len(rows) == len(good) - 3
    assert (rows[0], rows[-1]) == (good[0], good[-1])
    assert all(row in good for row in rows)


def test_a_page_is_short_at_its_end(case):
    assert case.rows(case.spoil("short_page", 30)) == case.rows(case.good)[:-30]


def test_rows_come_twice(case):
    good, rows = case.rows(case.good), case.rows(case.spoil("double_rows", 4))
    assert len(rows) == len(good) + 4
    assert [row for place, row in enumerate(rows) if row not in rows[:place]] == good


def test_rows_come_in_another_order(case):
    good = case.rows(case.good)
    assert case.rows(case.spoil("reverse_rows")) == good[::-1]
    shuffled = case.rows(case.spoil("shuffle_rows"))
    assert shuffled not in (good, good[::-1])
    assert sorted(map(str, shuffled)) == sorted(map(str, good))


@pytest.mark.parametrize("by", [60_000, -7000])
def test_rows_are_shifted(case, by):
    good, rows = case.rows(case.good), case.rows(case.spoil("shift_rows", by))
    moved = [case.time(row) - case.time(was) for row, was in zip(rows, good, strict=True)]
    assert moved == pytest.approx([by] * len(good), abs=0.01)
    assert [case.prices(row) for row in rows] == [case.prices(row) for row in good]


@pytest.mark.parametrize("by", [None, -1])
def test_a_shift_is_seen_in_whole_seconds_too(case, by):
    good, rows = case.rows(case.good), case.rows(case.spoil("shift_rows", by))
    sign = by or 1
    assert all(
        (case.time(row) - case.time(was)) * sign > 0.5 for row, was in zip(rows, good, strict=True)
    )


def test_prices_are_not_numbers(case):
    good, rows = case.rows(case.good), case.rows(case.spoil("nan_rows", 2))
    spoiled = [case.prices(row) for row in rows if row not in good]
    assert len(spoiled) == 2
    assert {price for prices in spoiled for price in prices} == {"NaN"}


def test_statuses_come_in_the_exchange_s_words(case):
    answer = case.spoil("status", 503)
    assert answer.status_code == 503
    assert (
        answer.json()
        == {
            "binance": {"code": -1000, "msg": "An unknown error occurred."},
            "coinbaseexchange": {"message": "Internal server error"},
            "kraken": {"error": ["EService:Unavailable"]},
        }[case.exchange]
    )
    assert case.spoil("status_html", 502).text.startswith("<html>")
    empty = case.spoil("status_empty", 451)
    assert (empty.status_code, empty.content) == (451, b"")


def test_a_rate_limit_comes_in_the_exchange_s_words(case):
    answer = case.spoil("rate_limited")
    told = (answer.status_code, answer.headers.get("Retry-After"), answer.json())
    assert (
        told[:2]
        == {
            "binance": (429, "1"),
            "coinbaseexchange": (429, None),
            "kraken": (200, None),
        }[case.exchange]
    )
    if case.exchange != "binance":
        assert told[2] in (
            {"message": "Public rate limit exceeded"},
            {"error": ["EGeneral:Too many requests"]},
        )
    assert case.spoil("rate_limited", 7).headers["Retry-After"] == "7"
    assert case.server.requests[-1].refused
    assert case.server.requests[-1].weight == 0
    http = case.spoil("status", 429)
    assert http.status_code == 429
    if case.exchange != "binance":
        assert http.json() == told[2]


def test_a_ban_comes_in_the_exchange_s_words(case):
    answer = case.spoil("banned")
    assert (
        answer.status_code
        == {"binance": 418, "coinbaseexchange": 403, "kraken": 200}[case.exchange]
    )
    if case.exchange == "kraken":
        assert answer.json() == {"error": ["EGeneral:Temporary lockout"]}
    assert case.server.requests[-1].refused


@pytest.mark.parametrize("kind", ["reset", "reset_body", "early_fin"])
def test_connections_break(case, kind):
    with pytest.raises(RESET):
        case.spoil(kind)


def test_answers_come_late_or_never(case):
    assert case.spoil("delay", 0.01).content == case.good.content
    assert case.spoil("slow_body", 0.02).content == case.good.content
    with pytest.raises(RESET):
        case.spoil("hang", 0.01)


def test_these_are_all_faults():
    """Whoever adds a kind has to look at every exchange."""
    assert set(get_args(Kind)) == {
        *("rate_limited", "banned", "status", "status_html", "status_empty"),
        *("delay", "hang", "slow_body", "reset", "reset_body", "early_fin"),
        *("truncated", "html", "empty", "null", "empty_page", "clock_skew"),
        *("drop_rows", "short_page", "double_rows", "shuffle_rows", "reverse_rows"),
        *("shift_rows", "nan_rows"),
    }


def test_cursors_stay_those_of_the_whole_page(served_as, ask):
    server = served_as("coinbaseexchange")
    good = ask(server, "/products/BTC-USDT/trades", limit=50)
    server.faults.add(Fault("short_page", path="trades", value=10))
    short = ask(server, "/products/BTC-USDT/trades", limit=50)
    assert short.json() == good.json()[:-10]
    assert short.headers["CB-AFTER"] == good.headers["CB-AFTER"]


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_the_exchanges_clock_is_skewed(served_as, ccxt_for, clock, exchange):
    server = served_as(exchange)
    client = ccxt_for(server)
    server.faults.add(Fault("clock_skew", value=-2000))
    assert client.fetch_time() == clock.now - 2000
    assert client.fetch_ohlcv("BTC/USDT", "1m", limit=5)


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_faults_choose_by_subject(served_as, ccxt_for, exchange):
    server = served_as(exchange)
    client = ccxt_for(server)
    client.load_markets()
    calls = {
        "candles": lambda: client.fetch_ohlcv("BTC/USDT", "1m"),
        "trades": lambda: client.fetch_trades("BTC/USDT"),
        "markets": client.fetch_markets,
        "time": client.fetch_time,
    }
    for subject in calls:
        server.faults.clear()
        server.faults.add(Fault("status", path=subject))
        for name, call in calls.items():
            if name == subject:
                with pytest.raises(ccxt.OperationFailed):
                    call()
            else:
                call()
    server.faults.clear()
    server.faults.add(Fault("status"))  # candles, unless it is said
    calls["trades"]()
    with pytest.raises(ccxt.OperationFailed):
        calls["candles"]()


@pytest.mark.parametrize(
    ("exchange", "names"),
    [
        ("binance", ["ETH/BTC", "ETHBTC"]),
        ("coinbaseexchange", ["ETH/BTC", "ETH-BTC"]),
        ("kraken", ["ETH/BTC", "XETHXXBT", "ETHXBT", "ETH/XBT"]),
    ],
)
def test_faults_choose_by_any_name_of_the_symbol(served_as, ccxt_for, exchange, names):
    server = served_as(exchange)
    client = ccxt_for(server)
    client.load_markets()
    for name in names:
        server.faults.clear()
        server.faults.add(Fault("status", path=None, symbol=name))
        client.fetch_ohlcv("BTC/USDT", "1m")
        for call in (client.fetch_trades, client.fetch_ohlcv):
            with pytest.raises(ccxt.OperationFailed):
                call("ETH/BTC")


def test_a_path_that_is_none_is_refused():
    with pytest.raises(
        InvalidArgument, match="'trades', 'order_book', 'ticker', 'markets', 'time'"
    ):
        Fault("reset", path="klines")


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_lists_of_markets_can_be_empty(served_as, ccxt_for, exchange):
    server = served_as(exchange)
    server.faults.add(Fault("empty_page", path="markets"))
    assert ccxt_for(server).fetch_markets() == []


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_faults_of_rows_may_be_added_up(served_as, ask, exchange):
    server = served_as(exchange)
    page = PAGES[exchange, "candles"]
    good = page.rows(ask(server, page.path, **page.query).json())
    for kind in ("reverse_rows", "short_page", "reverse_rows"):
        server.faults.add(Fault(kind, value=150))
    assert page.rows(ask(server, page.path, **page.query).json()) == good[150:]
    server.faults.add(Fault("truncated"))
    server.faults.add(Fault("drop_rows"))
    with pytest.raises(requests.exceptions.JSONDecodeError):
        ask(server, page.path, **page.query).json()


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_an_error_of_the_exchange_is_not_spoiled(served_as, ask, exchange):
    server = served_as(exchange)
    server.faults.add(Fault("html"))
    wrong = {
        "binance": ("/api/v3/klines", {"symbol": "NOSUCH", "interval": "1m"}),
        "coinbaseexchange": ("/products/NO-SUCH/candles", {}),
        "kraken": ("/0/public/OHLC", {"pair": "NOSUCH"}),
    }
    path, query = wrong[exchange]
    assert isinstance(ask(server, path, **query).json(), dict)


def test_moments_in_the_test_are_utc():
    assert coinbase_time({"time": "2024-01-01T00:00:00.000000Z"}) == START
    assert datetime.fromtimestamp(START / 1000, UTC).isoformat() == "2024-01-01T00:00:00+00:00"
