"""Minutes without trades told from candles that an answer lost, on Coinbase Exchange."""

from __future__ import annotations

import json
import warnings
from contextlib import closing
from itertools import pairwise

import polars as pl
import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

import gekko_lab
from gekko_lab import datalog
from gekko_lab.errors import GapWarning
from gekko_lab.fetching.volumes import Volumes, longer
from gekko_lab.frames.schemas import CANDLES
from gekko_lab.market.spans import Span
from gekko_lab.market.timeframe import MINUTE, Timeframe
from gekko_lab.server import Fault, FrameMarket, serve

SYMBOL = "BTC/USDT"
NOW = "2024-03-09T00:00:30"
RANGE = ("2024-03-05T00:17", "2024-03-08T05:43")  # on no hour
PAGES = 16
WIDTH = Timeframe.parse("1m")


class Losing(requests.Session):
    """Leaves candles out of all answers, or spoils the volumes of longer ones."""

    def __init__(self):
        super().__init__()
        self.lost = set()
        self.factor = 1

    def request(self, method, url, **settings):
        response = super().request(method, url, **settings)
        if "/candles" in url:
            rows = response.json()
            if "granularity=60&" in url + "&":
                rows = [row for row in rows if row[0] not in self.lost]
            else:
                rows = [[*row[:5], float(row[5]) * self.factor] for row in rows]
            response._content = json.dumps(rows).encode()
        return response


@pytest.fixture(scope="module")
def quiet(market, ms):
    """Candles of a market in which every eighth minute has no trade."""
    frame = market.candles(SYMBOL, WIDTH, ms("2024-03-01"), ms(NOW)).select(CANDLES.names())
    minute = pl.col("timestamp").dt.epoch("s") // 60
    return frame.filter(~(minute * minute % 31).is_in([1, 4]))


@pytest.fixture
def asked(ms):
    return {"since": ms(RANGE[0]), "until": ms(RANGE[1])}


@pytest.fixture
def truth(quiet, asked):
    time = pl.col("timestamp").dt.epoch("ms")
    return quiet.filter((time >= asked["since"]) & (time < asked["until"]))


def fetched(source, **asked):
    """Give the candles, and the reasons why some lack."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        frame = gekko_lab.fetch(source, SYMBOL, "1m", **asked)
    reports = [warning.message.report for warning in told if warning.category is GapWarning]
    assert len(reports) == len(told)
    return frame, pl.concat(reports)


def widths(server):
    pages = [each for each in server.requests if each.path.endswith("candles")]
    return [each.query["granularity"] for each in pages]


@pytest.mark.parametrize("n_jobs", [1, 8])
def test_a_quiet_market_costs_but_a_few_requests_more(coinbase, quiet, truth, asked, n_jobs):
    server, source = coinbase(quiet, NOW)
    frame, gaps = fetched(source, **asked, n_jobs=n_jobs)
    assert frame.equals(truth)
    assert set(gaps["reason"]) == {"no_trades"}
    assert widths(server).count("3600") == 1
    # holes at the ends of pages and of the range are asked for twice
    ends = widths(server).count("60") - PAGES
    assert ends <= 2 * PAGES + 2
    before = len(server.requests)
    again, gaps = fetched(source, **asked)
    assert again.equals(truth)
    assert set(gaps["reason"]) == {"no_trades"}
    assert len(server.requests) == before, "asked again for what is known"


def test_complete_pages_cost_nothing(coinbase, market, ms):
    frame = market.candles(SYMBOL, WIDTH, ms(RANGE[0]), ms(NOW)).select(CANDLES.names())
    server, source = coinbase(frame, NOW)
    gekko_lab.fetch(source, SYMBOL, "1m", since=RANGE[0], until=RANGE[1])
    assert widths(server) == ["60"] * PAGES


@settings(max_examples=12)
@given(st.integers(0, 22), st.integers(1, 250), st.sampled_from(["drop_rows", "short_page"]))
def test_a_lie_that_is_told_once_costs_no_candle(market, quiet, ms, skip, rows, kind):
    data = FrameMarket({SYMBOL: quiet}, {SYMBOL: market.rules[SYMBOL]})
    since, until = ms(RANGE[0]), ms(RANGE[1])
    time = pl.col("timestamp").dt.epoch("ms")
    truth = quiet.filter((time >= since) & (time < until))
    with serve(data, exchange="coinbaseexchange", clock=lambda: ms(NOW), seed=skip) as server:
        config = {"enableRateLimit": False, **server.ccxt_config()}
        with closing(gekko_lab.CcxtMarketData("coinbaseexchange", config=config)) as source:
            server.faults.add(Fault(kind, path="candles", skip=skip, count=1, value=rows))
            frame, gaps = fetched(source, since=since, until=until, log=False)
    assert frame.equals(truth)
    assert set(gaps["reason"]) == {"no_trades"}


@pytest.mark.parametrize("limit", [None, 3000])
def test_candles_that_no_answer_gives_are_named_and_asked_for_again(
    coinbase, quiet, truth, asked, limit
):
    session = Losing()
    lost = truth.select(pl.col("timestamp").dt.epoch("s")).to_series()[-2000:-1990].to_list()
    session.lost.update(lost)
    _, source = coinbase(quiet, NOW, session=session)
    if limit:
        asked = {"until": asked["until"], "limit": limit}
        truth = truth.tail(limit)
    with session:
        frame, gaps = fetched(source, **asked)
        time = pl.col("timestamp").dt.epoch("s")
        assert len(frame) == limit or len(frame) == len(truth) - len(lost)
        unknown = gaps.filter(reason="unknown")
        assert all(
            unknown.select(((since <= at) & (at < until)).any()).item()
            for at in lost
            for since, until in [(pl.col("since").dt.epoch("s"), pl.col("until").dt.epoch("s"))]
        )
        assert frame.filter(time.is_in(lost)).is_empty()
        assert unknown["missing"].sum() <= 2 * 60  # of the hour or two around
        session.lost.clear()
        frame, gaps = fetched(source, **asked)
        assert frame.equals(truth)
        assert set(gaps["reason"]) == {"no_trades"}
        assert datalog.verify().is_empty()


def test_where_the_widths_never_agree_a_second_asking_is_enough(coinbase, quiet, truth, asked):
    session = Losing()
    session.factor = 1.001
    server, source = coinbase(quiet, NOW, session=session)
    with session:
        frame, gaps = fetched(source, **asked)
        assert frame.equals(truth)
        assert set(gaps["reason"]) == {"no_trades"}
        before = len(server.requests)
        fetched(source, **asked)
        assert len(server.requests) == before


def test_less_than_a_longer_candle_is_asked_for_again(coinbase, quiet, ms):
    server, source = coinbase(quiet, NOW)
    since, until = ms("2024-03-05T00:17"), ms("2024-03-05T01:40")
    frame, _ = fetched(source, since=since, until=until)
    time = pl.col("timestamp").dt.epoch("ms")
    assert frame.equals(quiet.filter((time >= since) & (time < until)))
    assert set(widths(server)) == {"60"}


@pytest.mark.parametrize("skip", [0, 2, 3])
@pytest.mark.parametrize(("kind", "rows"), [("short_page", 20), ("empty_page", None)])
def test_the_ends_of_pages_are_not_lost_by_lies_that_are_told_twice(
    coinbase, market, ms, kind, rows, skip
):
    """Also at a listing, where the first candles would be kept as not yet listed."""
    listing, until = ms("2024-03-05T03:20"), ms("2024-03-06")
    frame = market.candles(SYMBOL, WIDTH, listing, ms(NOW)).select(CANDLES.names())
    server, source = coinbase(frame, NOW)
    server.faults.add(Fault(kind, path="candles", skip=skip, count=2, value=rows))
    found, gaps = fetched(source, since=ms("2024-03-05"), until=until)
    assert found.equals(frame.filter(pl.col("timestamp").dt.epoch("ms") < until))
    assert gaps.select("reason", "missing").rows() == [("before_listing", 200)]


@pytest.mark.parametrize("rows", [1, 2, 30])
def test_a_leap_over_days_that_exist_is_seen(coinbase, market, ms, rows):
    """The two answers behind two empty pages, each asked twice, say where candles begin."""
    listing, until = ms("2024-03-05T03:20"), ms("2024-03-07")
    frame = market.candles(SYMBOL, WIDTH, listing, ms(NOW)).select(CANDLES.names())
    server, source = coinbase(frame, NOW)
    server.faults.add(Fault("short_page", path="candles", skip=4, count=2, value=rows))
    found, gaps = fetched(source, since=ms("2024-02-01"), until=until)
    assert widths(server)[4:6] == ["86400", "86400"]
    truth = frame.filter(pl.col("timestamp").dt.epoch("ms") < until)
    assert found.equals(truth)
    assert gaps["missing"].sum() == 33 * 1440 + 200
    again, gaps = fetched(source, since=ms("2024-02-01"), until=until)
    assert again.equals(truth)
    assert set(gaps["reason"]) == {"before_listing"}


@pytest.mark.parametrize(
    ("width", "most", "chosen"),
    [("1m", 300, "1h"), ("5m", 300, "1d"), ("1h", 300, "1d"), ("6h", 3, "6h"), ("1d", 300, "1d"),
     ("1M", 300, "1M")],
)  # fmt: skip
def test_longer_candles_fit_a_page(width, most, chosen):
    names = ["1m", "5m", "15m", "1h", "6h", "1d", "1w", "1M"]
    assert str(longer(names, Timeframe.parse(width), most)) == chosen


@given(st.sets(st.integers(0, 599)), st.lists(st.integers(1, 120), min_size=10, max_size=10))
def test_volumes_show_every_candle_that_is_lost(lost, sizes):
    """Pages of any sizes, in any order, of ten hours with a volume of 0.1 a minute."""
    volumes = Volumes(Timeframe.parse("1h"))
    edges = sorted({0, 600, *(sum(sizes[:place]) % 600 for place in range(10))})
    for begin, end in list(pairwise(edges))[::-1]:
        came = [minute for minute in range(begin, end) if minute not in lost]
        time = pl.Series([minute * 60_000_000 for minute in came], dtype=pl.Int64)
        frame = pl.DataFrame({"timestamp": time.cast(CANDLES["timestamp"])})
        page = Span(begin * MINUTE, end * MINUTE)
        volumes.note([page], [], frame.with_columns(volume=pl.lit(0.1)))
    hours = volumes.whole(Span(0, 600 * MINUTE), 600 * MINUTE)
    assert hours.tolist() == [hour * 60 * MINUTE for hour in range(10)]
    time = pl.Series(hours * 1000, dtype=pl.Int64).cast(CANDLES["timestamp"])
    full = pl.DataFrame({"timestamp": time}).with_columns(volume=pl.lit(6.0))
    differing = volumes.differing(hours, full).tolist()
    assert differing == [any(minute // 60 == hour for minute in lost) for hour in range(10)]
