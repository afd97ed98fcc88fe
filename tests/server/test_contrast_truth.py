"""Candles of Coinbase Exchange and Kraken are the sum of the trades that their cursors give."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gekko_lab.frames.schemas import SIMULATED_TRADES, TIME
from gekko_lab.server import FrameMarket
from gekko_lab.server.coinbase import CoinbaseExchange
from gekko_lab.server.kraken import KrakenSpot
from gekko_lab.server.schedule import Schedule
from gekko_lab.simulation import Parameters, SimulatedMarket

MINUTE = 60_000
DAY = 1440 * MINUTE
START = 1_704_067_200_000  # 2024-01-01, a Monday
NOW = START + DAY + 12 * MINUTE + 34_567
OUTAGE = (START + DAY + 2 * MINUTE + 20_500, START + DAY + 5 * MINUTE + 40_123)
LISTED = START + DAY - 17 * MINUTE - 11_111
KRAKEN_MINUTES = [1, 5, 15, 30, 60, 240, 1440, 10_080, 21_600]
COINBASE_SECONDS = [60, 300, 900, 3600, 21_600, 86_400]


def decoded(answer):
    assert answer.status == 200
    assert not answer.error, answer.body
    return json.loads(answer.body, parse_float=Decimal)


def ask(dialect, path, now, **query):
    return dialect.answer("GET", path, [(key, str(value)) for key, value in query.items()], now)


def coinbase_trades(dialect, now, limit=1000):
    """Walk back by CB-AFTER; gives id, time, taker's side, price and amount, oldest first."""
    rows, cursor = [], {}
    while True:
        answer = ask(dialect, "/products/BTC-USDT/trades", now, limit=limit, **cursor)
        page = decoded(answer)
        if not page:
            break
        assert answer.headers["CB-AFTER"] == str(page[-1]["trade_id"])
        rows += page
        cursor = {"after": answer.headers["CB-AFTER"]}
    taker = {"buy": "sell", "sell": "buy"}
    return [
        (
            row["trade_id"],
            row["time"],
            taker[row["side"]],
            Decimal(row["price"]),
            Decimal(row["size"]),
        )
        for row in reversed(rows)
    ]


def kraken_trades(dialect, now, limit=1000):
    """Walk on by `last`; gives id, exact time, side, price and amount, and all cursors."""
    rows, cursors, cursor = [], [], "0"
    while True:
        path = "/0/public/Trades"
        page = decoded(ask(dialect, path, now, pair="XBTUSDT", since=cursor, count=limit))["result"]
        if not page["XBTUSDT"]:
            assert page["last"] == cursor
            break
        rows += page["XBTUSDT"]
        cursor = page["last"]
        cursors.append(int(cursor))
        assert int(page["XBTUSDT"][-1][2] * 10**9) == int(cursor)
    sides = {"b": "buy", "s": "sell"}
    return [
        (row[6], row[2], sides[row[3]], Decimal(row[0]), Decimal(row[1])) for row in rows
    ], cursors


def visible(frame):
    """The market's own trades as rows."""
    time = pl.col("timestamp").dt.epoch("ms")
    inside = (time >= LISTED) & (time <= NOW) & ~((time >= OUTAGE[0]) & (time < OUTAGE[1]))
    return [
        (row["id"], row["timestamp"], row["side"], row["price"], row["amount"])
        for row in frame.filter(inside).iter_rows(named=True)
    ]


@pytest.fixture(scope="module")
def simulated():
    return SimulatedMarket(Parameters(seed=7))


@pytest.fixture(scope="module")
def truth(simulated):
    return visible(simulated.trades("BTC/USDT", LISTED, NOW + 1))


def served(kind, market, **options):
    schedule = Schedule(
        market, listed_since={"BTC/USDT": LISTED}, outages=[OUTAGE], exact_quote_volume=True
    )
    return kind(market.rules, schedule, **options)


def joined(trades, width):
    """Open, high, low, close, volume, cost and count by open time, from (time, price, amount)."""
    candles = {}
    for time, price, amount in trades:
        key = time - time % width
        row = candles.setdefault(key, [price, price, price, price, Decimal(0), Decimal(0), 0])
        row[1], row[2], row[3] = max(row[1], price), min(row[2], price), price
        row[4] += amount
        row[5] += price * amount
        row[6] += 1
    return candles


@pytest.fixture(scope="module")
def coinbase(simulated):
    return served(CoinbaseExchange, simulated)


@pytest.fixture(scope="module")
def kraken(simulated):
    return served(KrakenSpot, simulated)


@pytest.fixture(scope="module")
def coinbase_prints(coinbase):
    return coinbase_trades(coinbase, NOW, limit=97)


@pytest.fixture(scope="module")
def kraken_prints(kraken):
    return kraken_trades(kraken, NOW, limit=97)[0]


def test_the_cursors_give_every_trade_of_the_market(coinbase_prints, kraken_prints, truth):
    assert len(truth) > 1000
    expected = [(row[0], *row[2:]) for row in truth]
    for prints in (coinbase_prints, kraken_prints):
        assert [(row[0], row[2], float(row[3]), float(row[4])) for row in prints] == expected


def test_times_lead_back_to_the_market_s_own(coinbase_prints, kraken_prints, truth):
    assert [row[1] for row in coinbase_prints] == [
        f"{row[1]:%Y-%m-%dT%H:%M:%S.%fZ}" for row in truth
    ]
    micros = [round(row[1].timestamp() * 1_000_000) for row in truth]
    assert [int(row[1] * 1_000_000) for row in kraken_prints] == micros
    # clients read them as floats, and ccxt then counts milliseconds
    assert [int(float(row[1]) * 1_000_000) for row in kraken_prints] == micros
    assert [int(float(row[1]) * 1000) for row in kraken_prints] == [time // 1000 for time in micros]


@pytest.mark.parametrize("seconds", COINBASE_SECONDS)
def test_coinbase_candles_are_the_sum_of_trades(coinbase, coinbase_prints, seconds):
    prints = [
        (round(datetime.fromisoformat(row[1]).timestamp() * 1000), row[3], row[4])
        for row in coinbase_prints
    ]
    expected = joined(prints, seconds * 1000)
    rows = decoded(ask(coinbase, "/products/BTC-USDT/candles", NOW, granularity=seconds))
    assert [row[0] * 1000 for row in rows] == sorted(expected, reverse=True)
    assert {row[0] * 1000: [row[3], row[2], row[1], *row[4:]] for row in rows} == {
        time: row[:5] for time, row in expected.items()
    }


@pytest.mark.parametrize("minutes", KRAKEN_MINUTES)
def test_kraken_candles_are_the_sum_of_trades(kraken, kraken_prints, minutes):
    prints = [(int(row[1] * 1000), row[3], row[4]) for row in kraken_prints]
    expected = joined(prints, minutes * MINUTE)
    page = decoded(ask(kraken, "/0/public/OHLC", NOW, pair="XBTUSDT", interval=minutes))
    rows = [row for row in page["result"]["XBTUSDT"] if row[7]]
    assert [row[0] * 1000 for row in rows] == sorted(expected)
    for row in rows:
        *prices, volume, cost, count = expected[row[0] * 1000]
        assert [Decimal(text) for text in row[1:5]] == prices
        assert (Decimal(row[6]), row[7]) == (volume, count)
        assert abs(Decimal(row[5]) - cost / volume) <= Decimal("0.005001")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    gaps=st.lists(st.sampled_from([0, 0, 0, 1, 999, 40_000_000, 700_000_000]), max_size=60),
    outage=st.tuples(st.integers(0, 3_000_000), st.integers(0, 3_000_000)),
    limit=st.integers(1, 7),
)
def test_trades_of_one_moment_are_told_apart_and_none_is_lost(simulated, gaps, outage, limit):
    """Gaps are microseconds: many trades share one."""
    times, time = [], START * 1000
    for gap in gaps:
        time += gap
        times.append(time)
    trades = pl.DataFrame(
        {
            "timestamp": times,
            "id": [3 * place for place in range(len(times))],
            "side": ["buy"] * len(times),
            "price": [100.0] * len(times),
            "amount": [1.0] * len(times),
        },
        schema={"timestamp": pl.Int64, "id": pl.Int64, "side": pl.String}
        | dict.fromkeys(("price", "amount"), pl.Float64),
    ).with_columns(pl.col("timestamp").cast(TIME))
    rules = {"BTC/USDT": simulated.rules["BTC/USDT"]}
    market = FrameMarket({}, rules, trades={"BTC/USDT": trades.cast(SIMULATED_TRADES)})
    hole = (START + min(outage), START + max(outage))
    schedule = Schedule(market, outages=[hole])
    now = time // 1000 - 1000
    wanted = [
        (3 * place, micro)
        for place, micro in enumerate(times)
        if micro // 1000 <= now and not hole[0] <= micro // 1000 < hole[1]
    ]
    kraken = KrakenSpot(rules, schedule)
    rows, cursors = kraken_trades(kraken, now, limit)
    assert [(row[0], int(row[1] * 1_000_000)) for row in rows] == wanted
    assert cursors == sorted(set(cursors))
    assert len({row[1] for row in rows}) == len(rows)
    assert kraken_trades(kraken, now, 1000)[0] == rows
    newest = ask(kraken, "/0/public/Trades", now, pair="XBTUSDT", count=limit)
    got = decoded(newest)["result"]["XBTUSDT"]
    assert [(row[6], row[2]) for row in got] == [row[:2] for row in rows[-limit:]]
    back = coinbase_trades(CoinbaseExchange(rules, schedule), now, limit)
    assert [row[0] for row in back] == [row[0] for row in wanted]
