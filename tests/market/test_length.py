"""Lengths of time as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gekko_lab.errors import InvalidArgument, InvalidType
from gekko_lab.market.length import read_length

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


@given(count=st.integers(1, 1000), unit=st.sampled_from(sorted(SECONDS)))
def test_text_and_timedelta_say_the_same(count, unit):
    length = timedelta(seconds=count * SECONDS[unit])
    assert read_length(f"{count}{unit}", name="x") == read_length(length, name="x")
    assert read_length(length, name="x") == count * SECONDS[unit] * 1000


@pytest.mark.parametrize("length", ["1M", "an hour", "0s", "", "-1h", timedelta(0), -timedelta(1)])
def test_what_has_no_fixed_length_is_refused(length):
    with pytest.raises(InvalidArgument, match=r"duration=.*'90m'"):
        read_length(length, name="duration")


@pytest.mark.parametrize("length", [5, 1.5, None, True])
def test_a_number_has_no_unit(length):
    with pytest.raises(InvalidType, match=r"duration=.*timedelta"):
        read_length(length, name="duration")
