"""Coinbase Exchange's dialect field by field, and unmodified ccxt as its judge."""

from __future__ import annotations

from types import SimpleNamespace

import ccxt
import pytest

MINUTE = 60_000
START = 1_704_067_200_000
CANDLES = "/products/BTC-USDT/candles"
TRADES = "/products/BTC-USDT/trades"


@pytest.fixture
def coinbase(served_as):
    return served_as("coinbaseexchange")


@pytest.fixture
def client(coinbase, ccxt_for):
    return ccxt_for(coinbase)


@pytest.fixture
def page(coinbase, ask):
    """The rows of a good answer."""

    def get(path, **parameters):
        answer = ask(coinbase, path, **parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return get


@pytest.fixture(scope="module")
def traded(truth):
    """The minutes in which something was traded, as ccxt gives them."""
    return [list(row) for row in truth if row[5] > 0]


def iso(milliseconds):
    return ccxt.Exchange.iso8601(milliseconds)


def test_markets_carry_the_rules(client, coinbase):
    markets = client.load_markets()
    assert [request.path for request in coinbase.requests] == ["/currencies", "/products"]
    bitcoin = markets["BTC/USDT"]
    assert (bitcoin["id"], bitcoin["active"]) == ("BTC-USDT", True)
    assert (bitcoin["precision"]["price"], bitcoin["precision"]["amount"]) == (0.01, 0.001)
    assert bitcoin["limits"]["cost"]["min"] == 5
    assert markets["ETH/BTC"]["precision"]["price"] == 1e-7
    assert client.currencies.keys() == {"BTC", "USDT", "ETH"}


def test_a_halted_product_is_not_active(served_as, ccxt_for):
    markets = ccxt_for(served_as("coinbaseexchange", halted=["ETH/BTC"])).load_markets()
    assert (markets["ETH/BTC"]["active"], markets["BTC/USDT"]["active"]) == (False, True)


def test_one_product_can_be_asked_for(page):
    assert page("/products/BTC-USDT") == page("/products")[0]


def test_the_time_is_the_clocks(page, client, clock):
    clock.now = START + 250
    assert page("/time") == {"iso": "2024-01-01T00:00:00.250Z", "epoch": 1_704_067_200.25}
    assert client.fetch_time() == clock.now


def test_a_candle_has_low_and_high_first(page):
    moment = iso(START + 9 * MINUTE)
    assert page(CANDLES, granularity=60, start=moment, end=moment) == [
        [1_704_067_740, 103.29, 103.5, 103.33, 103.48, 1.125]
    ]


def test_candles_come_newest_first_and_minutes_without_trades_do_not_come(page, traded):
    rows = page(CANDLES, granularity=60, start=iso(START), end=iso(START + 100 * MINUTE))
    wanted = [row for row in traded if row[0] <= START + 100 * MINUTE]
    assert [(row[0] * 1000, row[3], row[2], row[1], *row[4:]) for row in rows] == [
        tuple(row) for row in reversed(wanted)
    ]
    assert len(rows) < 101


def test_both_ends_of_the_window_are_inclusive_and_may_be_seconds(page, traded):
    start, end = traded[10][0], traded[14][0]
    rows = page(CANDLES, start=start // 1000, end=end // 1000)
    assert [row[0] * 1000 for row in rows] == [row[0] for row in traded[14:9:-1]]
    rows = page(CANDLES, start=iso(start + 1), end=iso(end - 1))
    assert [row[0] * 1000 for row in rows] == [row[0] for row in traded[13:10:-1]]


def test_300_buckets_are_the_most(coinbase, ask):
    def status(start, end, granularity=60):
        answer = ask(coinbase, CANDLES, granularity=granularity, start=iso(start), end=iso(end))
        return answer.status_code, answer.json()

    code, rows = status(START, START + 299 * MINUTE)
    assert code == 200
    assert 250 < len(rows) <= 300
    assert status(START + 1, START + 300 * MINUTE)[0] == 200
    code, told = status(START, START + 300 * MINUTE)
    assert (code, told) == (
        400,
        {
            "message": "granularity too small for the requested time range. Count of "
            "aggregations requested exceeds 300"
        },
    )
    assert status(START, START + 299 * 86_400_000, 86_400)[0] == 200


def test_an_outage_is_an_empty_page_that_is_not_the_end(page, truth):
    hole = truth[1000][0] - 200 * MINUTE
    window = {"start": iso(hole), "end": iso(hole + 199 * MINUTE)}
    assert page(CANDLES, granularity=60, **window) == []
    later = {"start": iso(hole + 200 * MINUTE), "end": iso(hole + 300 * MINUTE)}
    assert page(CANDLES, granularity=60, **later)


def test_without_both_ends_the_newest_window_comes(page, traded, clock):
    rows = page(CANDLES, granularity=60)
    first = clock.now - clock.now % MINUTE - 299 * MINUTE
    assert [row[0] * 1000 for row in rows] == [row[0] for row in traded[::-1] if row[0] >= first]
    assert page(CANDLES, granularity=60, start=iso(START)) == rows
    assert page(CANDLES) == rows


def test_the_forming_candle_comes_as_soon_as_it_has_a_trade(page, clock, traded):
    opened = traded[500][0]
    clock.now = opened - 1
    assert page(CANDLES, granularity=60)[0][0] * 1000 == traded[499][0]
    clock.now = opened
    newest = page(CANDLES, granularity=60)[0]
    assert newest[0] * 1000 == opened
    assert newest[1:5] == [traded[500][1]] * 4
    trades = page(TRADES, limit=1)
    assert newest[5] == float(trades[0]["size"])


def test_nothing_comes_from_the_future(page, clock):
    clock.now = START + 10 * MINUTE + 14_999
    window = {"start": iso(START), "end": iso(START + 60 * MINUTE)}
    assert page(CANDLES, granularity=60, **window)[0][0] * 1000 == START + 10 * MINUTE
    newest = page(TRADES)[0]
    assert newest["time"] == "2024-01-01T00:10:00.000000Z"
    assert page(TRADES, before=newest["trade_id"]) == []
    assert page(TRADES, after=newest["trade_id"] + 1)[0] == newest


@pytest.mark.parametrize("timeframe", ["1m", "5m", "15m", "1h", "6h", "1d"])
def test_ccxt_pages_through_by_windows(client, truth, timeframe):
    width = client.parse_timeframe(timeframe) * 1000
    got, since = [], START - 300 * MINUTE
    since -= since % width
    while since < truth[-1][0]:
        got += client.fetch_ohlcv("BTC/USDT", timeframe, since=since)
        since += 300 * width
    seen = [row for row in truth[:-1] if row[5] > 0]
    by_open = {}
    for row in seen:
        by_open.setdefault(row[0] - row[0] % width, []).append(row)
    forming = truth[-1][0] - truth[-1][0] % width
    assert {row[0] for row in got} == {*by_open, forming}
    volumes = {opened: round(sum(row[5] for row in rows), 3) for opened, rows in by_open.items()}
    closed = [row for row in got if row[0] + width <= truth[-1][0]]
    assert [row[5] for row in closed] == [volumes[row[0]] for row in closed]


def test_a_trade_has_the_makers_side(page, client):
    trades = page(TRADES, after=3, limit=2)
    assert trades == [
        {
            "trade_id": 2,
            "side": "buy",  # the taker sold
            "size": "0.03100000",
            "price": "100.29000000",
            "time": "2024-01-01T00:01:30.000000Z",
        },
        {
            "trade_id": 1,
            "side": "sell",
            "size": "0.03100000",
            "price": "100.38000000",
            "time": "2024-01-01T00:01:15.000000Z",
        },
    ]
    for trade in client.fetch_trades("BTC/USDT", limit=50):
        assert trade["side"] == {"buy": "sell", "sell": "buy"}[trade["info"]["side"]]


def test_the_headers_are_cursors_in_both_directions(coinbase, ask):
    newest = ask(coinbase, TRADES, limit=10)
    ids = [row["trade_id"] for row in newest.json()]
    assert ids == sorted(ids, reverse=True)
    assert (newest.headers["CB-BEFORE"], newest.headers["CB-AFTER"]) == (str(ids[0]), str(ids[-1]))
    older = ask(coinbase, TRADES, limit=10, after=ids[-1])
    assert [row["trade_id"] for row in older.json()] == list(range(ids[-1] - 1, ids[-1] - 11, -1))
    newer = ask(coinbase, TRADES, limit=10, before=ids[5])
    assert newer.json() == newest.json()[:5]
    empty = ask(coinbase, TRADES, before=ids[0])
    assert empty.json() == []
    assert "CB-AFTER" not in empty.headers


def test_before_gives_the_newest_and_not_the_next(page):
    """Who wants the trades that follow an old one can't have them by `before`."""
    newest = page(TRADES, limit=5)
    assert page(TRADES, limit=5, before=7) == newest


def test_a_page_has_1000_trades_by_default_and_at_most(page):
    assert len(page(TRADES)) == len(page(TRADES, limit=5000)) == 1000


def test_pages_can_be_smaller(served_as, ask):
    server = served_as("coinbaseexchange", page_limit=7)
    assert len(ask(server, TRADES).json()) == 7
    window = {"start": iso(START), "end": iso(START + 6 * MINUTE)}
    assert ask(server, CANDLES, **window).status_code == 200
    window["end"] = iso(START + 7 * MINUTE)
    assert "exceeds 7" in ask(server, CANDLES, **window).json()["message"]


@pytest.mark.parametrize(
    ("path", "query", "status", "text"),
    [
        ("/products/NO-SUCH/candles", {}, 404, "NotFound"),
        ("/products/NO-SUCH/trades", {}, 404, "NotFound"),
        ("/products/NO-SUCH", {}, 404, "NotFound"),
        ("/products/BTC-USDT/volume", {}, 404, "NotFound"),
        ("/products/BTC-USDT/book", {"level": 3}, 400, "Invalid level"),
        ("/nothing", {}, 404, "NotFound"),
        (CANDLES, {"granularity": 120}, 400, "Unsupported granularity"),
        (CANDLES, {"start": "yesterday", "end": "0"}, 400, "Invalid start"),
        (CANDLES, {"start": "10", "end": "9"}, 400, "start must be before end"),
        (TRADES, {"limit": 0}, 400, "Invalid limit"),
        (TRADES, {"after": "x"}, 400, "Invalid after"),
    ],
)
def test_a_wrong_request_is_answered_with_a_message(coinbase, ask, path, query, status, text):
    answer = ask(coinbase, path, **query)
    assert (answer.status_code, answer.json()) == (status, {"message": text})


def test_numbers_beyond_all_times_find_nothing_or_all(page):
    most = "9" * 30
    assert page(CANDLES, start=most, end=most) == []
    assert page(TRADES, before=most) == []
    assert page(TRADES, after=most, limit=3) == page(TRADES, limit=3)
    assert page(TRADES, after=0) == []


def test_too_many_requests_are_refused_with_429(served_as, ask, ccxt_for):
    hands = SimpleNamespace(now=100.0)
    server = served_as("coinbaseexchange", weight_limit=10, limit_clock=lambda: hands.now)
    answers = [ask(server, "/time") for _ in range(17)]
    assert [answer.status_code for answer in answers] == [200] * 15 + [429] * 2
    assert answers[-1].json() == {"message": "Public rate limit exceeded"}
    with pytest.raises(ccxt.RateLimitExceeded):
        ccxt_for(server).fetch_time()
    hands.now += 0.1
    assert ask(server, "/time").status_code == 200
    assert ask(server, "/time").status_code == 429
    refused = [request.refused for request in server.requests]
    assert refused == [False] * 15 + [True] * 3 + [False, True]
