"""Live channels against a served exchange: trades, candles, books and tickers are the market's."""

from __future__ import annotations

import time

import polars as pl
import pytest

import gekko_lab
from gekko_lab.errors import InvalidArgument, UnsupportedBySource
from gekko_lab.events.columns import to_rows
from gekko_lab.feeds.live import LiveChannel
from gekko_lab.market.timeframe import Timeframe
from tests.feeds.live import QUICK, ids, listening, served, take, true_ids

MINUTE = 60_000


def trades_of(events):
    return [event for event in events if event.kind == "trade"]


class TestTrades:
    def test_they_are_the_market_s_own_each_once(self, market):
        symbols = ("BTC/USDT", "ETH/USDT")
        with served(market, 20) as (server, _), listening(server, symbols) as feed:
            events = feed.events()
            found = take(events, 80)
            while not all(ids(found, symbol) for symbol in symbols):
                found += take(events, 20)
            for symbol in symbols:
                own = [each for each in trades_of(found) if each.symbol == symbol]
                assert ids(found, symbol) == true_ids(market, own[0], own[-1], symbol)
            rows = to_rows("trade", [each for each in found if each.symbol == "BTC/USDT"])
            names = ["timestamp", "side", "price", "amount"]
            truth = market.trades(
                "BTC/USDT",
                rows["timestamp"].dt.epoch("ms")[0],
                rows["timestamp"].dt.epoch("ms")[-1] + 1,
            ).filter(pl.col("id").is_in(rows["id"].cast(int).implode()))
            assert rows.select(names).equals(truth.select(names))

    def test_events_are_numbered_and_the_health_tells_of_them(self, market):
        with served(market, 20) as (server, _), listening(server) as feed:
            found = take(feed.events(), 20)
            assert [each.sequence for each in found] == list(
                range(found[0].sequence, found[0].sequence + 20)
            )
            health = feed.health()
            assert health.gaps == health.dropped == health.late_trades == 0
            assert health.events >= 20

    @pytest.mark.parametrize("exchange", ["binance", "coinbaseexchange", "kraken"])
    def test_where_there_is_no_stream_they_are_polled(self, market, exchange):
        with (
            served(market, 20, exchange=exchange) as (server, _),
            listening(server, transport="poll") as feed,
        ):
            found = trades_of(take(feed.events(), 60))
            truth = market.trades(
                "BTC/USDT", found[0].timestamp_us // 1000, found[-1].timestamp_us // 1000 + 1
            )
            rows = to_rows("trade", found)
            assert len({each.id for each in found}) == 60
            first = truth["price"].to_list().index(rows["price"][0])
            names = ["side", "price", "amount"]
            assert rows.select(names).equals(truth.select(names)[first : first + 60])


class TestWithoutReachableStreams:
    """Coinbase Exchange and Kraken are served by REST alone, and ccxt.pro knows their streams."""

    @pytest.mark.parametrize("exchange", ["coinbaseexchange", "kraken"])
    def test_rest_stands_in_and_says_so(self, market, exchange, caplog):
        with served(market, 20, exchange=exchange) as (server, _), listening(server) as feed:
            events = feed.events("trade", "gap", "state")
            found = take(events, 1, "state")
            while "asks by REST" not in found[-1].reason:
                found += take(events, 1, "state")
            states = [each.state for each in found if each.kind == "state"]
            assert states[-2:] == ["reconnecting", "running"]
            trades = trades_of(found + take(events, 60))
        first, last = (trades[place].timestamp_us // 1000 for place in (0, -1))
        truth = market.trades("BTC/USDT", first, last + 1)["price"].to_list()
        prices = [each.price for each in trades]
        assert len({each.id for each in trades}) == len(trades)
        begin = truth.index(prices[0])
        assert prices == truth[begin : begin + len(prices)]
        assert [each.message for each in caplog.records if "asks by REST" in each.message]

    def test_who_wants_only_the_stream_is_told_that_it_fails(self, market):
        with (
            served(market, 20, exchange="kraken") as (server, _),
            listening(server, transport="websocket") as feed,
        ):
            states = feed.events("state")
            while take(states, 1, "state")[0].state != "reconnecting":
                pass
            time.sleep(1.0)
            assert feed.state == "reconnecting"
            assert feed.health().events == 0

    def test_the_candles_of_what_was_asked_for_are_whole(self, market):
        with (
            served(market, 120, exchange="coinbaseexchange") as (server, _),
            listening(server, kinds=("candle",)) as feed,
        ):
            found = take(feed.events(), 3, "candle")
        for each in found:
            minute = each.timestamp_us // 1000
            assert each.trade_count == market.trades("BTC/USDT", minute, minute + MINUTE).height

    def test_books_and_tickers_come_too(self, market):
        kinds = ("order_book", "ticker")
        with (
            served(market, 10, exchange="kraken") as (server, _),
            listening(server, kinds=kinds) as feed,
        ):
            found = take(feed.events(), 2, "order_book") + take(feed.events(), 2, "ticker")
        assert {each.kind for each in found} == set(kinds)


class TestCandles:
    def test_they_equal_those_of_the_market_and_of_a_fetch(self, market):
        symbols = ("BTC/USDT", "ETH/USDT")
        with (
            served(market, 120) as (server, clock),
            listening(server, symbols, ("candle",)) as feed,
        ):
            found = take(feed.events(), 8, "candle")
            until = clock()
            config = {"enableRateLimit": False, **server.ccxt_config()}
            source = gekko_lab.CcxtMarketData("binance", config=config)
            for symbol in symbols:
                own = [each for each in found if each.symbol == symbol]
                rows = to_rows("candle", own)
                since = rows["timestamp"].dt.epoch("ms")[0]
                names = ["timestamp", "open", "high", "low", "close", "volume", "trade_count"]
                span = (since, since + len(own) * MINUTE)
                truth = market.candles(symbol, Timeframe.parse("1m"), *span)
                assert rows.select(names).equals(truth.select(names))
                fetched = gekko_lab.fetch(source, symbol, "1m", since=span[0], until=span[1])
                assert rows.select(fetched.columns).equals(fetched)
            source.close()
            assert span[1] <= until
            assert not [each for each in found if each.kind == "gap"]

    def test_the_first_one_is_whole_although_the_stream_began_inside_of_it(self, market):
        with served(market, 60) as (server, clock):
            began = clock() // MINUTE * MINUTE
            with listening(server, kinds=("candle",)) as feed:
                first = take(feed.events(), 1, "candle")[0]
        assert first.timestamp_us // 1000 <= max(began + 5 * MINUTE, began)
        truth = market.candles(
            "BTC/USDT",
            Timeframe.parse("1m"),
            *(first.timestamp_us // 1000 + n for n in (0, 60_000)),
        )
        assert (first.open, first.volume) == (truth["open"][0], truth["volume"][0])


class TestBooks:
    def test_a_streamed_book_is_the_market_s_at_the_end_of_its_update(self, market):
        with (
            served(market) as (server, _),
            listening(server, kinds=("order_book",), depth=15) as feed,
        ):
            for book in take(feed.events(), 6, "order_book"):
                assert_true_book(market, book, 15)

    def test_polled_books_are_told_when_they_change(self, market):
        with (
            served(market, 10, exchange="kraken") as (server, _),
            listening(server, kinds=("order_book",), transport="poll", depth=3) as feed,
        ):
            found = take(feed.events(), 3, "order_book")
        assert all(len(each.bids) == len(each.asks) == 3 for each in found)
        assert len({(each.bids, each.asks) for each in found}) == 3


class TestTickers:
    def test_they_have_quotes_and_the_volume_of_a_day(self, market):
        with served(market, 10) as (server, _), listening(server, kinds=("ticker",)) as feed:
            for ticker in take(feed.events(), 3, "ticker"):
                time = ticker.timestamp_us // 1000
                day = market.candles("BTC/USDT", Timeframe.parse("1m"), time - 1440 * MINUTE, time)[
                    "volume"
                ].sum()
                assert ticker.bid < ticker.ask
                assert ticker.volume == pytest.approx(day, rel=0.02)

    @pytest.mark.parametrize("exchange", ["binance", "coinbaseexchange", "kraken"])
    def test_they_can_be_polled(self, market, exchange):
        with (
            served(market, 10, exchange=exchange) as (server, _),
            listening(server, kinds=("ticker",), transport="poll") as feed,
        ):
            found = take(feed.events(), 2, "ticker")
            assert all(each.bid < each.ask and each.volume > 0 for each in found)


class TestAsking:
    def test_requests_of_streams_wait_for_the_shared_budget(self, market):
        with (
            served(market) as (server, _),
            listening(server, kinds=("order_book",), config={"enableRateLimit": True}) as feed,
        ):
            take(feed.events(), 1, "order_book")
            asked = gekko_lab.limits.status()
            weights = asked.filter(pl.col("host") == server.url.removeprefix("http://"))
            depth = [each for each in server.requests if each.path == "/api/v3/depth"]
        assert depth
        # a book with a thousand levels counts 50, exchangeInfo 20
        assert weights["used"].max() >= 70

    @pytest.mark.parametrize("more", [{"since": "1d"}, {"until": "2030-01-01"}, {"speed": 2.0}])
    def test_an_exchange_streams_from_now_on_alone(self, market, more):
        with served(market) as (server, _):
            source = gekko_lab.CcxtMarketData("binance", config=server.ccxt_config())
            with pytest.raises(InvalidArgument, match="leave out `since`"):
                gekko_lab.stream(source, "BTC/USDT", **more)
            source.close()

    def test_an_exchange_is_streamed_like_any_market(self, market):
        with served(market, 10) as (server, _):
            source = gekko_lab.CcxtMarketData("binance", config=server.ccxt_config())
            with gekko_lab.stream(source, "BTC/USDT", kinds=("trade", "order_book")) as feed:
                found = take(feed.events(), 5)
            source.close()
        assert ids(found) == true_ids(market, *(trades_of(found)[place] for place in (0, -1)))

    def test_a_source_without_a_market_of_now_is_refused(self):
        with pytest.raises(UnsupportedBySource, match="no market of now"):
            LiveChannel(gekko_lab.ExchangeSimulator(), ["BTC/USDT"], ("trade",), patience=QUICK)


def assert_true_book(market, book, depth):
    truth = market.order_book("BTC/USDT", (book.nonce + 1) * 100 - 1, depth)
    for side, levels in (("bid", book.bids), ("ask", book.asks)):
        rows = truth.filter(pl.col("side") == side).select("price", "amount").rows()
        assert list(levels) == rows
