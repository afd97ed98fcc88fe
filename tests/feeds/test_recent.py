"""The last rows are kept in little room, however they came."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from gekko_lab.events.columns import stamped
from gekko_lab.events.piece import Part, Piece
from gekko_lab.feeds.forming import Row, as_frame
from gekko_lab.feeds.recent import Recent, _Tail

MINUTE_US = 60_000_000


def candles(first, count):
    """Numbered candles as the feed stamps them."""
    rows = [Row(n * MINUTE_US, 1.0, 2.0, 0.5, 1.5, n, n, n) for n in range(first, first + count)]
    numbers = np.arange(first, first + count)
    return stamped("candle", "A/B", as_frame(rows), numbers, 0)


@pytest.mark.parametrize("size", [1, 3, 7, 40])
def test_many_small_frames_become_few(size):
    tail = _Tail("candle", 100)
    for first in range(0, 2000 * size, size):
        tail.add(candles(first, size))
        assert tail.height <= 200 + size
    assert len(tail.frames) <= 64
    end = 2000 * size
    assert tail.rows()["sequence"].to_list() == list(range(end - 100, end))


def test_fewer_than_are_kept_are_all_there():
    recent = Recent(1000)
    for first in range(300):
        part = Part("candle", "A/B", candles(first, 1))
        recent.add(Piece("x", "1m", parts=[part], count=1))
    whole = pl.concat([candles(0, 300)])
    assert recent.rows("candle").equals(whole)
