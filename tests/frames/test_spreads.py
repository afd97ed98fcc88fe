"""The spread that was put into candles is found in them."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from gekko_lab.frames.schemas import CANDLES, TIME
from gekko_lab.frames.spreads import usual_spread

MINUTE = 60_000
START = 1_704_067_200_000


def candles_of(spread, trades, minutes=20_000, seed=1, traded=1.0):
    """Minutes of a random walk that is seen half a spread above or below, trade by trade."""
    rng = np.random.default_rng(seed)
    path = np.cumsum(rng.normal(0.0, 1e-3 / trades**0.5, (minutes, trades)).ravel())
    seen = np.exp(path + rng.choice([-0.5, 0.5], path.size) * spread).reshape(minutes, trades)
    there = rng.random((minutes, trades)) < traded
    there[:, 0] |= ~there.any(axis=1)
    first, last = there.argmax(axis=1), trades - 1 - there[:, ::-1].argmax(axis=1)
    rows = np.arange(minutes)
    times = pl.Series(START + MINUTE * rows) * 1000
    columns = {
        "timestamp": times.cast(TIME),
        "open": seen[rows, first],
        "high": np.where(there, seen, -np.inf).max(axis=1),
        "low": np.where(there, seen, np.inf).min(axis=1),
        "close": seen[rows, last],
        "volume": np.ones(minutes),
    }
    return pl.DataFrame(columns, schema=CANDLES)


@pytest.mark.parametrize("trades", [2, 5, 50])
@pytest.mark.parametrize("spread", [1e-3, 3e-3])
def test_a_known_spread_is_found_however_many_trades_a_candle_has(spread, trades):
    assert usual_spread(candles_of(spread, trades), MINUTE) == pytest.approx(spread, rel=0.1)


def test_it_is_found_where_some_minutes_have_one_trade_only():
    thin = candles_of(2e-3, 6, traded=0.25)
    assert (thin["high"] == thin["low"]).mean() > 0.2
    assert usual_spread(thin, MINUTE) == pytest.approx(2e-3, rel=0.1)


def test_pairs_across_a_gap_say_nothing():
    whole = candles_of(2e-3, 6, minutes=6000)
    jump = whole[3000:].with_columns(pl.col("open", "high", "low", "close") * 2.0)
    apart = pl.concat([whole[:2990], jump])
    both = usual_spread(apart, MINUTE)
    assert both == pytest.approx(usual_spread(whole, MINUTE), rel=0.05)


def test_candles_that_show_no_spread_give_none():
    assert np.isnan(usual_spread(candles_of(0.0, 1, minutes=3), MINUTE))
    flat = candles_of(0.0, 2, minutes=50).with_columns(
        pl.lit(5.0).alias(name) for name in ("open", "high", "low", "close")
    )
    assert np.isnan(usual_spread(flat, MINUTE))
    assert np.isnan(usual_spread(flat[:1], MINUTE))
