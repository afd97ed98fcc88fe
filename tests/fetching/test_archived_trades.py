"""Days of trades from an archive: whole and as the exchange has them, or left to it."""

from __future__ import annotations

import logging

import polars as pl
import pytest

import gekko_lab
from gekko_lab.errors import IncompleteData
from gekko_lab.fetching.archived_trades import archived_trades, trade_days
from gekko_lab.frames.schemas import TRADES
from gekko_lab.market.spans import Span
from gekko_lab.market.timeframe import DAY, HOUR
from gekko_lab.server import Fault, FrameMarket
from gekko_lab.server.archive import FileFault, serve_archive

SYMBOL = "LTC/USD"  # which trades seldom
OTHER_WRONG = ["wrong_checksum", "odd_checksum", "damaged", "no_zip", "wrong_name", "two_members"]


@pytest.fixture(scope="module")
def tape(market, ms):
    """A market whose trades are numbered one after the other, as those of Binance are."""
    trades = market.trades(SYMBOL, ms("2024-12-30T20:00"), ms("2025-01-02T04:00"))
    numbered = trades.with_columns(id=pl.int_range(1000, 1000 + len(trades), dtype=pl.Int64))
    return FrameMarket({}, {SYMBOL: market.rules[SYMBOL]}, trades={SYMBOL: numbered})


@pytest.fixture
def setup(binance, tape, ms):
    opened = []

    def start(**options):
        clock = "2025-01-04T00:00:30"
        exchange, plain = binance(clock=clock, data=tape, **options)
        server = serve_archive(tape, clock=lambda: ms(clock), **options)
        source = gekko_lab.CcxtMarketData("binance", config=plain.config, archive=server.url)
        opened.extend([source, server])
        return exchange, server, source

    yield start
    for each in opened:
        each.close()


@pytest.fixture
def days(ms):
    """The last day in milliseconds, and the first in microseconds."""
    begin = ms("2024-12-31")
    return [Span(begin, begin + DAY), Span(begin + DAY, begin + 2 * DAY)]


def read(source, day):
    return archived_trades(source, SYMBOL, day, archive=source.archive(SYMBOL))


def test_whole_days_are_those_of_the_exchange_for_few_requests(setup, days):
    exchange, server, source = setup()
    source.market(SYMBOL)
    for day in days:
        before = len(exchange.requests)
        found = read(source, day)
        asked = [request.path for request in exchange.requests[before:]]
        assert asked.count("/api/v3/aggTrades") == 2
        span = {"since": day.since, "until": day.until}
        wanted = gekko_lab.fetch_trades(source, SYMBOL, log=False, **span)
        assert found.equals(wanted)
        assert found.schema == TRADES
        assert len(found) > 2000
    assert len(server.requests) == 4


@pytest.mark.parametrize("way", ["auto", "archive"])
def test_a_fetch_takes_whole_days_from_files_and_the_rest_from_the_exchange(setup, days, way):
    exchange, server, source = setup()
    span = {"since": days[0].since - HOUR, "until": days[1].until + HOUR}
    plain = gekko_lab.fetch_trades(source, SYMBOL, log=False, **span)
    assert server.requests == []
    before = len(exchange.requests)
    if way == "archive":
        with pytest.raises(IncompleteData, match="the archive of binance has no file") as caught:
            gekko_lab.fetch_trades(source, SYMBOL, source=way, **span)
        assert caught.value.frame.height > 4000
        assert len(caught.value.report) == 2
        return
    found = gekko_lab.fetch_trades(source, SYMBOL, source=way, **span)
    assert found.equals(plain)
    asked = [request.path for request in exchange.requests[before:]]
    assert asked.count("/api/v3/aggTrades") < 12 < -(-len(plain) // 500)


def test_only_days_that_are_over_for_a_day_are_due(setup, days):
    _, server, source = setup()
    span = Span(days[0].since + HOUR, days[1].until + 5 * DAY)
    due = trade_days(source, source.archive(SYMBOL), span)
    assert due == [*days, Span(days[1].until, days[1].until + DAY)]
    assert read(source, Span(days[1].until + DAY, days[1].until + 2 * DAY)) is None
    assert server.requests == []


@pytest.mark.parametrize("kind", [*OTHER_WRONG, "drop_rows", "double_rows", "short_rows"])
def test_a_file_that_is_wrong_is_left_to_the_exchange(setup, days, caplog, kind):
    _, server, source = setup()
    server.files.add(FileFault(kind))
    with caplog.at_level(logging.WARNING, "gekko_lab"):
        assert read(source, days[0]) is None
    assert f"trades of {SYMBOL} are asked of binance" in caplog.text


@pytest.mark.parametrize("kind", ["missing", "no_checksum"])
def test_a_file_that_is_missing_is_left_to_the_exchange(setup, days, kind):
    _, server, source = setup()
    server.files.add(FileFault(kind))
    assert read(source, days[0]) is None


def test_a_failing_archive_is_left_after_a_few_tries(setup, days):
    _, server, source = setup()
    server.faults.add(Fault("status", path="/data"))
    assert read(source, days[0]) is None
    assert len(server.requests) == 3


@pytest.mark.parametrize("hidden", [(0, 2), (22, 24)])
def test_a_day_that_lacks_trades_at_an_end_is_left_to_the_exchange(
    setup, tape, days, caplog, hidden, ms
):
    """The file is sound and its ids follow each other, but the exchange has more."""
    _, _, plain = setup()
    outage = tuple(days[0].since + hour * HOUR for hour in hidden)
    with serve_archive(tape, clock=lambda: ms("2025-01-04"), outages=[outage]) as server:
        source = gekko_lab.CcxtMarketData("binance", config=plain.config, archive=server.url)
        with caplog.at_level(logging.WARNING, "gekko_lab"):
            assert read(source, days[0]) is None
        source.close()
    assert "differs from binance" in caplog.text


def test_trades_of_a_listing_and_of_the_last_days_have_nothing_beside_them(setup, days):
    _, _, source = setup(
        listed_since={SYMBOL: days[0].since + HOUR},
        outages=[(days[0].until - HOUR, days[0].until + 4 * DAY)],
    )
    found = read(source, days[0])
    wanted = gekko_lab.fetch_trades(source, SYMBOL, since=days[0].since + HOUR, until=days[0].until)
    assert found.equals(wanted)


def test_a_plan_counts_the_days_that_a_fetch_takes_from_files(setup, days):
    exchange, server, source = setup()
    span = {"since": days[0].since - HOUR, "until": days[1].until + HOUR}
    hours = [
        (span["since"], days[0].since),
        (days[0].since, days[1].until),
        (days[1].until, span["until"]),
    ]
    planned = gekko_lab.plan(source, SYMBOL, kind="trades", **span)
    assert server.requests == []
    ends = planned.select(pl.col("since", "until").dt.epoch("ms")).rows()
    assert list(zip(planned["source"], ends, strict=True)) == list(
        zip(["trades", "archive", "trades"], hours, strict=True)
    )
    archive = planned.row(1, named=True)
    before = len(exchange.requests)
    gekko_lab.fetch_trades(source, SYMBOL, since=days[0].since, until=days[1].until)
    asked = [request.path for request in exchange.requests[before:]].count("/api/v3/aggTrades")
    assert len(server.requests) + asked == archive["calls"] == 8
    assert archive["weight"] == 4 * asked
    again = gekko_lab.plan(source, SYMBOL, kind="trades", **span)
    assert again["source"].to_list() == ["trades", "log", "trades"]


@pytest.mark.parametrize(("way", "sources"), [("rest", ["trades"]), ("archive", ["archive"])])
def test_a_plan_keeps_to_the_way_that_is_asked_for(setup, days, way, sources):
    _, _, source = setup()
    span = {"since": days[0].since, "until": days[1].until}
    planned = gekko_lab.plan(source, SYMBOL, kind="trades", source=way, **span)
    assert planned["source"].to_list() == sources


def test_a_plan_of_candles_made_of_trades_counts_files_too(setup, days):
    _, _, source = setup()
    span = {"since": days[0].since, "until": days[1].until}
    planned = gekko_lab.plan(source, SYMBOL, "1h", source="trades", **span)
    assert planned["source"].to_list() == ["archive"]
    with gekko_lab.options(log="off"):
        planned = gekko_lab.plan(source, SYMBOL, kind="trades", **span)
    assert planned["source"].to_list() == ["trades"]
