"""The order book agrees with the trades around it, at any moment, wherever it is asked for."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gekko_lab.errors import InvalidArgument, InvalidType, UnknownSymbol
from gekko_lab.frames.schemas import ORDER_BOOK
from gekko_lab.market.timeframe import DAY, HOUR, MINUTE
from gekko_lab.simulation import GENESIS, HORIZON, SimulatedMarket
from gekko_lab.simulation.presets import choose

T0 = 1_704_067_200_000  # 2024-01-01
MARKETS = {name: SimulatedMarket(choose(name, {})) for name in (None, "thin", "fx", "stress")}
LARGE_TICK = SimulatedMarket(choose("liquid", {"price_steps": 1000.0}))
CASES = [(None, "BTC/USDT"), (None, "GAIANUT/GAIABOLT"), ("thin", "XRP/BTC"), ("fx", "EUR/USD")]


def best(book):
    """Give bid, ask and their amounts."""
    rows = book.filter(level=1)
    return (*rows["price"].to_list(), *rows["amount"].to_list())


def moments(trades):
    return np.unique(trades["timestamp"].dt.epoch("ms").to_numpy())


@pytest.mark.parametrize(("name", "symbol"), CASES)
def test_the_next_trade_prints_at_the_quote_it_takes(name, symbol):
    market = MARKETS[name]
    trades = market.trades(symbol, T0 + 5 * HOUR, T0 + 11 * HOUR).head(200)
    times = moments(trades)
    for time, after in pairwise(times):
        following = trades.filter(pl.col("timestamp").dt.epoch("ms") == after).row(0, named=True)
        bid, ask, *_ = best(market.order_book(symbol, int(time), 1))
        assert bid < ask
        assert following["price"] == (ask if following["side"] == "buy" else bid)


def test_the_other_side_stays_where_the_last_trade_was():
    market = MARKETS[None]
    trades = market.trades("BTC/USDT", T0, T0 + 5 * MINUTE)
    kept = total = 0
    for time in moments(trades)[:-20]:
        past = trades.filter(pl.col("timestamp").dt.epoch("ms") <= time).row(-1, named=True)
        bid, ask, *_ = best(market.order_book("BTC/USDT", int(time), 1))
        kept += past["price"] == (ask if past["side"] == "buy" else bid)
        total += 1
    assert kept / total > 0.5


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(CASES), st.integers(0, 190 * 365 * DAY - 1), st.sampled_from([1, 5, 20, 300])
)
def test_a_book_is_sound_at_any_moment(case, start, depth):
    name, symbol = case
    book = MARKETS[name].order_book(symbol, GENESIS + start, depth)
    assert book.schema == ORDER_BOOK
    bids, asks = (book.filter(side=side) for side in ("bid", "ask"))
    assert book.equals(pl.concat([bids, asks]))
    assert asks["level"].to_list() == list(range(1, depth + 1))
    assert bids["level"].to_list() == list(range(1, bids.height + 1))
    assert (np.diff(asks["price"].to_numpy()) > 0).all()
    assert (np.diff(bids["price"].to_numpy()) < 0).all()
    assert bids["price"][0] < asks["price"][0]
    assert bids["price"].min() > 0
    assert book["amount"].min() >= MARKETS[name].rules[symbol].step_size


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(CASES), st.integers(0, 60 * 365 * DAY))
def test_a_fresh_market_gives_the_same_book(case, start):
    name, symbol = case
    fresh = SimulatedMarket(MARKETS[name].parameters)
    time = GENESIS + start
    assert fresh.order_book(symbol, time, 30).equals(MARKETS[name].order_book(symbol, time, 30))


def test_the_best_quotes_change_with_trades_only():
    market = MARKETS["thin"]
    times = moments(market.trades("XRP/BTC", T0, T0 + 6 * HOUR))
    wide = int(np.argmax(np.diff(times)))
    asked = np.linspace(times[wide], times[wide + 1] - 1, 30).astype(int)
    assert times[wide + 1] - times[wide] > MINUTE
    assert len({best(market.order_book("XRP/BTC", int(time))) for time in asked}) == 1


def test_a_deeper_book_begins_with_the_shallower():
    market = MARKETS[None]
    deep, shallow = (market.order_book("ETH/USDT", T0 + 77, depth) for depth in (50, 7))
    assert deep.filter(pl.col("level") <= 7).equals(shallow)


def test_far_levels_outlive_near_ones():
    market = MARKETS["thin"]
    times = moments(market.trades("XRP/BTC", T0, T0 + 6 * HOUR))
    wide = int(np.argmax(np.diff(times)))
    first, second = (
        market.order_book("XRP/BTC", int(times[wide]) + later, 200).filter(side="bid")
        for later in (0, 10_000)
    )
    same = (first["amount"] == second["amount"]).to_numpy()
    assert same[1:20].mean() < 0.3
    assert same[150:].mean() > 0.7


@pytest.mark.parametrize("name", [None, "thin"])
def test_the_top_leans_to_the_next_move(name):
    market = MARKETS[name]
    since = T0 + 3 * HOUR
    times = moments(market.trades("BTC/USDT", since, since + 2 * DAY).head(1500))
    rows = np.array([best(market.order_book("BTC/USDT", int(time), 1)) for time in times])
    middle = rows[:, 0] + rows[:, 1]
    imbalance = (rows[:, 2] - rows[:, 3]) / (rows[:, 2] + rows[:, 3])
    moves = np.append(np.sign(np.diff(middle)), 0.0)
    places = np.flatnonzero(moves)
    known = np.arange(places[-1] + 1)
    following = moves[places[np.searchsorted(places, known)]]
    assert 0.35 < np.corrcoef(imbalance[known], following)[0, 1] < 0.7


@pytest.mark.parametrize(("name", "symbol"), CASES)
def test_quotes_are_the_first_level_of_the_book_after_each_moment(name, symbol):
    market, since = MARKETS[name], T0 + 5 * HOUR + 1234
    quotes = market.quotes(symbol, since, since + 6 * HOUR)
    times = moments(market.trades(symbol, since, since + 6 * HOUR))
    assert quotes["timestamp"].dt.epoch("ms").to_list() == times.tolist()
    for row in (*range(20), *range(-20, 0)):
        assert best(market.order_book(symbol, int(times[row]), 1)) == quotes.row(row)[1:]


def test_quotes_of_days_are_those_of_their_parts():
    market = MARKETS["thin"]
    whole = market.quotes("XRP/BTC", T0, T0 + 3 * DAY)
    cuts = [T0, T0 + 7 * HOUR, T0 + DAY, T0 + 2 * DAY + 1, T0 + 3 * DAY]
    parts = pl.concat([market.quotes("XRP/BTC", *pair) for pair in pairwise(cuts)])
    assert whole.equals(parts)


def test_a_large_tick_is_the_usual_spread():
    since = T0 + 3 * HOUR
    times = moments(LARGE_TICK.trades("DOGE/USDT", since, since + HOUR).head(1500))
    tick = LARGE_TICK.rules["DOGE/USDT"].tick_size
    quotes = [best(LARGE_TICK.order_book("DOGE/USDT", int(time), 1)) for time in times]
    ticks = np.array([round((ask - bid) / tick) for bid, ask, *_ in quotes])
    assert np.median(ticks) == 1
    assert 0.85 <= (ticks == 1).mean() <= 0.97


def test_there_is_a_book_from_the_first_moment_to_the_last():
    for symbol in ("BTC/USDT", "GAIANUT/GAIABOLT"):
        for time in (GENESIS, GENESIS + 1, GENESIS + DAY, HORIZON - DAY, HORIZON - 1):
            assert MARKETS[None].order_book(symbol, time, 3).height == 6


BOOKS = {
    (None, "BTC/USDT", T0 + 12_345, 20): "873671a09efa8bba",
    (None, "GAIANUT/GAIABOLT", GENESIS, 5): "43f21dbdbd034b36",
    ("thin", "XRP/BTC", T0 + 7 * HOUR, 50): "a2e128ca9741c445",
    ("fx", "EUR/USD", 4_070_908_800_123, 10): "ff65303f7468d349",
}


@pytest.mark.parametrize("asked", BOOKS, ids=lambda asked: " ".join(map(str, asked)))
def test_the_bytes_of_a_book_are_pinned(asked, digest):
    name, *question = asked
    assert digest(MARKETS[name].order_book(*question)) == BOOKS[asked]


@pytest.mark.parametrize(
    ("question", "error", "message"),
    [
        (("BTC/USTD", T0), UnknownSymbol, "BTC/USDT"),
        (("BTC/USDT", GENESIS - 1), InvalidArgument, "2010"),
        (("BTC/USDT", HORIZON), InvalidArgument, "time is"),
        (("BTC/USDT", 1.5), InvalidType, "time is 1.5"),
        (("BTC/USDT", T0, 0), InvalidArgument, "depth is 0: use 1 to 5000"),
        (("BTC/USDT", T0, 5001), InvalidArgument, "depth is 5001"),
        (("BTC/USDT", T0, "all"), InvalidType, "depth is 'all'"),
    ],
)
def test_what_has_no_book_is_refused(question, error, message):
    with pytest.raises(error, match=message):
        MARKETS[None].order_book(*question)
