"""Every fault at seeded random places, on each dialect: complete, or what lacks has its name.

A placement is a seed: it decides which requests meet the fault, and how many. Pages are made small
so that few rows take many of them.
"""

from __future__ import annotations

import random
import warnings
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
LENGTHS = {"candles": 600, "trades": 5}  # minutes
PAGE = 60
NEWEST = 720  # all the candles that Kraken has

# Answers that look sound. One that comes once is found out; the same lie told again may not be.
LIES = {"drop_rows", "short_page", "empty_page"}
# Times that are false but sound: nothing in a page of trades tells that they were moved.
UNKNOWABLE = {("trades", "shift_rows")}
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
    chance = random.Random(f"{fault} {kind} {seed}")
    skip, every = chance.randrange(10), chance.randrange(1, 4)
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


def rows_of(frame):
    """Rows to compare; exchanges tell trades of one millisecond apart in their own ways."""
    if frame is None:
        return []
    if "id" not in frame.columns:
        return frame.rows()
    time = pl.col("timestamp").dt.epoch("ms")
    return frame.with_columns(time, pl.col("id").cast(pl.String), pl.col("side").cast(pl.String)).rows()


def check(frame, named, market):
    """Give what is missing, all of which has to be named; what came has to be true."""
    got, truth = rows_of(frame), rows_of(market.truth)
    came = set(got)
    assert got == [row for row in truth if row in came], "not the truth, each row once, in order"
    time = pl.col("timestamp").dt.epoch("ms")
    times = market.truth.select(time).to_series().to_list()
    lost = [at for at, row in zip(times, truth, strict=True) if row not in came]
    unnamed = [at for at in lost if not any(since <= at < until for since, until in named)]
    assert not unnamed, f"lost without a name: {len(unnamed)} of {len(lost)}"
    return lost


def round_of(market, dialect, kind, fault):
    """Fetch with a fault and again without it; give how the first fetch ended."""
    with served(market, dialect, kind, 0) as (server, source):
        server.faults.add(fault)
        frame, named, how = fetched(source, kind, market)
        lost = check(frame, named, market)
        server.faults.clear()
        before = len(server.requests)
        frame, named, end = fetched(source, kind, market)
        assert rows_of(frame) == rows_of(market.truth), "not complete once the fault is over"
        assert end == "complete"
        again = server.requests[before:]
        if not lost:
            assert again == [], "asked for what came"
        assert datalog.verify().is_empty()
        return how


@pytest.mark.parametrize("seed", range(1))
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_complete_or_named(markets, small_pages, dialect, kind, fault, seed):
    round_of(markets[kind], dialect, kind, placed(fault, kind, seed))


@pytest.mark.campaign
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_long_campaign(markets, small_pages, tmp_path, dialect, kind):
    import collections, os
    n = int(os.environ.get("N", "4"))
    tally = collections.Counter()
    bad = []
    for fault in FAULTS:
        for seed in range(n):
            with gekko_lab.options(data_dir=tmp_path / f"{fault}-{seed}"):
                try:
                    how = round_of(markets[kind], dialect, kind, placed(fault, kind, seed))
                except Exception as e:
                    how = f"XX {type(e).__name__} {str(e)[:60]!r}"
                    bad.append((fault, seed, how))
            tally[how] += 1
    print(dialect, kind, dict(tally))
    for b in bad:
        print("   ", b)
