"""`fetch` from exchanges that hand out candles in their own ways, behind ccxt's own classes."""

from __future__ import annotations

import json
import warnings

import polars as pl
import pytest
import requests

import gekko_lab
from gekko_lab import datalog
from gekko_lab.errors import (
    GapWarning,
    HistoryUnavailable,
    IncompleteData,
    UnsupportedBySource,
)
from gekko_lab.frames.schemas import CANDLES
from gekko_lab.market.timeframe import Timeframe
from gekko_lab.server import Fault
from gekko_lab.sources.contract import check_source

NOW = "2024-03-01T12:34:56"
MINUTE = Timeframe.parse("1m")


@pytest.fixture
def minutes(market, ms):
    def candles(since, until=NOW, timeframe=MINUTE):
        return market.candles("BTC/USDT", timeframe, ms(since), ms(until)).select(CANDLES.names())

    return candles


@pytest.fixture
def sparse(minutes):
    """Candles of a market in which a third of the minutes has no trade, and six hours none."""
    frame = minutes("2024-02-25")
    minute = pl.col("timestamp").dt.epoch("s") // 60
    quiet = pl.col("timestamp").dt.date() == pl.date(2024, 2, 28)
    quiet &= pl.col("timestamp").dt.hour().is_between(6, 11)
    return frame.filter((minute % 3 != 1) & ~quiet)


class TestKraken:
    @pytest.fixture
    def exchange(self, kraken, minutes):
        return kraken(minutes("2024-02-28"), NOW)[1]

    def test_what_is_served_comes_complete_and_closed(self, exchange, minutes):
        candles = gekko_lab.fetch(exchange, "BTC/USDT", "1m", since="2024-03-01T02:00")
        assert candles.equals(minutes("2024-03-01T02:00", "2024-03-01T12:34"))

    def test_older_candles_are_refused_with_the_earliest_time(self, exchange, ms):
        with pytest.raises(HistoryUnavailable, match="2024-03-01T00:35Z") as told:
            gekko_lab.fetch(exchange, "BTC/USDT", "1m", since="2024-02-29")
        assert told.value.earliest == ms("2024-03-01T00:35")
        assert "newest 720" in str(told.value)

    def test_all_that_is_served_can_be_had_from_the_earliest_time_on(self, exchange, minutes):
        earliest = "2024-03-01T00:35"
        candles = gekko_lab.fetch(exchange, "BTC/USDT", "1m", since=earliest)
        assert candles.equals(minutes(earliest, "2024-03-01T12:34"))
        assert len(gekko_lab.fetch(exchange, "BTC/USDT", "1m", limit=719)) == 719

    def test_more_candles_than_are_served_are_refused(self, exchange):
        with pytest.raises(HistoryUnavailable, match="800 candles"):
            gekko_lab.fetch(exchange, "BTC/USDT", "1m", limit=800)

    def test_a_window_in_the_served_range_is_cut_exactly(self, exchange, minutes):
        asked = ("2024-03-01T03:00", "2024-03-01T04:00")
        candles = gekko_lab.fetch(exchange, "BTC/USDT", "1m", since=asked[0], until=asked[1])
        assert candles.equals(minutes(*asked))

    def test_a_young_market_gives_its_whole_history(self, kraken, minutes):
        _, exchange = kraken(minutes("2024-03-01T06:00"), NOW)
        with pytest.warns(GapWarning, match="before the market was listed"):
            candles = gekko_lab.fetch(exchange, "BTC/USDT", "1m", since="2024-02-20")
        assert candles.equals(minutes("2024-03-01T06:00", "2024-03-01T12:34"))

    def test_weeks_begin_on_thursday_and_say_so(self, kraken, market, ms):
        _, exchange = kraken(market, NOW)
        candles = gekko_lab.fetch(exchange, "BTC/USDT", "1w", since="2023-06-01", limit=4)
        assert candles["timestamp"].dt.weekday().to_list() == [4, 4, 4, 4]
        days = market.candles("BTC/USDT", Timeframe.parse("1d"), ms("2023-06-01"), ms("2023-06-29"))
        weeks = days.with_columns(week=pl.int_range(28) // 7).group_by("week", maintain_order=True)
        prices = ("timestamp", "open", "high", "low", "close")
        expected = weeks.agg(
            pl.col("timestamp", "open").first(),
            pl.col("high").max(),
            pl.col("low").min(),
            pl.col("close").last(),
        )
        assert candles.select(prices).equals(expected.select(prices))

    @pytest.mark.parametrize("folded", [False, True])
    def test_the_log_knows_that_weeks_begin_on_thursday(self, kraken, market, folded):
        _, exchange = kraken(market, NOW)
        asked = {"since": "2024-02-06", "until": "2024-02-24"}
        weeks = gekko_lab.fetch(exchange, "BTC/USDT", "1w", **asked)
        assert weeks["timestamp"].dt.day().to_list() == [8, 15, 22]
        if folded:
            datalog.fold()
        assert datalog.verify(repair=True).is_empty()
        assert datalog.load(exchange, "BTC/USDT", "1w").equals(weeks)
        assert gekko_lab.fetch(exchange, "BTC/USDT", "1w", source="log", **asked).equals(weeks)
        replayed = f"replay:{exchange.identity}"
        assert gekko_lab.fetch(replayed, "BTC/USDT", "1w", **asked).equals(weeks)
        assert datalog.gaps(exchange, "BTC/USDT", "1w").is_empty()


class Doubling(requests.Session):
    """Repeats one candle wherever it comes."""

    time = 0

    def request(self, method, url, **settings):
        response = super().request(method, url, **settings)
        if "/candles" in url:
            rows = response.json()
            spoiled = [double for row in rows for double in [row] * (1 + (row[0] == self.time))]
            response._content = json.dumps(spoiled).encode()
        return response


class TestCoinbase:
    @pytest.fixture
    def served(self, coinbase, sparse):
        return coinbase(sparse, NOW)

    @pytest.fixture
    def exchange(self, served):
        return served[1]

    def test_it_keeps_the_rules_of_a_source(self, exchange):
        check_source(exchange, "BTC/USDT", "1m")

    def test_a_quiet_market_comes_complete_across_an_empty_page(self, exchange, sparse, ms):
        with pytest.warns(GapWarning, match="in which nothing was traded"):
            candles = gekko_lab.fetch(
                exchange, "BTC/USDT", "1m", since="2024-02-27", until="2024-03-01"
            )
        time = pl.col("timestamp").dt.epoch("ms")
        expected = sparse.filter((time >= ms("2024-02-27")) & (time < ms("2024-03-01")))
        assert candles.equals(expected)

    def test_the_last_candles_are_so_many_rows_not_so_much_time(self, exchange, sparse, ms):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", GapWarning)
            candles = gekko_lab.fetch(exchange, "BTC/USDT", "1m", limit=3000)
        closed = sparse.filter(pl.col("timestamp").dt.epoch("ms") < ms("2024-03-01T12:34"))
        assert candles.equals(closed.tail(3000))

    def test_years_before_the_listing_cost_few_pages(self, served, sparse, ms):
        server, exchange = served
        with pytest.warns(GapWarning, match="before the market was listed"):
            candles = gekko_lab.fetch(
                exchange, "BTC/USDT", "1m", since="2016-01-01", until="2024-02-26"
            )
        expected = sparse.filter(pl.col("timestamp").dt.epoch("ms") < ms("2024-02-26"))
        assert candles.equals(expected)
        pages = [request for request in server.requests if request.path.endswith("candles")]
        assert len(pages) < 40  # page by page it would be 14,000

    def test_rows_in_another_order_than_documented_are_no_candles(self, served):
        server, exchange = served
        server.faults.add(Fault("reverse_rows"))
        with pytest.raises(IncompleteData, match="doesn't open after the row before"):
            gekko_lab.fetch(exchange, "BTC/USDT", "1m", since="2024-02-27", until="2024-02-28")

    def test_a_row_that_comes_twice_is_reported(self, coinbase, sparse, ms):
        session = Doubling()
        session.time = ms("2024-02-27T01:00") // 1000
        _, exchange = coinbase(sparse, NOW, session=session)
        with session, pytest.raises(IncompleteData) as told:
            gekko_lab.fetch(
                exchange, "BTC/USDT", "1m", since="2024-02-27", until="2024-02-27T03:00"
            )
        failed = told.value.report.filter(reason="failed")
        assert failed["missing"].to_list() == [1]


def test_an_unlisted_exchange_takes_the_generic_path(fake_exchange, rows_of, minutes, ms):
    """Bitvavo isn't in the table: its pages are guessed, trimmed and checked."""
    rows = rows_of(minutes("2024-02-20"))

    def answer(path, query):
        if path.endswith("/time"):
            return 200, {"time": ms(NOW)}
        since, until = (int(query[name]) // 1000 for name in ("start", "end"))
        page = [row for row in rows if since <= row[0] <= until]
        newest = page[-int(query["limit"]) :][::-1]
        return 200, [[t * 1000, *map(str, rest)] for t, *rest in newest]

    exchange = fake_exchange("bitvavo", answer)
    spot = {"id": "BTC-USDT", "type": "spot", "spot": True, "precision": {}, "limits": {}}
    exchange._client.ccxt.set_markets(
        [{**spot, "symbol": "BTC/USDT", "base": "BTC", "quote": "USDT"}]
    )
    asked = {"since": "2024-02-25", "until": "2024-02-27"}
    candles = gekko_lab.fetch(exchange, "BTC/USDT", "1m", **asked)
    assert candles.equals(minutes(*asked.values()))
    with pytest.warns(GapWarning, match="before the market was listed"):
        candles = gekko_lab.fetch(
            exchange, "BTC/USDT", "1m", since="2024-02-18", until="2024-02-21"
        )
    assert candles.equals(minutes("2024-02-20", "2024-02-21"))


def test_contracts_of_unknown_worth_are_refused(fake_exchange):
    exchange = fake_exchange("okx", lambda path, query: (200, {"code": "0", "data": []}))
    exchange._client.ccxt.set_markets(
        [
            {
                "id": "BTC-USDT-SWAP",
                "symbol": "BTC/USDT:USDT",
                "base": "BTC",
                "quote": "USDT",
                "settle": "USDT",
                "type": "swap",
                "spot": False,
                "contract": True,
                "linear": True,
                "precision": {},
                "limits": {},
            }
        ]
    )
    with pytest.raises(UnsupportedBySource, match="contracts"):
        gekko_lab.fetch(exchange, "BTC/USDT:USDT", "1h", since="2024-01-01", limit=3)
