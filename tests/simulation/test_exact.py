from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gekko_lab.simulation import exact, keyed, tables


@settings(deadline=None)
@given(st.floats(-600.0, 600.0))
def test_exp_agrees_with_the_c_library(x):
    assert exact.exp(np.array([x]))[0] == pytest.approx(math.exp(x), rel=1e-13)


@settings(deadline=None)
@given(st.floats(1e-300, 1e300))
def test_log_agrees_with_the_c_library(x):
    assert exact.log(np.array([x]))[0] == pytest.approx(math.log(x), rel=1e-13, abs=1e-15)


@settings(deadline=None)
@given(st.floats(-40.0, 40.0))
def test_cos_turn_agrees_with_the_c_library(x):
    assert exact.cos_turn(np.array([x]))[0] == pytest.approx(math.cos(math.tau * x), abs=1e-12)


def test_rows_are_summed_from_left_to_right():
    rows = np.random.default_rng(1).normal(size=(3, 1000))
    for row, total in zip(rows, exact.ordered_sum(rows), strict=True):
        expected = 0.0
        for value in row.tolist():
            expected += value
        assert total == expected


def test_normal_knots_are_the_normal_quantiles():
    p = np.concatenate([np.arange(1, 4096) / 4096, [1e-9, 1e-7, 1 - 1e-7]])
    expected = [NormalDist().inv_cdf(one) for one in p.tolist()]
    assert tables.normal_quantile(p) == pytest.approx(expected, rel=1e-12, abs=1e-14)


def test_normal_numbers_have_the_normal_moments():
    z = keyed.normal(keyed.key("moments"), np.arange(400_000, dtype=np.int64))
    assert z.mean() == pytest.approx(0.0, abs=0.006)
    assert z.var() == pytest.approx(1.0, abs=0.01)
    assert (z**4).mean() == pytest.approx(3.0, abs=0.1)


def test_exponential_numbers_have_the_exponential_moments():
    random = keyed.bits(keyed.key("energy"), np.arange(400_000, dtype=np.int64))
    energy = keyed.draw(tables.EXPONENTIAL, random)
    assert energy.min() >= 0.0
    assert energy.mean() == pytest.approx(1.0, abs=0.01)
    assert energy.var() == pytest.approx(1.0, abs=0.03)


def test_the_season_leaves_the_mean_variance_alone():
    factors = [math.exp(2.0 * level) for level in tables.volatility_season(1.0).tolist()]
    assert sum(factors) / len(factors) == pytest.approx(1.0, abs=1e-12)
    assert int(np.argmax(tables.volatility_season(1.0))) == 15 * 60
