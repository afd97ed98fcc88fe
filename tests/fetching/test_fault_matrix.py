"""Every fault at seeded random places, on each dialect: complete, or what lacks has its name.

A placement is a seed: it decides which requests meet the fault, and how many. Pages are made small
so that few rows take many of them.
"""

from __future__ import annotations

import os
import random
import warnings
from collections import Counter
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import get_args

import polars as pl
import pytest

import gekko_lab
from gekko_lab import datalog
from gekko_lab.errors import GapWarning, IncompleteData, SourceError
from gekko_lab.frames.schemas import CANDLES
from gekko_lab.market.timeframe import MINUTE, Timeframe
from gekko_lab.server import Fault, FrameMarket, serve
from gekko_lab.server.faults import Kind
from gekko_lab.sources import binance, capabilities, coinbase, kraken

DIALECTS = ["binance", "coinbaseexchange", "kraken"]
KINDS = ["candles", "trades"]
FAULTS = get_args(Kind)
SYMBOL = "BTC/USDT"
BEGIN = 1_704_067_200_000  # 2024-01-01
SINCE = BEGIN + 60 * MINUTE
LENGTHS = {"candles": 420, "trades": 3}  # minutes
PAGE = 60
PLACEMENTS = int(os.environ.get("GEKKO_LAB_TEST_PLACEMENTS", "40"))
NEWEST = 720  # all the candles that Kraken has

# Answers that look sound: each is told once here. Told again and again, in every answer that could
# contradict it, a lie is the exchange's word.
LIES = {"drop_rows", "short_page", "empty_page"}
# Sound rows at other times than before: of a trade nothing else tells when it was.
MOVED = {("trades", "shift_rows")}
HELD = [
    ("binance", "candles", "rate_limited"),
    ("binance", "trades", "banned"),
    ("coinbaseexchange", "trades", "rate_limited"),
    ("coinbaseexchange", "candles", "banned"),
    ("kraken", "candles", "rate_limited"),  # with status 200
]
SHORT = {"hang": 0.02, "slow_body": 0.02, "delay": 0.01}  # seconds


@dataclass(frozen=True)
class Market:
    """What is served, and what of it was asked for."""

    data: FrameMarket
    truth: pl.DataFrame
    span: tuple[int, int]
    now: int


@pytest.fixture(scope="module")
def markets(market):
    minute = Timeframe.parse("1m")
    made = {}
    for kind, length in LENGTHS.items():
        since, until = SINCE, SINCE + length * MINUTE
        end = BEGIN + NEWEST * MINUTE if kind == "candles" else until + 2 * MINUTE
        rules = {SYMBOL: market.rules[SYMBOL]}
        if kind == "candles":
            frame = market.candles(SYMBOL, minute, BEGIN, end).select(CANDLES.names())
            data = FrameMarket({SYMBOL: frame}, rules)
        else:
            frame = market.trades(SYMBOL, since - MINUTE, end)
            frame = frame.with_columns(id=pl.int_range(1000, 1000 + pl.len()))  # without holes
            data = FrameMarket({}, rules, trades={SYMBOL: frame})
        time = pl.col("timestamp").dt.epoch("ms")
        truth = frame.filter((time >= since) & (time < until))
        assert truth.height > 5 * PAGE
        made[kind] = Market(data, truth, (since, until), end - 30_000)
    return made


@pytest.fixture
def small_pages(monkeypatch):
    for name in ("binance", "coinbaseexchange"):
        known = replace(capabilities.CAPABILITIES[name], page_size=PAGE)
        monkeypatch.setitem(capabilities.CAPABILITIES, name, known)
    for source in (binance, coinbase, kraken):
        monkeypatch.setattr(source, "TRADE_PAGE", PAGE)


@contextmanager
def served(market, dialect, kind, seed, **config):
    whole = dialect == "kraken" and kind == "candles"
    server = serve(
        market.data,
        exchange=dialect,
        clock=lambda: market.now,
        page_limit=None if whole else PAGE,
        seed=seed,
    )
    settings = {"enableRateLimit": False, **server.ccxt_config(), **config}
    with server, closing(gekko_lab.CcxtMarketData(dialect, config=settings)) as source:
        source.market(SYMBOL)
        source.now()
        yield server, source


def placed(fault, kind, seed):
    """Give the fault at the places that the seed decides."""
    chance = random.Random(f"{fault} {kind} {seed}")  # noqa: S311 (no secret)
    skip, every = chance.randrange(8), chance.randrange(1, 4)
    count = 1 if fault in LIES else chance.randrange(1, 13)
    return Fault(fault, path=kind, skip=skip, every=every, count=count, value=SHORT.get(fault))


def fetched(source, kind, market):
    """Give the rows that came, the ranges that are named as missing, and how they were told."""
    since, until = market.span
    asked = {"since": since, "until": until}
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            if kind == "candles":
                frame = gekko_lab.fetch(source, SYMBOL, "1m", **asked)
            else:
                frame = gekko_lab.fetch_trades(source, SYMBOL, **asked)
        except IncompleteData as error:
            return error.frame, spans(error.report), type(error.__cause__).__name__
        except SourceError as error:  # nothing at all came
            return None, [(since, until)], type(error).__name__
    assert all(issubclass(warning.category, GapWarning) for warning in told)
    named = [span for warning in told for span in spans(warning.message.report)]
    return frame, named, "GapWarning" if told else "complete"


def spans(report):
    return report.select(pl.col("since", "until").dt.epoch("ms")).rows()


def rows_of(frame, *, timeless=False):
    """Rows to compare; exchanges tell trades of one millisecond apart in their own ways."""
    if frame is None:
        return []
    if "id" not in frame.columns:
        return frame.rows()
    time = pl.lit(0) if timeless else pl.col("timestamp").dt.epoch("ms")
    text = pl.col("id", "side").cast(pl.String)
    return frame.select(time.alias("time"), text, "price", "amount").rows()


def check(frame, named, market, *, moved=False):
    """Give what is missing, all of which has to be named; what came has to be true."""
    got = rows_of(frame, timeless=moved)
    truth = rows_of(market.truth, timeless=moved)
    came = set(got)
    assert got == [row for row in truth if row in came], "not the truth, each row once, in order"
    time = pl.col("timestamp").dt.epoch("ms")
    times = market.truth.select(time).to_series().to_list()
    lost = [at for at, row in zip(times, truth, strict=True) if row not in came]
    unnamed = [
        at for at in lost if not any(since - moved <= at < until + moved for since, until in named)
    ]
    assert unnamed == [], "lost without a name"
    return lost


def tried(market, dialect, kind, fault, seed=0):
    """Fetch with a fault and again without it; give how the first fetch ended."""
    moved = (kind, fault.kind) in MOVED
    with served(market, dialect, kind, seed) as (server, source):
        server.faults.add(fault)
        frame, named, how = fetched(source, kind, market)
        lost = check(frame, named, market, moved=moved)
        server.faults.clear()
        before = len(server.requests)
        frame, named, end = fetched(source, kind, market)
        assert datalog.verify().is_empty()
        if moved:  # trades that were moved past others are held so; nothing tells that they were
            return how
        if not lost:
            assert server.requests[before:] == [], "asked again for what is known"
        if (dialect, kind) == ("binance", "candles"):
            begins = {int(request.query["startTime"]) for request in server.requests[before:]}
            assert begins <= {*lost}, "asked again for what came"
        assert rows_of(frame) == rows_of(market.truth), "not complete once the fault is over"
        assert end == "complete"
        return how


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("seed", [7])
def test_complete_or_named(markets, small_pages, dialect, kind, fault, seed):
    tried(markets[kind], dialect, kind, placed(fault, kind, seed), seed)


@pytest.mark.parametrize("fault", ["drop_rows", "empty_page"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_trades_are_not_lost_by_lies_that_are_told_twice(markets, small_pages, dialect, fault):
    """Ids, cursors that came already and the newest trade contradict them.

    The first answers are spared: on Coinbase Exchange two empty ones there say that the market has
    no trades at all, which nothing contradicts.
    """
    for skip in (1, 2, 4, 6):
        lie = Fault(fault, path="trades", skip=skip, count=2, value=1 + skip % 5)
        with served(markets["trades"], dialect, "trades", skip) as (server, source):
            server.faults.add(lie)
            frame, named, _ = fetched(source, "trades", markets["trades"])
            check(frame, named, markets["trades"])


@pytest.mark.parametrize("lies", [1, 2])
@pytest.mark.parametrize("lost", [1, 5])
def test_a_candle_that_lacks_in_the_newest_page_is_asked_for_again(markets, lost, lies):
    """Two answers that lost others make a whole one."""
    with served(markets["candles"], "kraken", "candles", 0) as (server, source):
        server.faults.add(Fault("drop_rows", path="candles", count=lies, value=lost))
        frame, _, how = fetched(source, "candles", markets["candles"])
        assert rows_of(frame) == rows_of(markets["candles"].truth)
        assert how == "complete"


@pytest.mark.parametrize(("dialect", "kind", "fault"), HELD)
def test_no_request_comes_while_the_exchange_holds(markets, small_pages, dialect, kind, fault):
    """Two fetches, as some refusals end the first: the second waits for the rest of the hold."""
    market = markets[kind]
    short = replace(market, span=(SINCE, SINCE + MINUTE))
    time = pl.col("timestamp").dt.epoch("ms")
    short = replace(short, truth=market.truth.filter(time < SINCE + MINUTE))
    with served(short, dialect, kind, 0, enableRateLimit=True) as (server, source):
        server.faults.add(Fault(fault, path=kind, count=1, value=1))
        for _ in range(2):
            frame, named, _ = fetched(source, kind, short)
            check(frame, named, short)
        assert rows_of(frame) == rows_of(short.truth)
    asked = server.requests
    refused = [place for place, request in enumerate(asked) if request.refused]
    assert len(refused) == 1
    held = asked[refused[0]].time
    later = [request.time for request in asked[refused[0] + 1 :]]
    assert later, "nothing was asked after the hold"
    assert min(later) >= held + 1


@pytest.mark.campaign
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_long_campaign_of_faults(
    markets, small_pages, tmp_path, record_property, dialect, kind, fault
):
    """How the fetches ended goes into the report of `--junitxml -o junit_family=xunit1`."""
    ends = Counter()
    for seed in range(100, 100 + PLACEMENTS):
        with gekko_lab.options(data_dir=tmp_path / str(seed)):
            ends[tried(markets[kind], dialect, kind, placed(fault, kind, seed), seed)] += 1
    for end, count in ends.items():
        record_property(end, count)
