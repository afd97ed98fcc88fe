"""Where candles come from: by name, and the same candles whichever it is."""

from __future__ import annotations

import polars as pl
import pytest

import gekko_lab
from gekko_lab import datalog
from gekko_lab.errors import (
    DiskFull,
    GapWarning,
    HistoryUnavailable,
    IncompleteData,
    InvalidArgument,
    LogWarning,
    UnsupportedBySource,
)
from gekko_lab.market.timeframe import Timeframe
from gekko_lab.server.archive import FileFault, serve_archive

KLINES = "/api/v3/klines"
MONTHS = {"since": "2024-01-01", "until": "2024-03-01"}


@pytest.fixture
def archived(binance, market, ms):
    """A served Binance whose archive holds what is older than some days."""
    opened = []

    def start(**options):
        clock = "2024-03-10T00:00:30"
        exchange, plain = binance(clock=clock, **options)
        server = serve_archive(market, clock=lambda: ms(clock), **options)
        source = gekko_lab.CcxtMarketData("binance", config=plain.config, archive=server.url)
        opened.extend([source, server])
        return exchange, server, source, plain

    yield start
    for each in opened:
        each.close()


def pages(server):
    return [request for request in server.requests if request.path == KLINES]


class TestArchive:
    def test_old_months_come_from_files_and_the_rest_from_the_exchange(self, archived):
        exchange, server, source, plain = archived()
        asked = {"since": "2024-01-01", "until": "2024-03-03"}
        wanted = gekko_lab.fetch(plain, "BTC/USDT", "1m", columns="full", log=False, **asked)
        before = len(pages(exchange))
        found = gekko_lab.fetch(source, "BTC/USDT", "1m", columns="full", **asked)
        assert found.equals(wanted)
        assert len(server.requests) == 2 * 2  # two months, each with its checksum
        assert len(pages(exchange)) - before < 12 < 62 * 1440 // 1000
        report = gekko_lab.fetch_many(source, "BTC/USDT", "1m", result="report", **asked)
        assert report["source"].to_list() == ["log"]

    def test_the_second_fetch_asks_nobody(self, archived):
        exchange, server, source, _ = archived()
        first = gekko_lab.fetch(source, "BTC/USDT", "1m", **MONTHS)
        before = len(server.requests), len(pages(exchange))
        assert gekko_lab.fetch(source, "BTC/USDT", "1m", **MONTHS).equals(first)
        assert (len(server.requests), len(pages(exchange))) == before

    def test_without_the_log_it_is_the_same(self, archived):
        _, _, source, plain = archived()
        wanted = gekko_lab.fetch(plain, "BTC/USDT", "1m", log=False, **MONTHS)
        assert gekko_lab.fetch(source, "BTC/USDT", "1m", log=False, **MONTHS).equals(wanted)

    def test_rest_alone_leaves_files_alone(self, archived):
        _, server, source, _ = archived()
        gekko_lab.fetch(source, "BTC/USDT", "1h", source="rest", **MONTHS)
        assert server.requests == []

    def test_files_alone_name_what_they_lack(self, archived):
        _, server, source, plain = archived()
        server.files.add(FileFault("missing", "*2024-02*"))
        with pytest.raises(IncompleteData, match="no file that serves BTC/USDT 1m") as caught:
            gekko_lab.fetch(source, "BTC/USDT", "1m", source="archive", **MONTHS)
        january = {"since": "2024-01-01", "until": "2024-02-01"}
        wanted = gekko_lab.fetch(plain, "BTC/USDT", "1m", log=False, **january)
        assert caught.value.frame.equals(wanted)
        assert caught.value.report["missing"].sum() == 29 * 1440
        assert gekko_lab.fetch(source, "BTC/USDT", "1m", **MONTHS).height == 60 * 1440

    def test_an_outage_is_an_outage_in_files_too(self, archived, ms):
        outage = (ms("2024-01-20T10:00"), ms("2024-01-20T13:00"))
        _, _, source, plain = archived(outages=[outage])
        with pytest.warns(GapWarning, match="180 candles in an outage"):
            wanted = gekko_lab.fetch(plain, "BTC/USDT", "1m", log=False, **MONTHS)
        with pytest.warns(GapWarning, match="180 candles in an outage"):
            found = gekko_lab.fetch(source, "BTC/USDT", "1m", **MONTHS)
        assert found.equals(wanted)

    def test_a_plan_tells_what_files_save(self, archived):
        exchange, server, source, _ = archived()
        table = gekko_lab.plan(source, "BTC/USDT", "1m", since="2024-01-01", until="2024-03-03")
        assert table["source"].to_list() == ["archive", "rest"]
        assert table["rows"].to_list() == [60 * 1440, 2 * 1440]
        assert table["weight"].sum() < 20 < 2 * 62 * 1440 // 1000
        assert server.requests == []
        before = len(pages(exchange))
        gekko_lab.fetch(source, "BTC/USDT", "1m", since="2024-01-01", until="2024-03-03")
        asked = len(server.requests) + len(pages(exchange)) - before
        assert asked <= table["calls"].sum()

    def test_who_has_none_says_so(self, binance):
        _, plain = binance()
        with pytest.raises(UnsupportedBySource, match="has no archive of BTC/USDT"):
            gekko_lab.fetch(plain, "BTC/USDT", "1m", source="archive", **MONTHS)
        with pytest.raises(UnsupportedBySource, match="no archive of trades"):
            gekko_lab.fetch_trades(plain, "BTC/USDT", source="archive", **MONTHS)


class TestTrades:
    NOW = "2024-03-05T12:00:30"

    @pytest.fixture
    def exchange(self, kraken, market):
        server, source = kraken(market, self.NOW)
        return server, source

    def test_candles_go_back_as_far_as_the_trades(self, exchange, market, ms):
        server, source = exchange
        asked = {"since": "2024-03-03", "until": "2024-03-03T06:00"}
        with pytest.raises(HistoryUnavailable, match="source='trades' makes older candles"):
            gekko_lab.fetch(source, "BTC/USDT", "1m", **asked)
        built = gekko_lab.fetch(source, "BTC/USDT", "1m", source="trades", **asked)
        span = (ms("2024-03-03"), ms("2024-03-03T06:00"))
        own = market.candles("BTC/USDT", Timeframe.parse("1m"), *span)
        traded = own.filter(pl.col("trade_count") > 0)
        assert built.equals(traded.select(built.columns))
        before = len(server.requests)
        assert gekko_lab.fetch(source, "BTC/USDT", "1m", source="trades", **asked).equals(built)
        assert len(server.requests) == before

    def test_a_number_of_them_is_refused(self, exchange):
        _, source = exchange
        with pytest.raises(UnsupportedBySource, match="serves ranges: give since and until"):
            gekko_lab.fetch(source, "BTC/USDT", "1m", source="trades", limit=10)

    def test_minutes_without_trades_are_asked_for_where_all_candles_exist(self, binance, ms):
        """Binance has a candle for each minute: quiet ones don't count as known to be empty."""
        _, source = binance()
        asked = {"since": "2024-01-01", "until": "2024-01-01T04:00"}
        with pytest.warns(GapWarning, match="in which nothing was traded"):
            built = gekko_lab.fetch(source, "LTC/EUR", "1m", source="trades", **asked)
        assert built.height < 240
        assert gekko_lab.fetch(source, "LTC/EUR", "1m", **asked).height == 240


class TestLogThatFails:
    def test_what_came_is_returned_with_a_warning(self, binance, monkeypatch):
        server, source = binance()
        wanted = gekko_lab.fetch(source, "BTC/USDT", "1m", log=False, **MONTHS)
        kept = datalog.Series.append
        calls = []

        def full(self, frame, *rest, **options):
            calls.append(len(frame))
            if len(calls) > 20:
                raise OSError(28, "No space left on device")
            kept(self, frame, *rest, **options)

        monkeypatch.setattr(datalog.Series, "append", full)
        with pytest.warns(LogWarning, match="No space left") as told:
            found = gekko_lab.fetch(source, "BTC/USDT", "1m", **MONTHS)
        assert found.equals(wanted)
        assert len(told) == 1
        assert told[0].filename == __file__
        held = datalog.load(source, "BTC/USDT", "1m").height
        assert held == 20_000
        assert server.requests

    def test_who_insists_on_the_log_is_told_at_once(self, binance, monkeypatch):
        _, source = binance()

        def full(*_, **__):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(datalog.Series, "append", full)
        with pytest.raises(OSError, match="No space left"):
            gekko_lab.fetch(source, "BTC/USDT", "1m", log=True, **MONTHS)

    def test_trades_come_all_the_same_too(self, binance, monkeypatch, ms):
        _, source = binance()
        asked = {"since": "2024-01-01", "until": "2024-01-01T00:30"}
        wanted = gekko_lab.fetch_trades(source, "BTC/USDT", log=False, **asked)

        def full(*_, **__):
            raise DiskFull("no room left")

        monkeypatch.setattr(datalog.Series, "append", full)
        with pytest.warns(LogWarning, match="no room left"):
            found = gekko_lab.fetch_trades(source, "BTC/USDT", **asked)
        assert found.equals(wanted)


HOUR = {"since": "2024-01-01", "until": "2024-01-01T01:00"}


class TestHeldTrades:
    def test_a_replay_gives_the_trades_that_are_held(self, binance):
        server, source = binance()
        trades = gekko_lab.fetch_trades(source, "BTC/USDT", **HOUR)
        before = len(server.requests)
        name = f"replay:{source.identity}"
        assert gekko_lab.fetch_trades(name, "BTC/USDT", **HOUR).equals(trades)
        held = gekko_lab.fetch_trades(source, "BTC/USDT", source="log", since="2024-01-01")
        assert held.equals(trades)
        last = gekko_lab.fetch_trades(name, "BTC/USDT", limit=7)
        assert last.equals(trades.tail(7))
        first = gekko_lab.fetch_trades(name, "BTC/USDT", since="2024-01-01", limit=7)
        assert first.equals(trades.head(7))
        assert len(server.requests) == before

    def test_what_is_not_held_is_named(self, binance):
        _, source = binance()
        trades = gekko_lab.fetch_trades(source, "BTC/USDT", **HOUR)
        with pytest.warns(GapWarning, match="that the data log doesn't hold"):
            held = gekko_lab.fetch_trades(
                source, "BTC/USDT", source="log", since="2023-12-31", until="2024-01-01T02:00"
            )
        assert held.equals(trades)


def test_trades_are_downloaded_by_jobs_and_topped_up(binance):
    _, source = binance(clock="2024-01-01T01:00:00")
    job = gekko_lab.Job(source, "BTC/USDT", kind="trades", since="2024-01-01")
    assert job.start().wait()
    (row,) = job.report().to_dicts()
    assert row["status"] == "complete"
    assert row["timeframe"] == ""
    assert row["rows"] == datalog.load(source, "BTC/USDT", kind="trades").height > 1000
    report = gekko_lab.update(source, kind="trades")
    assert report["status"].to_list() == ["complete"]


def test_a_source_of_candles_that_does_not_exist_is_refused():
    with pytest.raises(InvalidArgument, match="source='disk': choose one of 'auto', 'rest'"):
        gekko_lab.fetch("simulator", "BTC/USDT", source="disk")
