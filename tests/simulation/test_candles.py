from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gekko_lab.errors import InvalidType, UnknownSymbol
from gekko_lab.frames.schemas import CANDLES_FULL
from gekko_lab.market.timeframe import DAY, HOUR, MINUTE, Timeframe
from gekko_lab.simulation import GENESIS, HORIZON, Currency, Parameters, SimulatedMarket

MARKET = SimulatedMarket(Parameters(seed=11))
T0 = 1_704_067_200_000  # 2024-01-01
PRICES = ["open", "high", "low", "close"]
SYMBOLS = ["BTC/USDT", "LTC/EUR", "XRP/BTC", "GAIANUT/GAIABOLT"]


def tf(name):
    return Timeframe.parse(name)


def aggregate(minutes: pl.DataFrame, timeframe: Timeframe, step: float) -> list[tuple]:
    """Make candles out of 1m candles, one by one, with volumes counted in whole steps."""
    made: dict[int, list] = {}
    for time, open_, high, low, close, volume, _, count in minutes.iter_rows():
        key = timeframe.floor(round(time.timestamp() * 1000))
        row = made.get(key)
        if row is None or (count and not row[5]):  # the first trade opens a candle
            row = made[key] = [open_, high, low, close, 0, 0]
        if count:
            row[1], row[2], row[3] = max(row[1], high), min(row[2], low), close
        row[4] += round(volume / step)
        row[5] += count
    return [(key, *row) for key, row in made.items()]


def rows(candles: pl.DataFrame, step: float) -> list[tuple]:
    return [
        (round(t.timestamp() * 1000), o, h, lo, c, round(v / step), n)
        for t, o, h, lo, c, v, _, n in candles.iter_rows()
    ]


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_candles_are_possible(symbol):
    candles = MARKET.candles(symbol, tf("1m"), T0, T0 + 9 * DAY)
    assert candles.schema == CANDLES_FULL
    assert candles["timestamp"].dt.epoch("ms").to_list() == list(range(T0, T0 + 9 * DAY, MINUTE))
    assert candles["quote_volume"].null_count() == candles.height
    assert (candles["high"] >= candles.select(pl.max_horizontal("open", "close")).to_series()).all()
    assert (candles["low"] <= candles.select(pl.min_horizontal("open", "close")).to_series()).all()
    assert (candles["low"] > 0).all()
    tick, step = MARKET.rules[symbol].tick_size, MARKET.rules[symbol].step_size
    for column, unit in [*((name, tick) for name in PRICES), ("volume", step)]:
        value = candles[column].to_numpy() / unit
        assert np.abs(value - np.rint(value)).max() < 1e-4
    assert ((candles["volume"] > 0) == (candles["trade_count"] > 0)).all()
    assert (candles["volume"] / step + 0.01 >= candles["trade_count"]).all()


def test_minutes_without_trades_stay_at_the_last_price():
    candles = MARKET.candles("GAIANUT/GAIABOLT", tf("1m"), T0 + 5, T0 + 3 * DAY)
    empty, last = 0, None
    for _, open_, high, low, close, volume, _, count in candles.iter_rows():
        if not count and last is not None:
            empty += 1
            assert (open_, high, low, close, volume) == (last, last, last, last, 0.0)
        last = close
    assert empty > 1000


def test_each_day_begins_with_a_trade():
    candles = MARKET.candles("GAIANUT/GAIABOLT", tf("1m"), T0, T0 + 20 * DAY)
    assert (candles["trade_count"].to_numpy()[::1440] > 0).all()


@pytest.mark.parametrize("symbol", SYMBOLS)
@pytest.mark.parametrize("name", ["3m", "7m", "1h", "4h", "1d", "1w", "1M"])
def test_longer_candles_are_aggregates_of_minutes(symbol, name):
    timeframe, step = tf(name), MARKET.rules[symbol].step_size
    since = timeframe.ceil(T0)
    until = timeframe.shift(since, 2 if name in {"1w", "1M"} else 9)
    minutes = MARKET.candles(symbol, tf("1m"), since, until)
    longer = MARKET.candles(symbol, timeframe, since, until)
    assert rows(longer, step) == aggregate(minutes, timeframe, step)


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(SYMBOLS),
    st.sampled_from(["1m", "5m", "1h", "1d", "20s"]),
    st.integers(0, 90 * 365 * DAY),
    st.lists(st.integers(0, 1000), min_size=3, max_size=6),
)
def test_pages_put_together_are_the_whole(symbol, name, start, cuts):
    width = tf(name).milliseconds
    times = [GENESIS + start + cut * min(width, HOUR) for cut in sorted(cuts)]
    whole = MARKET.candles(symbol, tf(name), times[0], times[-1])
    pages = [
        SimulatedMarket(MARKET.parameters).candles(symbol, tf(name), a, b)
        if index == 0
        else MARKET.candles(symbol, tf(name), a, b)
        for index, (a, b) in enumerate(pairwise(times))
    ]
    assert pl.concat(pages).equals(whole)


def test_there_is_nothing_before_the_beginning_or_after_the_end():
    for name in ("1s", "1m", "1d", "1w", "1M", "1y"):
        assert MARKET.candles("BTC/USDT", tf(name), 0, GENESIS).is_empty()
        assert MARKET.candles("BTC/USDT", tf(name), HORIZON, HORIZON + DAY).is_empty()
        assert MARKET.candles("BTC/USDT", tf(name), T0, T0).schema == CANDLES_FULL
    first = MARKET.candles("BTC/USDT", tf("1m"), 0, GENESIS + MINUTE)
    assert first["timestamp"].to_list() == [datetime(2010, 1, 1, tzinfo=UTC)]


def test_a_candle_that_the_beginning_would_cut_is_not_given():
    week = MARKET.candles("BTC/USDT", tf("1w"), 0, GENESIS + 10 * DAY)
    assert week["timestamp"].to_list() == [datetime(2010, 1, 4, tzinfo=UTC)]
    month = MARKET.candles("BTC/USDT", tf("1M"), 0, GENESIS + 10 * DAY)
    assert month["timestamp"].to_list() == [datetime(2010, 1, 1, tzinfo=UTC)]


def test_the_last_candle_closes_with_the_history():
    market = SimulatedMarket(Parameters(currencies=Parameters().currencies[:2]))
    last = market.candles("USD/USDT", tf("1m"), HORIZON - 2 * MINUTE, HORIZON + DAY)
    assert last.height == 2
    week = market.candles("USD/USDT", tf("1w"), HORIZON - 20 * DAY, HORIZON + 20 * DAY)
    assert week["timestamp"].max() == datetime(2199, 12, 23, tzinfo=UTC)


def test_an_unknown_symbol_names_its_neighbors():
    with pytest.raises(UnknownSymbol, match="BTC/USDT"):
        MARKET.candles("BTC/USTD", tf("1m"), T0, T0 + MINUTE)
    with pytest.raises(UnknownSymbol, match="among its 45 symbols"):
        MARKET.trades("?", T0, T0 + MINUTE)
    with pytest.raises(InvalidType, match="string"):
        MARKET.trades(None, T0, T0 + MINUTE)


@pytest.mark.parametrize("since", [1.5, "2024-01-01", None, True])
def test_times_are_whole_milliseconds(since):
    with pytest.raises(InvalidType, match="since"):
        MARKET.candles("BTC/USDT", tf("1m"), since, T0)
    with pytest.raises(InvalidType, match="until"):
        MARKET.trades("BTC/USDT", T0, since)
    with pytest.raises(InvalidType, match="timeframe"):
        MARKET.candles("BTC/USDT", "1m", T0, T0)


def test_a_market_of_pinned_currencies_stands_still():
    pinned = [Currency(code, 2.0, volatility=0.0, quotes=True) for code in ("AAA", "BBB")]
    market = SimulatedMarket(Parameters(currencies=tuple(pinned)))
    candles = market.candles("BBB/AAA", tf("1h"), T0, T0 + DAY)
    assert set(candles.select(PRICES).to_numpy().ravel().tolist()) == {1.0}


def test_prices_stay_in_reach_for_two_hundred_years():
    coin = Currency("COIN", 5.0, volatility=1.3)
    for trend in ("down", "up"):
        currencies = (Parameters().currencies[0], coin)
        market = SimulatedMarket(Parameters(volatility="high", trend=trend, currencies=currencies))
        for day in range(0, 190 * 365, 9973):
            since = GENESIS + day * DAY
            candles = market.candles("COIN/USDT", tf("1h"), since, since + DAY)
            assert candles.height == 24
            assert candles["low"].min() >= market.rules["COIN/USDT"].tick_size
            assert candles["volume"].is_finite().all()
            assert candles["high"].max() < 1e12


def test_a_thinner_market_has_more_empty_minutes():
    shares = []
    for activity in (1.0, 0.01, 0.0001):
        coin = replace(Currency("COIN"), activity=activity)
        market = SimulatedMarket(Parameters(currencies=(Parameters().currencies[0], coin)))
        count = market.candles("COIN/USDT", tf("1m"), T0, T0 + 60 * DAY)["trade_count"]
        shares.append((count == 0).mean())
    assert shares[0] < 3e-4
    assert 0.2 < shares[1] < shares[2] < 1.0
