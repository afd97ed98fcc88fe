"""What gets into the log of scripted exchanges: what is certain, and what was lost stays open."""

from __future__ import annotations

import asyncio

import polars as pl
import pytest
from msgspec import structs

import gekko_lab
from gekko_lab.datalog import Series, Span
from gekko_lab.errors import DamagedFile, InvalidArgument, NotInLog
from gekko_lab.events.types import State
from gekko_lab.feeds.channel import Batch, Table
from gekko_lab.feeds.feed import Feed
from gekko_lab.frames.schemas import CANDLES_FULL
from tests.feeds.conftest import Scripted
from tests.feeds.recording import (
    START,
    Script,
    book,
    clock,
    gap,
    run,
    ticker,
    trade,
)

LONG_AFTER = clock(10_000_000)
MINUTE = 60_000


def kept(kind, timeframe=None):
    held = Series(kind, "scripted-1", "BTC/USDT", timeframe).read()
    times = (held.frame["timestamp"].dt.epoch("ms") - START).to_list()
    return times, [Span(*(end - START for end in span)) for span in held.ledger.held]


def sound():
    return gekko_lab.datalog.verify(exchange="scripted-1").is_empty()


def events(*some, at=LONG_AFTER):
    return Batch(events=some, clock_us=at)


def live(*script, **options):
    return Scripted(*script, live=True, **options)


def state(name, ms):
    return State("scripted", "", clock(ms), clock(ms), 0, name)


class TestTradesOfLiveMarkets:
    def test_are_held_from_behind_the_first_one_up_to_the_newest(self, data_dir):
        trades = [trade(5, 1), trade(9, 2), trade(9, 3), trade(20, 4)]
        counts = run(Script(live(events(*trades))))
        assert kept("trades") == ([9, 9], [Span(6, 20)])
        assert counts["BTC/USDT"].status.rows == 2
        assert counts["BTC/USDT"].status.events == 4
        assert sound()

    def test_are_held_from_the_begin_where_the_channel_tells_it(self, data_dir):
        begun = Batch(complete_from_us=clock(0) - 1)
        run(Script(live(begun, events(trade(5, 1), trade(9, 2)))))
        assert kept("trades") == ([5], [Span(0, 9)])

    def test_may_come_late_for_a_while(self, data_dir):
        begun = Batch(complete_from_us=clock(0))
        run(Script(live(begun, events(trade(5_000, 1), at=clock(6_000)))))
        assert kept("trades") == ([], [Span(0, 4_000)])

    def test_are_as_old_as_newer_ones_say_where_the_clock_is_slow(self, data_dir):
        begun = Batch(complete_from_us=clock(0))
        run(Script(live(begun, events(trade(5_000, 1), trade(7_500, 2), at=clock(1_000)))))
        assert kept("trades") == ([5_000], [Span(0, 5_500)])

    def test_are_not_held_while_the_clock_is_unknown(self, data_dir):
        begun = Batch(complete_from_us=clock(0))
        run(Script(live(begun, events(trade(5, 1), trade(9, 2), at=None))))
        assert kept("trades") == ([], [])

    def test_quiet_time_is_not_held_before_another_trade(self, data_dir):
        begun = Batch(complete_from_us=clock(0))
        run(Script(live(begun, events(trade(5, 1)), Batch(clock_us=LONG_AFTER))))
        assert kept("trades") == ([], [Span(0, 5)])

    def test_a_gap_is_not_held_and_neither_are_the_moments_at_its_ends(self, data_dir):
        begun = Batch(complete_from_us=clock(0))
        first = events(trade(5, 1), trade(9, 2), at=clock(3_000))
        second = events(gap(9, 30), trade(30, 8), trade(33, 9), trade(40, 10))
        counts = run(Script(live(begun, first, second)))
        assert kept("trades") == ([5, 30, 33], [Span(0, 9), Span(30, 40)])
        assert counts["BTC/USDT"].status.gaps == 1
        assert sound()

    def test_of_another_symbol_are_not_concerned(self, data_dir):
        begun = Batch(complete_from_us=clock(0))
        others = [trade(7, 3, symbol="ETH/USDT"), gap(7, 30, symbol="ETH/USDT")]
        run(
            Script(
                live(
                    begun,
                    events(*others, trade(5, 1), trade(9, 2)),
                    symbols=("BTC/USDT", "ETH/USDT"),
                )
            )
        )
        assert kept("trades") == ([5], [Span(0, 9)])


class TestCandlesOfLiveMarkets:
    def channel(self, *script, dense=True):
        begun = Batch(
            tables=[Table("candle", "BTC/USDT", pl.DataFrame(before(), schema=CANDLES_FULL))],
            warmup=True,
            complete_from_us=clock(0),
        )
        return live(begun, *script, timeframe="1m", dense=dense)

    def test_wait_for_the_trade_that_proves_them(self, data_dir):
        dead = events(trade(1000, 1), at=clock(3 * MINUTE))
        script = Script(self.channel(dead), kinds=("candle",))
        run(script)
        assert kept("candles", "1m") == ([], [])

    def test_that_were_closed_too_early_are_not_kept(self, data_dir):
        dead = events(trade(1000, 1), at=clock(3 * MINUTE))
        back = events(trade(MINUTE + 1, 2), trade(4 * MINUTE, 3), at=clock(5 * MINUTE))
        run(Script(self.channel(dead, back), kinds=("candle",)))
        times, held = kept("candles", "1m")
        assert times == [0, 2 * MINUTE, 3 * MINUTE]
        assert held == [Span(0, MINUTE), Span(2 * MINUTE, 4 * MINUTE)]
        assert sound()

    def test_without_trades_are_told_where_they_don_t_exist(self, data_dir):
        some = events(trade(1000, 1), trade(3 * MINUTE, 2), at=clock(4 * MINUTE))
        run(Script(self.channel(some, dense=False), kinds=("candle",)))
        series = Series("candles", "scripted-1", "BTC/USDT", "1m").read()
        assert kept("candles", "1m") == ([0], [Span(0, MINUTE)])
        quiet = [Span(START + MINUTE, START + 3 * MINUTE)]
        assert series.ledger.empty == {"no_trades": quiet}
        assert sound()


def before():
    time = pl.Series([(START - MINUTE) * 1000]).cast(pl.Datetime("us", "UTC"))
    numbers = {name: [9.0] for name in CANDLES_FULL.names()[1:]}
    return {"timestamp": time, **numbers, "trade_count": [1]}


class TestSnapshots:
    def test_books_are_kept_at_most_once_an_interval(self, data_dir):
        books = [book(ms) for ms in (10, 400, 990, 1010, 1500, 2990, 3000)]
        run(Script(live(events(*books)), kinds=("order_book",)))
        assert kept("order_book") == (
            sorted([10, 1010, 2990, 3000] * 3),
            [Span(10, 3001)],
        )
        assert sound()

    def test_one_without_a_time_of_its_own_is_left_out_where_others_have_one(self, data_dir):
        def undated(ms):
            return structs.replace(book(ms), received_us=clock(ms))

        first = events(undated(90_000), book(0), undated(91_000), book(1000))
        run(Script(live(first), kinds=("order_book",)))
        assert kept("order_book") == ([0] * 3 + [1000] * 3, [Span(0, 1001)])
        alone = live(events(*(undated(ms) for ms in (200_000, 201_000, 202_000))))
        run(Script(alone, kinds=("order_book",)))
        assert kept("order_book")[1][1:] == [Span(201_000, 202_001)]

    def test_nothing_is_held_from_a_loss_to_the_next_one(self, data_dir):
        first = events(book(0), ticker(5), book(1000), ticker(6))
        lost = events(state("reconnecting", 1200), at=None)
        second = events(state("running", 1300), book(5000), ticker(5001), ticker(5003))
        run(Script(live(first, lost, second), kinds=("order_book", "ticker")))
        assert kept("order_book")[1] == [Span(0, 1001), Span(5000, 5001)]
        assert kept("ticker") == ([5, 6, 5001, 5003], [Span(5, 7), Span(5001, 5004)])
        assert sound()

    def test_a_book_that_was_taken_anew_begins_anew(self, data_dir):
        some = events(book(0), book(1000), gap(1000, 3000, "order_book"), book(4000), ticker(4))
        run(Script(live(some), kinds=("order_book", "ticker")))
        assert kept("order_book")[1] == [Span(0, 1001), Span(4000, 4001)]


class TestArrivals:
    def channel(self):
        begun = Batch(complete_from_us=clock(0))
        some = events(trade(5, 1), book(5), ticker(6), gap(6, 9), trade(9, 2), at=None)
        lost = events(state("reconnecting", 1200), at=None)
        more = events(
            state("running", 1300), trade(70_000, 3), book(71_000), trade(130_000, 4), at=None
        )
        return live(begun, some, lost, more, timeframe="1m")

    kinds = ("trade", "candle", "order_book", "ticker")

    def test_a_replay_tells_the_same_events_as_the_feed_that_was_recorded(self, data_dir):
        told = []
        feed = Feed(self.channel(), self.kinds)
        feed.on("*", told.append)
        feed.start().wait()
        heard = [each for each in told if each.kind != "state"]
        states = [each.state for each in told if each.kind == "state"]
        run(Script(self.channel(), kinds=self.kinds, arrivals=True))
        (file,) = gekko_lab.recordings()["file"]
        again = []
        replayed = gekko_lab.replay(file)
        replayed.on("*", again.append)
        replayed.start().wait()
        assert [each for each in again if each.kind != "state"] == heard
        assert [each.state for each in again if each.kind == "state"][:-1] == states[:-1]
        assert [each.kind for each in heard].count("candle") == 1
        assert replayed.health().reconnects == 1

    def test_the_pace_is_that_of_reception(self, data_dir, hands):
        run(Script(self.channel(), kinds=self.kinds, arrivals=True))
        (file,) = gekko_lab.recordings()["file"]
        feed = gekko_lab.replay(file, kinds="trade", speed=10, clock=hands.clock)
        assert [each.id for each in feed.events("trade")] == ["1", "2", "3", "4"]
        assert hands.passed == pytest.approx(13.0, abs=0.1)

    @pytest.mark.parametrize("torn", [1, 2, 11, 30])
    def test_a_torn_end_costs_what_is_torn(self, data_dir, torn):
        run(Script(self.channel(), kinds=self.kinds, arrivals=True))
        (file,) = gekko_lab.recordings()["file"]
        assert list(gekko_lab.replay(file))
        with open(file, "r+b") as content:  # noqa: PTH123
            size = content.seek(0, 2)
            content.truncate(size - torn)
        assert list(gekko_lab.replay(file)) == []

    def test_a_file_without_a_head_is_told(self, data_dir):
        run(Script(self.channel(), kinds=self.kinds, arrivals=True))
        (file,) = gekko_lab.recordings()["file"]
        with open(file, "r+b") as content:  # noqa: PTH123
            content.truncate(9)
        with pytest.raises(DamagedFile, match="head"):
            gekko_lab.replay(file)
        assert gekko_lab.recordings().is_empty()

    def test_what_makes_no_sense_is_refused(self, data_dir):
        with pytest.raises(NotInLog, match="recordings"):
            gekko_lab.replay("nowhere.events")
        with pytest.raises(InvalidArgument, match="leave out symbols"):
            gekko_lab.replay("nowhere.events", "BTC/USDT")


def test_an_error_of_the_channel_is_raised_when_all_is_kept(data_dir):
    def fail():
        raise ValueError("no more")

    begun = Batch(complete_from_us=clock(0))
    with pytest.raises(ValueError, match="no more"):
        run(Script(live(begun, events(trade(5, 1), trade(9, 2)), fail)))
    assert kept("trades") == ([5], [Span(0, 9)])


def test_rows_are_written_while_the_channel_says_nothing(data_dir):
    async def look():
        for _ in range(200):
            await asyncio.sleep(0.05)
            if gekko_lab.datalog.catalog().height:
                found.append(kept("trades"))
                return

    found = []
    begun = Batch(complete_from_us=clock(0))
    run(Script(live(begun, events(trade(5, 1), trade(9, 2)), look)))
    assert found == [([5], [Span(0, 9)])]
