"""What the simulated market looks like: statistics with room, not pinned numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gekko_lab.market.timeframe import DAY, Timeframe
from gekko_lab.simulation import GENESIS, Parameters, SimulatedMarket
from gekko_lab.simulation.factors import Factors

T0 = 1_640_995_200_000  # 2022-01-01
MINUTES = Timeframe.parse("1m")
MARKET = SimulatedMarket()


def closes(market, symbol, days=60):
    return market.candles(symbol, MINUTES, T0, T0 + days * DAY)["close"].to_numpy()


def returns(market, symbol, days=60):
    return np.diff(np.log(closes(market, symbol, days)))


def autocorrelation(x, lag):
    x = x - x.mean()
    return (x[:-lag] * x[lag:]).mean() / (x * x).mean()


@pytest.fixture(scope="module")
def bitcoin():
    return MARKET.candles("BTC/USDT", MINUTES, T0, T0 + 60 * DAY)


@pytest.fixture(scope="module")
def bitcoin_returns(bitcoin):
    return np.diff(np.log(bitcoin["close"].to_numpy()))


def test_returns_have_fat_tails(bitcoin_returns):
    r = bitcoin_returns - bitcoin_returns.mean()
    assert 5.0 < (r**4).mean() / (r * r).mean() ** 2 - 3.0 < 100.0


def test_returns_have_no_memory_but_their_size_has(bitcoin_returns):
    size = np.abs(bitcoin_returns)
    assert max(abs(autocorrelation(bitcoin_returns, lag)) for lag in range(1, 31)) < 0.05
    assert 0.2 < autocorrelation(size, 1) < 0.4
    assert 0.12 < autocorrelation(size, 10) < 0.28
    assert 0.08 < autocorrelation(size, 60) < 0.22


def test_days_vary_as_much_as_their_minutes_allow():
    ratios = []
    for seed in range(4):
        factors = Factors(Parameters(seed=seed, trend="sideways"))
        skeleton = factors._skeleton("", 1)
        steps = np.diff(skeleton.values)
        ratios.append((steps**2).mean() * 365.25 / 0.7**2)
    assert 0.7 < np.mean(ratios) < 1.3


def test_a_minute_moves_as_much_as_its_share_of_a_day():
    r = returns(MARKET, "ETH/USDT", 300)
    walk = np.concatenate([[0.0], np.cumsum(r)])
    for width in (5, 60, 1440):
        ratio = np.diff(walk[::width]).var() / width / r.var()
        assert 0.75 < ratio < 1.25


def test_days_have_a_season(bitcoin):
    hour = bitcoin["timestamp"].dt.hour().to_numpy()
    size = np.log(bitcoin["high"].to_numpy() / bitcoin["low"].to_numpy())
    volume = bitcoin["volume"].to_numpy()
    by_hour = np.array([[size[hour == h].mean(), volume[hour == h].mean()] for h in range(24)])
    busiest, quietest = by_hour.max(axis=0), by_hour.min(axis=0)
    assert 1.3 < busiest[0] / quietest[0] < 2.5
    assert 1.8 < busiest[1] / quietest[1] < 6.0


def test_volume_comes_with_movement(bitcoin):
    span = np.log(bitcoin["high"].to_numpy() / bitcoin["low"].to_numpy())
    assert 0.2 < np.corrcoef(span, bitcoin["trade_count"].to_numpy())[0, 1] < 0.9


def test_currencies_move_together(bitcoin_returns):
    assert 0.5 < np.corrcoef(bitcoin_returns, returns(MARKET, "ETH/USDT"))[0, 1] < 0.9
    assert abs(np.corrcoef(bitcoin_returns, returns(MARKET, "EUR/USDT"))[0, 1]) < 0.05


@pytest.mark.parametrize(
    ("base", "middle", "quote"),
    [("ETH", "BTC", "USDT"), ("SOL", "ETH", "EUR"), ("XRP", "BTC", "EUR")],
)
def test_triangles_of_prices_agree(base, middle, quote):
    legs = [f"{base}/{middle}", f"{middle}/{quote}", f"{base}/{quote}"]
    first, second, direct = (closes(MARKET, symbol, 5) for symbol in legs)
    error = np.abs(np.log(first * second / direct))
    spreads = sum(MARKET._history.markets[symbol].half_spread for symbol in legs)
    ticks = sum(
        MARKET.rules[symbol].tick_size / closes_.min()
        for symbol, closes_ in zip(legs, (first, second, direct), strict=True)
    )
    traded = np.all(
        [
            MARKET.candles(symbol, MINUTES, T0, T0 + 5 * DAY)["trade_count"].to_numpy() > 0
            for symbol in legs
        ],
        axis=0,
    )
    assert traded.mean() > 0.9
    assert error[traded].max() < 1.001 * (spreads + ticks)


def test_volatility_is_ordered():
    deviation = [
        np.mean(
            [
                returns(SimulatedMarket(Parameters(seed=seed, volatility=v)), "BTC/USDT", 8).std()
                for seed in range(3)
            ]
        )
        for v in ("low", "moderate", "high")
    ]
    assert 1.8 < deviation[1] / deviation[0] < 2.2
    assert 1.8 < deviation[2] / deviation[1] < 2.2


def _growth(trend, seed):
    values = Factors(Parameters(seed=seed, trend=trend))._skeleton("", 365 * 10).values
    return values[365 * 10] - values[0]


def test_trends_go_where_they_say():
    growth = {t: np.mean([_growth(t, s) for s in range(6)]) for t in ("up", "sideways", "down")}
    assert growth["up"] > growth["sideways"] + 1.0
    assert growth["down"] < growth["sideways"] - 1.0


def test_an_upward_market_rises_and_a_downward_one_falls():
    month = Timeframe.parse("1d")
    for trend, sign in (("up", 1), ("down", -1)):
        changes = []
        for seed in range(5):
            market = SimulatedMarket(Parameters(seed=seed, volatility="low", trend=trend))
            first, last = (
                market.candles("BTC/USDT", month, since, since + DAY)["close"][0]
                for since in (GENESIS, GENESIS + 10 * 365 * DAY)
            )
            changes.append(np.log(last / first))
        assert sign * np.mean(changes) > 1.0


def test_fibonacci_trends_last_a_fibonacci_number_of_days():
    from gekko_lab.simulation.skeleton import _regimes

    kinds = _regimes(replace(Factors(Parameters())._factors[""], name="COIN"), 5000)
    changes = np.flatnonzero(np.diff(kinds)) + 1
    assert set(np.diff(changes).tolist()) == {5, 8, 13, 21, 34, 55, 89}
    assert set(kinds.tolist()) == {-1.0, 0.0, 1.0}


def test_a_longer_skeleton_begins_like_a_shorter_one():
    from gekko_lab.simulation import skeleton

    factor = Factors(Parameters())._factors[""]
    short, long = skeleton.build(factor, 400), skeleton.build(factor, 3000)
    for name in ("own", "hours", "sizes", "minutes", "values"):
        begin = getattr(short, name)
        assert begin.tobytes() == getattr(long, name)[: begin.size].tobytes()


def test_buys_follow_buys():
    side = MARKET.trades("BTC/USDT", T0, T0 + DAY)["side"].to_physical().to_numpy().astype(float)
    assert 0.5 < autocorrelation(side, 1) < 0.87


def test_amounts_have_heavy_tails():
    amount = MARKET.trades("BTC/USDT", T0, T0 + DAY)["amount"].to_numpy()
    assert 1.7 < np.log(amount).std() < 2.7
    assert 50 < np.quantile(amount, 0.99) / np.median(amount) < 550
