from __future__ import annotations

import pandas as pd
import pytest

import gekko_lab
from gekko_lab.errors import InvalidArgument, UnknownSymbol, UnsupportedBySource
from gekko_lab.frames.schemas import ORDER_BOOK


def test_the_book_of_a_moment_is_the_market_s_own():
    source = gekko_lab.ExchangeSimulator("thin", seed=4)
    found = gekko_lab.fetch_order_book(source, "BTC/USDT", at="2024-01-01", depth=7)
    assert found.schema == ORDER_BOOK
    assert found.equals(source.order_book("BTC/USDT", 1_704_067_200_000, 7))


def test_without_a_time_the_book_is_that_of_now(monkeypatch):
    source = gekko_lab.ExchangeSimulator()
    monkeypatch.setattr(type(source), "now", lambda _: 1_704_067_200_000)
    found = gekko_lab.fetch_order_book(source, "BTC/USDT")
    assert found.equals(gekko_lab.fetch_order_book(source, "BTC/USDT", at="2024-01-01"))
    assert found.height == 40


def test_the_book_can_be_a_pandas_frame():
    found = gekko_lab.fetch_order_book("simulator", "BTC/USDT", at="2024-01-01", frame="pandas")
    assert isinstance(found, pd.DataFrame)
    assert found.index.name == "timestamp"
    assert set(found["side"]) == {"bid", "ask"}


def test_a_past_book_of_an_exchange_is_refused():
    with pytest.raises(UnsupportedBySource, match="kraken serves its order book of now alone"):
        gekko_lab.fetch_order_book("kraken", "BTC/USD", at="2024-01-01")


def test_levels_are_counted_from_one_on():
    with pytest.raises(InvalidArgument, match="depth=0"):
        gekko_lab.fetch_order_book("kraken", "BTC/USD", depth=0)


def test_an_unknown_market_or_time_is_refused():
    with pytest.raises(UnknownSymbol, match="BTC/USDT"):
        gekko_lab.fetch_order_book("simulator", "BTCUSDT")
    with pytest.raises(InvalidArgument, match="at="):
        gekko_lab.fetch_order_book("simulator", "BTC/USDT", at="yesterday")
