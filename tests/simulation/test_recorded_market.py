"""A recorded market finds its trades by time and by id alike."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gekko_lab
from gekko_lab.errors import UnknownTimeframe
from gekko_lab.market.timeframe import Timeframe
from gekko_lab.simulation import RecordedMarket

START = 1_704_067_200_000


@pytest.fixture(scope="module")
def recorded():
    source = gekko_lab.ExchangeSimulator("thin", seed=5)
    minutes = gekko_lab.fetch(source, "BTC/USDT", "1m", since="2024-01-01", limit=300)
    kept = minutes.filter(pl.int_range(pl.len()) % 13 != 4)
    return RecordedMarket({"BTC/USDT": kept})


@settings(max_examples=50, deadline=None)
@given(place=st.integers(-5, 320 * 2**20), limit=st.integers(1, 3000))
def test_trades_from_an_id_on_are_those_of_the_whole_tape(recorded, place, limit):
    first_id = (START // 60_000 << 20) + place
    whole = recorded.trades("BTC/USDT", 0, START * 2)
    found = recorded.trades_from_id("BTC/USDT", first_id, limit)
    assert found.equals(whole.filter(pl.col("id") >= first_id).head(limit))


def test_every_id_leads_to_its_own_trade(recorded):
    whole = recorded.trades("BTC/USDT", 0, START * 2)
    for place in range(0, len(whole), 97):
        one = recorded.trades_from_id("BTC/USDT", whole["id"][place], 3)
        assert one.equals(whole[place : place + 3])


def test_a_width_that_does_not_fit_is_refused():
    hours = gekko_lab.fetch("simulator", "BTC/USDT", "1h", since="2024-01-01", limit=30)
    market = RecordedMarket({"BTC/USDT": hours})
    with pytest.raises(UnknownTimeframe, match="neither joined nor cut into 90m"):
        market.candles("BTC/USDT", Timeframe.parse("90m"), START, START + 10**9)
