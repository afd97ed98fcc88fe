"""Small tables with numbers that floats hold exactly."""

from __future__ import annotations

import polars as pl
import pytest

from gekko_lab.frames.schemas import CANDLES, CANDLES_FULL, TIME, TRADES


@pytest.fixture(scope="session")
def make_candles():
    """Sound candles that open at these milliseconds."""

    def make(opens, *, full=False):
        rows = []
        for place, time in enumerate(opens):
            start, end = 100 + place * 37 % 53, 100 + place * 29 % 47
            high, low = max(start, end) + place % 3, min(start, end) - place % 5
            rows.append((time, start, high, low, end, place % 23 / 8, place % 7 / 4, place % 4))
        frame = pl.DataFrame(rows, schema=CANDLES_FULL.names(), orient="row").with_columns(
            (pl.col("timestamp").cast(pl.Int64) * 1000).cast(TIME)
        )
        return frame.cast(dict(CANDLES_FULL)).select((CANDLES_FULL if full else CANDLES).names())

    return make


@pytest.fixture(scope="session")
def make_trades():
    """Sound trades at these milliseconds."""

    def make(times):
        rows = [
            (time, f"t{place}", ("buy", "sell", None)[place % 3], 100 + place % 9, 1 + place % 4)
            for place, time in enumerate(times)
        ]
        frame = pl.DataFrame(rows, schema=TRADES.names(), orient="row").with_columns(
            (pl.col("timestamp").cast(pl.Int64) * 1000).cast(TIME)
        )
        return frame.cast(dict(TRADES))

    return make
