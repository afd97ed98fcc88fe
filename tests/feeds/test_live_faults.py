"""Live channels against an exchange that breaks: nothing is missing, nothing comes twice."""

from __future__ import annotations

import random
import time
from dataclasses import replace

import pytest

from gekko_lab.server import Fault, serve
from tests.feeds.live import QUICK, Clock, ids, listening, served, take, true_ids
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
            events = feed.events("trade", "gap", "state")
            found = take(events, 10)
            server.faults.add(Fault(kind, stream="trades", count=1, **KINDS[kind]))
            found += take(events, 1, "state")
            assert (found[-1].state, bool(found[-1].reason)) == ("reconnecting", True)
            found += take(events, 1, "state")
            assert found[-1].state == "running"
            found += take(events, 20)
            assert ids(found) == all_of(market, found)
            assert feed.health().gaps == 0
            assert feed.health().reconnects >= 1

    def test_those_that_the_stream_left_out_are_asked_for(self, market):
        with served(market, 20) as (server, _), listening(server) as feed:
            events = feed.events()
            found = take(events, 5)
            server.faults.add(Fault("stream_skip", stream="trades", every=5, count=4))
            found += take(events, 60)
            assert ids(found) == all_of(market, found)
            health = feed.health()
        assert health.backfilled >= 4
        assert health.gaps == 0

    def test_a_server_that_was_away_for_long_has_what_was_missed(self, market):
        with served(market, 20) as (server, _), listening(server) as feed:
            events = feed.events("trade", "gap", "state")
            found = take(events, 5)
            server.restart(down_s=1.0)
            found += take(events, 2, "state")
            found += take(events, 20)
            assert ids(found) == all_of(market, found)
            assert feed.health().backfilled > 0

    def test_rest_that_fails_meanwhile_delays_them(self, market):
        with served(market, 20) as (server, _), listening(server) as feed:
            events = feed.events()
            found = take(events, 5)
            for kind, count in (
                ("status", 2),
                ("truncated", 2),
                ("empty_page", 2),
                ("drop_rows", 1),
            ):
                server.faults.add(Fault(kind, path="trades", count=count))
            server.faults.add(Fault("stream_abort", stream="trades", every=10, count=3))
            found += take(events, 80)
            assert ids(found) == all_of(market, found)
            assert feed.health().gaps == 0

    def test_what_the_exchange_no_longer_has_is_told_as_a_gap(self, market):
        clock = Clock(20)
        first = serve(market, clock=clock)
        with listening(first) as feed:
            events = feed.events("trade", "gap", "state")
            before = take(events, 5)
            first.close()
            time.sleep(0.3)  # so that trades happen meanwhile
            port = int(first.url.rpartition(":")[2])
            begin = clock()
            with serve(market, clock=clock, listed_since={"BTC/USDT": begin}, port=port):
                told = [*before, *take(events, 2, "state"), *take(events, 20)]
        found = [each for each in told if each.kind != "state"]
        gaps = [each for each in found if each.kind == "gap"]
        place = found.index(gaps[0])
        assert len(gaps) == 1
        assert (gaps[0].subject, gaps[0].reason) == ("trade", "disconnected")
        assert gaps[0].since_us == found[place - 1].timestamp_us
        assert gaps[0].until_us == found[place + 1].timestamp_us >= begin * 1000
        after = [each for each in found[place:] if each.kind == "trade"]
        assert ids(after) == true_ids(market, after[0], after[-1])

    def test_a_stream_that_tells_nothing_while_there_are_trades_is_begun_anew(self, market):
        patience = replace(QUICK, quiet_s=0.3)
        with (
            served(market, 20) as (server, _),
            listening(server, patience=patience) as feed,
        ):
            events = feed.events("trade", "gap", "state")
            found = take(events, 3)
            server.faults.add(Fault("stream_skip", stream="trades"))  # pongs still come
            found += take(events, 1, "state")
            assert "its stream tells nothing" in found[-1].reason
            server.faults.clear()
            found += take(events, 1, "state")
            found += take(events, 10)
            assert ids(found) == all_of(market, found)

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


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_lost_in_a_minute_of_every_fault(market, seed, capsys):
    chance = random.Random(seed)  # noqa: S311 (no secret)
    symbols = ("BTC/USDT", "ETH/USDT")
    # no rows are dropped: the same ones twice, where the ids of this market leap to another minute,
    # can't be told from ids that don't exist
    rest = ("status", "truncated", "html", "empty", "empty_page", "reset_body")
    with served(market, 10) as (server, _), listening(server, symbols, alarm_s=300.0) as feed:
        events = feed.events("trade", "gap")
        found = take(events, 10)
        for _ in range(40):
            stream = chance.choice([*KINDS, "stream_skip", "stream_skip"])
            value = {"stream_restart": 0.2, "stream_shutdown": 3.0}.get(stream)
            more = {"count": chance.randint(1, 3), "skip": chance.randint(0, 5), "value": value}
            server.faults.add(Fault(stream, stream="trades", **more))
            if chance.random() < 0.5:
                server.faults.add(Fault(chance.choice(rest), path="trades", count=2))
            found += take(events, 30)
        server.faults.clear()
        found += take(events, 100)
        health = feed.health()
    for symbol in symbols:
        own = [each for each in found if each.kind == "trade" and each.symbol == symbol]
        assert ids(found, symbol) == true_ids(market, own[0], own[-1], symbol)
    assert not [each for each in found if each.kind == "gap"]
    assert health.reconnects > 5
    with capsys.disabled():
        print(f"\n{len(found)} trades, {health}")  # noqa: T201 (what a campaign is for)
