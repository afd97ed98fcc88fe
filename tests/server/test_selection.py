"""Which rows a request gets, against a selection in plain Python."""

from __future__ import annotations

from itertools import accumulate, groupby

import orjson
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gekko_lab.frames.schemas import SIMULATED_TRADES, TIME
from gekko_lab.server import FrameMarket
from gekko_lab.server.binance import BinanceSpot
from gekko_lab.server.schedule import Schedule

MINUTE = 60_000
START = 1_704_067_200_000
NOW = START + 2500 * MINUTE
WIDTHS = {"1m": 1, "5m": 5, "1h": 60}
OUTAGE = (START + 300 * MINUTE, START + 431 * MINUTE)
LISTED = START + 63 * MINUTE


def served(market, **schedule):
    return BinanceSpot(
        market.rules,
        Schedule(market, **schedule),
        halted=(),
        page_limit=1000,
        weight_limit=6000,
        hours_between=None,
    )


@pytest.fixture(scope="module")
def dialect(market):
    return served(market, listed_since={"BTC/USDT": LISTED}, outages=[OUTAGE])


@pytest.fixture(scope="module")
def expected(truth):
    """Open time, open, high, low, close of every closed candle."""
    seen = [row for row in truth if LISTED <= row[0] < NOW and not OUTAGE[0] <= row[0] < OUTAGE[1]]
    table = {}
    for name, minutes in WIDTHS.items():
        width = minutes * MINUTE
        groups = groupby(seen, key=lambda row: row[0] - row[0] % width)
        table[name] = [(key, *_joined([*rows])) for key, rows in groups]
    return table


def _joined(rows):
    volume = any(row[5] > 0 for row in rows)
    rows = [row for row in rows if row[5] > 0 or row[2] > row[3] or not volume]
    return (
        rows[0][1],
        max(row[2] for row in rows),
        min(row[3] for row in rows),
        rows[-1][4],
        round(sum(row[5] for row in rows), 3),
    )


def _selected(rows, start, end, limit):
    rows = [
        row for row in rows if (start is None or row[0] >= start) and (end is None or row[0] <= end)
    ]
    return rows[-limit:] if start is None else rows[:limit]


times = st.none() | st.integers(START - 90 * MINUTE, NOW + 90 * MINUTE)
grid = st.none() | st.integers(-90, 2600).map(lambda place: START + place * MINUTE)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    window=st.tuples(times | grid, times | grid),
    limit=st.integers(1, 1200),
    name=st.sampled_from(sorted(WIDTHS)),
)
def test_pages_are_what_a_plain_selection_gives(dialect, expected, window, limit, name):
    start, end = window
    query = {"symbol": "BTCUSDT", "interval": name, "limit": limit}
    query |= {"startTime": start} if start is not None else {}
    query |= {"endTime": end} if end is not None else {}
    # At NOW a candle begins that has the one trade of its open; it isn't in `expected`.
    answer = dialect.answer(
        "GET", "/api/v3/klines", [(key, str(value)) for key, value in query.items()], NOW - 1
    )
    assert answer.status == 200
    got = [(row[0], *map(float, row[1:6])) for row in orjson.loads(answer.body)]
    wanted = _selected(expected[name], start, end, min(limit, 1000))
    if got and got[-1][0] + WIDTHS[name] * MINUTE >= NOW:  # lacks its last millisecond only
        assert got[-1][0] == wanted[-1][0]
        got, wanted = got[:-1], wanted[:-1]
    assert got == wanted


def test_a_start_before_the_listing_begins_there(dialect):
    query = [("symbol", "BTCUSDT"), ("interval", "1m"), ("startTime", "0"), ("limit", "1")]
    answer = dialect.answer("GET", "/api/v3/klines", query, NOW)
    assert orjson.loads(answer.body)[0][0] == LISTED


def test_a_start_in_an_outage_begins_after_it(dialect):
    start = str(OUTAGE[0] + MINUTE)
    query = [("symbol", "BTCUSDT"), ("interval", "1m"), ("startTime", start), ("limit", "1")]
    answer = dialect.answer("GET", "/api/v3/klines", query, NOW)
    assert orjson.loads(answer.body)[0][0] == OUTAGE[1]


def test_trades_jump_over_an_outage_by_time_and_by_id(dialect):
    def ask(**query):
        pairs = [("symbol", "BTCUSDT"), *((key, str(value)) for key, value in query.items())]
        return orjson.loads(dialect.answer("GET", "/api/v3/aggTrades", pairs, NOW).body)

    by_time = ask(startTime=OUTAGE[0] - 5 * MINUTE, limit=1000)
    times = [row["T"] for row in by_time]
    assert times == sorted(times)
    assert any(time >= OUTAGE[1] for time in times)
    assert not any(OUTAGE[0] <= time < OUTAGE[1] for time in times)
    assert ask(fromId=by_time[0]["a"], limit=1000) == by_time
    newest = ask(endTime=OUTAGE[0] + MINUTE, limit=3)
    assert newest[-1]["T"] < OUTAGE[0]
    assert ask(fromId=0, limit=1)[0]["T"] >= LISTED


def test_a_market_without_rules_for_a_symbol_is_refused(market):
    with pytest.raises(ValueError, match="no market rules"):
        FrameMarket({"XRP/USDT": None}, market.rules)


def test_a_symbol_without_candles_is_listed_and_empty(market):
    dialect = served(FrameMarket({}, market.rules))
    for path, extra in [("klines", [("interval", "1m")]), ("aggTrades", [])]:
        answer = dialect.answer("GET", f"/api/v3/{path}", [("symbol", "BTCUSDT"), *extra], NOW)
        assert (answer.status, answer.body) == (200, b"[]")


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    gaps=st.lists(st.sampled_from([0, 0, 0, 1, 40_000, 700_000]), min_size=1, max_size=60),
    outage=st.tuples(st.integers(0, 3_000_000), st.integers(0, 3_000_000)),
    limit=st.integers(1, 7),
)
def test_paging_by_id_gives_every_visible_trade_in_full_pages(market, gaps, outage, limit):
    times = [START + offset for offset in accumulate(gaps)]
    outage = (START + min(outage), START + max(outage))
    trades = pl.DataFrame(
        {
            "timestamp": times,
            "id": [3 * place for place in range(len(times))],
            "side": ["buy"] * len(times),
            "price": [100.0] * len(times),
            "amount": [1.0] * len(times),
        }
    ).with_columns((pl.col("timestamp") * 1000).cast(TIME))
    frames = FrameMarket({}, market.rules, trades={"BTC/USDT": trades.cast(SIMULATED_TRADES)})
    dialect = served(frames, outages=[outage])
    now = times[-1] - 1000
    got, after = [], 0
    while True:
        query = [("symbol", "BTCUSDT"), ("fromId", str(after)), ("limit", str(limit))]
        page = orjson.loads(dialect.answer("GET", "/api/v3/aggTrades", query, now).body)
        got += page
        if len(page) < limit:
            break
        after = page[-1]["a"] + 1
    wanted = [
        (3 * place, time)
        for place, time in enumerate(times)
        if time <= now and not outage[0] <= time < outage[1]
    ]
    assert [(row["a"], row["T"]) for row in got] == wanted
