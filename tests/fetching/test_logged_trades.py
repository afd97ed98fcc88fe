"""Trades through the data log: each once, in order, and nothing is asked for twice."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gekko_lab
from gekko_lab import datalog
from gekko_lab.errors import GapWarning, IncompleteData, InvalidArgument, SourceError
from gekko_lab.fetching.defaults import is_logged
from gekko_lab.server import Fault

AGG = "/api/v3/aggTrades"
START = 1_704_067_200_000  # 2024-01-01
HOUR = 3_600_000
EXCHANGES = ["binance", "coinbaseexchange", "kraken"]
ASKED = {"since": "2024-01-01T00:00", "until": "2024-01-01T00:30"}


def pages(server):
    return [request for request in server.requests if request.path == AGG]


def rows_of(frame):
    return [(int(time.timestamp() * 1e6 + 0.5), *rest) for time, *rest in frame.rows()]


def regular(count, step_ms=1000):
    """Three trades a moment."""
    times = [(START + n // 3 * step_ms) * 10**6 for n in range(count)]
    return [(n + 1, time, "buy", f"{100 + n % 7}.5", "0.25") for n, time in enumerate(times)]


def test_the_second_fetch_asks_for_nothing(binance):
    server, exchange = binance()
    plain = gekko_lab.fetch_trades(exchange, "BTC/USDT", **ASKED)
    first = gekko_lab.fetch_trades(exchange, "BTC/USDT", log=True, **ASKED)
    asked = len(pages(server))
    second = gekko_lab.fetch_trades(exchange, "BTC/USDT", log=True, **ASKED)
    assert first.equals(plain)
    assert second.equals(plain)
    assert len(pages(server)) == asked


def test_only_what_the_log_lacks_is_asked_for(binance, ms):
    server, exchange = binance()
    middle = {"since": "2024-01-01T00:10", "until": "2024-01-01T00:20"}
    gekko_lab.fetch_trades(exchange, "BTC/USDT", log=True, **middle)
    before = len(pages(server))
    trades = gekko_lab.fetch_trades(exchange, "BTC/USDT", log=True, **ASKED)
    starts = [
        int(request.query["startTime"])
        for request in pages(server)[before:]
        if "startTime" in request.query
    ]
    assert starts == [ms(ASKED["since"]), ms(middle["until"])]
    assert trades.equals(gekko_lab.fetch_trades(exchange, "BTC/USDT", **ASKED))


@pytest.mark.parametrize(
    "asked", [{"limit": 1500, **dict(list(ASKED.items())[1:])}, {"limit": 1500, "since": START}]
)
def test_the_first_and_the_last_so_many_come_from_the_log_too(binance, asked):
    server, exchange = binance()
    first = gekko_lab.fetch_trades(exchange, "BTC/USDT", log=True, **asked)
    before = len(pages(server))
    second = gekko_lab.fetch_trades(exchange, "BTC/USDT", log=True, **asked)
    assert len(pages(server)) == before
    assert first.height == 1500
    assert second.equals(first)
    assert first.equals(gekko_lab.fetch_trades(exchange, "BTC/USDT", **asked))


@pytest.mark.parametrize("end", [KeyboardInterrupt, "HTTP 451"])
@pytest.mark.parametrize("exchange", EXCHANGES)
def test_an_interrupted_download_resumes_where_it_was(trade_tape, exchange, end):
    rows = regular(7001)
    until = rows[-1][1] // 10**6
    asked = {"since": START, "until": until, "log": True}
    tape, source = trade_tape(exchange, rows, until + HOUR)

    def stop(number):
        if number == 5 and end is KeyboardInterrupt:
            raise KeyboardInterrupt
        return (451, {"message": "no"}) if number == 5 else None

    tape.before = stop
    with pytest.raises((KeyboardInterrupt, IncompleteData)):
        gekko_lab.fetch_trades(source, "BTC/EUR", **asked)
    kept = datalog.coverage(source, "BTC/EUR", kind="trades").filter(state="held")
    assert kept.height == 1
    tape.before = lambda number: None
    before = len(tape.asked)
    got = gekko_lab.fetch_trades(source, "BTC/EUR", **asked)
    assert rows_of(got) == tape.truth(START, until)
    assert len(tape.asked) - before <= {"coinbaseexchange": 8 + 4}.get(exchange, 5)


def test_the_newest_two_seconds_come_and_are_not_kept(trade_tape):
    rows = regular(3000)
    now = rows[-1][1] // 10**6
    tape, source = trade_tape("kraken", rows, now)
    source._clock = (float("inf"), 0.0)
    source.now = lambda: now + 1
    got = gekko_lab.fetch_trades(source, "BTC/EUR", since=START, log=True)
    assert rows_of(got) == tape.truth(START, now + 1)
    held = datalog.Series("trades", source, "BTC/EUR").coverage().held
    assert [tuple(span) for span in held] == [(START, now + 1 - 2000)]


def test_behind_the_newest_trade_nothing_counts_as_quiet(trade_tape):
    rows = regular(300)
    newest = rows[-1][1] // 10**6
    tape, source = trade_tape("binance", rows, newest + 2 * HOUR)
    asked = {"since": START, "until": newest + HOUR, "log": True}
    assert rows_of(gekko_lab.fetch_trades(source, "BTC/EUR", **asked)) == tape.truth(
        START, newest + 1
    )
    tape.rows = [*rows, (301, (newest + 5000) * 10**6, "sell", "1.0", "1.0")]  # it came late
    again = gekko_lab.fetch_trades(source, "BTC/EUR", **asked)
    assert rows_of(again) == tape.truth(START, newest + HOUR)


def test_what_is_not_served_is_told_each_time_and_never_empty(fake_exchange):
    """Bitvavo as if it heeded no since: the newest hundred only."""
    now = START + HOUR

    def answer(path, query):
        if path.endswith("/time"):
            return 200, {"time": now}
        rows = [
            {
                "id": f"t{n}",
                "timestamp": START + 60_000 + n,
                "price": "4",
                "amount": "1",
                "side": "buy",
            }
            for n in range(500)
        ]
        return 200, rows[-100:][::-1]

    source = fake_exchange("bitvavo", answer)
    market = {"id": "BTC-EUR", "symbol": "BTC/EUR", "base": "BTC", "quote": "EUR"}
    source._client.ccxt.set_markets(
        [{**market, "type": "spot", "spot": True, "precision": {}, "limits": {}}]
    )
    for _ in range(2):
        with pytest.warns(GapWarning, match="older than what the exchange serves"):
            got = gekko_lab.fetch_trades(source, "BTC/EUR", since=START, log=True)
        assert got["id"].to_list() == [f"t{n}" for n in range(400, 500)]
    ledger = datalog.Series("trades", source, "BTC/EUR").coverage()
    assert ledger.empty == {}
    assert all(span.since > START + 60_400 for span in ledger.held)


def test_simulated_trades_are_logged_when_asked():
    source = gekko_lab.ExchangeSimulator(seed=3)
    asked = {"since": "2024-01-01", "until": "2024-01-01T20:00"}
    trades = gekko_lab.fetch_trades(source, "BTC/USDT", log=True, **asked)
    assert trades.equals(gekko_lab.fetch_trades(source, "BTC/USDT", **asked))
    assert not datalog.Series("trades", source, "BTC/USDT").missing(
        datalog.Span(START, START + 20 * HOUR)
    )


def test_a_range_before_a_simulated_market_began_is_not_held():
    source = gekko_lab.ExchangeSimulator()
    asked = {"since": "2009-12-31", "until": "2010-01-01T01:00", "log": True}
    with pytest.warns(GapWarning, match="older than what the exchange serves"):
        trades = gekko_lab.fetch_trades(source, "BTC/USDT", **asked)
    assert trades.height > 0
    begin = 1_262_304_000_000
    assert datalog.Series("trades", source, "BTC/USDT").coverage().held == [
        datalog.Span(begin, begin + HOUR)
    ]


class TestReport:
    def test_the_trades_stay_in_the_log(self, binance):
        server, exchange = binance()
        plain = gekko_lab.fetch_trades(exchange, "BTC/USDT", log=False, **ASKED)
        asked = {"log": True, "result": "report", **ASKED}
        (row,) = gekko_lab.fetch_trades(exchange, "BTC/USDT", **asked).to_dicts()
        costs = {name: row.pop(name) for name in ("pages", "retries", "waited", "source")}
        assert costs["pages"] == -(-len(plain) // 1000)
        assert costs["source"] == "trades"
        assert row == {
            "exchange": "binance",
            "symbol": "BTC/USDT",
            "timeframe": "",
            "status": "complete",
            "rows": len(plain),
            "first": plain["timestamp"][0],
            "last": plain["timestamp"][-1],
            "missing": 0,
            "gaps": None,
            "error": None,
        }
        assert datalog.load(exchange, "BTC/USDT", kind="trades").equals(plain)
        before = len(pages(server))
        (again,) = gekko_lab.fetch_trades(exchange, "BTC/USDT", **asked).to_dicts()
        assert {name: again[name] for name in row} == row
        assert again["source"] == "log"
        assert len(pages(server)) == before

    def test_a_failure_is_in_it(self, binance):
        server, exchange = binance()
        server.faults.add(Fault("status", path=AGG, skip=2, count=1, value=451))
        asked = {"log": True, "result": "report", **ASKED}
        (row,) = gekko_lab.fetch_trades(exchange, "BTC/USDT", **asked).to_dicts()
        assert row["status"] == "incomplete"
        assert 1900 < row["rows"] < 2000
        assert row["missing"] is None
        assert "451" in row["error"]

    def test_it_needs_the_log(self):
        with pytest.raises(InvalidArgument, match="leave log=False out"):
            gekko_lab.fetch_trades("simulator", "BTC/USDT", limit=3, log=False, result="report")
        with pytest.raises(InvalidArgument, match="choose 'frame' or 'report'"):
            gekko_lab.fetch_trades("simulator", "BTC/USDT", limit=3, result="rows")


def test_live_sources_are_logged_and_others_on_request(binance):
    hours = gekko_lab.fetch("simulator", "BTC/USDT", since="2024-01-01", limit=4)
    simulated = gekko_lab.ExchangeSimulator()
    real = binance()[1]
    assert is_logged(real, None)
    assert not is_logged(simulated, None)
    assert not is_logged(gekko_lab.ExchangeReplay({"BTC/USDT": hours}), None)
    with gekko_lab.options(log="on"):
        assert is_logged(simulated, None)
    with gekko_lab.options(log="off"):
        assert not is_logged(real, None)
        assert is_logged(real, log=True)


moments = st.lists(st.sampled_from([0, 0, 0, 1, 700, 40_000]), min_size=1, max_size=120)
edges = st.integers(-50, 130)
windows = st.lists(
    st.tuples(edges, edges).map(sorted).filter(lambda w: w[0] < w[1]), min_size=1, max_size=4
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    exchange=st.sampled_from(EXCHANGES),
    steps=moments,
    holes=st.lists(st.sampled_from([1, 1, 1, 1, 2, 5000]), min_size=120, max_size=120),
    page=st.integers(3, 60),
    windows=windows,
    ends=st.dictionaries(st.integers(1, 25), st.sampled_from(["451", "interrupt"]), max_size=3),
)
def test_any_fetches_one_after_the_other_give_each_trade_once(
    trade_tape, tmp_path_factory, exchange, steps, holes, page, windows, ends
):
    rows, time, name = [], START * 10**6, 0
    for number, (step, jump) in enumerate(zip(steps, holes, strict=False)):
        time += step * 10**6 + 1000
        name += jump
        rows.append((name, time, "buy" if number % 3 else "sell", f"{number + 1}.5", "0.5"))
    end = rows[-1][1] // 10**6
    tape, source = trade_tape(exchange, rows, end + HOUR, page)

    def stop(number):
        if ends.get(number) == "interrupt":
            raise KeyboardInterrupt
        return (451, {"message": "no"}) if number in ends else None

    tape.before = stop
    width = max(1, (end - START) // 80)
    with gekko_lab.options(data_dir=tmp_path_factory.mktemp("log"), progress="off"):
        for since, until in [*windows, *windows]:
            span = (START + since * width, START + until * width)
            asked = {"since": span[0], "until": min(span[1], end + HOUR), "log": True}
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                try:
                    got = gekko_lab.fetch_trades(source, "BTC/EUR", **asked)
                except KeyboardInterrupt:
                    continue
                except (IncompleteData, SourceError) as error:
                    kept = rows_of(
                        getattr(
                            error,
                            "frame",
                            datalog.Series("trades", source, "BTC/EUR")
                            .read(datalog.Span(*span))
                            .frame,
                        )
                    )
                    assert set(kept) <= set(tape.truth(*span))
                    assert len(set(kept)) == len(kept)
                    continue
            assert rows_of(got) == tape.truth(*span)
        tape.before = lambda number: None
        with suppress(GapWarning):
            got = gekko_lab.fetch_trades(source, "BTC/EUR", since=START, until=end + 1, log=True)
        assert rows_of(got) == tape.truth(START, end + 1)


PEAK = """
import resource, sys
import polars as pl
import gekko_lab
from gekko_lab.frames.schemas import TRADES
from gekko_lab.sources.source import TradeCursor, TradePage

SINCE, STEP, PAGE = 1_704_067_200_000, 864, 5000  # a hundred thousand trades a day

class Even(gekko_lab.ExchangeSimulator):
    foresees = False
    def oldest_trade(self, symbol, since):
        return None
    def trades(self, symbol, cursor, until):
        first = -(-(cursor.time - SINCE) // STEP) if cursor.id is None else int(cursor.id)
        ids = pl.Series(range(first, first + PAGE), dtype=pl.Int64)
        columns = {
            "timestamp": (SINCE + ids * STEP) * 1000,
            "id": ids.cast(pl.String),
            "side": pl.Series(["buy"] * PAGE),
            "price": 100 + ids % 97 / 4,
            "amount": 1 + ids % 89 / 8,
        }
        last = SINCE + (first + PAGE - 1) * STEP
        frame = pl.DataFrame(columns).cast(dict(TRADES))
        return TradePage(frame, TradeCursor(last, str(first + PAGE)))

with gekko_lab.options(progress="off"):
    row = gekko_lab.fetch_trades(
        Even(), "BTC/USDT", since=SINCE, until=SINCE + int(sys.argv[1]) * 86_400_000,
        log=True, result="report",
    )
assert row["status"].item() == "complete", row
print(row["rows"].item(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no getrusage")
@pytest.mark.campaign
def test_ten_times_the_range_takes_no_more_memory(tmp_path):
    """Ten days and a hundred; their journals are folded several times in both."""
    rows, peaks = [], []
    for days in (10, 100):
        done = subprocess.run(
            [sys.executable, "-c", PEAK, str(days)],
            env={**os.environ, "GEKKO_LAB_DATA_DIR": str(tmp_path / str(days))},
            capture_output=True,
            text=True,
            check=True,
        )
        count, peak = map(int, done.stdout.split())
        rows.append(count)
        peaks.append(peak)
    assert rows == [1_000_000, 10_000_000]
    assert peaks[1] < 1.1 * peaks[0], peaks
