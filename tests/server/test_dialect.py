"""Answers field by field, against literals from Binance's documents and the known market."""

from __future__ import annotations

import itertools

import pytest

from gekko_lab.server import serve

MINUTE = 60_000
START = 1_704_067_200_000


def test_a_kline_has_twelve_columns(get):
    row = get("klines", symbol="BTCUSDT", interval="1m", startTime=START + 9 * MINUTE, limit=1)
    assert row.json() == [
        [
            1_704_067_740_000,
            "103.33000000",  # open
            "103.50000000",  # high
            "103.29000000",  # low
            "103.48000000",  # close
            "1.12500000",  # volume
            1_704_067_799_999,
            "116.32500000",  # 1.125 times the mean of the four prices, to five decimals
            1,
            "0.76300000",  # the taker's share is 0.5 + 0.25 * 15 / 21
            "78.93482000",
            "0",
        ]
    ]


def test_the_market_is_what_these_tests_think(truth):
    assert truth[9] == (1_704_067_740_000, 103.33, 103.50, 103.29, 103.48, 1.125)


def test_a_trade_has_the_documents_fields(get):
    rows = get("aggTrades", symbol="BTCUSDT", startTime=START + 9 * MINUTE, limit=2).json()
    assert [set(row) for row in rows] == [set("apqflTmM")] * 2
    first, second = rows
    assert (first["T"], first["p"], first["q"]) == (
        START + 9 * MINUTE,
        "103.33000000",
        "0.28100000",
    )
    assert (first["a"], first["f"], first["l"]) == (first["a"],) * 3
    assert first["m"] is False
    assert second["p"] == "103.29000000"
    assert second["m"] is True  # a sale to a resting buyer
    assert first["M"] is second["M"] is True


def test_ping_and_time(get, clock):
    assert get("ping").json() == {}
    assert get("time").json() == {"serverTime": clock.now}


def test_exchange_info_tells_the_filters(get, clock):
    info = get("exchangeInfo", symbol="BTCUSDT").json()
    assert info["timezone"] == "UTC"
    assert info["serverTime"] == clock.now
    assert info["exchangeFilters"] == []
    assert info["rateLimits"][0] == {
        "rateLimitType": "REQUEST_WEIGHT",
        "interval": "MINUTE",
        "intervalNum": 1,
        "limit": 6000,
    }
    (symbol,) = info["symbols"]
    assert symbol["status"] == "TRADING"
    assert (symbol["baseAsset"], symbol["quoteAsset"]) == ("BTC", "USDT")
    assert symbol["baseAssetPrecision"] == symbol["quoteAssetPrecision"] == 8
    assert symbol["permissionSets"] == [["SPOT"]]
    assert symbol["isSpotTradingAllowed"] is True
    assert {"LIMIT", "MARKET", "LIMIT_MAKER"} <= set(symbol["orderTypes"])
    price, lots, market_lots, notional = symbol["filters"]
    assert price == {
        "filterType": "PRICE_FILTER",
        "minPrice": "0.01000000",
        "maxPrice": "90000000.00000000",
        "tickSize": "0.01000000",
    }
    assert (lots["filterType"], lots["stepSize"], lots["minQty"]) == (
        "LOT_SIZE",
        "0.00100000",
        "0.00100000",
    )
    assert market_lots["filterType"] == "MARKET_LOT_SIZE"
    assert (notional["filterType"], notional["minNotional"]) == ("NOTIONAL", "5.00000000")


def test_exchange_info_gives_the_symbols_asked_for(get):
    def symbols(**parameters):
        return [row["symbol"] for row in get("exchangeInfo", **parameters).json()["symbols"]]

    assert symbols() == ["BTCUSDT", "ETHBTC"]
    assert symbols(symbols='["ETHBTC"]') == ["ETHBTC"]
    assert symbols(symbolStatus="BREAK") == []


def test_every_answer_tells_the_weight(get):
    used = [
        get(path, **parameters).headers["X-MBX-USED-WEIGHT"]
        for path, parameters in [
            ("ping", {}),
            ("time", {}),
            ("exchangeInfo", {}),
            ("klines", {"symbol": "BTCUSDT", "interval": "1m"}),
            ("aggTrades", {"symbol": "BTCUSDT"}),
        ]
    ]
    steps = [int(used[0])] + [int(b) - int(a) for a, b in itertools.pairwise(used)]
    assert steps == [1, 1, 20, 2, 4]
    assert get("ping").headers["X-MBX-USED-WEIGHT-1M"] == "29"


MANDATORY = "Mandatory parameter '{}' was not sent, was empty/null, or malformed."


@pytest.mark.parametrize(
    ("path", "query", "code", "text"),
    [
        ("klines", "symbol=LUNAUSDT&interval=1m", -1121, "Invalid symbol."),
        ("klines", "symbol=BTCUSDT&interval=7m", -1120, "Invalid interval."),
        ("klines", "symbol=BTCUSDT", -1102, MANDATORY.format("interval")),
        ("klines", "interval=1m", -1102, MANDATORY.format("symbol")),
        (
            "klines",
            "symbol=BTC/USDT&interval=1m",
            -1100,
            "Illegal characters found in parameter 'symbol'; legal range is '^[A-Z0-9-_.]{1,20}$'.",
        ),
        (
            "klines",
            "symbol=BTCUSDT&interval=1m&limit=-5",
            -1100,
            "Illegal characters found in parameter 'limit'; legal range is '^[0-9]{1,20}$'.",
        ),
        (
            "klines",
            "symbol=BTCUSDT&interval=1m&limit=0",
            -1130,
            "Data sent for parameter 'limit' is not valid.",
        ),
        (
            "klines",
            "symbol=BTCUSDT&interval=1m&side=BUY",
            -1104,
            "Not all sent parameters were read; read '2' parameter(s) but was sent '3'.",
        ),
        (
            "klines",
            "symbol=BTCUSDT&symbol=BTCUSDT&interval=1m",
            -1101,
            "Duplicate values for a parameter detected.",
        ),
        (
            "aggTrades",
            "symbol=BTCUSDT&fromId=1&endTime=5",
            -1128,
            "Combination of optional parameters invalid.",
        ),
        ("aggTrades", "symbol=BTCUSDT&startTime=", -1105, "Parameter 'startTime' was empty."),
        ("exchangeInfo", "symbol=LUNAUSDT", -1121, "Invalid symbol."),
        (
            "exchangeInfo",
            'symbol=BTCUSDT&symbols=["BTCUSDT"]',
            -1128,
            "Combination of optional parameters invalid.",
        ),
    ],
)
def test_a_wrong_request_is_answered_with_its_code(get, path, query, code, text):
    parameters = [tuple(part.split("=", 1)) for part in query.split("&")]
    answer = get(f"{path}?" + "&".join(f"{name}={value}" for name, value in parameters))
    assert answer.status_code == 400
    assert answer.json() == {"code": code, "msg": text}


def test_a_wide_lookup_can_be_refused(market, clock):
    with serve(market, clock=lambda: clock.now, hours_between=1) as server:
        answer = server._exchange._dialect.answer(
            "GET",
            "/api/v3/aggTrades",
            [("symbol", "BTCUSDT"), ("startTime", "0"), ("endTime", "3600001")],
            clock.now,
        )
    assert answer.status == 400
    assert b"-1127" in answer.body


def test_an_unknown_path_is_not_found(get):
    answer = get("nothing")
    assert answer.status_code == 404
    assert answer.json()["code"] == -5000


def test_pages_have_500_rows_by_default_and_1000_at_most(get):
    def rows(path, **parameters):
        return len(get(path, symbol="BTCUSDT", **parameters).json())

    assert rows("klines", interval="1m") == 500
    assert rows("klines", interval="1m", limit=1001) == 1000
    assert rows("uiKlines", interval="1m", limit=7) == 7
    assert rows("aggTrades") == 500
    assert rows("aggTrades", limit=5000) == 1000


def test_nothing_comes_from_the_future(get, clock, truth):
    clock.now = START + 10 * MINUTE + 14_999
    everything = get("klines", symbol="BTCUSDT", interval="1m", startTime=0).json()
    assert [row[0] for row in everything] == [row[0] for row in truth[:11]]
    forming = everything[-1]
    assert forming[6] == START + 11 * MINUTE - 1
    trades = get("aggTrades", symbol="BTCUSDT", startTime=START + 10 * MINUTE).json()
    assert len(trades) == 1  # the other three of this minute are yet to come
    assert forming[1:6] == [trades[0]["p"]] * 4 + [trades[0]["q"]]
    assert get("klines", symbol="BTCUSDT", interval="1m", startTime=clock.now + 1).json() == []
    last = int(trades[-1]["a"])
    assert get("aggTrades", symbol="BTCUSDT", fromId=last + 1).json() == []


def test_a_clock_that_goes_back_hides_what_was_seen(get, clock):
    before = get("klines", symbol="BTCUSDT", interval="1m").json()
    clock.now -= 700 * MINUTE
    after = get("klines", symbol="BTCUSDT", interval="1m").json()
    assert after[-1][0] == before[-1][0] - 700 * MINUTE


def test_the_last_candle_is_closed_only_when_its_time_is_over(get, clock, truth):
    clock.now = truth[500][0] - 1
    ends = [get("klines", symbol="BTCUSDT", interval="1m", limit=1).json()[0][0]]
    clock.now += 1
    ends.append(get("klines", symbol="BTCUSDT", interval="1m", limit=1).json()[0][0])
    assert ends == [truth[499][0], truth[500][0]]


def test_a_clock_that_moves_on_adds_to_what_was_served(get, clock, truth):
    clock.now = truth[10][0]
    for place in (10, 11, 12, 300, 999):
        clock.now = truth[place][0] + 30_000
        rows = get("klines", symbol="BTCUSDT", interval="1m", startTime=0, limit=1000).json()
        assert [row[0] for row in rows] == [row[0] for row in truth[: place + 1]]
        assert [float(row[4]) for row in rows[:-1]] == [row[4] for row in truth[:place]]


def test_numbers_beyond_all_times_find_nothing(get):
    most = "9" * 20
    assert get("klines", symbol="BTCUSDT", interval="1M", startTime=most).json() == []
    assert get("aggTrades", symbol="BTCUSDT", startTime=most).json() == []
    assert get("aggTrades", symbol="BTCUSDT", fromId=most).json() == []
    assert len(get("klines", symbol="BTCUSDT", interval="1M", endTime=most).json()) == 1
    assert get("klines", symbol="BTCUSDT", interval="1m", endTime=0).json() == []


def test_an_end_before_the_start_finds_nothing(get):
    window = {"startTime": START + MINUTE, "endTime": START}
    assert get("klines", symbol="BTCUSDT", interval="1m", **window).json() == []
    assert get("aggTrades", symbol="BTCUSDT", **window).json() == []


def test_a_time_zone_other_than_utc_is_refused(get):
    assert get("klines", symbol="BTCUSDT", interval="1d", timeZone="0").status_code == 200
    answer = get("klines", symbol="BTCUSDT", interval="1d", timeZone="5:45")
    assert answer.json()["code"] == -1130
