"""Candles from an archive: those of the exchange to the bit, or asked of the exchange."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gekko_lab
from gekko_lab import datalog
from gekko_lab.errors import AccessDenied, BadResponse
from gekko_lab.fetching.archive_and_pages import collect_with_archive
from gekko_lab.fetching.archived import collect_archived
from gekko_lab.fetching.collection import collect
from gekko_lab.fetching.completion import Series
from gekko_lab.frames.schemas import CANDLES
from gekko_lab.limits import Wait, on_wait
from gekko_lab.limits.waiting import tell
from gekko_lab.market.spans import Span, merge, subtract
from gekko_lab.market.timeframe import DAY, HOUR, Timeframe
from gekko_lab.server import Fault
from gekko_lab.server.archive import FileFault, serve_archive
from gekko_lab.sources import binance_archive

KLINES = "/api/v3/klines"
START = 1_704_067_200_000  # 2024-01-01
FEBRUARY = START + 31 * DAY
MARCH = FEBRUARY + 29 * DAY
APRIL = MARCH + 31 * DAY
QUARTER = Span(START, APRIL)
CLOCK = "2024-05-20T00:00:30"

WRONG = [
    *("wrong_checksum", "odd_checksum", "damaged", "no_zip", "wrong_name", "two_members", "bomb"),
    *("replaced", "double_rows", "nan_rows", "short_rows", "future_rows"),
]


class Setup:
    """An exchange, its archive, and hours in pages so small that files pay."""

    def __init__(self, exchange, source, archive):
        self.exchange = exchange
        self.server = archive
        self.source = gekko_lab.CcxtMarketData("binance", config=source.config, archive=archive.url)
        self.archive = self.source.archive("BTC/USDT")
        self.kept = []

    def series(self, timeframe="1h", page_size=40):
        series = Series(self.source, "BTC/USDT", Timeframe.parse(timeframe), full=True)
        series.paging = replace(series.paging, page_size=page_size)
        return series

    def collect(self, span=QUARTER, **options):
        return collect_with_archive(
            self.series(**options), self.archive, span, report=lambda _: None, keep=self.keep
        )

    def from_archive(self, span=QUARTER, keep=None, n_jobs=8, **options):
        series = self.series(**options)
        return collect_archived(
            series,
            self.archive,
            span,
            report=lambda _: None,
            keep=keep or self.keep,
            n_jobs=n_jobs,
        )

    def keep(self, part, outcome):
        self.kept.append((part, outcome))
        return False

    @property
    def files(self):
        return [request.path.rpartition("/")[2] for request in self.server.requests]

    @property
    def pages(self):
        return [request for request in self.exchange.requests if request.path == KLINES]

    def close(self):
        self.source.close()
        self.server.close()


@pytest.fixture
def setup(binance, market, ms):
    opened = []

    def start(clock=CLOCK, **options):
        exchange, source = binance(clock=clock, **options)
        opened.append(
            Setup(exchange, source, serve_archive(market, clock=lambda: ms(clock), **options))
        )
        return opened[-1]

    yield start
    for each in opened:
        each.close()


@pytest.fixture
def truth(market):
    """The market's own candles without those in holes."""

    def rows(span, timeframe="1h", holes=()):
        width = Timeframe.parse(timeframe)
        parts = subtract([span], holes)
        frames = [market.candles("BTC/USDT", width, *part) for part in parts]
        return frames[0].vstack(frames[1]) if len(frames) == 2 else frames[0]

    return rows


def same(found, wanted):
    return found.frame.select(CANDLES.names()).equals(wanted.select(CANDLES.names()))


def test_months_are_those_of_the_exchange_in_all_columns_for_few_requests(setup, ms):
    given = setup("2025-03-20T00:00:30")  # microseconds from January on
    span = Span(ms("2024-12-01"), ms("2025-02-01"))
    found = given.from_archive(span, timeframe="1m", page_size=1000)
    assert found.done == [span]
    assert (found.left, found.holes, found.failures) == ([], [], [])
    assert len(given.files) == 4
    checks = len(given.pages)
    assert checks == 4  # three borders, and where the market begins
    pages = collect(given.series("1m", 1000), span, report=lambda _: None)
    assert len(given.pages) - checks >= 89
    parts = [outcome.frame for _, outcome in given.kept]
    assert parts[0].vstack(parts[1]).equals(pages.frame)
    assert pages.frame.height == found.rows == 62 * 1440
    assert pages.frame["quote_volume"].null_count() == 0


def test_parts_are_kept_in_order_and_what_begins_inside_a_month_is_cut(setup, truth):
    given = setup()
    span = Span(START + 9 * DAY, APRIL)
    found = given.collect(span)
    assert same(found, truth(span))
    assert [part for part, _ in given.kept] == [
        Span(span.since, FEBRUARY),
        Span(FEBRUARY, MARCH),
        Span(MARCH, APRIL),
    ]


@pytest.mark.parametrize("kind", WRONG)
def test_a_file_that_is_wrong_is_asked_of_the_exchange(setup, truth, caplog, kind):
    given = setup()
    given.server.files.add(FileFault(kind, "BTCUSDT-1h-2024-02"))
    with caplog.at_level(logging.WARNING, "gekko_lab"):
        files = given.from_archive()
    assert files.left == [Span(FEBRUARY, MARCH)]
    assert [type(failure.error) for failure in files.failures] == [BadResponse]
    assert "BTCUSDT-1h-2024-02" in caplog.text
    found = given.collect()
    assert same(found, truth(QUARTER))
    assert (found.holes, found.failures) == ([], [])


@pytest.mark.parametrize(
    ("kind", "value", "count"),
    [
        *[("status", status, None) for status in (400, 403, 503)],
        *[(kind, None, None) for kind in ("html", "empty", "truncated", "reset", "reset_body")],
        *[("early_fin", None, None), ("banned", 300, None), ("rate_limited", 1, None)],
        *[("status", 503, 1), ("rate_limited", 1, 1), ("reset_body", None, 1)],
    ],
)
def test_a_failing_archive_costs_nothing_but_pages(setup, truth, kind, value, count):
    given = setup()
    given.server.faults.add(Fault(kind, path="/data", value=value, count=count))
    found = given.collect()
    assert same(found, truth(QUARTER))
    assert (found.holes, found.failures) == ([], [])
    assert len(given.files) <= 18  # three files in vain, three times, are all that is tried


def test_a_slow_file_is_not_waited_for(setup, truth, monkeypatch):
    given = setup()
    monkeypatch.setattr(binance_archive, "_FILE_S", 0.05)
    given.server.faults.add(Fault("slow_body", path="/data", value=0.4))
    assert same(given.collect(), truth(QUARTER))


def test_an_archive_that_is_gone_is_left_after_the_first_files(setup, truth, caplog):
    given = setup()
    given.server.close()
    with caplog.at_level(logging.WARNING, "gekko_lab"):
        found = given.collect()
    assert same(found, truth(QUARTER))
    assert "no more files are asked for" in caplog.text


def test_a_missing_month_comes_in_days_and_a_missing_day_in_pages(setup, truth):
    given = setup()
    for fault in (
        FileFault("missing", "BTCUSDT-1h-2024-02"),
        FileFault("missing", "BTCUSDT-1h-2024-02-17"),
        FileFault("no_checksum", "BTCUSDT-1h-2024-02-18"),
    ):
        given.server.files.add(fault)
    files = given.from_archive(page_size=5)
    assert files.left == [Span(FEBRUARY + 16 * DAY, FEBRUARY + 18 * DAY)]
    assert files.failures == []
    days = [name for name in given.files if name.startswith("BTCUSDT-1h-2024-02-")]
    assert len(days) == 29 + 27  # the checksums, and the files that have one
    times = [part for part, _ in given.kept]
    assert times == sorted(times)
    assert same(given.collect(page_size=5), truth(QUARTER))


def test_a_missing_month_whose_days_do_not_pay_comes_in_pages(setup, truth):
    given = setup()
    given.server.files.add(FileFault("missing", "BTCUSDT-1h-2024-02"))
    found = given.collect()
    assert same(found, truth(QUARTER))
    assert len(given.files) == 2 + 1 + 2


def test_a_late_file_is_used_once_it_is_there(setup):
    given = setup()
    given.server.files.add(FileFault("missing", "BTCUSDT-1h-2024-02", value=1))
    first = given.from_archive()
    assert first.left == [Span(FEBRUARY, MARCH)]
    assert given.from_archive().left == []


def test_nothing_is_asked_for_that_cannot_be_published_yet(setup, truth):
    given = setup("2024-03-03T12:00:00")  # a Sunday: February is due on Tuesday
    span = Span(START, START + 62 * DAY)
    assert same(given.collect(span, page_size=5), truth(span))
    names = {name.removesuffix(".CHECKSUM") for name in given.files}
    days = {f"BTCUSDT-1h-2024-02-{day:02}.zip" for day in range(1, 30)}
    assert names == {"BTCUSDT-1h-2024-01.zip", *days, "BTCUSDT-1h-2024-03-01.zip"}
    assert 404 not in {request.status for request in given.server.requests}


@pytest.mark.parametrize(
    ("since", "until"),
    [
        (FEBRUARY + 5 * DAY, FEBRUARY + 7 * DAY),
        (FEBRUARY - 3 * HOUR, FEBRUARY + 3 * HOUR),
        (FEBRUARY - 3 * HOUR, FEBRUARY),
        (START, START + 5 * HOUR),
    ],
)
def test_an_outage_is_confirmed_by_the_exchange(setup, truth, since, until):
    given = setup(outages=[(since, until)])
    hole = Span(since, until)
    files = given.from_archive()
    assert files.left == [hole]
    found = given.collect()
    assert found.holes == [hole]
    assert same(found, truth(QUARTER, holes=[hole]))


def test_candles_that_a_file_lacks_come_from_the_exchange(setup, truth):
    given = setup()
    given.server.files.add(FileFault("drop_rows", "BTCUSDT-1h-2024-02", value=7))
    files = given.from_archive()
    assert sum(span.until - span.since for span in files.holes) == 7 * HOUR
    found = given.collect()
    assert same(found, truth(QUARTER))
    assert found.holes == []


def test_no_file_is_asked_for_from_before_the_listing(setup, truth):
    listed = FEBRUARY + 10 * DAY
    given = setup(listed_since={"BTC/USDT": listed})
    found = given.collect()
    assert same(found, truth(Span(listed, APRIL)))
    assert found.holes == [Span(START, listed)]
    assert not [name for name in given.files if "2024-01" in name]


def test_what_was_kept_before_the_end_is_not_asked_for_again(setup, truth):
    given = setup()

    class DiskGone(Exception):
        pass

    with datalog.Series("candles", given.source, "BTC/USDT", "1h") as log:

        def keep(part, outcome):
            log.append(outcome.frame, part, closed_until=part.until)
            if part.until == MARCH:
                raise DiskGone
            return True

        with pytest.raises(DiskGone):
            given.from_archive(keep=keep, n_jobs=1)
        assert log.missing(QUARTER) == [Span(MARCH, APRIL)]
        held = log.read(QUARTER).frame
    assert held.select(CANDLES.names()).equals(truth(Span(START, MARCH)).select(CANDLES.names()))


def test_without_the_exchange_no_file_is_believed(setup):
    given = setup()
    given.exchange.faults.add(Fault("status", path=KLINES, value=403))
    found = given.collect()
    assert found.frame.is_empty()
    assert merge(failure.span for failure in found.failures) == [QUARTER]
    assert {type(failure.error) for failure in found.failures} == {AccessDenied}


def test_a_failure_of_the_exchange_names_all_that_is_left(setup, truth):
    given = setup()
    for month in ("2024-01", "2024-03"):
        given.server.files.add(FileFault("wrong_checksum", f"BTCUSDT-1h-{month}"))
    checks = 3  # where the market begins, and both ends of February
    given.exchange.faults.add(Fault("status", path=KLINES, value=403, skip=checks))
    found = given.collect()
    lost = merge(failure.span for failure in found.failures)
    assert lost == [Span(START, FEBRUARY), Span(MARCH, APRIL)]
    assert {type(failure.error) for failure in found.failures} == {AccessDenied}
    assert same(found, truth(Span(FEBRUARY, MARCH)))


def test_waits_are_told_to_the_listener_of_whoever_asked(setup):
    given = setup()
    real = given.archive.candles

    def candles(file):
        tell(Wait("host", "a wait", 1.0))
        return real(file)

    given.archive.candles = candles
    told = []
    with on_wait(told.append):
        given.from_archive()
    assert len(told) == 3


def test_rows_are_reported_as_they_come(setup):
    given = setup()
    told = []
    collect_with_archive(given.series(), given.archive, QUARTER, report=told.append)
    assert told == [31 * 24, 60 * 24, 91 * 24]


edges = st.integers(0, 91 * 24)
ranges = st.tuples(edges, edges).map(sorted).filter(lambda span: span[0] < span[1])
file_faults = st.builds(
    FileFault,
    st.sampled_from([*WRONG, "missing", "no_checksum", "drop_rows"]),
    st.sampled_from(["*-2024-01", "*-2024-02", "*-2024-03-1?", "*-2024-03*"]),
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    window=ranges,
    hole=st.none() | ranges,
    wrong=st.lists(file_faults.filter(lambda fault: fault.kind != "bomb"), max_size=3),
    page_size=st.sampled_from([5, 40, 100]),
    wire=st.none() | st.sampled_from(["status", "html", "truncated", "reset", "empty"]),
)
def test_the_result_is_the_truth_whatever_the_archive_does(
    setup, market, window, hole, wrong, page_size, wire
):
    listed = {"BTC/USDT": START - 2 * DAY}
    holes = [Span(*(START + edge * HOUR for edge in hole))] if hole else []
    given = setup(outages=holes, listed_since=listed)
    for fault in wrong:
        given.server.files.add(fault)
    if wire:
        given.server.faults.add(Fault(wire, path="/data", every=3))
    span = Span(*(START + edge * HOUR for edge in window))
    found = given.collect(span, page_size=page_size)
    hour = Timeframe.parse("1h")
    rows = [market.candles("BTC/USDT", hour, *part) for part in subtract([span], holes)]
    assert found.frame.height == sum(map(len, rows))
    place = 0
    for part in rows:
        had = found.frame[place : place + len(part)]
        assert had.select(CANDLES.names()).equals(part.select(CANDLES.names()))
        place += len(part)
    assert found.failures == []
