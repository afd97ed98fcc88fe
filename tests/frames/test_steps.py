"""Steps of ten, held against Python's decimals and fractions."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gekko_lab.errors import DataError, InvalidArgument, InvalidType
from gekko_lab.frames import steps

NUMBERS = st.lists(st.integers(0, 2**51), min_size=1, max_size=30)


def doubles(units, decimals):
    return np.array([float(Decimal(one).scaleb(-decimals)) for one in units])


@given(NUMBERS, st.integers(0, 18))
def test_the_decimals_are_the_fewest_that_all_numbers_have(units, decimals):
    least = decimals
    while least and all(one % 10 ** (decimals - least + 1) == 0 for one in units):
        least -= 1
    found = steps.find_decimals(doubles(units, decimals))
    assert found == least
    whole = steps.to_steps(doubles(units, decimals), decimals)
    assert whole.tolist() == units


@given(st.integers(1, 10), st.integers(0, 4_999))
def test_one_number_among_many_is_enough_to_need_more_decimals(decimals, place):
    numbers = np.ones(5_000)
    numbers[place] = float(Decimal(1).scaleb(-decimals))
    assert steps.find_decimals(numbers) == decimals


def test_no_numbers_have_no_decimals():
    assert steps.find_decimals(np.empty(0)) == 0


@pytest.mark.parametrize(
    "numbers", [[1 / 3, 1000.0], [0.1 + 0.2, 0.5], [1e-9, 1e9 + 0.5], [2.0**53], [np.nan], [np.inf]]
)
def test_calculated_numbers_and_numbers_beyond_counting_have_no_step(numbers):
    assert steps.find_decimals(np.array(numbers)) is None


def test_a_hair_off_is_near_enough_where_noise_is_allowed():
    assert steps.find_decimals(np.array([0.1 + 0.2, 0.5]), noise=steps.NOISE) == 1
    assert steps.to_steps(np.array([0.1 + 0.2, 0.5]), 1).tolist() == [3, 5]


@given(st.floats(0.0, 1e12, width=64), st.integers(0, 20))
def test_a_number_misses_exactly_when_it_is_not_the_double_of_its_decimals(number, decimals):
    units = round(Fraction(number) * 10**decimals)
    held = units < 2**51 and float(Fraction(units, 10**decimals)) == number
    if units < 2**51 or units > 2**53:
        assert steps.misses(np.array([number]), decimals)[0] != held


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0.001, (3, 1)),
        (1e-8, (8, 1)),
        (1.0 / 10**5, (5, 1)),
        (0.25, (2, 25)),
        (0.005, (3, 5)),
        (1, (0, 1)),
        (1000, (0, 1000)),
        (np.float64(0.1), (1, 1)),
        (np.int64(5), (0, 5)),
    ],
)
def test_a_step_size_is_a_number_of_decimals(size, expected):
    step = steps.read_step(size)
    assert (step.decimals, step.count) == expected


@pytest.mark.parametrize("size", [0, -0.1, float("nan"), float("inf"), 1e-21, 1e300])
def test_a_step_size_that_can_not_be_is_refused(size):
    with pytest.raises(InvalidArgument, match="step_size="):
        steps.read_step(size)


@pytest.mark.parametrize("size", ["0.1", True, [0.1]])
def test_a_step_size_is_a_number(size):
    with pytest.raises(InvalidType, match="give a number such as"):
        steps.read_step(size)


@pytest.mark.parametrize(
    ("numbers", "size", "row"), [([1.0, 0.25, 0.125], 0.01, 2), ([0.5, 0.75, 1.0], 0.5, 1)]
)
def test_the_first_number_off_the_step_is_named(numbers, size, row):
    column = pl.Series("volume", numbers)
    text = f"candle {row} of 3 has volume={numbers[row]}, which isn't a whole number of step_size="
    with pytest.raises(DataError, match=f"{text}{size}: give the market's step"):
        steps.check_steps(column, steps.read_step(size), noun="candle")


def test_calculated_numbers_may_be_a_hair_off_a_given_step():
    steps.check_steps(pl.Series("volume", [0.1 + 0.2]), steps.read_step(0.1), noun="candle")


@given(st.integers(-(2**62), 2**62), st.integers(0, 16))
def test_decimals_are_the_nearest_doubles(units, decimals):
    assert steps.decimal(np.array([units]), decimals)[0] == float(Fraction(units, 10**decimals))


@given(st.integers(-(2**40), 2**40), st.integers(0, 2**50), st.integers(0, 16))
def test_wide_decimals_are_the_nearest_doubles(high, low, decimals):
    found = steps.wide_decimal(np.array([high]), np.array([low]), decimals)[0]
    assert found == float(Fraction(high * 2**32 + low, 10**decimals))
