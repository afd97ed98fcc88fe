"""Kraken's dialect field by field, and unmodified ccxt as its judge."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace

import ccxt
import pytest

from gekko_lab.errors import InvalidArgument
from gekko_lab.market.rules import MarketRules
from gekko_lab.server import FrameMarket, serve
from gekko_lab.simulation import SimulatedMarket

MINUTE = 60_000
START = 1_704_067_200_000
OHLC = "/0/public/OHLC"
TRADES = "/0/public/Trades"


@pytest.fixture
def kraken(served_as):
    return served_as("kraken")


@pytest.fixture
def client(kraken, ccxt_for):
    return ccxt_for(kraken)


@pytest.fixture
def result(kraken, ask):
    """The result of a good answer."""

    def get(path, **parameters):
        answer = ask(kraken, path, **parameters)
        assert (answer.status_code, answer.json()["error"]) == (200, [])
        return answer.json()["result"]

    return get


@pytest.fixture
def error(kraken, ask):
    """The errors of a bad answer, which comes with status 200 too."""

    def get(path, **parameters):
        answer = ask(kraken, path, **parameters)
        assert answer.status_code == 200
        assert answer.json().keys() == {"error"}
        return answer.json()["error"]

    return get


def rules(symbol, **changes):
    base, quote = symbol.split("/")
    steps = {"tick_size": 0.01, "step_size": 1e-5, "min_amount": 1e-4, "min_cost": 0.5}
    return MarketRules(symbol=symbol, market_id="?", base=base, quote=quote, **{**steps, **changes})


def test_ccxt_knows_the_markets_by_kraken_s_names(served_as, ccxt_for):
    names = {
        "BTC/USD": "XXBTZUSD",
        "ETH/BTC": "XETHXXBT",
        "BTC/USDT": "XBTUSDT",
        "ETH/USDT": "ETHUSDT",
        "DOGE/USDT": "XDGUSDT",
        "SOL/EUR": "SOLEUR",
        "LUNA/USD": "LUNA2USD",
    }
    server = served_as("kraken", FrameMarket({}, {symbol: rules(symbol) for symbol in names}))
    markets = ccxt_for(server).load_markets()
    assert {symbol: market["id"] for symbol, market in markets.items()} == names
    assert markets["BTC/USD"]["altname"] == "XBTUSD"
    assert markets["BTC/USD"]["wsId"] == "XBT/USD"
    assert [request.path for request in server.requests] == [
        "/0/public/Assets",
        "/0/public/AssetPairs",
    ]


def test_markets_carry_the_rules(served_as, ccxt_for):
    fees = {"maker": 0.0016, "taker": 0.0026}
    data = {"BTC/USDT": rules("BTC/USDT", **fees), "ETH/BTC": rules("ETH/BTC", tick_size=1e-7)}
    markets = ccxt_for(
        served_as("kraken", FrameMarket({}, data), halted=["ETH/BTC"])
    ).load_markets()
    bitcoin, ether = markets["BTC/USDT"], markets["ETH/BTC"]
    assert (bitcoin["precision"]["price"], bitcoin["precision"]["amount"]) == (0.01, 1e-5)
    assert (bitcoin["limits"]["amount"]["min"], bitcoin["limits"]["cost"]["min"]) == (1e-4, 0.5)
    assert (bitcoin["maker"], bitcoin["taker"]) == (0.0016, 0.0026)
    assert ether["precision"]["price"] == 1e-7
    assert (bitcoin["active"], ether["active"]) == (True, False)


@pytest.mark.parametrize("name", ["XXBTZUSD", "XBTUSD", "XBT/USD"])
def test_a_pair_has_three_names_and_is_answered_by_the_full_one(served_as, ask, name):
    server = served_as("kraken", FrameMarket({}, {"BTC/USD": rules("BTC/USD")}))
    for path in (OHLC, TRADES):
        answer = ask(server, path, pair=name).json()["result"]
        assert answer.keys() == {"XXBTZUSD", "last"}
    assert ask(server, "/0/public/AssetPairs", pair=name).json()["result"].keys() == {"XXBTZUSD"}


def test_assets_can_be_chosen(result, error):
    assert result("/0/public/Assets", asset="XBT,USDT") == {
        "XXBT": {
            "aclass": "currency",
            "altname": "XBT",
            "decimals": 10,
            "display_decimals": 5,
            "status": "enabled",
        },
        "USDT": {
            "aclass": "currency",
            "altname": "USDT",
            "decimals": 10,
            "display_decimals": 5,
            "status": "enabled",
        },
    }
    assert error("/0/public/Assets", asset="NOSUCH") == ["EQuery:Unknown asset"]


def test_time_is_told_in_whole_seconds(result, client, clock):
    clock.now = START + 1999
    told = result("/0/public/Time")
    assert told == {"unixtime": START // 1000 + 1, "rfc1123": "Mon, 01 Jan 24 00:00:01 +0000"}
    assert client.fetch_time() == START + 1000


def test_a_candle_has_eight_columns(result, clock):
    clock.now = START + 10 * MINUTE + 1
    row = result(OHLC, pair="XBTUSDT")["XBTUSDT"][9]
    # the mean of the four prices, as the market doesn't tell its costs
    assert row == [1_704_067_740, "103.33", "103.50", "103.29", "103.48", "103.40", "1.12500000", 1]


def test_the_mean_price_is_that_of_the_trades_where_costs_are_known(served_as, ask, clock):
    server = served_as("kraken", exact_quote_volume=True)
    clock.now = START + 10 * MINUTE + 1
    row = ask(server, OHLC, pair="XBTUSDT").json()["result"]["XBTUSDT"][9]
    costs = 0.281 * (103.33 + 103.29 + 103.50) + 0.282 * 103.48
    assert row[5:] == [f"{costs / 1.125:.2f}", "1.12500000", 4]


def test_a_minute_without_trades_is_there(result, clock):
    clock.now = START + 24 * MINUTE
    row = result(OHLC, pair="XBTUSDT")["XBTUSDT"][23]
    assert row[5:] == ["0.00", "0.00000000", 0]


def test_the_newest_720_come_whatever_is_asked_for(client, truth):
    newest = [list(row) for row in truth[-720:]]
    for since in (None, 0, START, truth[-720][0]):
        got = client.fetch_ohlcv("BTC/USDT", "1m", since=since)
        assert got[:-1] == newest[:-1]
        assert got[-1][:2] == newest[-1][:2]  # it still forms
        assert got[-1][5] < newest[-1][5]
    assert client.fetch_ohlcv("BTC/USDT", "1m", since=truth[-3][0])[:2] == newest[-3:-1]


def test_since_is_exclusive_and_last_is_the_newest_closed_candle(result, truth):
    page = result(OHLC, pair="XBTUSDT", since=truth[-5][0] // 1000)
    assert [row[0] * 1000 for row in page["XBTUSDT"]] == [row[0] for row in truth[-4:]]
    assert page["last"] == truth[-2][0] // 1000
    page = result(OHLC, pair="XBTUSDT", since=page["last"])
    assert [row[0] * 1000 for row in page["XBTUSDT"]] == [truth[-1][0]]
    assert page["last"] == truth[-2][0] // 1000


@pytest.mark.parametrize(
    ("timeframe", "minutes"),
    [
        *[("1m", 1), ("5m", 5), ("15m", 15), ("30m", 30), ("1h", 60)],
        *[("4h", 240), ("1d", 1440), ("1w", 10_080), ("2w", 21_600)],
    ],
)
def test_every_width_counts_from_the_epoch(served_as, ccxt_for, clock, timeframe, minutes):
    server = served_as("kraken", SimulatedMarket(), listed_since={"BTC/USDT": START - 10**9})
    opens = [row[0] for row in ccxt_for(server).fetch_ohlcv("BTC/USDT", timeframe)]
    assert opens[-1] == clock.now - clock.now % (minutes * MINUTE)
    assert all(time % (minutes * MINUTE) == 0 for time in opens)
    assert all(b - a == minutes * MINUTE for a, b in pairwise(opens))
    assert server.requests[-1].query["interval"] == str(minutes)


def test_a_trade_has_seven_columns(result, truth):
    page = result(TRADES, pair="XBTUSDT", since=START // 1000 + 9 * 60, count=2)
    first, second = page["XBTUSDT"]
    assert first[:2] == ["103.33000", "0.28100000"]
    assert second[:2] == ["103.29000", "0.28100000"]
    assert int(first[2] * 1000) == START + 9 * MINUTE
    assert (first[3], second[3]) == ("b", "s")
    assert {first[4], second[4]} == {"l", "m"}
    assert first[5] == ""
    assert first[6] + 1 == second[6]
    assert page["last"][:13] == str(START + 9 * MINUTE + 15_000)


def test_pages_follow_each_other_by_the_cursor(result):
    first = result(TRADES, pair="XBTUSDT", since=0)
    second = result(TRADES, pair="XBTUSDT", since=first["last"])
    assert len(first["XBTUSDT"]) == len(second["XBTUSDT"]) == 1000
    rows = first["XBTUSDT"] + second["XBTUSDT"]
    assert [row[6] for row in rows] == list(range(rows[0][6], rows[0][6] + 2000))
    assert result(TRADES, pair="XBTUSDT", since=0, count=1001) == first
    assert result(TRADES, pair="XBTUSDT", since=0, count=3)["XBTUSDT"] == rows[:3]


def test_without_since_the_newest_trades_come(result, clock):
    page = result(TRADES, pair="XBTUSDT", count=5)
    assert [int(row[2] * 1000) // MINUTE for row in page["XBTUSDT"]][-1] == clock.now // MINUTE
    after = result(TRADES, pair="XBTUSDT", since=page["last"])
    assert after == {"XBTUSDT": [], "last": page["last"]}


def test_since_is_in_seconds_or_nanoseconds(result):
    seconds = result(TRADES, pair="XBTUSDT", since=START // 1000, count=9)
    assert result(TRADES, pair="XBTUSDT", since=f"{START // 1000}.0", count=9) == seconds
    assert result(TRADES, pair="XBTUSDT", since=START * 1_000_000, count=9) == seconds
    assert result(TRADES, pair="XBTUSDT", since=10**30)["XBTUSDT"] == []
    assert result(OHLC, pair="XBTUSDT", since=10**30)["XBTUSDT"] == []
    assert result(OHLC, pair="XBTUSDT", since="1e999999")["XBTUSDT"] == []
    assert result(TRADES, pair="XBTUSDT", since=-5, count=9)["XBTUSDT"] == seconds["XBTUSDT"]


def test_nothing_comes_from_the_future(result, clock):
    clock.now = START + 10 * MINUTE + 14_999
    candles = result(OHLC, pair="XBTUSDT", since=0)["XBTUSDT"]
    assert candles[-1][0] == START // 1000 + 600
    trades = result(TRADES, pair="XBTUSDT", since=START // 1000 + 600)["XBTUSDT"]
    assert len(trades) == 1  # the other three of this minute are yet to come
    assert [float(value) for value in candles[-1][1:5]] == [float(trades[0][0])] * 4


def test_ccxt_reads_trades_as_they_are(client):
    trades = client.fetch_trades("BTC/USDT", since=START, limit=8)
    assert [trade["timestamp"] for trade in trades[:5]] == [
        START + MINUTE + place * 15_000 for place in (0, 1, 2, 3, 4)
    ]
    assert [trade["side"] for trade in trades[:4]] == ["sell", "buy", "sell", "sell"]
    assert trades[0]["price"] == 100.37
    assert [trade["id"] for trade in trades] == [str(place) for place in range(8)]


@pytest.mark.parametrize(
    ("path", "query", "text"),
    [
        (OHLC, {"pair": "NOSUCH"}, "EQuery:Unknown asset pair"),
        (OHLC, {}, "EGeneral:Invalid arguments"),
        (OHLC, {"pair": "XBTUSDT", "interval": 7}, "EGeneral:Invalid arguments"),
        (OHLC, {"pair": "XBTUSDT", "since": "NaN"}, "EGeneral:Invalid arguments"),
        (TRADES, {"pair": "NOSUCH"}, "EQuery:Unknown asset pair"),
        (TRADES, {"pair": "XBTUSDT", "since": "yesterday"}, "EGeneral:Invalid arguments"),
        (TRADES, {"pair": "XBTUSDT", "count": 0}, "EGeneral:Invalid arguments"),
        ("/0/public/AssetPairs", {"pair": "NOSUCH"}, "EQuery:Unknown asset pair"),
    ],
)
def test_a_wrong_request_is_answered_with_an_error_and_200(error, path, query, text):
    assert error(path, **query) == [text]


def test_an_unknown_method_is_told(kraken, ask):
    assert ask(kraken, "/0/public/Level3").json() == {"error": ["EGeneral:Unknown method"]}
    assert ask(kraken, "/api/v3/time").status_code == 404


def test_ccxt_understands_the_errors(client):
    client.load_markets()
    with pytest.raises(ccxt.BadRequest, match="Invalid arguments"):
        client.fetch_ohlcv("BTC/USDT", "7m")
    client.markets["BTC/USDT"]["id"] = "NOSUCH"
    with pytest.raises(ccxt.ExchangeError, match="Unknown asset pair"):
        client.fetch_ohlcv("BTC/USDT", "1m")


def test_too_many_requests_are_refused_with_200(served_as, ask, ccxt_for):
    hands = SimpleNamespace(now=100.0)
    server = served_as("kraken", weight_limit=1, limit_clock=lambda: hands.now)
    answers = [ask(server, "/0/public/Time") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200] * 4
    assert answers[3].json() == {"error": ["EGeneral:Too many requests"]}
    client = ccxt_for(server)
    with pytest.raises(ccxt.DDoSProtection, match="Too many requests"):
        client.fetch_time()
    hands.now += 1.0
    assert client.fetch_time()
    assert [request.refused for request in server.requests] == [False] * 3 + [True] * 2 + [False]


def test_pages_can_be_smaller(served_as, ask):
    server = served_as("kraken", page_limit=7)
    for path in (OHLC, TRADES):
        page = ask(server, path, pair="XBTUSDT", since=0, count=100).json()["result"]
        assert len(page["XBTUSDT"]) == 7


def test_an_unknown_exchange_is_refused(market):
    with pytest.raises(InvalidArgument, match="'coinbaseexchange', 'kraken'"):
        serve(market, exchange="mtgox")
