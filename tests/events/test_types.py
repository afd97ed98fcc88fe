"""Events are small typed values, and rows of frames are the same."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gekko_lab.events.columns import STREAMS, to_events, to_rows
from gekko_lab.events.types import Candle, Gap, OrderBook, Ticker, Trade

TIME_US = 1_704_067_200_123_456

prices = st.floats(0.01, 1e6)
maybe = st.none() | prices
levels = st.lists(st.tuples(prices, prices), max_size=3).map(tuple)
symbols = st.sampled_from(["BTC/USDT", "ETH/USDT"])
texts = st.none() | st.text("0123456789", min_size=1, max_size=5)
EVENTS = {
    "trade": st.builds(
        Trade, st.just("x"), symbols, st.integers(0, 10**15), st.integers(0, 10**15), st.just(0),
        texts, st.sampled_from(["buy", "sell", None]), prices, prices,
    ),
    "candle": st.builds(
        Candle, st.just("x"), symbols, st.integers(0, 10**15), st.integers(0, 10**15), st.just(0),
        st.just("1m"), prices, prices, prices, prices, prices, maybe, st.none() | st.integers(0, 9),
    ),
    "order_book": st.builds(
        OrderBook, st.just("x"), symbols, st.integers(0, 10**15), st.integers(0, 10**15),
        st.just(0), levels.filter(bool), levels, st.none(),
    ),
    "ticker": st.builds(
        Ticker, st.just("x"), symbols, st.integers(0, 10**15), st.integers(0, 10**15), st.just(0),
        maybe, maybe, maybe, maybe,
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", EVENTS)
@given(data=st.data())
def test_events_become_rows_and_rows_events_again(kind, data):
    events = data.draw(st.lists(EVENTS[kind], max_size=5))
    events = [msgspec.structs.replace(e, sequence=n) for n, e in enumerate(events, 1)]
    rows = to_rows(kind, events)
    assert rows.schema == STREAMS[kind]
    assert list(to_events(kind, "x", "1m", rows)) == events


def test_times_are_aware_and_exact():
    trade = Trade("x", "BTC/USDT", TIME_US, TIME_US + 1, 1, "7", "buy", 100.0, 2.0)
    assert trade.timestamp == datetime(2024, 1, 1, 0, 0, 0, 123_456, tzinfo=UTC)
    assert trade.received == datetime(2024, 1, 1, 0, 0, 0, 123_457, tzinfo=UTC)
    assert trade.cost == 200.0
    gap = Gap("x", "", 0, 0, 0, "trade", TIME_US, TIME_US + 1, "late")
    assert (gap.since, gap.until) == (trade.timestamp, trade.received)


def test_events_travel_as_json_with_their_kind():
    ticker = Ticker("x", "BTC/USDT", 1, 2, 3, 1.0, None, 1.5, None)
    text = msgspec.json.encode(ticker)
    assert msgspec.json.decode(text)["kind"] == "ticker"
    assert msgspec.json.decode(text, type=Trade | Candle | OrderBook | Ticker | Gap) == ticker


def test_a_frame_of_nothing_has_its_columns():
    for kind, schema in STREAMS.items():
        assert to_rows(kind, []).schema == schema
        assert to_events(kind, "x", "", pl.DataFrame(schema=schema)) == []
