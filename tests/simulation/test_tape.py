from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gekko_lab.simulation.minutes import Minutes
from gekko_lab.simulation.tape import tape


@st.composite
def candle(draw) -> tuple[int, ...]:
    """Any candle that some trades can have made."""
    count = draw(st.integers(0, 60))
    width = draw(st.sampled_from([0, 1, 2, 5, 1000]))
    low = draw(st.integers(1, 10**6))
    high = low + draw(st.integers(0, width))
    if count <= 1:
        high = low
    open_, close = (draw(st.integers(low, high)) for _ in range(2))
    if count < 4:
        open_ = draw(st.sampled_from([low, high]))
    if count < 3:
        close = low + high - open_
    lots = count + draw(st.sampled_from([0, 1, 17, 10**6, 10**12])) if count else 0
    return open_, high, low, close, count, lots


@settings(max_examples=150, deadline=None)
@given(st.lists(candle(), min_size=1, max_size=8), st.integers(0, 2**64 - 1))
def test_any_candles_are_reproduced_exactly(candles, stream):
    columns = np.array(candles, dtype=np.int64).T
    minute = np.arange(29_000_000, 29_000_000 + len(candles))
    made = tape(stream, Minutes(minute, *columns))
    for row, (open_, high, low, close, count, lots) in enumerate(candles):
        mine = made.id >> 20 == 29_000_000 + row
        assert int(mine.sum()) == count
        if count:
            ticks = made.ticks[mine].tolist()
            assert (ticks[0], max(ticks), min(ticks), ticks[-1]) == (open_, high, low, close)
            assert sum(made.lots[mine].tolist()) == lots
            assert made.lots[mine].min() >= 1
            time = made.time[mine]
            assert (np.diff(time) >= 0).all()
            assert (time // 60_000 == 29_000_000 + row).all()


@settings(max_examples=50, deadline=None)
@given(st.lists(candle(), min_size=2, max_size=8), st.integers(1, 7))
def test_minutes_do_not_depend_on_their_neighbors(candles, cut):
    columns = np.array(candles, dtype=np.int64).T
    rows = Minutes(np.arange(29_000_000, 29_000_000 + len(candles)), *columns)
    cut = min(cut, len(candles) - 1)
    whole, left, right = tape(5, rows), tape(5, rows[:cut]), tape(5, rows[cut:])
    for name in ("id", "time", "side", "ticks", "lots"):
        joined = np.concatenate([getattr(left, name), getattr(right, name)])
        assert getattr(whole, name).tolist() == joined.tolist()
