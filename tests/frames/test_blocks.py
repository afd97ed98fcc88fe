"""Work in blocks gives what work on all rows gives, in order, and its errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gekko_lab.frames import blocks
from gekko_lab.frames.blocks import by_blocks


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", 7)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 300))
def test_blocks_cover_all_rows_once_and_in_order(rows):
    numbers = np.arange(rows)
    parts = by_blocks(lambda block: numbers[block], rows)
    assert all(0 < len(part) <= 7 for part in parts)
    assert [number for part in parts for number in part] == list(range(rows))


@pytest.mark.parametrize("rows", [20, 300])
def test_an_error_of_a_block_is_raised(rows):
    def work(block):
        if block.start == 14:
            raise ValueError("row 14")

    with pytest.raises(ValueError, match="row 14"):
        by_blocks(work, rows)
