"""Series in a folder of their own, with rows whose numbers floats hold exactly."""

from __future__ import annotations

import polars as pl
import pytest

from gekko_lab.datalog import Series, Span
from gekko_lab.frames.schemas import CANDLES, CANDLES_FULL, ORDER_BOOK, TICKER, TIME, TRADES

MINUTE = 60_000
START = 1_704_067_200_000  # 2024-01-01
FAR = 4_000_000_000_000


def _frame(rows, schema):
    plain = {name: pl.Int64 if name == "timestamp" else dtype for name, dtype in schema.items()}
    frame = pl.DataFrame(rows, schema=plain, orient="row")
    return frame.with_columns((pl.col("timestamp") * 1000).cast(TIME))


@pytest.fixture(scope="session")
def minutes():
    """Candles of one minute that open at these minutes after 2024-01-01; `version` tells them."""

    def make(places, *, version=0, full=True):
        rows = [
            (START + n * MINUTE, 100.5, 101.25 + version, 99.75, 100.0 + version, n / 8, None, None)
            for n in places
        ]
        return _frame(rows, CANDLES_FULL).select((CANDLES_FULL if full else CANDLES).names())

    return make


@pytest.fixture(scope="session")
def prints():
    """Trades of (milliseconds after 2024-01-01, id, price)."""

    def make(rows):
        return _frame([(START + t, name, "buy", p, 0.5) for t, name, p in rows], TRADES)

    return make


@pytest.fixture(scope="session")
def book():
    """An order book of one level a side for each (milliseconds after 2024-01-01, bid)."""

    def make(rows, levels=1):
        sides = [
            (START + t, side, level, price + (0 if side == "bid" else 1), 2.0)
            for t, price in rows
            for side in ("bid", "ask")
            for level in range(1, levels + 1)
        ]
        return _frame(sides, ORDER_BOOK)

    return make


@pytest.fixture(scope="session")
def quotes():
    """Tickers at these milliseconds after 2024-01-01."""

    def make(times):
        return _frame([(START + t, 1.0, 2.0, 1.5, None) for t in times], TICKER)

    return make


@pytest.fixture(scope="session")
def span():
    """Minutes after 2024-01-01 as a range."""

    def make(first, end):
        return Span(START + first * MINUTE, START + end * MINUTE)

    return make


@pytest.fixture
def series(data_dir):
    """A series of one-minute candles of Binance, or another one."""
    opened = []

    def start(kind="candles", exchange="binance", symbol="BTC/USDT", timeframe="1m", **settings):
        width = timeframe if kind == "candles" else None
        made = Series(kind, exchange, symbol, width, **settings)
        opened.append(made)
        return made

    yield start
    for each in opened:
        each.close()


@pytest.fixture
def keep(minutes, span):
    """Append whole runs of minutes, as a page each."""

    def put(series, first, end, *, version=0, **told):
        series.append(
            minutes(range(first, end), version=version),
            span(first, end),
            closed_until=FAR,
            **told,
        )

    return put
