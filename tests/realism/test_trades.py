"""Facts of order flow, on trades whose orders and answers are known."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from gekko_lab.errors import DataError
from gekko_lab.market.timeframe import DAY, Timeframe
from gekko_lab.realism import trades
from gekko_lab.simulation import Parameters, SimulatedMarket

T0 = 1_704_067_200_000
MINUTES = Timeframe.parse("1m")


@pytest.fixture(scope="module")
def market():
    return SimulatedMarket(Parameters(seed=1))


def few(trades_of):
    """Four orders: a buy of two fills, a sell of one, a buy in the same ms, a buy later."""
    times = [1000, 1000, 1000, 1000, 5000]
    sides = ["buy", "buy", "sell", "buy", "buy"]
    return trades_of(times, sides, [10.0, 11.0, 11.0, 12.0, 12.0], [1.0, 2.0, 3.0, 4.0, 5.0])


def test_an_order_is_the_neighbors_of_one_millisecond_and_side(trades_of):
    found = trades.orders(trades.flow(few(trades_of)))
    assert found.time.tolist() == [1000, 1000, 1000, 5000]
    assert found.sign.tolist() == [1.0, -1.0, 1.0, 1.0]
    assert np.exp(found.price) == pytest.approx([11.0, 11.0, 12.0, 12.0])
    assert found.amount.tolist() == [3.0, 3.0, 4.0, 5.0]


def test_shares_and_sizes_by_hand(trades_of):
    facts = trades.measure(trades.flow(few(trades_of)))
    assert facts["21a"].value == 5 / 4
    assert facts["21b"].value == 3 / 4
    assert facts["25a"].value == 2 / 4
    assert facts["25b"].value == pytest.approx(2 / 3)
    assert facts["22a"].value == pytest.approx(np.std([0, 0, 4]) / np.mean([0, 0, 4]))
    assert facts["24a"].value == pytest.approx(np.log([1, 2, 3, 4, 5]).std())
    assert facts["24c"].value == pytest.approx(np.quantile([1, 2, 3, 4, 5], 0.99) / 3)


def test_the_response_counts_from_the_price_before_the_order(trades_of):
    frame = trades_of(
        [0, 1, 2, 3], ["buy", "buy", "sell", "buy"], np.exp([0.0, 0.1, 0.3, 0.6]), [1.0] * 4
    )
    found = trades.orders(trades.flow(frame))
    assert trades.response(found, 1) == pytest.approx((0.1 - 0.2 + 0.3) / 3)
    assert trades.response(found, 2) == pytest.approx((0.3 - 0.5) / 2)
    assert np.isnan(trades.response(found, 4))


def test_signs_of_split_orders_remember_as_long_as_the_theory_says(trades_of):
    """Runs of Pareto length with index a have correlations that fall with lag^(1 - a)."""
    rng = np.random.default_rng(4)
    runs = np.ceil(1 + rng.pareto(1.5, 120_000)).astype(int).clip(max=20_000)
    signs = rng.choice(["buy", "sell"], runs.size).repeat(runs)[:300_000]
    times = 10 * np.arange(signs.size)
    frame = trades_of(times, signs, np.full(signs.size, 5.0), np.ones(signs.size))
    facts = trades.measure(trades.flow(frame))
    assert facts["19b"].value == pytest.approx(0.5, abs=0.1)
    assert facts["19a"].value == facts["20a"].value > 0.5


def test_signs_without_memory_fail_instead_of_being_unknown(trades_of):
    signs = np.array(["buy", "sell"] * 5000)
    frame = trades_of(10 * np.arange(10_000), signs, np.full(10_000, 5.0), np.ones(10_000))
    fact = trades.measure(trades.flow(frame))["19b"]
    assert (fact.value, fact.absent) == (None, True)
    assert trades.measure(trades.flow(frame))["28a"].absent


def test_minutes_compare_flow_with_the_return_from_the_minute_before(trades_of):
    times = [0, 60_000, 120_000, 130_000, 180_000, 600_000, 660_000]
    prices = np.exp([0.0, 0.1, 0.1, 0.4, 0.3, 9.0, 9.2])
    sides = ["buy", "buy", "sell", "buy", "sell", "buy", "buy"]
    facts = trades.measure(trades.flow(trades_of(times, sides, prices, [1, 2, 1, 4, 5, 9, 3])))
    changes, signed, counts = [0.1, 0.3, -0.1, 0.2], [2, 3, -5, 3], [1, 2, 1, 1]
    assert facts["27a"].value == pytest.approx(np.corrcoef(changes, signed)[0, 1])
    assert facts["27b"].value == pytest.approx(np.corrcoef(np.abs(changes), counts)[0, 1])


def test_trades_without_sides_keep_what_needs_none(trades_of):
    frame = few(trades_of).with_columns(side=pl.lit(None, pl.String)).drop("id")
    facts = trades.measure(trades.flow(trades.read(frame)))
    assert facts["21b"].value == 3 / 4
    assert facts["21a"].value is None
    assert "side of some trades" in facts["28a"].note


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"price": pl.lit(None, pl.Float64)}, "trade 0 of 5 has a null"),
        ({"amount": pl.col("amount") - 3}, "trade 0 of 5 has an amount that isn't positive"),
        ({"timestamp": pl.col("timestamp").reverse()}, "trade 1 of 5 is older"),
        ({"side": pl.lit("bid")}, "neither 'buy' nor 'sell'"),
        ({"price": pl.lit("1")}, "column 'price' is String"),
    ],
)
def test_what_are_no_trades_is_refused_by_row(trades_of, change, message):
    with pytest.raises(DataError, match=message):
        trades.read(few(trades_of).with_columns(**change))
    with pytest.raises(DataError, match="no column 'amount'"):
        trades.read(few(trades_of).drop("amount"))


def test_the_simulated_market_adds_up_in_each_timeframe(market):
    for symbol, name in (("LTC/EUR", "1m"), ("BTC/USDT", "1m"), ("BTC/USDT", "1h")):
        width = Timeframe.parse(name)
        prints = trades.read(market.trades(symbol, T0, T0 + DAY))
        candles = market.candles(symbol, width, T0, T0 + DAY)
        assert trades.mismatches(candles, prints, width).value == 0
        assert trades.mismatches(candles.drop("trade_count"), prints, width).value == 0


@pytest.mark.parametrize(
    "change",
    [
        {"high": pl.col("high") + 1},
        {"volume": pl.col("volume") * 1.001},
        {"trade_count": pl.col("trade_count") + 1},
        {"timestamp": pl.col("timestamp") + pl.duration(days=400)},
    ],
)
def test_each_candle_that_differs_is_counted(market, change):
    prints = trades.read(market.trades("BTC/USDT", T0, T0 + DAY // 24))
    candles = market.candles("BTC/USDT", MINUTES, T0, T0 + DAY)
    places = [7, 20]
    row = pl.int_range(pl.len()).is_in(places)
    changed = candles.with_columns(
        **{key: pl.when(row).then(expr).otherwise(key) for key, expr in change.items()}
    )
    assert trades.mismatches(changed.sort("timestamp"), prints, MINUTES).value == 2


def test_nothing_is_compared_where_there_is_nothing_whole(market, trades_of):
    prints = trades.read(few(trades_of))
    candles = market.candles("BTC/USDT", MINUTES, T0, T0 + DAY)
    assert "no whole candle" in trades.mismatches(candles, prints, MINUTES).note
    earlier = trades.read(market.trades("BTC/USDT", T0 - DAY // 24, T0))
    assert "no whole candle" in trades.mismatches(candles, earlier, MINUTES).note
    assert "calendar" in trades.mismatches(candles, prints, Timeframe.parse("1M")).note
    assert trades.mismatches(candles, prints, None).value is None
