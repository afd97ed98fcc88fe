"""A feed starts, tells, waits, drops, fails and ends as it says."""

from __future__ import annotations

import asyncio
import os
import threading

import polars as pl
import pytest

import gekko_lab
from gekko_lab.errors import InvalidArgument, InvalidType, Stopped
from gekko_lab.events.loop import in_thread, loop_thread
from gekko_lab.events.types import Gap, State, Trade
from gekko_lab.feeds.channel import Batch, Table
from gekko_lab.feeds.feed import Feed
from gekko_lab.frames.schemas import SIDE
from tests.feeds.conftest import START_US, Scripted

PATIENCE_S = 20


def trade(number, symbol="BTC/USDT"):
    time = START_US + number * 1000
    return Trade("scripted", symbol, time, time + 250, 0, str(number), "buy", 10.0 + number, 1.0)


def trades(first, end):
    return Batch(events=[trade(number) for number in range(first, end)])


def feed_of(*script, kinds=("trade",), **options):
    channel = {k: options.pop(k) for k in ("symbols", "live", "timeframe") if k in options}
    return Feed(Scripted(*script, **channel), kinds, **options)


def numbers(events):
    return [int(event.id) for event in events]


def test_events_are_numbered_from_one_and_come_in_order():
    feed = feed_of(trades(0, 3), trades(3, 5))
    events = list(feed)
    assert numbers(events) == [0, 1, 2, 3, 4]
    assert [event.sequence for event in events] == [1, 2, 3, 4, 5]
    assert feed.wait(PATIENCE_S)
    assert feed.state == "ended"


def test_listeners_hear_one_by_one_in_frames_and_of_everything():
    feed = feed_of(trades(0, 3), trades(3, 5))
    single, frames, every, first = [], [], [], []
    feed.on("trade", single.append)
    feed.on("trades", frames.append)
    feed.on("*", every.append)
    feed.once("trade", first.append)

    @feed.on("state")
    def changed(event):
        every.append(event.state)

    assert feed.wait(PATIENCE_S)
    assert numbers(single) == [0, 1, 2, 3, 4]
    assert pl.concat(frames)["sequence"].to_list() == [1, 2, 3, 4, 5]
    assert pl.concat(frames)["price"].to_list() == [10.0, 11.0, 12.0, 13.0, 14.0]
    assert numbers(first) == [0]
    assert [e for e in every if isinstance(e, str)] == ["starting", "running", "ended"]
    assert numbers([e for e in every if isinstance(e, Trade)]) == [0, 1, 2, 3, 4]


def test_a_failing_listener_is_told_of_and_disturbs_nobody(caplog):
    feed = feed_of(trades(0, 4))
    heard, errors = [], []

    @feed.on("trade")
    def bad(event):
        if event.id in {"1", "2"}:
            raise ValueError(event.id)

    feed.on("trade", heard.append)
    feed.on("error", errors.append)
    assert feed.wait(PATIENCE_S)
    assert numbers(heard) == [0, 1, 2, 3]
    assert [str(each.error) for each in errors] == ["1", "2"]
    assert "bad" in errors[0].listener
    assert errors[0].event.id == "1"
    assert feed.health().listener_errors == 2
    assert not caplog.records


def test_failures_that_nobody_listens_to_are_logged_once_and_counted(caplog):
    feed = feed_of(trades(0, 4))
    feed.on("trade", lambda event: event.nothing)
    assert feed.wait(PATIENCE_S)
    assert feed.health().listener_errors == 4
    assert len(caplog.records) == 1


def test_coroutines_hear_each_event_after_the_last_one_is_done():
    feed = feed_of(trades(0, 3), trades(3, 5))
    heard, errors = [], []

    @feed.on("trade")
    async def slow(event):
        heard.append(f"{event.id} begins")
        await asyncio.sleep(0)
        heard.append(f"{event.id} ends")
        if event.id == "4":
            raise ValueError("the last")

    feed.on("error", errors.append)
    assert feed.wait(PATIENCE_S)
    assert heard == [f"{n} {what}" for n in range(5) for what in ("begins", "ends")]
    assert [str(each.error) for each in errors] == ["the last"]


def test_a_coroutine_can_be_called_once_and_be_taken_off():
    feed = feed_of(trades(0, 3), trades(3, 5))
    first, until_two = [], []

    @feed.once("trade")
    async def once(event):
        first.append(event)

    @feed.on("trade")
    async def leaving(event):
        until_two.append(event)
        if event.id == "2":
            feed.off("trade", leaving)

    assert feed.wait(PATIENCE_S)
    assert numbers(first) == [0]
    assert numbers(until_two) == [0, 1, 2]
    assert feed.listeners() == []


def test_a_listener_that_is_taken_off_hears_nothing_more_not_even_of_the_same_batch():
    feed = feed_of(trades(0, 5))
    heard = []

    @feed.on("trade")
    def leaving(event):
        heard.append(event)
        if event.id == "2":
            feed.off("trade", leaving)

    feed.wait(PATIENCE_S)
    assert numbers(heard) == [0, 1, 2]


def test_a_function_that_gives_a_coroutine_is_told_how_to_be_written():
    feed = feed_of(trades(0, 1))
    errors = []

    async def work(event):
        raise AssertionError(event)

    @feed.on("trade")
    def plain(event):
        return work(event)

    feed.on("error", errors.append)
    feed.wait(PATIENCE_S)
    assert isinstance(errors[0].error, InvalidType)
    assert "async def" in str(errors[0].error)


def test_a_listener_can_stop_its_feed_and_hears_nothing_more_but_that():
    feed = feed_of(trades(0, 5), trades(5, 10))
    heard, states = [], []

    @feed.on("trade")
    def enough(event):
        heard.append(event)
        if event.id == "2":
            feed.stop()

    feed.on("state", lambda event: states.append(event.state))
    assert feed.start().wait(PATIENCE_S)
    assert numbers(heard) == [0, 1, 2]
    assert states[-1] == "stopped"
    assert feed.state == "stopped"
    assert feed._channel.closed.is_set()


def test_stopping_with_drain_tells_what_is_there_already():
    gate = threading.Event()
    told = threading.Event()

    async def hang():
        told.set()
        await asyncio.Event().wait()

    feed = feed_of(trades(0, 5), hang)
    heard = []

    @feed.on("trade")
    def held(event):
        gate.wait(PATIENCE_S)
        heard.append(event)

    feed.start()
    assert told.wait(PATIENCE_S)
    assert not feed.stop(0, drain=True)
    gate.set()
    assert feed.wait(PATIENCE_S)
    assert numbers(heard) == [0, 1, 2, 3, 4]
    assert feed.state == "stopped"


def pausing_at_its_end():
    def pause():
        feed.pause()

    feed = feed_of(trades(0, 3), pause)
    return feed


def test_stopping_a_paused_feed_with_drain_tells_what_waits():
    feed = pausing_at_its_end()
    heard = []
    feed.on("trade", heard.append)
    feed.start()
    assert feed._channel.closed.wait(PATIENCE_S)
    assert feed.stop(PATIENCE_S, drain=True)
    assert feed.state == "stopped"
    assert numbers(heard) == [0, 1, 2]


def test_a_paused_feed_tells_only_that_until_it_goes_on():
    feed = feed_of(trades(0, 3), trades(3, 6))
    paused, heard = threading.Event(), []

    @feed.on("*")
    def note(event):
        heard.append(event.id if isinstance(event, Trade) else event.state)
        if heard[-1] == "1":
            feed.pause()
        if heard[-1] == "paused":
            paused.set()

    feed.start()
    assert paused.wait(PATIENCE_S)
    assert heard[-2:] == ["1", "paused"]
    assert feed.state == "paused"
    feed.resume()
    assert feed.wait(PATIENCE_S)
    assert heard == ["starting", "running", "0", "1", "paused", "running", *"2345", "ended"]


def test_iterators_and_coroutines_pause_too():
    feed = feed_of(trades(0, 3), trades(3, 6))
    events, heard = feed.events("trade"), []

    @feed.on("trade")
    async def note(event):
        heard.append(event.id)

    assert next(events).id == "0"
    feed.pause()
    helper = threading.Timer(0.0, feed.resume)
    helper.start()
    assert numbers(events) == [1, 2, 3, 4, 5]
    assert feed.wait(PATIENCE_S)
    assert heard == [*"012345"]


def test_a_feed_whose_market_ends_while_it_is_paused_stays_so():
    feed = pausing_at_its_end()
    events, heard = feed.events("trade"), []

    @feed.on("trade")
    async def note(event):
        heard.append(event.id)

    feed.start()
    assert feed._channel.closed.wait(PATIENCE_S)
    assert not feed.wait(0.1)
    assert feed.state == "paused"
    turns = loop_thread().spawn(asyncio.sleep(0))  # the loop has time for others
    try:
        turns.result(PATIENCE_S)
    finally:
        feed.resume()
    assert numbers(events) == [0, 1, 2]
    assert feed.wait(PATIENCE_S)
    assert (feed.state, heard) == ("ended", [*"012"])


@pytest.mark.parametrize("way", ["resume", "stop", "drain"])
def test_a_pause_in_the_moment_of_the_end_can_be_ended(way):
    feed = feed_of(trades(0, 3))
    events, finish, paused = feed.events("trade"), feed._finish_now, threading.Event()

    def pause_and_finish():
        feed.pause()
        finish()
        paused.set()

    feed._finish_now = pause_and_finish
    feed.start()
    assert paused.wait(PATIENCE_S)
    assert feed.state == "paused"
    assert not feed.wait(0)
    assert feed.resume() is None if way == "resume" else feed.stop(PATIENCE_S, drain=way == "drain")
    assert feed.wait(PATIENCE_S)
    assert feed.state == ("ended" if way == "resume" else "stopped")
    assert numbers(events) == ([] if way == "stop" else [0, 1, 2])


def test_who_listens_to_a_paused_feed_hears_of_nothing_until_it_goes_on():
    gate, told = threading.Event(), threading.Event()

    async def wait():
        feed.pause()
        await in_thread(gate.wait, PATIENCE_S)

    async def tell():
        told.set()

    feed = feed_of(trades(0, 1), wait, trades(1, 3), tell, live=True)
    feed.start()
    while feed.state != "paused":
        feed.wait(0.01)
    events, heard = feed.events("trade"), []

    @feed.on("trade")
    async def note(event):
        heard.append(event.id)

    gate.set()
    assert told.wait(PATIENCE_S)
    assert not feed.wait(0.05)
    assert heard == []
    feed.resume()
    assert feed.wait(PATIENCE_S)
    assert heard == [*"12"]
    assert numbers(events) == [1, 2]


def test_a_coroutine_that_is_taken_off_a_paused_feed_lets_the_others_go_on():
    gate, heard = threading.Event(), []

    async def wait():
        await in_thread(gate.wait, PATIENCE_S)

    feed = feed_of(trades(0, 3), wait, live=True)

    @feed.on("trade")
    async def note(event):
        heard.append(event.id)
        feed.pause()

    feed.start()
    while feed.state != "paused":
        feed.wait(0.01)
    feed.off("trade", note)
    turns = loop_thread().spawn(asyncio.sleep(0))
    try:
        turns.result(PATIENCE_S)
    finally:
        feed.resume()
        gate.set()
    assert feed.wait(PATIENCE_S)
    assert heard == ["0"]


def test_pauses_at_any_moment_lose_nothing():
    for _ in range(50):
        feed = feed_of(*(trades(n, n + 1) for n in range(5)), buffer=2)
        events, heard, awaited = feed.events("trade"), [], []

        @feed.on("trade")
        async def note(event, awaited=awaited):
            awaited.append(event)

        feed.on("trade", heard.append)

        def meddle(feed=feed):
            while not feed.wait(0):
                feed.pause()
                feed.resume()

        feed.start()
        meddler = threading.Thread(target=meddle)
        meddler.start()
        assert numbers(events) == [0, 1, 2, 3, 4]
        assert feed.wait(PATIENCE_S)
        meddler.join(PATIENCE_S)
        assert numbers(heard) == numbers(awaited) == [0, 1, 2, 3, 4]
        assert feed.state == "ended"


def test_a_full_buffer_holds_a_market_back_that_can_wait():
    feed = feed_of(*(trades(n, n + 1) for n in range(100)), buffer=5)
    events = feed.events()
    got = [next(events)]
    assert feed._channel.told < 20
    got += events
    assert numbers(got) == list(range(100))
    assert feed.health().dropped == 0


def test_a_full_buffer_of_a_live_market_drops_the_oldest_and_says_so():
    read, all_told = threading.Event(), threading.Event()

    async def tell():
        all_told.set()

    async def wait():
        await in_thread(read.wait, PATIENCE_S)

    feed = feed_of(*(trades(n, n + 1) for n in range(20)), tell, wait, live=True, buffer=5)
    events = feed.events()
    feed.start()
    assert all_told.wait(PATIENCE_S)
    got = [next(events)]
    read.set()
    got += events
    gap = got[0]
    assert isinstance(gap, Gap)
    assert (gap.subject, gap.reason, gap.count) == ("event", "dropped", 15)
    assert (gap.since_us, gap.until_us) == (START_US, START_US + 14_001)
    assert numbers(got[1:]) == [15, 16, 17, 18, 19]
    assert [event.sequence for event in got] == [15, 16, 17, 18, 19, 20]
    assert feed.health().dropped == 15


def test_who_wants_only_gaps_misses_no_trade():
    gap = Gap(
        "scripted", "BTC/USDT", START_US, START_US, 0, "trade", START_US, START_US + 1, "lost"
    )
    read, all_told = threading.Event(), threading.Event()

    async def tell():
        all_told.set()

    async def wait():
        await in_thread(read.wait, PATIENCE_S)

    feed = feed_of(
        Batch(events=[gap]),
        *(trades(n, n + 1) for n in range(20)),
        tell,
        wait,
        live=True,
        buffer=5,
    )
    heard, soon = [], []

    @feed.on("gap")
    def hear(event):
        assert read.wait(PATIENCE_S)
        heard.append(event)

    @feed.on("gap")
    async def hear_soon(event):
        soon.append(event)

    gaps = feed.events("gap")
    feed.start()
    assert all_told.wait(PATIENCE_S)
    assert feed.health().waiting <= 1
    read.set()
    found = list(gaps)
    assert feed.wait(PATIENCE_S)  # listeners have threads of their own
    assert found == heard == soon == [gap]
    assert feed.health().dropped == 0
    assert feed.health().gaps == 1


def test_a_gap_of_a_full_buffer_is_counted_once_for_each_that_had_one():
    read, all_told = threading.Event(), threading.Event()

    async def tell():
        all_told.set()

    async def wait():
        await in_thread(read.wait, PATIENCE_S)

    feed = feed_of(*(trades(n, n + 1) for n in range(20)), tell, wait, live=True, buffer=5)
    events, others = feed.events(), feed.events("trade")
    feed.start()
    assert all_told.wait(PATIENCE_S)
    got = [next(events), next(others)]
    read.set()
    got += [*events, *others]
    assert sum(isinstance(event, Gap) for event in got) == 1  # the other didn't ask for gaps
    assert (feed.health().dropped, feed.health().gaps) == (30, 2)


def test_what_ends_a_feed_by_failing_is_told_and_raised():
    async def fail():
        raise ValueError("the line is cut")

    feed = feed_of(trades(0, 2), fail)
    errors, states = [], []
    feed.on("error", errors.append)
    feed.on("state", lambda event: states.append(event.state))
    events = []
    with pytest.raises(ValueError, match="the line is cut"):  # noqa: PT012 (the loop raises)
        for event in feed:
            events.append(event)  # noqa: PERF402 (they are kept when it fails)
    with pytest.raises(ValueError, match="the line is cut"):
        feed.wait(PATIENCE_S)
    assert numbers(events) == [0, 1]
    assert [str(each.error) for each in errors] == ["the line is cut"]
    assert states[-1] == feed.state == "failed"


def test_the_same_works_in_a_running_loop():
    async def read():
        async with feed_of(trades(0, 3)) as feed:
            return [event async for event in feed.events("trade")]

    async def iterate():
        return [event async for event in feed_of(trades(0, 4))]

    assert len(asyncio.run(read())) <= 3
    assert numbers(asyncio.run(iterate())) == [0, 1, 2, 3]


def test_several_iterators_get_everything_each():
    feed = feed_of(trades(0, 3))
    one, other = feed.events(), feed.events("trade")
    assert numbers(one) == numbers(other) == [0, 1, 2]


def test_an_iteration_that_started_a_feed_ends_it():
    async def hang():
        await asyncio.Event().wait()

    feed = feed_of(trades(0, 3), hang)
    for event in feed:
        assert event.id == "0"
        break
    del event
    assert feed.wait(PATIENCE_S)
    assert feed.state == "stopped"


def test_an_iteration_of_a_started_feed_leaves_it_running():
    async def hang():
        await asyncio.Event().wait()

    with feed_of(trades(0, 3), hang) as feed:
        events = feed.events("state")
        events.close()
        assert feed.state in {"starting", "running"}
    assert feed.state == "stopped"


def test_a_feed_that_has_ended_can_begin_anew_and_goes_on_counting():
    feed = feed_of(lambda: trades(0, 2))
    heard = []
    feed.on("trade", heard.append)
    assert feed.wait(PATIENCE_S)
    assert feed.start().wait(PATIENCE_S)
    assert [event.sequence for event in heard] == [1, 2, 3, 4]
    assert feed.frame("trades")["sequence"].to_list() == [1, 2, 3, 4]


def test_frames_hold_the_last_rows_of_each_symbol():
    def both(n):
        return Batch(events=[trade(n), trade(n, "ETH/USDT")])

    feed = feed_of(*map(both, range(10)), symbols=("BTC/USDT", "ETH/USDT"), keep=3)
    assert feed.frame("trades").is_empty()
    feed.wait(PATIENCE_S)
    rows = feed.frame("trades")
    assert rows.filter(symbol="ETH/USDT")["id"].to_list() == ["7", "8", "9"]
    assert rows["sequence"].to_list() == [15, 16, 17, 18, 19, 20]
    assert feed.frame("trade", frame="pandas").index.name == "timestamp"
    with pytest.raises(InvalidArgument, match="use trades"):
        feed.frame("candles")


def test_it_tells_what_the_candle_was_that_it_began_in():
    half = {"since": "2024-01-01T00:00:30", "until": "2024-01-01T00:02", "speed": "max"}
    feed = gekko_lab.stream("simulator", "BTC/USDT", kinds=("trade", "candle"), **half)
    assert feed.joined("BTC/USDT") is None
    assert feed.wait(PATIENCE_S)
    early = {"since": "2024-01-01T00:00", "until": half["since"]}
    trades = gekko_lab.fetch_trades("simulator", "BTC/USDT", **early)
    wanted = gekko_lab.candles_from_trades(trades, "1m", columns="full")
    assert feed.joined("BTC/USDT", frame="polars").equals(wanted)
    assert feed.joined("ETH/USDT") is None


def test_events_in_a_batch_with_tables_come_before_its_rows():
    rows = pl.DataFrame({"timestamp": [START_US], "price": [1.0], "amount": [2.0]}).select(
        pl.col("timestamp").cast(pl.Datetime("us", "UTC")),
        pl.lit("7").alias("id"),
        pl.lit("buy").cast(SIDE).alias("side"),
        "price",
        "amount",
    )
    gap = Gap("scripted", "", START_US, 0, 0, "trade", START_US, START_US + 1, "x")
    batch = Batch(events=[gap, trade(5)], tables=[Table("trade", "BTC/USDT", rows)])
    events = list(feed_of(batch))
    assert [getattr(event, "id", event.kind) for event in events] == ["5", "gap", "7"]
    assert [event.sequence for event in events] == [1, 2, 3]


def test_health_tells_counts_reconnects_and_gaps():
    def state(name):
        return State("scripted", "", START_US, START_US, 0, name, "")

    gap = Gap("scripted", "", START_US, START_US, 0, "trade", START_US, START_US + 1, "x")
    script = [
        trades(0, 3),
        Batch(events=[state("reconnecting")]),
        Batch(events=[gap, state("running"), trade(9)]),
    ]
    feed = feed_of(*script)
    feed._meter._clocked = True
    feed.wait(PATIENCE_S)
    health = feed.health()
    assert (health.events, health.reconnects, health.gaps) == (5, 1, 1)
    assert health.latency_p50_ms == health.latency_p99_ms == 0.25
    assert health.waiting == 0
    assert health.series.rows()[0][:3] == ("trade", "BTC/USDT", 4)
    assert health.last_event is not None


def test_a_child_process_is_told_that_the_feed_is_not_its():
    if not hasattr(os, "fork"):
        pytest.skip("this system doesn't fork")
    feed = feed_of(trades(0, 1))
    feed.wait(PATIENCE_S)
    feed._state, feed._process = "running", -1
    with pytest.raises(Stopped, match="one in each process"):
        feed.start()
    with pytest.raises(Stopped, match="one in each process"):
        feed._wait(1)


def test_unknown_names_are_told_with_the_nearest():
    feed = feed_of()
    with pytest.raises(InvalidArgument, match="Did you mean 'trades'"):
        feed.on("tradess", print)
    with pytest.raises(InvalidArgument, match="Did you mean 'ticker'"):
        feed.events("tiker")
    with pytest.raises(InvalidType, match="a function"):
        feed.on("trade", 5)
