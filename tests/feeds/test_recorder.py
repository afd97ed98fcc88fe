"""Recordings of simulated and served markets, alone, beside a fetch and after a death."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta

import polars as pl
import pytest

import gekko_lab
from gekko_lab.datalog import Series, Span
from gekko_lab.errors import (
    IncompleteData,
    InvalidArgument,
    InvalidRange,
    InvalidType,
    UnknownExchange,
    UnknownSymbol,
)
from gekko_lab.feeds.channel import Batch
from gekko_lab.feeds.clock import WALL
from gekko_lab.feeds.record_crew import Crew, Persistence
from gekko_lab.feeds.recorder import Recorder
from gekko_lab.market.timeframe import Timeframe
from gekko_lab.server import Fault
from tests.feeds.conftest import Scripted
from tests.feeds.live import START, served
from tests.feeds.recording import TOO_LONG_S, Script, clock, until

ALL = ("trade", "candle", "order_book", "ticker")
SYMBOLS = ["BTC/USDT", "ETH/USDT"]
SOON = Persistence(first_wait_s=0.05, longest_wait_s=0.1, most=3)
MINUTES = {"since": "2024-01-01T00:00:17", "until": "2024-01-01T00:02:30"}


@pytest.fixture(scope="module")
def simulator():
    return gekko_lab.ExchangeSimulator(seed=7)


def fields(event):
    """Give all of an event but the name of the exchange and when this machine got it."""
    names = [name for name in event.__struct_fields__ if name not in {"exchange", "received_us"}]
    return type(event), *(getattr(event, name) for name in names)


def held(source, symbol, kind="trades", timeframe=None):
    return Series(kind, source, symbol, timeframe).coverage().held


class TestSimulatedMarkets:
    def test_a_replay_tells_what_the_stream_told(self, simulator, data_dir):
        asked = {"kinds": ALL, "speed": "max", **MINUTES}
        with gekko_lab.record(simulator, SYMBOLS, **asked) as recorder:
            assert recorder.wait(TOO_LONG_S)
        live = [fields(event) for event in gekko_lab.stream(simulator, SYMBOLS, **asked)]
        again = gekko_lab.replay(simulator, SYMBOLS, **asked)
        assert [fields(event) for event in again] == live
        assert {each[0].__name__ for each in live} == {"Trade", "Candle", "OrderBook", "Ticker"}
        assert recorder.status()["events"].sum() == len(live)
        assert recorder.state == "ended"

    def test_the_log_holds_the_range_and_nothing_else_and_is_sound(self, simulator, data_dir, ms):
        gekko_lab.record(simulator, SYMBOLS, speed="max", **MINUTES).wait()
        opened, until_ms = ms("2024-01-01T00:00"), ms(MINUTES["until"])
        assert held(simulator, "BTC/USDT") == [Span(opened, until_ms)]
        candles = held(simulator, "BTC/USDT", "candles", "1m")
        assert candles == [Span(opened, ms("2024-01-01T00:02"))]
        assert gekko_lab.datalog.verify(exchange=simulator.identity).is_empty()
        asked = {"since": opened, "until": until_ms}
        fetched = gekko_lab.fetch_trades(simulator, "BTC/USDT", **asked, log=False)
        loaded = gekko_lab.datalog.load(simulator.identity, "BTC/USDT", kind="trades")
        assert loaded.equals(fetched)
        assert loaded.schema == fetched.schema

    def test_a_fetch_fills_what_two_recordings_left_between_them(self, simulator, data_dir, ms):
        day = "2024-01-01T00:"
        parts = [(f"{day}00", f"{day}03"), (f"{day}05:01", f"{day}08")]
        for since, end in parts:
            gekko_lab.record(simulator, "BTC/USDT", since=since, until=end, speed="max").wait()
        whole = {"since": parts[0][0], "until": parts[1][1]}
        for log in (True, False):
            trades = gekko_lab.fetch_trades(simulator, "BTC/USDT", log=log, **whole)
            candles = gekko_lab.fetch(simulator, "BTC/USDT", "1m", log=log, **whole)
            if log:
                series = trades, candles
        assert series[0].equals(trades)
        assert series[1].equals(candles)
        assert held(simulator, "BTC/USDT") == [Span(*map(ms, whole.values()))]

    def test_where_they_come_from_is_kept(self, simulator, data_dir):
        gekko_lab.record(simulator, "BTC/USDT", speed="max", kinds="trade", **MINUTES).wait()
        (file,) = data_dir.glob("trades/*/*/*.parquet")
        about = str(pl.read_parquet_metadata(file))
        assert "seed=7" in about
        assert "recorded" in about
        assert f"simulator%2D{simulator.parameters.fingerprint}" in str(file) or (
            simulator.identity in str(file)
        )

    def test_it_goes_on_beside_the_caller_until_it_is_stopped(self, simulator, data_dir):
        recorder = gekko_lab.record(simulator, "BTC/USDT", kinds="trade", speed=600)
        until(lambda: recorder.status()["rows"][0] > 100, "the hundredth trade")
        assert recorder.state == "running"
        assert "running" in repr(recorder)
        assert not recorder.wait(0.01)
        assert recorder.stop(TOO_LONG_S)
        assert recorder.state == "stopped"
        assert recorder.gaps().is_empty()
        (span,) = held(simulator, "BTC/USDT")
        asked = {"since": span.since, "until": span.until, "log": False}
        fetched = gekko_lab.fetch_trades(simulator, "BTC/USDT", **asked)
        loaded = gekko_lab.datalog.load(simulator.identity, "BTC/USDT", kind="trades")
        assert loaded.equals(fetched)
        assert recorder.status()["rows"][0] == loaded.height

    def test_it_ends_after_a_duration_of_the_market_s_time(self, simulator, data_dir):
        since = "2024-01-01"
        asked = {"kinds": "trade", "speed": "max", "since": since}
        gekko_lab.record(simulator, "BTC/USDT", duration="90s", **asked).wait()
        gekko_lab.record(simulator, "ETH/USDT", duration=timedelta(minutes=1.5), **asked).wait()
        lengths = [span.until - span.since for s in SYMBOLS for span in held(simulator, s)]
        assert lengths == [90_000, 90_000]


@pytest.mark.parametrize(
    ("asked", "error", "told"),
    [
        ({"symbols": "BTC/USDTX"}, UnknownSymbol, "Did you mean"),
        ({"exchange": "nowhere"}, UnknownExchange, "nowhere"),
        ({"exchange": []}, InvalidArgument, "at least one"),
        ({"exchange": "replay:simulator"}, InvalidArgument, "the data log itself"),
        ({"exchange": ["simulator", "simulator"]}, InvalidArgument, "twice"),
        ({"kinds": "trad"}, InvalidArgument, "trade"),
        ({"duration": "1M"}, InvalidArgument, "90m"),
        ({"duration": 5}, InvalidType, "timedelta"),
        ({"duration": "1h", "until": "2050-01-01"}, InvalidArgument, "leave one of them out"),
        ({"since": "2024-01-02", "until": "2024-01-01"}, InvalidRange, "later"),
        ({"n_jobs": 0}, InvalidArgument, "n_jobs"),
        ({"exchange": "binance", "speed": 5}, InvalidArgument, "as it goes on now"),
    ],
)
def test_what_can_t_be_recorded_is_told_before_it_begins(data_dir, asked, error, told):
    with pytest.raises(error, match=told):
        gekko_lab.record(**{"exchange": "simulator", "symbols": "BTC/USDT", **asked})
    assert not data_dir.exists() or not list(data_dir.glob("journals/*"))


class TestServedMarkets:
    """A real client, a real socket; the exchange breaks while it is recorded."""

    def test_what_was_recorded_and_fetched_is_the_market_s_own(self, market, data_dir):
        with served(market, 20) as (server, now):
            config = {"enableRateLimit": False, **server.ccxt_config()}
            for last in (
                False,
                True,
            ):  # the second one begins after a while in which nobody recorded
                source = gekko_lab.CcxtMarketData("binance", config=config)  # asks for the time
                recorder = gekko_lab.record(source, SYMBOLS)
                until(lambda r=recorder: r.status()["rows"].min() > 25, "some rows")
                server.faults.add(Fault("stream_abort", stream="trades", count=2))
                until(lambda r=recorder: r.status()["rows"].min() > 50, "more rows")
                assert recorder.stop(TOO_LONG_S)
                assert recorder.status()["error"].to_list() == [None, None]
                ended = now()
                until(lambda end=ended, ok=last: ok or now() > end + 61_000, "another minute")
            source = gekko_lab.CcxtMarketData("binance", config=config)
            assert gekko_lab.datalog.verify(exchange=source.identity).is_empty()
            for symbol in SYMBOLS:
                self.check(source, market, symbol)
            assert gekko_lab.recordings().height == 2
            source.close()

    def check(self, source, market, symbol):
        spans = held(source, symbol)
        assert len(spans) == 2
        for span in spans:  # what is held is whole before anybody fetches
            self.compare(Series("trades", source, symbol).read(span).frame, market, symbol, span)
        whole = Span(spans[0].since, spans[-1].until)
        asked = {"since": whole.since, "until": whole.until}
        fetched = gekko_lab.fetch_trades(source, symbol, **asked)
        self.compare(fetched, market, symbol, whole)
        assert fetched.equals(gekko_lab.fetch_trades(source, symbol, log=False, **asked))
        names = ["timestamp", "open", "high", "low", "close", "volume", "trade_count"]
        for part in held(source, symbol, "candles", "1m"):
            recorded = Series("candles", source, symbol, "1m").read(part).frame
            truth = market.candles(symbol, Timeframe.parse("1m"), *part)
            assert recorded.select(names).equals(truth.select(names))

    def compare(self, frame, market, symbol, span):
        truth = market.trades(symbol, *span)
        assert frame["id"].cast(int).to_list() == truth["id"].to_list()
        names = ["timestamp", "side", "price", "amount"]
        assert frame.select(names).equals(truth.select(names))
        assert frame.height > 15

    def test_books_and_tickers_are_kept_at_the_exchange_s_time(self, market, data_dir):
        with served(market, 5) as (server, now):
            config = {"enableRateLimit": False, **server.ccxt_config()}
            source = gekko_lab.CcxtMarketData("binance", config=config)
            began = now()
            kinds = ("order_book", "ticker")
            with gekko_lab.record(source, "BTC/USDT", kinds=kinds, depth=5) as recorder:
                until(lambda: recorder.status()["rows"][0] > 55, "five books")
            ended = now()
            for kind in ("order_book", "ticker"):
                found = Series(kind, source, "BTC/USDT").read()
                times = found.frame["timestamp"].dt.epoch("ms")
                assert began - 2_000 <= times.min() <= times.max() < ended
                assert found.ledger.held == [Span(times.min(), times.max() + 1)]
                assert times.n_unique() == (times // 1000).n_unique() > 2
            source.close()


class TestFailures:
    def crew(self, script, **options):
        crew = Crew([script], WALL, Persistence(**{"first_wait_s": 0.01, "most": 3, **options}))
        crew.start()
        return crew

    def failing(self):
        def fail():
            raise OSError("gone")

        return Scripted(Batch(clock_us=clock(0)), fail, live=True)

    def good(self):
        return Scripted(Batch(clock_us=clock(0)), live=True)

    def test_what_fails_is_begun_again_and_told(self, data_dir, caplog):
        script = Script(self.failing(), self.failing(), self.good())
        crew = self.crew(script)
        assert crew.wait(TOO_LONG_S)
        (status,) = crew.statuses()
        assert (status.state, status.restarts, status.error) == ("ended", 2, "OSError: gone")
        assert script.resumed == [False, True, True]
        assert caplog.text.count("gone") == 2

    def test_it_is_given_up_in_the_end(self, data_dir):
        script = Script(*(self.failing() for _ in range(9)))
        crew = self.crew(script)
        assert crew.wait(TOO_LONG_S)
        (status,) = crew.statuses()
        assert (status.state, status.restarts) == ("failed", 3)
        assert len(script.channels) == 5

    def test_a_wrong_request_is_not_tried_again(self, data_dir):
        script = Script(self.failing(), UnknownSymbol("delisted"))
        crew = self.crew(script)
        assert crew.wait(TOO_LONG_S)
        (status,) = crew.statuses()
        assert (status.state, status.restarts) == ("failed", 1)
        assert "delisted" in status.error

    def test_it_can_be_stopped_while_it_waits(self, data_dir):
        script = Script(*(self.failing() for _ in range(2)))
        crew = self.crew(script, first_wait_s=1000.0, longest_wait_s=1000.0)
        until(lambda: crew.statuses()[0].state == "waiting")
        crew.stop()
        assert crew.wait(TOO_LONG_S)
        assert crew.statuses()[0].state == "stopped"

    def test_who_waits_is_told_what_could_not_be_recorded(self, data_dir):
        recorder = Recorder([Script(self.failing())], persistence=Persistence(most=0))
        with pytest.raises(IncompleteData, match="OSError: gone") as raised:
            recorder.wait(TOO_LONG_S)
        assert raised.value.report["state"].to_list() == ["failed"]
        assert recorder.state == "failed"


@pytest.mark.skipif(os.name == "nt", reason="processes are killed by signals")
class TestProcesses:
    def test_one_that_is_killed_has_a_successor_and_its_gap_can_be_fetched(
        self, simulator, data_dir
    ):
        asked = {"kinds": "trade", "n_jobs": 2, "speed": 10, "persistence": SOON}
        with gekko_lab.record(simulator, SYMBOLS, **asked) as recorder:
            until(lambda: recorder.status()["rows"].min() > 5, "rows of both")
            one, two = recorder.status()["pid"]
            assert len({one, two, os.getpid()}) == 3
            os.kill(one, signal.SIGKILL)
            until(lambda: recorder.status()["restarts"][0] == 1, "the restart")
            rows = recorder.status()["rows"][0]
            until(lambda: recorder.status()["rows"][0] > rows + 5, "more rows")
            status = recorder.status()
        assert status["restarts"].to_list() == [1, 0]
        assert "signal 9" in status["error"][0]
        assert status["error"][1] is None
        assert status["pid"][0] not in {one, two}
        gap = recorder.gaps()
        assert gap["symbol"].to_list() == ["BTC/USDT"]
        first, second = held(simulator, "BTC/USDT")
        assert gap.select(pl.col("since", "until").dt.epoch("ms")).row(0) == (
            first.until,
            second.since,
        )
        for symbol in SYMBOLS:
            spans = held(simulator, symbol)
            range_ = {"since": spans[0].since, "until": spans[-1].until}
            for span in spans:
                self.compare(Series("trades", simulator, symbol).read(span).frame, simulator, span)
            fetched = gekko_lab.fetch_trades(simulator, symbol, log=True, **range_)
            assert fetched.equals(gekko_lab.fetch_trades(simulator, symbol, log=False, **range_))
        assert gekko_lab.datalog.verify(exchange=simulator.identity).is_empty()
        assert recorder.gaps().is_empty()
        until(lambda: not is_alive(one) and not is_alive(status["pid"][0]), "the end of both")

    def compare(self, frame, simulator, span):
        symbol = "BTC/USDT" if frame["price"][0] > 5000 else "ETH/USDT"
        asked = {"since": span.since, "until": span.until, "log": False}
        assert frame.equals(gekko_lab.fetch_trades(simulator, symbol, **asked))

    def test_they_end_when_their_parent_is_killed(self, data_dir):
        code = (
            "import gekko_lab, time\n"
            "one = gekko_lab.record('simulator', ['BTC/USDT'] , kinds='trade', n_jobs=-1,\n"
            "    speed=60) if False else gekko_lab.record('simulator', ['BTC/USDT', 'ETH/USDT'],\n"
            "    kinds='trade', n_jobs=2, speed=60)\n"
            "while one.status()['rows'].min() < 5: time.sleep(0.05)\n"
            "print(*one.status()['pid'], flush=True)\n"
            "time.sleep(1000)\n"
        )
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "GEKKO_LAB_DATA_DIR": str(data_dir),
        }
        parent = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment
        )
        pids = [int(text) for text in parent.stdout.readline().split()]
        assert len(pids) == 2
        parent.kill()
        parent.wait()
        parent.stdout.close()
        until(lambda: not any(map(is_alive, pids)), "the end of the workers")
        assert gekko_lab.datalog.verify().is_empty()

    def test_a_source_that_can_t_travel_is_refused(self, simulator, data_dir):
        class Local(gekko_lab.ExchangeSimulator):
            def __reduce__(self):
                raise TypeError("it holds a connection")

        with pytest.raises(InvalidType, match=r"connection.*n_jobs=1"):
            gekko_lab.record(Local(), SYMBOLS, n_jobs=2)


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout
    return bool(state.strip()) and not state.startswith("Z")


def fresh(spans, begin):
    """Give the spans that the last recorder may have written to."""
    return [span for span in spans if span.until >= begin - 60_000]


@pytest.mark.campaign
@pytest.mark.skipif(os.name == "nt", reason="processes are killed by signals")
def test_whenever_it_is_killed_what_is_held_is_whole(simulator, data_dir):
    """Thirty deaths at any moment of a recorder that writes all kinds of rows."""
    code = (
        "import gekko_lab\n"
        "one = gekko_lab.record(gekko_lab.ExchangeSimulator(seed=7), ['BTC/USDT', 'ETH/USDT'],\n"
        "    kinds=('trade', 'candle', 'ticker'), since={since!r}, speed={speed})\n"
        "print('begun', flush=True)\n"
        "one.wait()\n"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "GEKKO_LAB_DATA_DIR": str(data_dir),
    }
    begin = START
    for number in range(30):
        text = code.format(since=begin, speed=[20, 2000, 20_000][number % 3])
        recorder = subprocess.Popen(
            [sys.executable, "-c", text], stdout=subprocess.PIPE, env=environment
        )
        recorder.stdout.readline()
        time.sleep(0.2 + 0.07 * number)
        recorder.kill()
        recorder.wait()
        recorder.stdout.close()
        before = begin
        for symbol in SYMBOLS:
            for span in fresh(held(simulator, symbol), before):
                rows = Series("trades", simulator, symbol).read(span).frame
                asked = {"since": span.since, "until": span.until, "log": False}
                truth = gekko_lab.fetch_trades(simulator, symbol, **asked)
                assert rows.equals(truth), (number, symbol)
            for span in fresh(held(simulator, symbol, "candles", "1m"), before):
                asked = {"since": span.since, "until": span.until, "log": False}
                rows = Series("candles", simulator, symbol, "1m").read(span).frame
                truth = gekko_lab.fetch(simulator, symbol, "1m", **asked, columns="full")
                assert rows.equals(truth), (number, symbol)
            begin = max([begin, *(span.until for span in held(simulator, symbol))])
        told = gekko_lab.datalog.verify(exchange=simulator.identity, repair=True)
        assert set(told["action"]) <= {"removed"}, told  # a file that nobody has been told of
        begin += 61_001
    spans = held(simulator, "BTC/USDT")
    assert len(spans) >= 20
