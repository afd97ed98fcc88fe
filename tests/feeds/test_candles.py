"""Candles out of streamed trades are those that a fetch gives, however the trades are cut."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import gekko_lab
from gekko_lab.events.columns import stamped, to_events
from gekko_lab.events.types import Gap
from gekko_lab.feeds.assembly import Assembler
from gekko_lab.feeds.channel import Batch, Table
from gekko_lab.frames.schemas import CANDLES_FULL
from gekko_lab.market.timeframe import Timeframe

SYMBOL = "BTC/USDT"
SINCE, MINUTE = 1_704_067_200_000, 60_000
WINDOWS = {  # preset, timeframe: minutes
    ("liquid", "1s"): 3,
    ("liquid", "1m"): 20,
    ("liquid", "5m"): 30,
    ("liquid", "1h"): 180,
    ("thin", "1m"): 240,
    ("thin", "5m"): 600,
    ("thin", "1h"): 1440,
}


@cache
def window(preset, timeframe):
    market = gekko_lab.ExchangeSimulator(preset)
    until = SINCE + WINDOWS[preset, timeframe] * MINUTE
    span = {"since": SINCE, "until": until, "progress": "off", "frame": "polars"}
    trades = gekko_lab.fetch_trades(market, SYMBOL, **span)
    candles = gekko_lab.fetch(market, SYMBOL, timeframe, columns="full", **span)
    width = Timeframe.parse(timeframe)
    before = gekko_lab.fetch(market, SYMBOL, timeframe, until=SINCE, limit=1, columns="full")
    return trades, candles, width, before, until


def channel(width, *, dense=True, grace_us=0):
    return SimpleNamespace(
        exchange="simulator",
        symbols=(SYMBOL,),
        width=width,
        builds=(SYMBOL,),
        dense=dense,
        grace_us=grace_us,
    )


def candles_of(pieces):
    frames = [frame for piece in pieces if (frame := piece.frame("candle")) is not None]
    return pl.concat(frames).select(CANDLES_FULL.names())


def as_batch(rows, columns):
    """Give rows in columns, or as events one by one."""
    if columns:
        return Batch(tables=[Table("trade", SYMBOL, rows)])
    sequence = pl.int_range(rows.height, eager=True).to_numpy()
    return Batch(events=to_events("trade", "", "", stamped("trade", SYMBOL, rows, sequence, 0)))


@given(data=st.data(), case=st.sampled_from(sorted(WINDOWS)), columns=st.booleans())
@settings(max_examples=60)
def test_candles_do_not_depend_on_how_trades_are_cut(data, case, columns):
    trades, fetched, width, before, until = window(*case)
    cuts = sorted(data.draw(st.lists(st.integers(0, trades.height), max_size=8)))
    assembler = Assembler(channel(width), ["candle"])
    warmup = Batch(
        tables=[Table("candle", SYMBOL, before)], warmup=True, complete_from_us=SINCE * 1000
    )
    pieces = [assembler.assemble(warmup, 0)]
    for begin, end in zip([0, *cuts], [*cuts, trades.height], strict=True):
        pieces.append(assembler.assemble(as_batch(trades[begin:end], columns), 0))
        if end < trades.height and data.draw(st.booleans()):  # the clock is never ahead of trades
            clock = int(trades["timestamp"].to_physical()[end])
            pieces.append(assembler.assemble(Batch(clock_us=clock), 0))
    pieces.append(assembler.assemble(Batch(clock_us=until * 1000), 0))
    built = candles_of(pieces)
    exact = [name for name in CANDLES_FULL if name != "quote_volume"]
    assert built.select(exact).equals(fetched.select(exact))
    assert_frame_equal(built, fetched, rel_tol=1e-12)


@pytest.mark.parametrize("timeframe", ["1s", "1m", "5m", "1h"])
def test_streamed_candles_are_the_fetched_ones(timeframe):
    span = {"since": "2024-01-01T00:00:30", "until": "2024-01-01T02:00"}
    feed = gekko_lab.stream(
        "simulator:thin", ["BTC/USDT", "ETH/USDT"], kinds="candle", timeframe=timeframe,
        speed="max", **span,
    )  # fmt: skip
    list(feed)
    began = Timeframe.parse(timeframe).floor(SINCE + 30_000)
    for symbol in feed.symbols:
        fetched = gekko_lab.fetch(
            "simulator:thin", symbol, timeframe, since=began, until=span["until"]
        )
        streamed = feed.frame("candles").filter(symbol=symbol).tail(10_000)
        assert streamed.select(fetched.columns).equals(fetched)


def trades_at(*rows):
    """Give trades of (second, price, amount)."""
    times = [SINCE * 1000 + round(second * 1e6) for second, *_ in rows]
    return pl.DataFrame(
        {
            "timestamp": pl.Series(times).cast(pl.Datetime("us", "UTC")),
            "id": [str(place) for place in range(len(rows))],
            "side": ["buy"] * len(rows),
            "price": [float(price) for _, price, _ in rows],
            "amount": [float(amount) for *_, amount in rows],
        },
        schema=gekko_lab.frames.schemas.TRADES,
    )


def told(assembler, *batches):
    pieces = [assembler.assemble(batch, 0) for batch in batches]
    return [event for piece in pieces for event in piece.events()]


def clock(second):
    return Batch(clock_us=(SINCE * 1000) + round(second * 1e6))


BEGIN = Batch(warmup=True, complete_from_us=SINCE * 1000)


@pytest.mark.parametrize("columns", [True, False])
def test_a_candle_is_closed_once_by_the_clock_or_the_next_trade(columns):
    assembler = Assembler(channel(Timeframe.parse("1m"), grace_us=2_000_000), ["candle"])
    first = as_batch(trades_at((1, 10, 1), (59, 12, 2)), columns)
    assert told(assembler, BEGIN, first, clock(61.9)) == []
    (candle,) = told(assembler, clock(62))
    assert (candle.open, candle.high, candle.low, candle.close) == (10, 12, 10, 12)
    assert (candle.volume, candle.quote_volume, candle.trade_count) == (3, 34, 2)
    assert candle.timestamp_us == SINCE * 1000
    assert told(assembler, clock(65), clock(119)) == []
    following = as_batch(trades_at((70, 13, 1), (130, 14, 1)), columns)
    assert [each.close for each in told(assembler, following)] == [13]


@pytest.mark.parametrize("columns", [True, False])
def test_quiet_minutes_are_flat_where_they_exist_and_absent_elsewhere(columns):
    batches = [BEGIN, as_batch(trades_at((1, 10, 1), (200, 11, 1)), columns), clock(300)]
    dense = told(Assembler(channel(Timeframe.parse("1m")), ["candle"]), *batches)
    assert [(c.timestamp.minute, c.close, c.volume) for c in dense] == [
        (0, 10, 1),
        (1, 10, 0),
        (2, 10, 0),
        (3, 11, 1),
        (4, 11, 0),
    ]
    sparse = told(Assembler(channel(Timeframe.parse("1m"), dense=False), ["candle"]), *batches)
    assert [(c.timestamp.minute, c.close) for c in sparse] == [(0, 10), (3, 11)]


@pytest.mark.parametrize("columns", [True, False])
def test_late_trades_are_counted_and_told_and_change_nothing(columns):
    assembler = Assembler(channel(Timeframe.parse("1m")), ["candle"])
    begun = told(assembler, BEGIN, as_batch(trades_at((1, 10, 1)), columns), clock(60))
    late = as_batch(trades_at((2, 99, 1), (3, 98, 1), (70, 11, 1)), columns)
    events = told(assembler, late, clock(120))
    assert [candle.close for candle in begun] == [10]
    assert [(e.kind, getattr(e, "reason", e.timestamp.minute)) for e in events] == [
        ("gap", "late"),
        ("candle", 1),
    ]
    assert events[0].since_us == SINCE * 1000
    assert events[0].until_us == (SINCE + MINUTE) * 1000
    assert assembler.late == 2
    assert events[1].high == 11


@pytest.mark.parametrize("columns", [True, False])
def test_a_stream_without_the_trades_before_it_begins_with_the_first_whole_candle(columns):
    assembler = Assembler(channel(Timeframe.parse("1m")), ["candle"])
    rows = as_batch(trades_at((30, 10, 1), (61, 11, 1), (125, 12, 1)), columns)
    assert [candle.timestamp.minute for candle in told(assembler, rows)] == [1]
    assert assembler.late == 0


@pytest.mark.parametrize("columns", [True, False])
def test_candles_that_a_gap_of_trades_touches_are_gaps_too(columns):
    assembler = Assembler(channel(Timeframe.parse("1m")), ["candle"])
    since, until = SINCE * 1000 + 90_000_000, SINCE * 1000 + 150_000_000
    gap = Gap("x", SYMBOL, since, 0, 0, "trade", since, until, "disconnected")
    events = told(
        assembler,
        BEGIN,
        as_batch(trades_at((1, 10, 1), (61, 11, 1)), columns),
        Batch(events=[gap]),
        as_batch(trades_at((155, 12, 1), (190, 13, 1)), columns),
        clock(240),
    )
    assert [(e.kind, e.timestamp.minute, getattr(e, "subject", "")) for e in events] == [
        ("candle", 0, ""),
        ("gap", 1, "trade"),
        ("gap", 1, "candle"),
        ("gap", 2, "candle"),
        ("candle", 3, ""),
    ]


def test_weeks_of_an_exchange_with_another_anchor_are_its_own():
    thursday = Timeframe(1, "w", anchor=0)
    begin = thursday.floor(SINCE)
    assembler = Assembler(channel(thursday), ["candle"])
    start = Batch(warmup=True, complete_from_us=begin * 1000)
    rows = as_batch(trades_at((1, 10, 1), (8 * 86_400, 11, 1)), columns=True)
    assert [c.timestamp_us for c in told(assembler, start, rows)] == [begin * 1000]


def test_months_close_on_the_calendar():
    assembler = Assembler(channel(Timeframe.parse("1M")), ["candle"])
    rows = as_batch(trades_at((1, 10, 1), (31 * 86_400, 11, 1), (61 * 86_400, 12, 1)), columns=True)
    months = told(assembler, BEGIN, rows)
    assert [(c.timestamp.month, c.close) for c in months] == [(1, 10), (2, 11)]
