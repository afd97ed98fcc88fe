from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gekko_lab.errors import InvalidArgument, InvalidType
from gekko_lab.frames.schemas import SIMULATED_TRADES
from gekko_lab.market.timeframe import DAY, HOUR, MINUTE, Timeframe
from gekko_lab.simulation import GENESIS, HORIZON, Parameters, SimulatedMarket

MARKET = SimulatedMarket(Parameters(seed=11))
T0 = 1_704_067_200_000  # 2024-01-01
SYMBOLS = ["BTC/USDT", "LTC/EUR", "XRP/BTC", "GAIANUT/GAIABOLT"]


def candles_of(trades: pl.DataFrame, width: int, rules) -> dict[int, tuple]:
    """Make candles out of trades, one by one, counting in whole ticks and steps."""
    tick, step = (Fraction(str(unit)) for unit in (rules.tick_size, rules.step_size))
    made: dict[int, list] = {}
    for time, _, _, price, amount in trades.iter_rows():
        key = round(time.timestamp() * 1000) // width * width
        row = made.setdefault(key, [price, price, price, price, 0, 0, 0])
        row[1], row[2], row[3] = max(row[1], price), min(row[2], price), price
        lots = round(amount / rules.step_size)
        row[4] += lots
        row[5] += lots * round(price / rules.tick_size)
        row[6] += 1
    return {
        key: (*row[:4], float(row[4] * step), float(row[5] * step * tick), row[6])
        for key, row in made.items()
    }


def rows(candles: pl.DataFrame) -> dict[int, tuple]:
    return {round(row[0].timestamp() * 1000): row[1:] for row in candles.iter_rows()}


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_trades_add_up_to_the_minutes_exactly(symbol):
    until = T0 + 20 * HOUR
    candles = MARKET.candles(symbol, Timeframe.parse("1m"), T0, until, quote_volume=True)
    expected = candles_of(MARKET.trades(symbol, T0, until), MINUTE, MARKET.rules[symbol])
    found = rows(candles)
    assert {time: row for time, row in found.items() if row[6]} == expected
    assert all(row[4] == row[5] == 0.0 for row in found.values() if not row[6])


@pytest.mark.parametrize(("symbol", "name"), [("BTC/USDT", "1h"), ("LTC/EUR", "1d")])
def test_trades_add_up_to_longer_candles_exactly(symbol, name):
    timeframe = Timeframe.parse(name)
    until = timeframe.shift(T0, 3)
    candles = MARKET.candles(symbol, timeframe, T0, until, quote_volume=True)
    trades = MARKET.trades(symbol, T0, until)
    assert rows(candles) == candles_of(trades, timeframe.milliseconds, MARKET.rules[symbol])


@pytest.mark.parametrize("symbol", SYMBOLS)
@pytest.mark.parametrize("name", ["1s", "7s", "30s", "90s"])
def test_candles_of_seconds_come_from_the_trades(symbol, name):
    timeframe = Timeframe.parse(name)
    since = timeframe.ceil(T0 + 5 * HOUR)
    until = timeframe.shift(since, 200)
    candles = MARKET.candles(symbol, timeframe, since, until, quote_volume=True)
    before = MARKET.trades(symbol, since - DAY, since)["price"][-1]
    made = candles_of(
        MARKET.trades(symbol, since, until), timeframe.milliseconds, MARKET.rules[symbol]
    )
    assert candles.height == 200
    for time, row in rows(candles).items():
        assert row == made.get(time, (before, before, before, before, 0.0, 0.0, 0))
        before = row[3]


def test_the_first_seconds_of_all_stand_at_the_first_price():
    candles = MARKET.candles("GAIANUT/GAIABOLT", Timeframe.parse("1s"), 0, GENESIS + MINUTE)
    first = MARKET.trades("GAIANUT/GAIABOLT", 0, GENESIS + MINUTE)["price"][0]
    assert candles.height == 60
    assert candles["open"][0] == first


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_trades_are_possible_and_in_order(symbol):
    trades = MARKET.trades(symbol, T0 + 123, T0 + 10 * HOUR + 77)
    assert trades.schema == SIMULATED_TRADES
    time = trades["timestamp"].dt.epoch("ms").to_numpy()
    number = trades["id"].to_numpy()
    assert time[0] >= T0 + 123
    assert time[-1] < T0 + 10 * HOUR + 77
    assert (np.diff(number) > 0).all()
    assert (np.diff(time) >= 0).all()
    assert (number >> 20 == time // MINUTE).all()
    assert trades["amount"].min() >= MARKET.rules[symbol].step_size
    assert set(trades["side"].unique()) == {"buy", "sell"}


def test_places_within_a_minute_count_from_zero():
    trades = MARKET.trades("BTC/USDT", T0, T0 + 30 * MINUTE)
    counts = MARKET.candles("BTC/USDT", Timeframe.parse("1m"), T0, T0 + 30 * MINUTE)["trade_count"]
    expected = [
        (T0 // MINUTE + minute) * 2**20 + place
        for minute, count in enumerate(counts)
        for place in range(count)
    ]
    assert trades["id"].to_list() == expected


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(SYMBOLS),
    st.integers(0, 90 * 365 * DAY),
    st.lists(st.integers(0, 6 * HOUR), min_size=3, max_size=6),
)
def test_pages_put_together_are_the_whole(symbol, start, cuts):
    times = [GENESIS + start + cut for cut in sorted(cuts)]
    pages = [MARKET.trades(symbol, a, b) for a, b in pairwise(times)]
    assert pl.concat(pages).equals(MARKET.trades(symbol, times[0], times[-1]))


def test_a_minute_is_the_same_alone_and_amid_a_month():
    month = MARKET.trades("ETH/EUR", T0, T0 + 10 * DAY)
    for minute in (0, 1, 719, 1440, 9999, 14399):
        since = T0 + minute * MINUTE
        alone = SimulatedMarket(MARKET.parameters).trades("ETH/EUR", since, since + MINUTE)
        amid = month.filter(pl.col("id") // 2**20 == since // MINUTE)
        assert alone.equals(amid)


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(SYMBOLS), st.integers(0, 600), st.sampled_from([1, 7, 100, 1000]))
def test_paging_by_id_gives_the_trades(symbol, skip, limit):
    whole = MARKET.trades(symbol, T0, T0 + 3 * DAY)
    first, pages = whole["id"][skip % whole.height], []
    expected = whole.filter(pl.col("id") >= first)
    for _ in range(3):
        page = MARKET.trades_from_id(symbol, first, limit)
        assert page.height == limit
        pages.append(page)
        first = page["id"][-1] + 1
    found = pl.concat(pages)
    common = min(found.height, expected.height)
    assert found.head(common).equals(expected.head(common))


def test_a_page_by_id_ends_before_until():
    until = T0 + 90_500
    whole = MARKET.trades("BTC/USDT", T0, until)
    page = MARKET.trades_from_id("BTC/USDT", whole["id"][3], 100_000, until=until)
    assert page.equals(whole[3:])


def test_paging_by_id_finds_the_first_and_the_last_trade():
    assert MARKET.trades_from_id("BTC/USDT", 0, 5).equals(
        MARKET.trades("BTC/USDT", GENESIS, GENESIS + HOUR).head(5)
    )
    assert MARKET.trades_from_id("BTC/USDT", 0, 0).schema == SIMULATED_TRADES
    assert MARKET.trades_from_id("BTC/USDT", HORIZON // MINUTE << 20, 9).is_empty()
    assert MARKET.trades_from_id("BTC/USDT", 2**62, 9).is_empty()


def test_ids_and_limits_are_whole_numbers_from_zero_on():
    with pytest.raises(InvalidArgument, match="first_id"):
        MARKET.trades_from_id("BTC/USDT", -1, 5)
    with pytest.raises(InvalidArgument, match="limit"):
        MARKET.trades_from_id("BTC/USDT", 0, -5)
    with pytest.raises(InvalidType, match="limit"):
        MARKET.trades_from_id("BTC/USDT", 0, 2.5)
    with pytest.raises(InvalidType, match="until"):
        MARKET.trades_from_id("BTC/USDT", 0, 2, until=1.5)


def test_there_are_no_trades_before_the_beginning_or_after_the_end():
    assert MARKET.trades("BTC/USDT", 0, GENESIS).schema == SIMULATED_TRADES
    assert MARKET.trades("BTC/USDT", 0, GENESIS).is_empty()
    assert MARKET.trades("BTC/USDT", HORIZON, HORIZON + DAY).is_empty()
    assert MARKET.trades("BTC/USDT", T0, T0).is_empty()
    assert MARKET.trades("BTC/USDT", T0, T0 - 1).is_empty()
