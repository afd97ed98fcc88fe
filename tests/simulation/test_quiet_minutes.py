"""A minute without trades doesn't shape the longer candle that it lies in."""

from __future__ import annotations

import polars as pl
import pytest

import gekko_lab
from gekko_lab.frames.schemas import CANDLES
from gekko_lab.market.timeframe import Timeframe
from gekko_lab.simulation import Parameters, SimulatedMarket

SYMBOL = "LTC/EUR"


@pytest.fixture(scope="module")
def quiet():
    return SimulatedMarket(Parameters(seed=1))


@pytest.mark.parametrize("width", ["5m", "15m", "1h", "1d"])
def test_the_trades_alone_make_the_candle(quiet, ms, width):
    since, until = ms("2024-01-01"), ms("2024-01-03")
    candles = quiet.candles(SYMBOL, Timeframe.parse(width), since, until)
    made = (
        quiet.trades(SYMBOL, since, until)
        .group_by_dynamic("timestamp", every=width)
        .agg(
            open=pl.col("price").first(),
            high=pl.col("price").max(),
            low=pl.col("price").min(),
            close=pl.col("price").last(),
            trade_count=pl.len().cast(pl.Int64),
        )
    )
    traded = candles.filter(pl.col("trade_count") > 0)
    assert len(traded) > 1
    assert traded.select(made.columns).equals(made)


@pytest.mark.parametrize("width", ["5m", "15m", "1h", "1d"])
def test_resampled_minutes_are_the_longer_candles(quiet, ms, width):
    since, until = ms("2024-01-01"), ms("2024-01-03")
    minutes = quiet.candles(SYMBOL, Timeframe.parse("1m"), since, until).select(CANDLES.names())
    assert (minutes["volume"] == 0).any()
    longer = quiet.candles(SYMBOL, Timeframe.parse(width), since, until).select(CANDLES.names())
    made = gekko_lab.resample(minutes, width)
    prices = ["timestamp", "open", "high", "low", "close"]
    assert made.select(prices).equals(longer.select(prices))
    assert made["volume"].to_list() == pytest.approx(longer["volume"].to_list(), rel=1e-12)


def test_time_without_any_trade_stays_at_the_last_price():
    rows = [(60_000_000 * place, 5.0, 5.0, 5.0, 5.0, 0.0) for place in range(5)]
    frame = pl.DataFrame(rows, schema=list(CANDLES), orient="row").cast(dict(CANDLES))
    made = gekko_lab.resample(frame, "5m")
    assert made.rows()[0][1:] == (5.0, 5.0, 5.0, 5.0, 0.0)


def test_a_move_without_recorded_volume_still_counts():
    rows = [
        (0, 5.0, 5.0, 5.0, 5.0, 0.0),
        (60_000_000, 6.0, 9.0, 6.0, 7.0, 0.0),
        (120_000_000, 7.0, 8.0, 7.0, 7.0, 3.0),
    ]
    frame = pl.DataFrame(rows, schema=list(CANDLES), orient="row").cast(dict(CANDLES))
    assert gekko_lab.resample(frame, "3m").rows()[0][1:] == (6.0, 9.0, 6.0, 7.0, 3.0)
