"""Live channels against an exchange that breaks: nothing is missing, nothing comes twice."""

from __future__ import annotations

import time

import pytest

from gekko_lab.server import Fault, serve
from tests.feeds.live import Clock, ids, listening, served, take, true_ids
from tests.feeds.test_live import assert_true_book

KINDS = {
    "stream_close": {},
    "stream_abort": {},
    "stream_garbage": {},
    "stream_silence": {},
    "stream_shutdown": {"value": 5},
    "stream_restart": {"value": 0.3},
}


def all_of(market, found):
    trades = [each for each in found if each.kind == "trade"]
    return true_ids(market, trades[0], trades[-1])


class TestTrades:
    @pytest.mark.parametrize("kind", KINDS)
    def test_none_is_lost_when_the_connection_is(self, market, kind):
        with served(market, 20) as (server, _), listening(server) as feed:
            events = feed.events()
            found = take(events, 10)
            server.faults.add(Fault(kind, stream="trades", count=1, **KINDS[kind]))
            while feed.health().reconnects < 1:
                found += take(events, 1)
            found += take(events, 30)
            assert ids(found) == all_of(market, found)
            assert feed.health().gaps == 0
            assert feed.health().state == "running"

    def test_those_that_the_stream_left_out_are_asked_for(self, market):
        with served(market, 20) as (server, _), listening(server) as feed:
            events = feed.events()
            found = take(events, 5)
            server.faults.add(Fault("stream_skip", stream="trades", every=5, count=4))
            found += take(events, 60)
            assert ids(found) == all_of(market, found)
            health = feed.health()
        assert health.backfilled >= 4
        assert (health.reconnects, health.gaps) == (0, 0)

    def test_a_server_that_was_away_for_long_has_what_was_missed(self, market):
        with served(market, 20) as (server, _), listening(server) as feed:
            events = feed.events()
            found = take(events, 5)
            server.restart(down_s=1.0)
            found += take(events, 40)
            assert ids(found) == all_of(market, found)
            assert feed.health().backfilled > 0

    def test_rest_that_fails_meanwhile_delays_them(self, market):
        with served(market, 20) as (server, _), listening(server) as feed:
            events = feed.events()
            found = take(events, 5)
            for kind in ("status", "truncated", "empty_page", "drop_rows"):
                server.faults.add(Fault(kind, path="trades", count=2))
            server.faults.add(Fault("stream_abort", stream="trades", every=10, count=3))
            found += take(events, 80)
            assert ids(found) == all_of(market, found)
            assert feed.health().gaps == 0

    def test_what_the_exchange_no_longer_has_is_told_as_a_gap(self, market):
        clock = Clock(20)
        first = serve(market, clock=clock)
        with listening(first) as feed:
            events = feed.events("trade", "gap")
            before = take(events, 5)
            first.close()
            time.sleep(0.3)  # so that trades happen meanwhile
            port = int(first.url.rpartition(":")[2])
            begin = clock()
            with serve(market, clock=clock, listed_since={"BTC/USDT": begin}, port=port):
                found = [*before, *take(events, 20)]
        gaps = [each for each in found if each.kind == "gap"]
        place = found.index(gaps[0])
        assert len(gaps) == 1
        assert (gaps[0].subject, gaps[0].reason) == ("trade", "disconnected")
        assert gaps[0].since_us == found[place - 1].timestamp_us
        assert gaps[0].until_us == found[place + 1].timestamp_us >= begin * 1000
        after = [each for each in found[place:] if each.kind == "trade"]
        assert ids(after) == true_ids(market, after[0], after[-1])

    @pytest.mark.parametrize("exchange", ["coinbaseexchange", "kraken"])
    def test_polling_goes_on_where_it_was(self, market, exchange):
        with (
            served(market, 20, exchange=exchange) as (server, _),
            listening(server, transport="poll") as feed,
        ):
            events = feed.events()
            found = take(events, 10)
            server.faults.add(Fault("status", path="trades", count=20))
            server.faults.add(Fault("truncated", path="trades", every=3, count=3))
            found += take(events, 40)
            trades = [each for each in found if each.kind == "trade"]
            times = (trades[0].timestamp_us // 1000, trades[-1].timestamp_us // 1000 + 1)
            truth = market.trades("BTC/USDT", *times)["price"].to_list()
            prices = [each.price for each in trades]
            first = truth.index(prices[0])
            assert prices == truth[first : first + len(prices)]
            assert feed.health().reconnects >= 1


class TestCandles:
    def test_one_that_saw_a_reconnect_is_whole(self, market):
        with served(market, 120) as (server, _), listening(server, kinds=("candle",)) as feed:
            events = feed.events()
            found = take(events, 1, "candle")
            server.faults.add(Fault("stream_abort", stream="trades", every=25, count=3))
            found += take(events, 5, "candle")
            assert feed.health().reconnects >= 1
        times = [each.timestamp_us // 60_000_000 for each in found]
        assert times == list(range(times[0], times[0] + 6))
        for each in found:
            minute = each.timestamp_us // 1000
            trades = market.trades("BTC/USDT", minute, minute + 60_000)
            assert each.trade_count == trades.height
            assert each.close == trades["price"][-1]
            assert each.volume == pytest.approx(trades["amount"].sum(), rel=1e-12)


class TestBooks:
    def test_a_leap_of_numbers_is_told_and_the_book_is_right_again(self, market):
        with (
            served(market) as (server, _),
            listening(server, kinds=("order_book",), depth=15) as feed,
        ):
            events = feed.events("order_book", "gap")
            take(events, 2, "order_book")
            server.faults.add(Fault("stream_skip", stream="order_book", count=1))
            found = take(events, 1, "gap")
            gap = found[-1]
            assert (gap.subject, gap.reason) == ("order_book", "resync")
            for book in take(events, 4, "order_book"):
                assert_true_book(market, book, 15)
                assert book.timestamp_us >= gap.since_us

    def test_after_a_loss_the_time_without_books_is_told(self, market):
        with (
            served(market) as (server, _),
            listening(server, kinds=("order_book",), depth=15) as feed,
        ):
            events = feed.events("order_book", "gap")
            before = take(events, 2, "order_book")
            server.faults.add(Fault("stream_abort", stream="order_book", count=1))
            found = take(events, 1, "gap")
            assert found[-1].reason == "disconnected"
            assert found[-1].since_us >= before[-1].timestamp_us
            assert_true_book(market, take(events, 1, "order_book")[0], 15)

    def test_trades_do_not_wait_for_a_book(self, market):
        kinds = ("trade", "order_book")
        with served(market, 4) as (server, _), listening(server, kinds=kinds) as feed:
            events = feed.events("trade")
            server.faults.add(Fault("status", path="/api/v3/depth"))
            found = take(events, 20)
            assert ids(found) == all_of(market, found)
