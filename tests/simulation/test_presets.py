"""Markets by name: what they are, and that they look like the real ones."""

from __future__ import annotations

import numpy as np
import pytest

from gekko_lab.errors import InvalidArgument
from gekko_lab.market.timeframe import DAY, Timeframe
from gekko_lab.simulation import Parameters, SimulatedMarket
from gekko_lab.simulation.parameters import NUMBERS
from gekko_lab.simulation.presets import MEANING, PRESETS, choose, describe

T0 = 1_704_067_200_000  # 2024-01-01
MINUTES = Timeframe.parse("1m")


def candles(name, symbol, days=30, **changes):
    return SimulatedMarket(choose(name, changes)).candles(symbol, MINUTES, T0, T0 + days * DAY)


def bodies(frame):
    return np.log(frame["close"].to_numpy() / frame["open"].to_numpy())


@pytest.mark.parametrize("name", PRESETS)
def test_each_preset_is_a_market_of_its_own(name):
    market = SimulatedMarket(choose(name, {"seed": 3}))
    assert market.parameters.fingerprint != Parameters(seed=3).fingerprint
    for symbol in market.rules:
        frame = market.candles(symbol, MINUTES, T0, T0 + DAY)
        assert frame.height == 1440
        assert (frame["low"] > 0).all()
        assert frame["trade_count"].sum() > 0


def test_no_preset_is_the_default_market():
    assert choose(None, {"seed": 4}) == Parameters(seed=4)


def test_a_preset_can_be_changed():
    assert choose("thin", {"spread": 0.5}).spread == 0.5
    assert choose("thin", {"spread": 0.5}).trades_per_minute == 6.0


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("loud", {}, "'liquid', 'thin', 'fx', 'stress', 'gekko-m4'"),
        ("thin", {"wobble": 1.0}, "no parameter 'wobble'.*spread"),
        ("thin", {"spread": 3.0}, "spread is 3.0: use a number from 0 to 2"),
        (None, {"season": -1.0}, "season is -1.0: use a number from 0 to 3"),
        (None, {"process": "levy"}, "process is 'levy': use one of 'multiscale', 'gbm', 'garch'"),
        (None, {"process": "garch", "garch_beta": 0.9}, "0.1 and garch_beta 0.9: .*less than 1"),
    ],
)
def test_what_makes_no_market_is_refused(name, changes, message):
    with pytest.raises(InvalidArgument, match=message):
        choose(name, changes)


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number.name)
def test_each_number_makes_a_market_from_its_least_to_its_largest_value(number):
    prints = set()
    for value in (number.low, number.high):
        parameters = Parameters(**{number.name: value})
        frame = SimulatedMarket(parameters).candles("ETH/USDT", MINUTES, T0, T0 + DAY)
        prices = frame.select("open", "high", "low", "close").to_numpy()
        assert np.isfinite(prices).all()
        assert (prices > 0).all()
        prints.add(parameters.fingerprint)
    assert len(prints) == 2


def test_the_description_tells_of_every_number_and_currency():
    parameters = choose("fx", {})
    frame = describe(parameters)
    assert frame.schema == MEANING
    told = frame["parameter"].to_list()
    assert told[:4] == ["seed", "volatility", "trend", "process"]
    assert told[4:] == [n.name for n in NUMBERS] + [c.code for c in parameters.currencies]
    assert frame.filter(parameter="annual_volatility")["value"].item() == "0.09"


def test_thin_markets_have_minutes_without_trades_and_liquid_ones_hardly_any():
    empty = {
        name: (candles(name, "XRP/BTC")["trade_count"] == 0).mean() for name in ("thin", "liquid")
    }
    assert 0.1 < empty["thin"] < 0.4
    assert empty["liquid"] < 0.01


def test_thin_markets_bounce_between_bid_and_ask():
    returns = np.diff(np.log(candles("thin", "BTC/USDT")["close"].to_numpy()))
    centered = returns - returns.mean()
    bounce = (centered[1:] * centered[:-1]).mean() / (centered * centered).mean()
    assert -0.3 < bounce < -0.03


def test_thin_candles_are_as_wide_as_their_bodies_suggest():
    frame = candles("thin", "BTC/USDT")
    span = np.log(frame["high"].to_numpy() / frame["low"].to_numpy())
    ratio = np.sqrt((span**2).mean() / (4.0 * np.log(2.0)) / (bodies(frame) ** 2).mean())
    assert 0.75 < ratio < 1.2


def test_thin_trades_come_in_bursts():
    market = SimulatedMarket(choose("thin", {}))
    time = market.trades("BTC/USDT", T0, T0 + 10 * DAY)["timestamp"].dt.epoch("ms").to_numpy()
    counts = np.bincount((time - T0) // 1000, minlength=10 * 86_400)
    assert 2.5 < counts.var() / counts.mean() < 8.0


def test_prices_follow_the_orders_in_thin_markets():
    market = SimulatedMarket(choose("thin", {}))
    trades = market.trades("BTC/USDT", T0, T0 + 10 * DAY)
    sign = np.where(trades["side"] == "buy", 1, -1)
    price = np.log(trades["price"].to_numpy())
    near = (sign[1:-10] * (price[1:-10] - price[:-11])).mean()
    far = (sign[1:-10] * (price[10:-1] - price[:-11])).mean()
    assert near > 0
    assert far > 0.5 * near


def test_the_volatility_of_a_year_is_what_was_asked_for():
    wild, calm = (
        bodies(candles(None, "BTC/USDT", annual_volatility=each)).std() for each in (1.0, 0.25)
    )
    assert 3.5 < wild / calm < 4.5


def test_a_market_without_season_is_as_busy_at_night():
    counts = candles(None, "BTC/USDT", season=0.0)["trade_count"].to_numpy().reshape(-1, 24, 60)
    by_hour = counts.mean(axis=(0, 2))
    assert by_hour.max() / by_hour.min() < 1.8
