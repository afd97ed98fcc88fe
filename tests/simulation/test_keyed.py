from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gekko_lab.simulation import keyed

_MASK = 2**64 - 1


def _mix(z: int) -> int:
    z ^= z >> 30
    z = z * 0xBF58476D1CE4E5B9 & _MASK
    z ^= z >> 27
    z = z * 0x94D049BB133111EB & _MASK
    return z ^ z >> 31


def _bits(stream: int, cell: int) -> int:
    golden, first = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9
    z = _mix((cell * golden + stream) & _MASK)
    return _mix((z + stream * golden + first) & _MASK)


@settings(deadline=None)
@given(st.integers(0, _MASK), st.lists(st.integers(0, 2**62), min_size=1, max_size=20))
def test_bits_are_those_of_whole_number_arithmetic(stream, cells):
    found = keyed.bits(stream, np.array(cells, dtype=np.int64)).tolist()
    assert found == [_bits(stream, cell) for cell in cells]


def test_keys_depend_on_every_part_and_their_order():
    keys = {keyed.key(*parts) for parts in [("a", "b"), ("b", "a"), ("ab",), ("a", "b", 0), (0,)]}
    assert len(keys) == 5


def test_each_bit_is_as_often_one_as_zero():
    random = keyed.bits(keyed.key("bits"), np.arange(1 << 16, dtype=np.int64))
    ones = [int(((random >> np.uint64(bit)) & np.uint64(1)).sum()) for bit in range(64)]
    assert min(ones) > 2**15 - 700
    assert max(ones) < 2**15 + 700


def test_uniform_numbers_fill_the_unit_interval():
    value = keyed.uniform(3, np.arange(100_000, dtype=np.int64))
    assert 0.0 <= value.min() < 1e-3
    assert 1.0 - 1e-3 < value.max() < 1.0
    assert value.mean() == pytest.approx(0.5, abs=0.005)


@settings(deadline=None)
@given(st.integers(2, 300), st.integers(0, 10**8), st.integers(1, 500), st.integers(0, 499))
def test_a_lattice_is_the_same_from_wherever_it_is_read(period, first, count, skip):
    lattice = keyed.Lattice(keyed.key("lattice", period), period)
    whole = lattice.at(first, count)
    skip %= count
    assert whole[skip:].tobytes() == lattice.at(first + skip, count - skip).tobytes()


def test_a_lattice_has_unit_variance_at_every_phase():
    value = keyed.Lattice(keyed.key("variance"), 8).at(0, 8 * 40_000)
    by_phase = value.reshape(-1, 8).var(axis=0)
    assert by_phase == pytest.approx(np.ones(8), abs=0.04)
