"""What streams tell, without any connection: the same truth as REST."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gekko_lab.market.timeframe import Timeframe
from gekko_lab.server.binance import BinanceSpot
from gekko_lab.server.books import Books, latest_update
from gekko_lab.server.schedule import Schedule
from gekko_lab.server.stream_names import StreamNames
from gekko_lab.simulation import HORIZON

MINUTE = 60_000
START = 1_704_067_200_000
NAMES = [
    *("btcusdt@trade", "btcusdt@aggTrade", "btcusdt@depth", "btcusdt@depth@100ms"),
    *("btcusdt@kline_1m", "btcusdt@kline_1s", "btcusdt@kline_1h", "btcusdt@bookTicker"),
]


class World:
    """Streams and REST over one market."""

    def __init__(self, market, **options):
        schedule = Schedule(market, **options)
        self.books = Books(market, schedule)
        self.names = StreamNames(market.rules, schedule, self.books)
        self.rest = BinanceSpot(
            market.rules,
            schedule,
            halted=(),
            page_limit=1000,
            weight_limit=6000,
            hours_between=None,
        )

    def told(self, name, since, *until):
        """All messages of a stream, asked for in steps."""
        channel = self.names.find(name)(since)
        return [
            (event.time, orjson.loads(event.payload))
            for end in until
            for event in channel.advance(end)
        ]

    def asked(self, path, now, **query):
        parameters = [(name, str(value)) for name, value in query.items()]
        answer = self.rest.answer("GET", f"/api/v3/{path}", parameters, now)
        assert answer.status == 200, answer
        return orjson.loads(answer.body)


@pytest.fixture(scope="module")
def world(simulated):
    return World(simulated, exact_quote_volume=True)


def row_of(kline):
    """A streamed candle as REST writes it."""
    return [kline[key] for key in "tohlcvTqnVQ"] + ["0"]


@given(cuts=st.lists(st.integers(1, 90_000), max_size=12))
@settings(max_examples=3)
@pytest.mark.parametrize("name", NAMES)
def test_how_often_a_stream_is_asked_changes_nothing(world, name, cuts):
    begin, end = START + 17_345, START + 17_345 + 90_000
    if "depth" in name or "book" in name:
        end = begin + 5_000  # these tell something ten times a second
    steps = sorted(begin + cut for cut in cuts if begin + cut < end)

    def lasting(events):
        return [each for each in events if each[1].get("k", {"x": True})["x"]]

    at_once = lasting(world.told(name, begin, end))
    assert lasting(world.told(name, begin, *steps, end)) == at_once
    times = [time for time, _ in at_once]
    assert times == sorted(times)
    assert all(begin < time <= end for time in times)


@pytest.mark.parametrize("name", ["trade", "aggTrade"])
@pytest.mark.parametrize("symbol", ["BTCUSDT", "XRPETH"])
def test_trades_are_those_of_rest(world, name, symbol):
    begin, end = START + 17_345, START + 6 * MINUTE + 1
    told = world.told(f"{symbol.lower()}@{name}", begin, *range(begin + 10, end, 7_777), end)
    rows = world.asked(
        "aggTrades", end, symbol=symbol, startTime=begin + 1, endTime=end, limit=1000
    )
    assert len(rows) > 20
    identity = "t" if name == "trade" else "a"
    assert [(each["p"], each["q"], each["T"], each["m"], each[identity]) for _, each in told] == [
        (row["p"], row["q"], row["T"], row["m"], row["a"]) for row in rows
    ]
    assert all(time == each["T"] == each["E"] for time, each in told)
    assert {each["e"] for _, each in told} == {name}


def test_trades_go_on_where_rest_ended_without_a_hole(world):
    now = START + 5 * MINUTE + 31_234
    newest = world.asked("aggTrades", now, symbol="BTCUSDT", limit=5)
    told = world.told("btcusdt@trade", now, now + 3 * MINUTE)
    after = world.asked(
        "aggTrades", now + 3 * MINUTE, symbol="BTCUSDT", fromId=newest[-1]["a"], limit=1000
    )
    assert [row["a"] for row in after[1:]] == [each["t"] for _, each in told]


@pytest.mark.parametrize("interval", ["1s", "1m", "3m", "5m"])
@pytest.mark.parametrize("symbol", ["BTCUSDT", "XRPETH"])
def test_closed_candles_are_those_of_rest_each_once(world, interval, symbol):
    begin, end = START + 17_345, START + 13 * MINUTE + 3
    told = world.told(f"{symbol.lower()}@kline_{interval}", begin, *range(begin, end, 4_001), end)
    closed = [kline["k"] for _, kline in told if kline["k"]["x"]]
    rows = world.asked("klines", end, symbol=symbol, interval=interval, startTime=START, limit=1000)
    done = [row for row in rows if begin <= row[6] < end]
    assert [row_of(kline) for kline in closed] == done
    assert len(done) > 1
    assert all(time == kline["k"]["T"] + 1 for time, kline in told if kline["k"]["x"])


def test_candles_are_the_sum_of_streamed_trades_to_the_last_digit(world):
    begin, end = START, START + 4 * MINUTE
    trades = [each for _, each in world.told("btcusdt@aggTrade", begin - 1, end)]
    told = world.told("btcusdt@kline_1m", begin, *range(begin, end, 1_000), end)
    assert len([1 for _, each in told if not each["k"]["x"]]) > 40
    for time, kline in told:
        candle = kline["k"]
        inside = [each for each in trades if candle["t"] <= each["T"] < min(time, candle["T"] + 1)]
        assert candle["n"] == len(inside)
        volume = sum((Decimal(each["q"]) for each in inside), Decimal(0))
        cost = sum((Decimal(each["p"]) * Decimal(each["q"]) for each in inside), Decimal(0))
        assert Decimal(candle["v"]) == volume
        if candle["x"]:
            assert Decimal(candle["q"]) == cost.quantize(Decimal("1e-8"))
        bought = [each for each in inside if not each["m"]]
        paid = sum((Decimal(each["p"]) * Decimal(each["q"]) for each in bought), Decimal(0))
        assert Decimal(candle["V"]) == sum((Decimal(each["q"]) for each in bought), Decimal(0))
        assert Decimal(candle["Q"]) == paid.quantize(Decimal("1e-8"))
        if inside:
            prices = [Decimal(each["p"]) for each in inside]
            ends = (prices[0], max(prices), min(prices), prices[-1])
            assert tuple(Decimal(candle[key]) for key in "ohlc") == ends
            assert (candle["f"], candle["L"]) == (inside[0]["a"], inside[-1]["a"])


def test_quiet_minutes_close_too(simulated):
    """A market so thin that most of its minutes have no trade."""
    since = next(
        time
        for time in range(START, START + 600 * MINUTE, MINUTE)
        if simulated.trades("XRP/ETH", time, time + MINUTE).is_empty()
    )
    told = World(simulated).told("xrpeth@kline_1m", since - 1, since + MINUTE)
    (quiet,) = [each["k"] for _, each in told if each["k"]["x"] and each["k"]["t"] == since]
    assert (quiet["n"], quiet["v"], quiet["f"], quiet["L"]) == (0, "0.00000000", -1, -1)
    assert quiet["o"] == quiet["h"] == quiet["l"] == quiet["c"]


def test_candles_that_never_were_are_not_told(market):
    """The given frame lacks two hundred minutes."""
    hole = START + 1000 * MINUTE
    told = World(market).told("btcusdt@kline_1m", hole - MINUTE, hole + 199 * MINUTE)
    assert [each["k"]["t"] for _, each in told if each["k"]["x"]] == [hole - MINUTE]


def test_a_calendar_month_closes_at_its_end(market):
    first = START + 31 * 24 * 60 * MINUTE
    channel = World(market).names.find("btcusdt@kline_1M")(first - 5_000)
    events = [orjson.loads(event.payload)["k"] for event in channel.advance(first)]
    assert [(each["t"], each["T"], each["x"]) for each in events] == [(START, first - 1, True)]


def apply(book, told):
    """Keep a local book as Binance's documents say."""
    for side, key in (("bids", "b"), ("asks", "a")):
        for price, amount in told[key]:
            if Decimal(amount):
                book[side][Decimal(price)] = Decimal(amount)
            else:
                book[side].pop(Decimal(price), None)


def book_at(world, symbol, update):
    book = world.books.book(symbol, update)
    return {
        side: {
            Decimal(str(level.price)): Decimal(f"{level.amount:.8f}")
            for level in getattr(book, side)
        }
        for side in ("bids", "asks")
    }


@pytest.mark.parametrize("pace", ["", "@100ms"])
@pytest.mark.parametrize("into", range(10))
def test_a_local_book_is_that_of_rest_at_every_update(world, pace, into):
    """Whatever update within a second the snapshot was taken at."""
    begin = START + 40_050
    told = [each for _, each in world.told(f"btcusdt@depth{pace}", begin, begin + 25_000)]
    snapshot = told[0]["u"] + into
    local = book_at(world, "BTC/USDT", snapshot)
    news = [each for each in told if each["u"] > snapshot]
    assert news[0]["U"] <= snapshot + 1 <= news[0]["u"]
    before = None
    for each in news:
        assert before is None or each["U"] == before + 1
        before = each["u"]
        apply(local, each)
        assert local == book_at(world, "BTC/USDT", each["u"])
    assert len(news) > 20


@pytest.mark.parametrize("name", [*NAMES, "btcusdt@depth5", "btcusdt@ticker"])
def test_streams_end_with_the_market_and_go_on_without_an_error(world, name):
    told = world.told(name, HORIZON - 5_000, HORIZON, HORIZON + 3_000, HORIZON + 2 * MINUTE)
    moments = [time for time, _ in told]
    assert HORIZON - 5_000 < moments[0] <= HORIZON
    assert moments == sorted(moments)
    assert moments[-1] <= HORIZON or name == "btcusdt@ticker"  # whose day moves on


def test_changes_of_a_second_end_on_whole_seconds(world):
    told = world.told("btcusdt@depth", START + 40_050, START + 45_000)
    assert [each["E"] for _, each in told] == [
        START + second * 1000 - 1 for second in range(41, 46)
    ]
    assert told[0][1]["U"] == latest_update(START + 40_050) + 1


def test_nothing_is_told_of_a_book_that_stands_still(market):
    """The trades of the frame are a quarter of a minute apart."""
    told = [
        each for _, each in World(market).told("btcusdt@depth@100ms", START, START + 5 * MINUTE)
    ]
    assert 5 < len(told) < 30
    assert all(after["U"] == before["u"] + 1 for before, after in pairwise(told))
    assert any(each["U"] < each["u"] for each in told)


@pytest.mark.parametrize("levels", [5, 10, 20])
def test_the_top_is_the_begin_of_the_book(world, levels):
    begin = START + 40_000
    told = world.told(f"btcusdt@depth{levels}@100ms", begin, *range(begin, begin + 3_000, 100))
    assert len(told) > 5
    for time, top in told:
        update = top["lastUpdateId"]
        assert update == latest_update(time)
        whole = book_at(world, "BTC/USDT", update)
        for side in ("bids", "asks"):
            found = {Decimal(price): Decimal(amount) for price, amount in top[side]}
            assert list(found.items()) == list(whole[side].items())[:levels]


def test_best_prices_are_those_of_the_book_and_come_when_they_change(world):
    begin = START + 40_000
    told = world.told("btcusdt@bookTicker", begin, begin + 60_000)
    assert len(told) > 5
    for time, best in told:
        assert "e" not in best
        assert best["u"] == latest_update(time)
        book = book_at(world, "BTC/USDT", best["u"])
        top = [next(iter(book[side].items())) for side in ("bids", "asks")]
        assert top == [
            (Decimal(best["b"]), Decimal(best["B"])),
            (Decimal(best["a"]), Decimal(best["A"])),
        ]
    seen = [tuple(best[key] for key in "bBaA") for _, best in told]
    assert all(old != new for old, new in pairwise(seen))


def test_tickers_come_each_second_and_hold_the_last_day(world, simulated):
    begin = START + 40_000
    told = world.told("btcusdt@ticker", begin, *range(begin, begin + 5_001, 250))
    assert [time for time, _ in told] == [begin + second * 1000 for second in range(1, 6)]
    for time, ticker in told:
        trades = simulated.trades("BTC/USDT", ticker["O"], ticker["C"] + 1)
        assert ticker["C"] == time - 1
        assert ticker["C"] - ticker["O"] == 24 * 60 * MINUTE - 1
        assert (ticker["F"], ticker["L"], ticker["n"]) == (
            trades["id"][0],
            trades["id"][-1],
            len(trades),
        )
        assert float(ticker["v"]) == pytest.approx(trades["amount"].sum())
        assert (float(ticker["o"]), float(ticker["c"])) == (trades["price"][0], trades["price"][-1])
        assert float(ticker["b"]) < float(ticker["a"])
    (mini,) = world.told("btcusdt@miniTicker", begin, begin + 5_000)
    assert {key: told[-1][1][key] for key in "cohlvqs"} == {key: mini[1][key] for key in "cohlvqs"}
    assert mini[1]["e"] == "24hrMiniTicker"


def test_the_array_holds_the_markets_that_changed(world, simulated):
    begin = START + 40_000
    told = world.told("!miniTicker@arr", begin, begin + 1_000, begin + 2_000)
    assert {each["s"] for each in told[0][1]} == {
        rules.market_id for rules in simulated.rules.values()
    }
    assert 0 < len(told[1][1]) < len(told[0][1])
    full = world.told("!ticker@arr", begin, begin + 1_000)
    assert {each["e"] for each in full[0][1]} == {"24hrTicker"}


@pytest.mark.parametrize(
    "name",
    [
        *("btcusdt", "btcusdt@", "@trade", "BTCUSDT@trade", "lunausdt@trade", "btcusdt@kline_7m"),
        *("btcusdt@kline_", "btcusdt@depth7", "btcusdt@depth@50ms", "btcusdt@ticker_1h"),
        *("!miniTicker", "!bookTicker", "", "btcusdt@1m"),
    ],
)
def test_bad_names_are_no_streams(world, name):
    assert world.names.find(name) is None


def test_time_that_goes_backwards_tells_nothing_twice(world):
    for name in (*NAMES[2:6], "btcusdt@trade", "btcusdt@ticker", "btcusdt@depth5"):
        channel = world.names.find(name)(START + 40_000)
        channel.advance(START + 60_000)
        assert channel.advance(START + 50_000) == []
        again = channel.advance(START + 63_000)
        assert all(event.time > START + 60_000 for event in again)
        assert again or name == "btcusdt@trade"


def test_a_month_of_history_closes_in_the_stream_as_it_did_in_the_market(simulated):
    width = Timeframe.parse("1d")
    told = World(simulated).told("btcusdt@kline_1d", START, START + 3 * 24 * 60 * MINUTE)
    candles = simulated.candles("BTC/USDT", width, START, START + 3 * 24 * 60 * MINUTE)
    closed = [each["k"] for _, each in told if each["k"]["x"]]
    assert [float(each["c"]) for each in closed] == candles["close"].to_list()
    assert [each["n"] for each in closed] == candles["trade_count"].to_list()
