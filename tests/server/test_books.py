"""The order book of each update and the statistics of a day."""

from __future__ import annotations

from itertools import pairwise

import polars as pl
import pytest

from gekko_lab.frames.schemas import TIME
from gekko_lab.market.rules import MarketRules
from gekko_lab.market.spans import Span
from gekko_lab.market.timeframe import Timeframe
from gekko_lab.server import FrameMarket
from gekko_lab.server.books import LEVELS, Books, end_of, latest_update
from gekko_lab.server.schedule import Schedule
from gekko_lab.simulation import RecordedMarket

MINUTE = 60_000
DAY = 24 * 60 * MINUTE
START = 1_704_067_200_000
END = START + 3000 * MINUTE


@pytest.fixture
def books(simulated):
    return Books(simulated, Schedule(simulated))


def test_an_update_is_a_tenth_of_a_second_from_1970():
    assert [latest_update(now) for now in (98, 99, 100, 198, 199)] == [-1, 0, 0, 0, 1]
    assert (end_of(0), end_of(17_040_672_000)) == (99, START + 99)


def test_the_book_of_an_update_is_the_markets_at_its_end(books, simulated):
    update = latest_update(START + 12_345)
    book = books.book("ETH/BTC", update)
    frame = simulated.order_book("ETH/BTC", START + 12_299, LEVELS)
    told = [*map(tuple, book.bids), *map(tuple, book.asks)]
    assert told == frame.select("price", "amount").rows()
    assert (len(book.bids), len(book.asks)) == (LEVELS, LEVELS)


@pytest.mark.parametrize("symbol", ["BTC/USDT", "XRP/ETH"])
def test_the_best_quotes_are_the_first_levels(simulated, symbol):
    first = latest_update(START + 59_000)  # across a minute's edge
    quick, slow = (Books(simulated, Schedule(simulated)) for _ in range(2))
    for update in range(first, first + 40):
        book = slow.book(symbol, update)
        assert quick.best(symbol, update) == (update, book.bids[0], book.asks[0])


def test_the_changes_of_the_best_are_all_of_them(books):
    first = latest_update(START)
    quotes = [books.best("BTC/USDT", first + step) for step in range(-1, 300)]
    changed = [now for old, now in pairwise(quotes) if old[1:] != now[1:]]
    assert books.bests("BTC/USDT", first, first + 299) == changed
    assert len(changed) > 3


def test_in_an_outage_the_book_stands_still(simulated):
    books = Books(simulated, Schedule(simulated, outages=[(START, START + MINUTE)]))
    before = books.book("BTC/USDT", latest_update(START - 1))
    during = books.book("BTC/USDT", latest_update(START + 30_000))
    assert during[1:] == before[1:]
    assert books.book("BTC/USDT", latest_update(START + MINUTE + 200))[1:] != before[1:]


def test_before_the_listing_there_is_no_book(simulated):
    books = Books(simulated, Schedule(simulated, listed_since={"BTC/USDT": START}))
    early = latest_update(START - 1000)
    assert books.book("BTC/USDT", early) == (early, (), ())
    assert books.best("BTC/USDT", early) is None
    assert books.best("BTC/USDT", latest_update(START + 1000)) is not None


def test_a_market_of_frames_has_a_plain_book_around_its_last_trade(market):
    books = Books(market, Schedule(market))
    now = START + 100 * MINUTE
    last = market.trades("BTC/USDT", now - 10 * MINUTE, now + 100).row(-1, named=True)
    book = books.book("BTC/USDT", latest_update(now + 99))
    touched = book.asks[0] if last["side"] == "buy" else book.bids[0]
    assert touched == (last["price"], last["amount"])
    assert book.asks[0].price - book.bids[0].price == pytest.approx(0.01)
    steps = [round(high.price - low.price, 9) for low, high in pairwise(book.asks)]
    assert set(steps) == {0.01}
    assert [bid.price for bid in book.bids] == sorted(
        (bid.price for bid in book.bids), reverse=True
    )


def test_no_plain_book_reaches_zero():
    row = {"timestamp": START * 1000, **dict.fromkeys(("open", "high", "low", "close"), 0.05)}
    frame = pl.DataFrame({**row, "volume": 4.0}).cast({"timestamp": TIME})
    rules = MarketRules(symbol="A/B", market_id="AB", base="A", quote="B", tick_size=0.01)
    market = FrameMarket({"A/B": frame}, {"A/B": rules})
    book = Books(market, Schedule(market)).book("A/B", latest_update(START + 500))
    assert 0 < len(book.bids) < LEVELS
    assert min(bid.price for bid in book.bids) == 0.01
    assert len(book.asks) == LEVELS


@pytest.mark.parametrize("symbol", ["BTC/USDT", "XRP/ETH"])
@pytest.mark.parametrize("now", [START + 12_345, START + 6 * MINUTE, START + 7 * MINUTE - 1])
def test_statistics_are_those_of_the_trades(simulated, symbol, now):
    schedule = Schedule(simulated, exact_quote_volume=True)
    day = Books(simulated, schedule).statistics(symbol, now)
    trades = simulated.trades(symbol, now + 1 - DAY, now + 1)
    assert (day.open_time, day.close_time) == (now + 1 - DAY, now)
    prices = trades["price"]
    assert (day.open, day.close) == (prices[0], prices[-1])
    assert (day.high, day.low) == (prices.max(), prices.min())
    assert (day.first_id, day.last_id) == (trades["id"][0], trades["id"][-1])
    assert (day.trade_count, day.last_amount) == (len(trades), trades["amount"][-1])
    cost = (prices * trades["amount"]).sum()
    assert day.volume == pytest.approx(trades["amount"].sum(), rel=1e-12)
    assert day.quote_volume == pytest.approx(cost, rel=1e-12)
    assert day.average == pytest.approx(cost / trades["amount"].sum(), rel=1e-12)
    assert day.percent == pytest.approx(100 * (prices[-1] / prices[0] - 1))
    before = simulated.trades(symbol, now + 1 - DAY - 60 * MINUTE, now + 1 - DAY)
    assert day.previous_close == before["price"][-1]


def test_a_day_without_trades_has_none(simulated):
    schedule = Schedule(simulated, outages=[(START, START + 3 * DAY)])
    day = Books(simulated, schedule).statistics("BTC/USDT", START + 2 * DAY)
    assert (day.trade_count, day.first_id, day.last_id, day.volume) == (0, -1, -1, 0)
    assert (day.percent, day.average, day.open) == (0, 0, 0)
    assert day.previous_close == simulated.trades("BTC/USDT", START - DAY, START)["price"][-1]


def test_a_recorded_market_has_its_own_book(simulated):
    candles = simulated.candles("ETH/BTC", Timeframe.parse("1m"), START, START + 60 * MINUTE)
    recorded = RecordedMarket({"ETH/BTC": candles.drop("quote_volume", "trade_count")})
    books = Books(recorded, Schedule(recorded))
    book = books.book("ETH/BTC", latest_update(START + 30 * MINUTE))
    frame = recorded.order_book("ETH/BTC", START + 30 * MINUTE - 1, LEVELS)
    assert [*map(tuple, book.bids), *map(tuple, book.asks)] == frame.select(
        "price", "amount"
    ).rows()
    after = books.book("ETH/BTC", latest_update(START + 90 * MINUTE))  # the record has ended
    assert after[1:] == books.book("ETH/BTC", latest_update(START + 60 * MINUTE - 1))[1:]


def test_statistics_see_nothing_of_the_future(simulated):
    schedule = Schedule(simulated)
    books = Books(simulated, schedule)
    now = START + 30_000
    later = schedule.trades("BTC/USDT", Span(now + 1, now + MINUTE), now + MINUTE)
    books.statistics("BTC/USDT", now + MINUTE)  # has looked at the minute as a whole
    day = books.statistics("BTC/USDT", now)
    assert len(later)
    assert day.last_id < later["id"][0]
