"""Schemas stand even where there are no rows."""

from __future__ import annotations

import polars as pl
import pytest

import gekko_lab
from gekko_lab.frames import schemas

CASES = {name: value for name, value in vars(schemas).items() if isinstance(value, pl.Schema)}


@pytest.mark.parametrize("name", sorted(CASES))
def test_an_empty_table_has_its_schema(name):
    frame = schemas.empty(CASES[name])
    assert frame.schema == CASES[name]
    assert frame.shape == (0, len(CASES[name]))


def test_times_are_microseconds_in_utc():
    times = {dtype for schema in CASES.values() for dtype in schema.values() if dtype.is_temporal()}
    assert times == {pl.Datetime("us", "UTC")}


def test_full_candles_begin_with_candles():
    assert list(schemas.CANDLES_FULL)[:6] == list(schemas.CANDLES)
    assert list(schemas.CANDLES_FULL)[6:] == ["quote_volume", "trade_count"]


def test_tables_of_the_simulator_have_their_schemas():
    candles = gekko_lab.fetch("simulator", "BTC/USDT", since="2024-01-01", limit=2, columns="full")
    trades = gekko_lab.fetch_trades("simulator", "BTC/USDT", since="2024-01-01", limit=2)
    assert candles.schema == schemas.CANDLES_FULL
    assert trades.schema == schemas.TRADES
    assert gekko_lab.symbols("simulator").schema == schemas.SYMBOLS
    assert gekko_lab.timeframes("simulator").schema == schemas.TIMEFRAMES
    assert gekko_lab.exchanges().schema == schemas.EXCHANGES
