"""Many series at once: the same rows as one by one, and no series spoils another."""

from __future__ import annotations

import joblib
import polars as pl
import pytest

import gekko_lab
from gekko_lab.errors import (
    GapWarning,
    IncompleteData,
    InvalidArgument,
    InvalidType,
    UnknownSymbol,
)
from gekko_lab.frames.schemas import CANDLES
from gekko_lab.server import Fault

DAY = {"since": "2024-01-01", "until": "2024-01-02"}
PAIR = ["BTC/USDT", "ETH/USDT"]


def one_by_one(exchange, symbols, timeframes, **asked):
    rows = [
        gekko_lab.fetch(exchange, symbol, timeframe, **asked).select(
            pl.lit(getattr(exchange, "exchange", exchange)).alias("exchange"),
            pl.lit(symbol).alias("symbol"),
            pl.lit(timeframe).alias("timeframe"),
            *CANDLES.names(),
        )
        for symbol in symbols
        for timeframe in timeframes
    ]
    return pl.concat(rows)


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_the_rows_are_those_of_single_fetches_in_their_order(binance, n_jobs):
    _, exchange = binance()
    many = gekko_lab.fetch_many(exchange, PAIR, ["1m", "1h"], n_jobs=n_jobs, **DAY)
    assert many.equals(one_by_one(exchange, PAIR, ["1m", "1h"], **DAY))


def test_exchanges_of_all_kinds_stand_beside_each_other(binance):
    _, exchange = binance()
    many = gekko_lab.fetch_many([exchange, "simulator"], "BTC/USDT", **DAY)
    assert many["exchange"].unique(maintain_order=True).to_list() == ["binance", "simulator"]
    first, second = many.partition_by("exchange")
    assert first.drop("exchange").equals(second.drop("exchange"))


def test_processes_give_the_same_rows():
    asked = ("simulator", PAIR, "1h")
    with joblib.parallel_config("loky"):
        many = gekko_lab.fetch_many(*asked, n_jobs=2, **DAY)
    assert many.equals(gekko_lab.fetch_many(*asked, **DAY))


def test_an_unknown_symbol_does_not_spoil_the_others(binance):
    _, exchange = binance()
    with pytest.raises(IncompleteData, match=r"1 of 3 series .*binance BTC/USTD 1h") as caught:
        gekko_lab.fetch_many(exchange, [*PAIR, "BTC/USTD"], **DAY)
    assert caught.value.frame.equals(one_by_one(exchange, PAIR, ["1h"], **DAY))
    report = caught.value.report
    assert report["status"].to_list() == ["complete", "complete", "failed"]
    assert report["rows"].to_list() == [24, 24, 0]
    assert "BTC/USTD" in report["error"][2]


def test_a_part_that_could_not_be_had_is_told_and_the_rest_is_kept(binance):
    server, exchange = binance()
    fault = Fault("status", path="/api/v3/klines", symbol="ETHUSDT", skip=1, count=1000, value=451)
    server.faults.add(fault)
    asked = {"since": "2024-01-01", "until": "2024-01-03"}
    with pytest.raises(IncompleteData) as caught:
        gekko_lab.fetch_many(exchange, PAIR, "1m", **asked)
    report = caught.value.report
    assert report["status"].to_list() == ["complete", "incomplete"]
    assert report["rows"].to_list() == [2880, 1000]
    assert report["missing"].to_list() == [0, 1880]
    assert caught.value.frame.height == 3880


def test_candles_that_do_not_exist_are_one_warning(binance, ms):
    outage = (ms("2024-01-01T10:00"), ms("2024-01-01T11:00"))
    _, exchange = binance(outages=[outage])
    with pytest.warns(GapWarning, match="2 of 2 series lack candles") as told:
        many = gekko_lab.fetch_many(exchange, PAIR, "1m", **DAY)
    assert len(told) == 1
    assert told[0].filename == __file__
    assert told[0].message.report["missing"].to_list() == [60, 60]
    assert many.height == 2 * (1440 - 60)


def test_when_nothing_came_the_error_is_that_of_the_first():
    with pytest.raises(UnknownSymbol, match="BTC/USTD"):
        gekko_lab.fetch_many("simulator", ["BTC/USTD", "ETH/USTD"], **DAY)


def test_rows_can_stay_in_the_log(binance):
    server, exchange = binance()
    report = gekko_lab.fetch_many(exchange, PAIR, "1m", log=True, result="report", **DAY)
    assert report["status"].to_list() == ["complete"] * 2
    assert report["rows"].to_list() == [1440, 1440]
    before = len(server.requests)
    again = gekko_lab.fetch_many(exchange, PAIR, "1m", log=True, **DAY)
    assert again.equals(one_by_one(exchange, PAIR, ["1m"], log=True, **DAY))
    asked = [each for each in server.requests[before:] if each.path == "/api/v3/klines"]
    assert not asked


def test_pandas_is_the_same_table():
    asked = {"timeframes": "4h", **DAY}
    table = gekko_lab.fetch_many("simulator", PAIR, frame="pandas", **asked)
    assert table.shape == (12, 8)
    assert list(table["symbol"].unique()) == PAIR


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        ({"symbols": []}, InvalidArgument, "symbols is empty"),
        ({"symbols": ["BTC/USDT", "BTC/USDT"]}, InvalidArgument, "names something twice"),
        ({"timeframes": 5}, InvalidType, "timeframes=5: give a name, or a list"),
        ({"result": "report", "log": False}, InvalidArgument, "leave log=False out"),
        ({"result": "rows"}, InvalidArgument, "choose 'frame' or 'report'"),
        ({"columns": "all"}, InvalidArgument, "choose 'base' or 'full'"),
    ],
)
def test_a_request_that_cannot_be_answered_is_refused(asked, error, message):
    with pytest.raises(error, match=message):
        gekko_lab.fetch_many(**{"exchanges": "simulator", "symbols": PAIR, **DAY, **asked})
