"""Sums of trades are those of the decimals that they show."""

from __future__ import annotations

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gekko_lab.feeds.summing import exact_sums

ticks = st.integers(1, 10**8).map(lambda units: units / 100)
steps = st.integers(0, 10**7).map(lambda units: units / 10**5)
calculated = st.floats(0, 1e12, allow_subnormal=False)


def truth(trades):
    with localcontext() as exact:
        exact.prec = 400
        sizes = [Decimal(repr(amount)) for _, amount in trades]
        costs = [Decimal(repr(price)) * Decimal(repr(amount)) for price, amount in trades]
        return sum(sizes, Decimal(0)), sum(costs, Decimal(0))


@given(trades=st.lists(st.tuples(ticks, steps), max_size=80))
def test_whole_steps_are_summed_without_any_loss(trades):
    found = exact_sums([price for price, _ in trades], [amount for _, amount in trades])
    assert found == truth(trades)


@given(trades=st.lists(st.tuples(calculated, calculated), max_size=40))
def test_other_numbers_are_summed_to_28_digits(trades):
    found = exact_sums([price for price, _ in trades], [amount for _, amount in trades])
    for mine, true in zip(found, truth(trades), strict=True):
        assert abs(mine - true) <= abs(true) * Decimal("1e-26")


@pytest.mark.parametrize("number", [0.1 + 0.2, 1e-13, 123456789012345.67, 5e300, 2.0**-40])
def test_one_number_of_many_digits_among_many_is_not_rounded(number):
    amounts = [0.1] * 50 + [number]
    volume, _ = exact_sums([1.0] * 51, amounts)
    assert volume == Decimal("5.0") + Decimal(repr(number))
