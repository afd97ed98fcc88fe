"""Candles and trades of the simulated market tell the same story, to the last digit."""

from __future__ import annotations

from decimal import Decimal

import orjson
import polars as pl
import pytest

from gekko_lab.frames.schemas import CANDLES, SIMULATED_TRADES, TIME
from gekko_lab.market.timeframe import Timeframe
from gekko_lab.server import FrameMarket
from gekko_lab.server.binance import BinanceSpot
from gekko_lab.server.schedule import Schedule
from gekko_lab.simulation import Parameters, RecordedMarket, SimulatedMarket

SECOND = 1000
MINUTE = 60_000
DAY = 1440 * MINUTE
START = 1_704_067_200_000  # 2024-01-01, a Monday
NOW = START + DAY + 12 * MINUTE + 34_567
OUTAGE = (START + DAY + 2 * MINUTE + 20_500, START + DAY + 5 * MINUTE + 40_123)
LISTED = START + DAY - 17 * MINUTE - 11_111
WIDTHS = {"1s": SECOND, "1m": MINUTE, "5m": 5 * MINUTE, "1h": 60 * MINUTE, "1d": DAY, "1w": 7 * DAY}


def asking(market, schedule, *, now=NOW):
    """Ask Binance's dialect of a market, at a moment."""
    dialect = BinanceSpot(
        market.rules,
        schedule,
        halted=(),
        page_limit=100_000,
        weight_limit=6000,
        hours_between=None,
    )

    def answer(path, **query):
        pairs = [("symbol", "BTCUSDT"), *((key, str(value)) for key, value in query.items())]
        got = dialect.answer("GET", f"/api/v3/{path}", pairs, now)
        assert got.status == 200, got.body
        return orjson.loads(got.body)

    return answer


@pytest.fixture(scope="module")
def ask():
    schedule = Schedule(
        SimulatedMarket(Parameters(seed=7)),
        listed_since={"BTC/USDT": LISTED},
        outages=[OUTAGE],
        exact_quote_volume=True,
    )
    return asking(schedule.market, schedule)


@pytest.fixture(scope="module")
def trades(ask):
    rows = ask("aggTrades", startTime=0, limit=100_000)
    assert LISTED <= rows[0]["T"] < LISTED + MINUTE
    assert NOW - MINUTE < rows[-1]["T"] <= NOW
    assert not any(OUTAGE[0] <= row["T"] < OUTAGE[1] for row in rows)
    return rows


def joined(trades, width, anchor=0):
    candles = {}
    for trade in trades:
        price, amount = Decimal(trade["p"]), Decimal(trade["q"])
        key = trade["T"] - (trade["T"] - anchor) % width
        row = candles.setdefault(key, [price, price, price, price, *[Decimal(0)] * 4, 0])
        row[1], row[2], row[3] = max(row[1], price), min(row[2], price), price
        row[4] += amount
        row[5] += price * amount
        if not trade["m"]:  # the buyer was the taker
            row[6] += amount
            row[7] += price * amount
        row[8] += 1
    return candles


@pytest.mark.parametrize("name", WIDTHS)
def test_klines_are_the_sum_of_trades(ask, trades, name):
    got = ask("klines", interval=name, startTime=0, limit=100_000)
    expected = joined(trades, WIDTHS[name], anchor=START)
    numbers = {row[0]: [*row[1:6], row[7], *row[9:11]] for row in got if row[8]}
    counts = {row[0]: row[8] for row in got if row[8]}
    assert {key: [*map(Decimal, row), counts[key]] for key, row in numbers.items()} == expected
    assert all(row[6] == row[0] + WIDTHS[name] - 1 for row in got)
    assert all(Decimal(row[9]) <= Decimal(row[5]) for row in got)
    assert all(Decimal(row[10]) <= Decimal(row[7]) for row in got)


@pytest.mark.parametrize("name", WIDTHS)
def test_the_oldest_and_the_newest_way_give_the_same_candles(ask, name):
    oldest = ask("klines", interval=name, startTime=0, limit=100_000)
    assert ask("klines", interval=name, limit=100_000) == oldest
    assert ask("klines", interval=name, endTime=NOW + DAY, limit=3) == oldest[-3:]


def test_minutes_wholly_in_the_outage_are_absent_and_cut_ones_are_not(ask):
    opens = [row[0] for row in ask("klines", interval="1m", startTime=START + DAY)]
    minutes = [(time - START - DAY) // MINUTE for time in opens]
    assert minutes == [0, 1, 2, 5, 6, 7, 8, 9, 10, 11, 12]


def test_a_thin_minute_without_a_trade_stays_at_the_last_price():
    prices = [100.0, 101.0, 99.5]
    trades = pl.DataFrame(
        {
            "timestamp": [START, START + 1000, START + MINUTE + 30_000],
            "id": [1, 2, 5],
            "side": ["buy", "sell", "buy"],
            "price": prices,
            "amount": [1.0, 0.5, 2.0],
        }
    )
    trades = trades.with_columns((pl.col("timestamp") * 1000).cast(TIME)).cast(SIMULATED_TRADES)
    candles = pl.DataFrame(
        {
            "timestamp": [START, START + MINUTE],
            "open": [100.0, 99.5],
            "high": [101.0, 99.5],
            "low": [100.0, 99.5],
            "close": [101.0, 99.5],
            "volume": [1.5, 2.0],
        }
    ).with_columns((pl.col("timestamp") * 1000).cast(TIME))
    rules = {"BTC/USDT": SimulatedMarket().rules["BTC/USDT"]}
    market = FrameMarket({"BTC/USDT": candles}, rules, trades={"BTC/USDT": trades})
    dialect = BinanceSpot(
        rules,
        Schedule(market),
        halted=(),
        page_limit=1000,
        weight_limit=6000,
        hours_between=None,
    )
    pairs = [("symbol", "BTCUSDT"), ("interval", "1m")]
    before = orjson.loads(dialect.answer("GET", "/api/v3/klines", pairs, START + MINUTE + 9).body)
    assert [float(value) for value in before[1][1:6]] == [101.0, 101.0, 101.0, 101.0, 0.0]
    assert before[1][8] == 0
    pairs = [("symbol", "BTCUSDT"), ("fromId", "2")]
    rows = orjson.loads(dialect.answer("GET", "/api/v3/aggTrades", pairs, START + DAY).body)
    assert [row["a"] for row in rows] == [2, 5]


@pytest.mark.parametrize("kind", [FrameMarket, RecordedMarket])
def test_given_candles_are_told_with_the_sums_of_their_trades(simulated, kind):
    given = simulated.candles("BTC/USDT", Timeframe.parse("1m"), START, START + 60 * MINUTE)
    frames = {"BTC/USDT": given.select(list(CANDLES))}
    market = kind(frames, simulated.rules) if kind is FrameMarket else kind(frames)
    ask = asking(market, Schedule(market, exact_quote_volume=True), now=START + 55 * MINUTE + 9)
    trades = ask("aggTrades", startTime=START, limit=100_000)
    hour, *_ = joined(trades, 60 * MINUTE).values()
    rows = [ask("klines", interval=width, startTime=START) for width in ("1m", "1h")]
    for column, total in ((7, hour[5]), (9, hour[6]), (10, hour[7])):
        assert sum(Decimal(row[column]) for row in rows[0]) == total.quantize(Decimal("1e-8"))
        assert Decimal(rows[1][0][column]) == total.quantize(Decimal("1e-8"))
