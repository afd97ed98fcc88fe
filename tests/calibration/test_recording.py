"""What is calibrated to is read once: width, quiet minutes, counts and steps."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import gekko_lab
from gekko_lab.calibration.recording import read
from gekko_lab.errors import DataError, InvalidArgument
from gekko_lab.frames.schemas import CANDLES

MINUTE = 60_000


@pytest.fixture(scope="module")
def source():
    return gekko_lab.ExchangeSimulator("thin", seed=8)


@pytest.fixture(scope="module")
def minutes(source):
    """Two days of minutes, a quarter of which are quiet."""
    return gekko_lab.fetch(source, "BTC/USDT", "1m", since="2024-01-01", until="2024-01-03")


def test_quiet_minutes_that_an_exchange_leaves_out_are_put_back(minutes):
    traded = minutes.filter(pl.col("volume") > 0)
    found = read(traded).table
    first, last = traded["timestamp"].min(), traded["timestamp"].max()
    whole = minutes.filter(pl.col("timestamp").is_between(first, last))
    assert found.drop("trade_count").equals(whole)


def test_an_hour_and_more_without_candles_stays_a_gap(minutes):
    places = pl.int_range(pl.len())
    apart = minutes.filter(~places.is_between(500, 561))
    assert len(read(apart).table) == len(minutes) - 62
    near = minutes.filter(~places.is_between(500, 559))
    assert len(read(near).table) == len(minutes)


def test_trades_are_counted_where_they_were_recorded(source, minutes):
    window = {"since": "2024-01-01T05:00", "until": "2024-01-01T11:00"}
    trades = gekko_lab.fetch_trades(source, "BTC/USDT", **window)
    counts = read(minutes, trades).table["trade_count"]
    full = gekko_lab.fetch(source, "BTC/USDT", "1m", **window, columns="full")["trade_count"]
    known = counts.drop_nulls()
    assert known.sum() == len(trades)
    first = int(np.flatnonzero(full)[0])
    assert known.to_list() == full[first : first + len(known)].to_list()
    assert counts.null_count() >= 18 * 60 + 24 * 60


def test_the_tick_has_the_prices_decimals_where_there_are_common_ones(minutes):
    rules = gekko_lab.ExchangeSimulator("thin").market("BTC/USDT")
    assert 10.0 ** -read(minutes).tick == rules.tick_size
    prices = CANDLES.names()[1:5]
    vast = pl.when(pl.int_range(pl.len()) == 0).then(1e13).otherwise(1.0)
    assert read(minutes.with_columns(pl.col(prices) * vast)).tick is None


def test_a_long_recording_counts_from_its_end():
    hours = gekko_lab.fetch("simulator", "BTC/USDT", "1h", until="2024-01-01", limit=24 * 100)
    found = read(hours)
    assert found.table["timestamp"].to_list() == hours["timestamp"][240:].to_list()
    assert found.until - found.since == 90 * 1440 * MINUTE


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (lambda rows: rows[:1000], DataError, "1000 candles of 1m over 0.7 days"),
        (lambda rows: rows[:1], DataError, "too few candles to see their width"),
        (lambda rows: rows.with_columns(volume=0.0), DataError, "0 with trades"),
        (lambda rows: rows.with_columns(low=-1.0), DataError, "prices of zero or less"),
        (lambda rows: rows.with_columns(high=1.0), DataError, "candle 0 of 2880 has a high below"),
        (
            lambda rows: rows.with_columns(pl.col("timestamp").dt.offset_by("-20y")),
            InvalidArgument,
            "from 2004-01-01 to 2004-01-03, and the simulated market exists from 2010",
        ),
    ],
)
def test_what_says_too_little_is_refused(minutes, change, error, text):
    with pytest.raises(error, match=text):
        read(change(minutes))


@pytest.mark.parametrize("timeframe", ["1s", "7m", "4h", "1d", "1M"])
def test_widths_that_do_not_show_how_a_day_goes_are_refused(timeframe):
    candles = gekko_lab.resample(
        gekko_lab.fetch("simulator", "BTC/USDT", "1M", until="2024-01-01", limit=3), "1M"
    )
    if timeframe != "1M":
        base = "1s" if timeframe == "1s" else "1m"
        span = {"1s": 10, "7m": 700}.get(timeframe, 4 * 1440)
        rows = gekko_lab.fetch("simulator", "BTC/USDT", base, since="2024-01-01", limit=span)
        candles = gekko_lab.resample(rows, timeframe)
    with pytest.raises(InvalidArgument, match=rf"candles of {timeframe} don't show how a day goes"):
        read(candles)
