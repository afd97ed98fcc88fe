"""Estimators against closed forms, samples of known parameters, and pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gekko_lab.realism import statistics

NAN = np.nan


def white(count, seed=0):
    return np.random.default_rng(seed).normal(size=count)


def autoregressive(count, coefficient, seed=0):
    values = white(count, seed)
    for place in range(1, count):
        values[place] += coefficient * values[place - 1]
    return values


def with_holes(values, share=0.2, seed=9):
    holes = np.random.default_rng(seed).random(values.size) < share
    return np.where(holes, NAN, values)


def fractional_noise(count, hurst, seed=0):
    """Exact fractional Gaussian noise by circulant embedding (Davies and Harte 1987)."""
    lags = np.arange(count + 1.0)
    power = 2 * hurst
    covariance = (np.abs(lags - 1) ** power - 2 * lags**power + (lags + 1) ** power) / 2
    circle = np.fft.fft(np.concatenate([covariance, covariance[-2:0:-1]])).real
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=circle.size) + 1j * rng.normal(size=circle.size)
    return np.fft.fft(np.sqrt(circle / circle.size) * noise).real[:count]


def direct_autocorrelation(values, lag):
    centered = values - np.nanmean(values)
    return np.nanmean(centered[lag:] * centered[:-lag]) / np.nanmean(centered**2)


def test_kurtosis_of_two_points_is_least():
    assert statistics.excess_kurtosis(np.array([-1.0, 1.0] * 8)) == pytest.approx(-2.0)


def test_kurtosis_is_that_of_pandas_before_its_correction():
    values = with_holes(np.random.default_rng(1).standard_t(5, 3000))
    n = np.isfinite(values).sum()
    corrected = (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * statistics.excess_kurtosis(values) + 6)
    assert corrected == pytest.approx(pd.Series(values).kurt(), rel=1e-9)


def test_a_tail_of_equal_values_has_the_index_of_its_height():
    values = np.array([1.0] * 190 + [np.e**0.5] * 10)
    assert statistics.hill(values, 0.05) == pytest.approx(2.0)


@pytest.mark.parametrize("index", [1.5, 3.0, 4.5])
def test_the_index_of_a_pareto_sample_is_found(index):
    sample = 1 + np.random.default_rng(2).pareto(index, 100_000)
    assert statistics.hill(with_holes(sample), 0.05) == pytest.approx(index, rel=0.05)


def test_autocorrelations_are_those_of_the_pairs_that_are_known():
    values = with_holes(autoregressive(2000, 0.7))
    found = statistics.autocorrelation(values, 50)
    assert found[0] == pytest.approx(1.0)
    for lag in (1, 7, 50):
        assert found[lag] == pytest.approx(direct_autocorrelation(values, lag), abs=1e-10)


def test_autocorrelations_of_long_series_are_taken_across_blocks():
    values = autoregressive(150_000, 0.9)
    found = statistics.autocorrelation(values, 1000)
    for lag in (1, 10, 999):
        assert found[lag] == pytest.approx(pd.Series(values).autocorr(lag), abs=1e-3)
        assert found[lag] == pytest.approx(direct_autocorrelation(values, lag), abs=1e-10)
    assert found[[1, 10]] == pytest.approx([0.9, 0.9**10], abs=0.02)


def test_a_series_that_follows_another_is_found_at_its_lag():
    leader = white(500)
    follower = np.concatenate([white(3, 5), -leader[:-3]])
    found = statistics.lagged_correlation(leader, follower, 5)
    assert np.abs(found).argmax() == 3
    assert found[3] == pytest.approx(-1.0, abs=0.02)


def test_lags_beyond_the_series_are_unknown():
    found = statistics.autocorrelation(white(20), 30)
    assert np.isfinite(found[:10]).all()
    assert np.isnan(found[20:]).all()


def test_correlations_are_those_of_pandas():
    first = with_holes(white(400))
    second = np.round(first + with_holes(white(400, 3), seed=4), 1)
    one, two = pd.Series(first), pd.Series(second)
    both = one.notna() & two.notna()
    assert statistics.correlation(first, second) == pytest.approx(one.corr(two))
    ranked = one[both].rank().corr(two[both].rank())
    assert statistics.rank_correlation(first, second) == pytest.approx(ranked)
    assert statistics.ranks(np.array([5.0, 1.0, 5.0, 7.0])).tolist() == [1.5, 0.0, 1.5, 3.0]


def test_the_slope_of_a_line_is_found():
    assert statistics.slope(np.array([1.0, 2.0, 4.0]), np.array([5.0, 3.0, -1.0])) == -2.0


@pytest.mark.parametrize("exponent", [0.3, 0.8])
def test_the_exponent_of_a_power_law_is_found(exponent):
    lags = np.arange(1001.0)
    levels = np.append(1.0, 0.4 * lags[1:] ** -exponent)
    assert statistics.decay_exponent(levels, 5, 1000) == pytest.approx(exponent, abs=0.01)
    assert statistics.decay_exponent(levels, 1, 100) == pytest.approx(exponent, abs=0.01)
    levels[300:] = -9.0  # what lies behind the first that isn't positive doesn't count
    assert statistics.decay_exponent(levels, 5, 1000) == pytest.approx(exponent, abs=0.01)


def test_a_memory_that_ends_at_once_has_no_exponent():
    levels = np.append([1.0, 0.5, 0.4, 0.3, 0.2, 0.1, 0.1, 0.1], np.full(1000, -0.1))
    assert np.isnan(statistics.decay_exponent(levels, 5, 1000))
    assert np.isnan(statistics.decay_exponent(np.full(1001, NAN), 5, 1000))
    assert np.isnan(statistics.decay_exponent(levels[:3], 5, 1000))


@pytest.mark.parametrize("hurst", [0.3, 0.5, 0.8])
def test_the_hurst_exponent_of_fractional_noise_is_found(hurst):
    found = [
        statistics.fluctuation_exponent(fractional_noise(1 << 14, hurst, seed)) for seed in range(4)
    ]
    assert np.mean(found) == pytest.approx(hurst, abs=0.04)


def test_a_window_is_cleared_of_its_line():
    profile = np.tile([0.0, 1.0, 0.0, -1.0], 2)
    time = np.arange(4)
    left = [
        ((part - np.polyval(np.polyfit(time, part, 1), time)) ** 2).mean()
        for part in profile.reshape(-1, 4)
    ]
    assert statistics._fluctuation(profile, 4) == pytest.approx(np.mean(left))


def test_a_random_walk_has_variance_ratios_of_one():
    walk = np.cumsum(white(200_000) + 0.1)
    for steps, room in ((5, 0.02), (60, 0.08)):
        assert statistics.variance_ratio(walk, steps) == pytest.approx(1.0, abs=room)


def test_an_autoregression_has_the_variance_ratio_of_its_correlations():
    walk = np.cumsum(autoregressive(300_000, -0.3))
    lags = np.arange(1, 10)
    expected = 1 + 2 * ((1 - lags / 10) * (-0.3) ** lags).sum()
    assert statistics.variance_ratio(walk, 10) == pytest.approx(expected, abs=0.02)
    assert statistics.variance_ratio(with_holes(walk), 10) == pytest.approx(expected, abs=0.03)


def test_a_variance_ratio_by_hand():
    prices = np.array([0.0, 1.0, 0.0, 1.0, 2.0, 1.0, 2.0, 3.0])
    drift = 3 / 7
    single = np.mean([(1 - drift) ** 2] * 5 + [(-1 - drift) ** 2] * 2)
    double = np.mean((np.array([0, 0, 2, 0, 0, 2]) - 2 * drift) ** 2) / (1 - 2 / 8)
    assert statistics.variance_ratio(prices, 2) == pytest.approx(double / (2 * single))


def test_independent_events_have_a_fano_factor_of_one():
    times = np.sort(np.random.default_rng(1).integers(0, 10**8, 200_000))
    assert statistics.fano_factor(times, 1000) == pytest.approx(1.0, abs=0.02)
    assert statistics.fano_factor(np.repeat(times, 3), 1000) == pytest.approx(3.0, abs=0.06)


def test_a_fano_factor_by_hand():
    burst = np.repeat(np.arange(0, 1000, 10), 1)  # an event in every tenth window of 1
    times = np.append(burst, 1000)
    expected = (0.1 - 0.1**2) / 0.1
    assert statistics.fano_factor(times, 1) == pytest.approx(expected)


@pytest.mark.parametrize("values", [np.empty(0), np.full(500, NAN), np.full(500, 3.0), white(3)])
def test_nothing_is_estimated_of_nothing(values):
    assert np.isnan(statistics.excess_kurtosis(values))
    assert np.isnan(statistics.autocorrelation(values, 10)[5])
    assert np.isnan(statistics.fluctuation_exponent(values))
    assert np.isnan(statistics.variance_ratio(values, 5))
    assert np.isnan(statistics.correlation(values, values)) or values.size == 3
    assert np.isnan(statistics.fano_factor(np.empty(0, dtype=np.int64), 10))


@pytest.mark.parametrize("values", [np.empty(0), np.full(500, NAN), np.zeros(500), np.ones(500)])
def test_a_tail_without_extremes_has_no_index(values):
    assert np.isnan(statistics.hill(values, 0.05))


def test_means_and_ratios_of_nothing_are_nothing():
    assert np.isnan(statistics.mean(np.array([NAN])))
    assert statistics.mean(np.array([NAN, 2.0, 4.0])) == 3.0
    assert np.isnan(statistics.ratio(1.0, 0.0))
    assert np.isnan(statistics.slope(np.array([1.0, 1.0]), np.array([1.0, 2.0])))
