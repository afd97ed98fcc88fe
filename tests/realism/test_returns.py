"""Facts of candles: what gaps leave out, and values worked out by hand or with pandas."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from gekko_lab.realism import returns, statistics, volumes

DAY = 1440


@pytest.fixture
def wavy(candles_of):
    """Three days whose open is the last close, with seasons by the hour."""
    rng = np.random.default_rng(5)
    hour = np.arange(3 * DAY) // 60 % 24
    steps = rng.normal(0, 1e-3, (3 * DAY, 4)) * np.where(hour == 15, 3.0, 1.0)[:, None]
    steps[:, 0] = 0.0
    volume = np.where(hour == 15, 8.0, 2.0) * rng.lognormal(0, 0.5, 3 * DAY)
    return candles_of(np.cumsum(steps.ravel()).reshape(steps.shape), volume)


def value(facts, key):
    return facts[key].value


def test_returns_across_gaps_are_left_out(wavy):
    held = wavy.filter(~pl.int_range(pl.len()).is_in([10, 11, 2000]))
    grid = returns.on_grid(held)
    changes = np.diff(np.log(wavy["close"].to_numpy()))
    assert grid.change.size == wavy.height
    assert np.flatnonzero(np.isnan(grid.change)).tolist() == [0, 10, 11, 12, 2000, 2001]
    known = np.isfinite(grid.change)
    assert grid.change[known] == pytest.approx(changes[known[1:]])


def test_long_gaps_cost_no_memory_and_no_lag_reaches_across(candles_of):
    paths = np.zeros((20, 2))
    paths[:, 1] = np.arange(20) % 3 * 0.01
    early, late = candles_of(paths, np.ones(20)), candles_of(paths, np.ones(20), start=10**12 * 3)
    grid = returns.on_grid(pl.concat([early.head(20), late]))
    assert 1440 + 20 < grid.price.size < 1440 + 50
    apart = np.flatnonzero(np.isfinite(grid.price))
    assert apart[20] - apart[19] > DAY


def test_hours_are_those_of_the_clock(wavy):
    grid = returns.on_grid(wavy[30:])
    facts = returns.measure(grid)
    frame = wavy.select("timestamp", size=pl.col("close").log().diff().abs(), volume="volume")[30:]
    frame = frame.with_columns(size=pl.when(pl.int_range(pl.len()) > 0).then("size"))
    means = frame.group_by(pl.col("timestamp").dt.hour()).agg(pl.col("size", "volume").mean())
    expected = means.select(pl.col("size", "volume").max() / pl.col("size", "volume").min()).row(0)
    assert value(facts, "14a") == pytest.approx(expected[0])
    assert value(volumes.measure(grid), "14b") == pytest.approx(expected[1])


def test_hourly_returns_are_those_of_hourly_candles(wavy):
    closes = wavy.group_by_dynamic("timestamp", every="1h").agg(pl.col("close").last())
    expected = np.diff(np.log(closes["close"].to_numpy()))
    grid = returns.on_grid(wavy)
    assert grid.hourly == pytest.approx(expected)
    kurtosis = statistics.excess_kurtosis(expected)
    facts = returns.measure(grid)
    assert value(facts, "2b") == pytest.approx(kurtosis)
    assert value(facts, "2a") == pytest.approx(kurtosis / value(facts, "1"))


def test_the_season_is_divided_out(wavy):
    grid = returns.on_grid(wavy)
    steady = returns.without_season(grid)
    means = returns.hourly_means(grid.hour, steady)
    assert means == pytest.approx(np.ones(24))


def test_shapes_by_hand(candles_of):
    paths = np.array([[0.0, 0.03, -0.01, 0.02], [0.02, 0.02, 0.0, 0.01], [0.03, 0.05, 0.03, 0.05]])
    grid = returns.on_grid(candles_of(paths, [1.0, 2.0, 3.0]))
    facts = returns.measure(grid)
    ranges, bodies = np.array([0.04, 0.02, 0.02]), np.array([0.02, 0.01, 0.02])
    assert value(facts, "15") == pytest.approx(ranges.mean() / bodies.mean())
    parkinson = np.sqrt((ranges**2).mean() / (4 * np.log(2)))
    assert value(facts, "16") == pytest.approx(parkinson / np.sqrt((bodies**2).mean()))
    assert value(facts, "18") == 0.5


def test_candles_without_trades_do_not_count_as_opening_at_the_close(candles_of):
    paths = np.zeros((6, 2))
    grid = returns.on_grid(candles_of(paths, [1.0, 0.0, 1.0, 1.0, 0.0, 0.0]))
    assert np.nansum(grid.stays) == 2
    assert np.isfinite(grid.stays).sum() == 2


def test_volumes_are_compared_as_pandas_does(wavy):
    facts = volumes.measure(returns.on_grid(wavy))
    frame = wavy.to_pandas()
    size = np.log(frame["close"]).diff().abs()
    span = np.log(frame["high"] / frame["low"])
    volume, logs = frame["volume"], np.log(frame["volume"])
    held = size.notna()
    assert value(facts, "11a") == pytest.approx(volume[held].rank().corr(size[held].rank()))
    assert value(facts, "11b") == pytest.approx(volume.rank().corr(span.rank()))
    assert value(facts, "12a") == pytest.approx(logs.std(ddof=0))
    assert value(facts, "12b") == pytest.approx(logs.autocorr(1), abs=1e-3)
    assert value(facts, "12c") == pytest.approx(logs.autocorr(60), abs=0.02)


def test_minutes_without_trades_have_no_volume(wavy):
    empty = wavy.with_columns(volume=pl.when(pl.int_range(pl.len()) % 7 > 0).then("volume"))
    silent = returns.on_grid(empty.with_columns(pl.col("volume").fill_null(0.0)))
    absent = returns.on_grid(wavy.filter(pl.int_range(pl.len()) % 7 > 0))
    assert value(volumes.measure(silent), "12a") == value(volumes.measure(absent), "12a")
    assert value(volumes.measure(silent), "13") == value(volumes.measure(absent), "13")


def test_leverage_is_the_mean_of_its_lags(wavy):
    grid = returns.on_grid(wavy)
    change = grid.change[1:]
    lags = [np.corrcoef(change[:-lag], np.abs(change[lag:]))[0, 1] for lag in range(1, 31)]
    assert value(returns.measure(grid), "17") == pytest.approx(np.mean(lags), abs=2e-3)


def test_two_symbols_are_compared_at_the_minutes_of_both(wavy):
    held = wavy.filter(~pl.int_range(pl.len()).is_in([5, 50]))
    inverse = held.with_columns(close=1 / pl.col("close"))
    facts, count = returns.together(wavy, inverse)
    assert value(facts, "32") == pytest.approx(-1.0)
    assert count == wavy.height - 1 - 4
