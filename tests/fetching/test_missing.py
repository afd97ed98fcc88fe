"""What a fetch lacks is named by its cause, told once, and never passed over."""

from __future__ import annotations

import pickle
import time
import warnings
from dataclasses import replace

import polars as pl
import pytest

import gekko_lab
from gekko_lab.errors import (
    AccessDenied,
    BadResponse,
    GapWarning,
    HistoryUnavailable,
    IncompleteData,
)
from gekko_lab.fetching.completion import Failure
from gekko_lab.fetching.missing import REASONS, tell
from gekko_lab.frames.resample import gap_frame
from gekko_lab.frames.schemas import CANDLES_FULL, GAPS, empty
from gekko_lab.market.spans import Span
from gekko_lab.market.timeframe import Timeframe
from gekko_lab.server import Fault
from gekko_lab.sources.source import Page, Paging

START = 1_704_067_200_000  # 2024-01-01
MINUTE = 60_000
WIDTH = Timeframe.parse("1m")


def gaps_of(*rows):
    return gap_frame(
        (Span(START + a * MINUTE, START + b * MINUTE), WIDTH, reason, None) for a, b, reason in rows
    )


class TestTell:
    def test_a_complete_table_says_nothing(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            tell(gaps_of(), [1], what="x", failures=[])

    @pytest.mark.parametrize("reason", [name for name in REASONS if name != "failed"])
    def test_each_reason_is_told_in_words_and_in_the_report(self, reason):
        gaps = gaps_of((0, 1, reason))
        with pytest.warns(GapWarning) as told:
            tell(gaps, [1], what="binance BTC/USDT 1m", failures=[])
        text = f"binance BTC/USDT 1m lacks 1 candle {REASONS[reason]} "
        assert str(told[0].message) == f"{text}(2024-01-01 to 2024-01-01T00:01Z)"
        assert told[0].message.report.equals(gaps)
        assert told[0].message.report.schema == GAPS

    def test_many_gaps_are_counted_and_few_are_shown(self):
        rows = [(n, n + 1, "no_trades") for n in range(0, 20, 2)] + [(30, 40, "outage")]
        with pytest.warns(GapWarning) as told:
            tell(gaps_of(*rows), [1], what="x", failures=[])
        text = str(told[0].message)
        assert "10 candles in which nothing was traded" in text
        assert "and 7 more" in text
        assert "10 candles in an outage" in text
        assert len(told) == 1

    def test_a_failure_names_what_came_and_what_did_not(self):
        error = AccessDenied("no entry")
        gaps = gaps_of((0, 5, "failed"), (7, 8, "outage"))
        with pytest.raises(
            IncompleteData, match=r"2 rows came, 5 candles could not be had"
        ) as told:
            tell(gaps, [1, 2], what="x", failures=[Failure(Span(0, 1), error)])
        assert told.value.__cause__ is error
        assert told.value.frame == [1, 2]
        assert told.value.report.equals(gaps)
        assert "no entry" in str(told.value)
        assert ".frame" in str(told.value)

    def test_a_failure_of_everything_is_that_failure(self):
        error = AccessDenied("no entry")
        with pytest.raises(AccessDenied) as told:
            tell(gaps_of((0, 5, "failed")), [], what="x", failures=[Failure(Span(0, 1), error)])
        assert told.value is error

    def test_what_was_had_survives_a_process_border(self):
        frame = pl.DataFrame({"a": [1]})
        with pytest.raises(IncompleteData) as told:
            tell(
                gaps_of((0, 5, "failed")),
                frame,
                what="x",
                failures=[Failure(Span(0, 1), AccessDenied("no"))],
            )
        copy = pickle.loads(pickle.dumps(told.value))  # noqa: S301 (our own)
        assert copy.frame.equals(frame)
        assert copy.report.equals(told.value.report)
        assert str(copy) == str(told.value)


class Odd(gekko_lab.ExchangeSimulator):
    """The simulator with pages by a function; every question is counted."""

    exchange = "odd"
    foresees = False
    rules_of_paging = Paging(page_size=10, jumps=True, dense=True)

    def __init__(self, answer, **paging):
        super().__init__()
        self.answer = answer
        self.calls = 0
        if paging:
            self.rules_of_paging = Paging(**{"page_size": 10, **paging})

    def now(self):
        return START + 100 * MINUTE + 5000

    def paging(self, symbol, timeframe):
        size = 10 if timeframe.unit == "m" else 1000  # long candles find edges quickly
        return replace(self.rules_of_paging, page_size=size)

    def candles(self, symbol, timeframe, since, until, *, full=False):
        self.calls += 1
        if self.calls > 6000:
            pytest.fail("this never ends")
        if until < START - 86_400_000:  # far back it has nothing, which is quicker
            return Page(empty(CANDLES_FULL))
        page = super().candles(symbol, timeframe, since, until, full=full)
        return self.answer(page.frame, since, until, timeframe)


def none(frame):
    return frame.clear()


@pytest.mark.parametrize("paging", [{"jumps": True, "dense": True}, {"jumps": True}, {}], ids=str)
@pytest.mark.parametrize("limits", [{"since": START}, {"limit": 30}], ids=["range", "last"])
@pytest.mark.parametrize(
    "answer",
    [
        lambda frame, since, until, width: Page(none(frame)),
        lambda frame, since, until, width: Page(none(frame), resumes_at=since),
        lambda frame, since, until, width: Page(none(frame), resumes_at=until - 1),
        lambda frame, since, until, width: Page(none(frame), resumes_at=0),
        lambda frame, since, until, width: Page(none(frame), resumes_at=until + 10**15),
        lambda frame, since, until, width: Page(frame.head(1), resumes_at=since),
        lambda frame, since, until, width: Page(frame.head(1)),
        lambda frame, since, until, width: Page(frame.tail(1)),
        lambda frame, since, until, width: Page(frame.reverse()),
        lambda frame, since, until, width: Page(pl.concat([frame, frame])),
        lambda frame, since, until, width: Page(frame.gather_every(2)),
    ],
    ids=[
        *("nothing", "goes on here", "goes on inside", "goes on in 1970", "goes on far away"),
        *("one row, goes on here", "one row", "last row", "reversed", "doubled", "every other"),
    ],
)
def test_whatever_a_source_answers_the_fetch_ends_and_says_what_it_lacks(answer, limits, paging):
    source = Odd(answer, **({"page_size": 10} | paging))
    report = None
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            candles = gekko_lab.fetch(source, "BTC/USDT", "1m", **limits)
        except IncompleteData as error:
            candles, report = error.frame, error.report
        except BadResponse:
            return
    if told:
        report = told[0].message.report
    had = candles["timestamp"].dt.epoch("ms").to_list()
    assert had == sorted(set(had))
    first = START if "since" in limits else START + 70 * MINUTE
    lacking = set(range(first, START + 100 * MINUTE, MINUTE)) - set(had)
    named = [] if report is None else report.select(pl.col("since", "until").dt.epoch("ms")).rows()
    if len(had) < limits.get("limit", 100):
        assert all(any(a <= opened < b for a, b in named) for opened in lacking)


def test_failures_that_touch_and_say_the_same_are_one_row():
    def answer(frame, since, until, width):
        raise AccessDenied("closed")

    def later(frame, since, until, width):
        return Page(frame) if since < START + 20 * MINUTE else answer(frame, since, until, width)

    with pytest.raises(IncompleteData, match="20 rows came, 80 candles could not be had") as told:
        gekko_lab.fetch(Odd(later), "BTC/USDT", "1m", since=START, n_jobs=1)
    assert len(told.value.report) == 1


class TestNewestOnly:
    """Kraken gives its newest 720 candles and no others."""

    NOW = "2024-03-01T12:34:56"

    @pytest.fixture
    def minutes(self, market, ms):
        def candles(since, until=self.NOW):
            return market.candles("BTC/USDT", WIDTH, ms(since), ms(until)).select(
                "timestamp", "open", "high", "low", "close", "volume"
            )

        return candles

    @pytest.fixture
    def served(self, kraken, minutes):
        return kraken(minutes("2024-02-28"), self.NOW)

    @pytest.fixture
    def exchange(self, served):
        return served[1]

    def test_the_first_so_many_are_the_first(self, exchange, minutes):
        candles = gekko_lab.fetch(exchange, "BTC/USDT", "1m", since="2024-03-01T02:00", limit=10)
        assert candles.equals(minutes("2024-03-01T02:00", "2024-03-01T02:10"))

    def test_the_first_of_what_is_too_old_are_refused(self, exchange):
        with pytest.raises(HistoryUnavailable, match="candles since 2024-02-28"):
            gekko_lab.fetch(exchange, "BTC/USDT", "1m", since="2024-02-28", limit=10)

    def test_fewer_than_wanted_of_a_young_market_are_no_secret(self, kraken, minutes):
        _, exchange = kraken(minutes("2024-03-01T12:00"), self.NOW)
        with pytest.warns(GapWarning, match="lacks 66 candles"):
            candles = gekko_lab.fetch(exchange, "BTC/USDT", "1m", limit=100)
        assert candles.equals(minutes("2024-03-01T12:00", "2024-03-01T12:34"))

    def test_a_page_that_came_short_is_asked_for_again(self, served, minutes):
        server, exchange = served
        for kind in ("reverse_rows", "short_page", "reverse_rows"):  # it lacks its oldest rows
            server.faults.add(Fault(kind, count=1, value=600))
        candles = gekko_lab.fetch(exchange, "BTC/USDT", "1m", since="2024-03-01T02:00")
        assert candles.equals(minutes("2024-03-01T02:00", "2024-03-01T12:34"))
        pages = [request for request in server.requests if request.path.endswith("OHLC")]
        assert len(pages) > 1


def test_a_short_reach_is_told_before_older_candles_are_asked_for(fake_exchange):
    """Gate serves the newest 10,000 candle widths; the first ones of 2015 are not among them."""
    exchange = fake_exchange("gate", lambda path, query: pytest.fail(f"asked for {path}"))
    market = {"id": "BTC_USDT", "symbol": "BTC/USDT", "base": "BTC", "quote": "USDT"}
    exchange._client.ccxt.set_markets(
        [{**market, "type": "spot", "spot": True, "precision": {}, "limits": {}}]
    )
    exchange._clock = (time.monotonic() + 600, START - time.time() * 1000)
    for asked in ({"since": "2015"}, {"since": "2015", "limit": 10}, {"limit": 10_001}):
        with pytest.raises(HistoryUnavailable, match="newest 10000 candles"):
            gekko_lab.fetch(exchange, "BTC/USDT", "1m", **asked)
