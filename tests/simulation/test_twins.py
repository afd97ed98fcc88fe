"""Compiled loops and numpy give the same bytes, whatever they are asked."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gekko_lab
from gekko_lab.frames import steps
from gekko_lab.market.timeframe import Timeframe
from gekko_lab.simulation import GENESIS, HORIZON, SimulatedMarket, keyed
from gekko_lab.simulation.flow import CROWDED, flow
from gekko_lab.simulation.minutes import Minutes
from gekko_lab.simulation.presets import PRESETS, choose
from gekko_lab.simulation.tape import tape

MINUTES = Timeframe.parse("1m")
_FIRST_DAY, _LAST_DAY = GENESIS // 86_400_000, HORIZON // 86_400_000
WILDEST = {
    "annual_volatility": 5.0,
    "volatility": "high",
    "trend_strength": 1.0,
    "shocks_per_day": 1.0,
    "shock_size": 1.5,
}
CASES = [
    *((preset, {}) for preset in PRESETS),
    *((None, {"process": process}) for process in ("gbm", "garch")),
    (None, {"season": 0.0, "spread": 0.0, "shocks_per_day": 1.0}),
    ("thin", {"trades_per_minute": 0.01}),
    (None, WILDEST),
]


def test_the_wildest_markets_have_sound_candles():
    market = gekko_lab.ExchangeSimulator(**WILDEST)
    for symbol in ("XRP/ETH", "BTC/USDT", "LTC/EUR"):
        asked = {"since": "2025-06-01", "until": "2025-07-01", "columns": "full"}
        found = gekko_lab.fetch(market, symbol, "1d", **asked)
        assert found["low"].min() > 0
        assert (found["volume"] > 0).all()


def both(make):
    """Give what numpy makes and what the compiled loops make."""
    made = []
    for mode in ("off", "on"):
        with gekko_lab.options(compile=mode):
            made.append(make())
    return made


def assert_same(first, second):
    for field in fields(first):
        one, other = getattr(first, field.name), getattr(second, field.name)
        assert one.dtype == other.dtype, field.name
        assert one.tobytes() == other.tobytes(), field.name


@pytest.mark.parametrize("case", CASES, ids=str)
def test_minutes_are_the_same(case):
    preset, changes = case

    def make():
        history = SimulatedMarket(choose(preset, {"seed": 3, **changes}))._history
        return [
            history._make(market, day, 2)
            for market in list(history.markets.values())[::7]
            for day in (_FIRST_DAY, _FIRST_DAY + 1, 19_723)
        ]

    for first, second in zip(*both(make), strict=True):
        assert_same(first, second)


def test_the_last_day_is_the_same():
    def make():
        history = SimulatedMarket()._history
        return history._make(history.markets["USD/USDT"], _LAST_DAY - 1, 1)

    assert_same(*both(make))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_trades_are_the_same(case):
    preset, changes = case
    with gekko_lab.options(compile="off"):
        history = SimulatedMarket(choose(preset, {"seed": 4, **changes}))._history
        market = next(iter(history.markets.values()))
        rows = history._make(market, 19_723, 1)[: 6 * 60]
    assert_same(*both(lambda: tape(market.stream, rows, market.flow)))


@st.composite
def candles(draw):
    """Any candles that some trades can have made, some minutes missing."""
    rows, minute = [], draw(st.integers(0, 10**8))
    for _ in range(draw(st.integers(1, 6))):
        count = draw(st.sampled_from([0, 1, 2, 3, 4, 7, 40, 400]))
        low = draw(st.integers(1, 10**9))
        high = low + (draw(st.sampled_from([0, 1, 2, 1000, 10**7])) if count > 1 else 0)
        open_ = draw(st.integers(low, high)) if count > 3 else draw(st.sampled_from([low, high]))
        close = draw(st.integers(low, high)) if count > 2 else low + high - open_
        lots = count + draw(st.sampled_from([0, 1, 17, 10**6, 10**12])) if count else 0
        rows.append((minute, open_, high, low, close, count, lots))
        minute += draw(st.integers(1, 3))
    return Minutes(*np.array(rows, dtype=np.int64).T.copy())


@settings(max_examples=150, deadline=None)
@given(
    candles(), st.integers(0, 2**64 - 1), st.sampled_from([0.0, 0.3, 0.9]), st.integers(1, 10**7)
)
def test_trades_of_any_candles_are_the_same(rows, stream, thinness, width_ms):
    orders = flow(thinness) if thinness else CROWDED
    assert_same(*both(lambda: tape(stream, rows, orders, width_ms=width_ms)))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 300), min_size=1, max_size=5),
    st.integers(0, 10**8),
    st.integers(1, 400),
)
def test_lattices_are_the_same(periods, first, count):
    lattices = tuple(keyed.Lattice(keyed.key("twin", p), p) for p in periods)
    numpys, loops = both(lambda: keyed.blend(lattices, first, count))
    assert numpys.tobytes() == loops.tobytes()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_long_candle_frames_are_the_same(case):
    preset, changes = case
    since = 1_704_067_200_000 + 12_345_678

    def make():
        market = SimulatedMarket(choose(preset, {"seed": 6, **changes}))
        symbol = next(iter(market.rules))
        return market.candles(symbol, MINUTES, since, since + 5 * 86_400_000)

    numpys, loops = both(make)
    assert numpys.height == 5 * 1440
    assert numpys.equals(loops)


def test_numbers_that_are_no_doubles_are_made_in_whole_units(monkeypatch):
    since = 1_704_067_200_000
    market = SimulatedMarket()
    with gekko_lab.options(compile="on"):
        expected = market.candles("BTC/USDT", MINUTES, since, since + 4 * 86_400_000)
        monkeypatch.setattr(steps, "EXACT", 1_000)
        found = market.candles("BTC/USDT", MINUTES, since, since + 4 * 86_400_000)
    assert found.equals(expected)


def test_frames_are_the_same():
    since = 1_704_067_200_000

    def make():
        market = SimulatedMarket(choose("thin", {"seed": 5}))
        return [
            market.candles("ETH/BTC", MINUTES, since, since + 86_400_000, quote_volume=True),
            market.trades("ETH/BTC", since + 1234, since + 40_000_000),
            market.quotes("ETH/BTC", since, since + 20_000_000),
            market.order_book("ETH/BTC", since + 555, 30),
        ]

    for first, second in zip(*both(make), strict=True):
        assert first.equals(second)
