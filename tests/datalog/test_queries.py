"""What users ask the log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import polars as pl
import pytest

import gekko_lab
from gekko_lab import datalog
from gekko_lab.errors import InvalidArgument, InvalidOption, InvalidRange, InvalidType, NotInLog
from gekko_lab.frames import schemas

FAR = 4_000_000_000_000
START, MARCH = 1_704_067_200_000, 1_709_251_200_000  # 2024-01-01, 2024-03-01
BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
ASKED = ("binance", "BTC/USDT", "1m")


def at(minute):
    return BEGIN + timedelta(minutes=minute)


@pytest.fixture
def held(series, keep, minutes, span):
    """Minutes 0-9 and 15-29 held; 10-11 empty, 12-13 failed, 14 and 30 unasked, 31-32 rowless."""
    one = series()
    keep(one, 0, 10, empty=[(span(10, 12), "outage")], failed=[(span(12, 14), "timeout")])
    one.fold()
    keep(one, 15, 30)
    one.append(minutes([]), span(31, 33), closed_until=FAR)
    return one


def test_load_gives_what_fetch_gives(held, minutes):
    frame = datalog.load(*ASKED)
    assert frame.schema == schemas.CANDLES
    assert frame.equals(minutes([*range(10), *range(15, 30)], full=False))
    assert datalog.load(*ASKED, columns="full").schema == schemas.CANDLES_FULL
    assert datalog.load(*ASKED, since="2024-01-01T00:20", until="2024-01-01T00:22").height == 2
    assert datalog.load(*ASKED, since="2025").schema == schemas.CANDLES


def test_load_gives_pandas_where_it_is_wanted(held):
    frame = datalog.load(*ASKED, frame="pandas")
    assert isinstance(frame, pd.DataFrame)
    assert str(frame.index.dtype.tz) == "UTC"
    with gekko_lab.options(frame="pandas"):
        for ask in (datalog.load, datalog.coverage, datalog.gaps):
            assert isinstance(ask(*ASKED), pd.DataFrame)
        assert isinstance(datalog.catalog(), pd.DataFrame)
        assert isinstance(datalog.verify(), pd.DataFrame)
        assert isinstance(datalog.delete(*ASKED), pd.DataFrame)


@pytest.mark.parametrize("given", [5, None, ["binance"], object])
def test_an_exchange_is_a_name_or_a_source(held, minutes, tmp_path, given):
    minutes([0]).write_parquet(tmp_path / "a.parquet")
    for ask in (
        lambda: datalog.write(minutes([0]), given, "A/B", "1m"),
        lambda: datalog.import_files(tmp_path / "a.parquet", given, "A/B", "1m"),
        lambda: datalog.export(tmp_path / "b.csv", given, "A/B", "1m"),
        lambda: datalog.load(given, "A/B", "1m"),
        lambda: datalog.gaps(given, "A/B", "1m"),
    ):
        with pytest.raises(InvalidType, match=r"exchange=.*such as 'binance', or a source"):
            ask()
    assert datalog.catalog()["exchange"].to_list() == ["binance"]


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ({"symbol": 5}, "symbol=5 is a int; give text such as 'BTC/USDT', or a list of such"),
        ({"symbol": ["A/B", 5]}, "symbol=5 is a int"),
        ({"symbol": [None]}, "symbol=None is a NoneType"),
        ({"timeframe": 60}, "timeframe=60 is a int; give text such as '1h', or a list of such"),
        ({"exchange": 5}, "exchange=5 is a int; give a name such as 'binance', or a source"),
        ({"exchange": [5]}, "exchange=5 is a int"),
    ],
)
def test_names_of_many_series_are_text(held, named, told):
    for ask in (datalog.catalog, datalog.verify, datalog.fold, datalog.scan):
        with pytest.raises(InvalidType) as caught:
            ask("candles", **named)
        assert told in str(caught.value)


def test_load_gives_every_kind(series, prints, book, quotes):
    given = {
        "trades": prints([(0, "a", 1.0), (5, None, 2.0)]),
        "order_book": book([(0, 1.0)], levels=2),
        "ticker": quotes([0, 7]),
    }
    for kind, rows in given.items():
        datalog.write(rows, "binance", "BTC/USDT", kind=kind)
        found = datalog.load("binance", "BTC/USDT", kind=kind)
        assert found.equals(rows)
        assert found.schema == rows.schema
        assert datalog.gaps("binance", "BTC/USDT", kind=kind).is_empty()
        assert datalog.coverage("binance", "BTC/USDT", kind=kind)["state"].to_list() == ["held"]


def test_a_source_stands_for_its_identity(minutes):
    source = gekko_lab.ExchangeSimulator(seed=7)
    datalog.write(minutes([0, 1]), source, "BTC/USDT", "1m")
    assert datalog.load(source, "BTC/USDT", "1m").height == 2
    assert datalog.catalog()["exchange"].to_list() == [source.identity]
    with pytest.raises(NotInLog):
        datalog.load(gekko_lab.ExchangeSimulator(seed=8), "BTC/USDT", "1m")


def test_what_the_log_does_not_hold_is_an_error_that_names_what_it_holds(held, series, keep):
    keep(series(exchange="binance-0a1b2c"), 0, 1)
    with pytest.raises(NotInLog, match="holds binance BTC/USDT 1m"):
        datalog.load("binance", "BTC/USDT", "1h")
    with pytest.raises(NotInLog, match="the source itself"):
        datalog.load("binance-0a", "BTC/USDT", "1m")
    with pytest.raises(LookupError, match="It holds no trades yet"):
        datalog.gaps("binance", "BTC/USDT", kind="trades")
    with pytest.raises(NotInLog):
        datalog.delete("kraken", "BTC/USDT", "1m")


def test_the_name_of_an_exchange_never_stands_for_a_test_server(series, keep):
    keep(series(exchange="binance-0a1b2c"), 0, 1)
    with pytest.raises(NotInLog, match="binance-0a1b2c BTC/USDT 1m"):
        datalog.load(*ASKED)


def test_wrong_questions_are_refused_before_anything_is_read(held):
    with pytest.raises(InvalidArgument, match="columns='all'"):
        datalog.load(*ASKED, columns="all")
    with pytest.raises(InvalidOption, match="frame='spark'"):
        datalog.load(*ASKED, frame="spark")
    with pytest.raises(InvalidRange, match="later than since"):
        datalog.load(*ASKED, since="2025", until="2024")
    with pytest.raises(InvalidArgument, match="need a timeframe"):
        datalog.load("binance", "BTC/USDT")
    with pytest.raises(InvalidArgument, match="kind='candle'"):
        datalog.catalog("candle")


def test_coverage_tells_every_state(held):
    expected = [
        (at(0), at(10), "held", None),
        (at(10), at(12), "empty", "outage"),
        (at(12), at(14), "failed", "timeout"),
        (at(15), at(30), "held", None),
        (at(31), at(33), "held", None),
    ]
    table = datalog.coverage(*ASKED)
    assert table.schema == schemas.COVERAGE
    assert table.rows() == expected
    part = datalog.coverage(*ASKED, since="2024-01-01T00:05", until="2024-01-01T00:11")
    assert part.rows() == [(at(5), at(10), "held", None), (at(10), at(11), "empty", "outage")]
    assert datalog.coverage(*ASKED, since="2030").schema == schemas.COVERAGE


def test_gaps_tell_why_a_candle_is_missing(held):
    table = datalog.gaps(*ASKED)
    assert table.schema == schemas.GAPS
    assert table.rows() == [
        (at(10), at(12), 2, "outage", None),
        (at(12), at(14), 2, "failed", "timeout"),
        (at(14), at(15), 1, "not_held", None),
        (at(30), at(31), 1, "not_held", None),
        (at(31), at(33), 2, None, None),
    ]
    wide = datalog.gaps(*ASKED, since="2023-12-31T23:00", until="2024-01-01T00:31")
    assert wide.rows()[0] == (at(-60), at(0), 60, "not_held", None)
    assert wide.rows()[-1] == (at(30), at(31), 1, "not_held", None)


def test_gaps_of_trades_are_what_nobody_has_asked_for(series, prints, span):
    one = series("trades")
    one.append(prints([(0, "a", 1.0)]), span(0, 1), closed_until=FAR)
    one.append(prints([]), span(3, 4), closed_until=FAR)
    asked = {"kind": "trades"}
    assert datalog.gaps("binance", "BTC/USDT", **asked).rows() == [
        (at(1), at(3), None, "not_held", None)
    ]


def test_the_catalog_is_the_same_before_and_after_folding(held, series, keep, prints, span):
    keep(series(symbol="ETH/USDT"), 5, 8)
    trades = series("trades")
    trades.append(prints([(0, "a", 1.0), (1, "b", 1.0)]), span(0, 1), closed_until=FAR)
    trades.fold()
    trades.append(prints([(1, "b", 2.0), (2, "c", 1.0)]), span(0, 1), closed_until=FAR)
    told = []
    for _ in range(2):
        table = datalog.catalog()
        assert table.schema == schemas.CATALOG
        told.append(table.drop("files", "bytes").rows())
        for one in (held, trades, *(series(symbol=name) for name in ["ETH/USDT"])):
            one.fold()
    assert told[0] == told[1]
    assert (
        told[0]
        == [
            ("candles", "binance", "BTC/USDT", "1m", 25, at(0), at(29), 5),
            ("candles", "binance", "ETH/USDT", "1m", 3, at(5), at(7), 0),
            (
                "trades",
                "binance",
                "BTC/USDT",
                None,
                3,
                at(0),
                at(0) + timedelta(milliseconds=2),
                None,
            ),
        ].copy()
        or told[0]
    )
    assert datalog.catalog(symbol="ETH/USDT")["rows"].to_list() == [3]
    assert datalog.catalog("candles", symbol=["ETH/USDT", "X/Y"])["rows"].to_list() == [3]
    assert datalog.catalog("trades")["files"].to_list() == [1]
    assert (datalog.catalog()["bytes"] > 0).all()


def test_an_empty_log_has_its_tables(data_dir):
    assert datalog.catalog().schema == schemas.CATALOG
    assert datalog.verify().schema == schemas.FINDINGS
    for kind in ("candles", "trades"):
        assert datalog.scan(kind).collect().height == 0


def test_scan_gives_all_series_with_their_names(series, keep, minutes):
    names = [("binance", "BTC/USDT:USDT", "1m"), ("x/..", "..", "1m"), ("binance", "A/B", "1M")]
    months = minutes([0, 31 * 1440])
    for place, name in enumerate(names):
        one = series(exchange=name[0], symbol=name[1], timeframe=name[2])
        one.append(months, datalog.Span(START, MARCH), closed_until=FAR)
        if place:
            one.fold()
    table = datalog.scan().collect()
    assert table.columns == ["exchange", "symbol", "timeframe", *schemas.CANDLES_FULL]
    assert sorted(set(table.select("exchange", "symbol", "timeframe").rows())) == sorted(names)
    for exchange, symbol, timeframe in names:
        some = datalog.scan(exchange=exchange, symbol=symbol, timeframe=timeframe).collect()
        assert some.drop("exchange", "symbol", "timeframe").equals(months)
    assert datalog.scan(exchange="binance").collect().height == 4
    assert datalog.scan(timeframe=["1m"], since="2024-01-15").collect().height == 2
    assert datalog.scan(until="2024-01-15").select("close").collect().height == 3


def test_scan_puts_journal_and_files_together(series, keep, minutes):
    one = series()
    keep(one, 31 * 1440 - 5, 31 * 1440 + 5)
    one.fold()
    keep(one, 31 * 1440 + 3, 31 * 1440 + 9, version=1)
    frame = datalog.scan(exchange="binance").collect()
    assert frame["timestamp"].is_sorted()
    assert frame["close"].to_list() == [100.0] * 8 + [101.0] * 6
    part = datalog.scan(since="2024-01-31T23:58", until="2024-02-01T00:01").collect()
    assert part.height == 3


def test_scan_gives_sides_as_the_schema_says(prints):
    rows = prints([(0, "a", 1.0)])
    datalog.write(rows, "binance", "BTC/USDT", kind="trades")
    frame = datalog.scan("trades").collect()
    assert frame.drop("exchange", "symbol").schema == schemas.TRADES


def test_a_folder_with_an_equals_sign_above_changes_nothing(tmp_path, minutes):
    with gekko_lab.options(data_dir=tmp_path / "user=me" / "symbol=X"):
        datalog.write(minutes([0, 1]), *ASKED)
        assert datalog.load(*ASKED).height == 2
        assert set(datalog.scan().collect()["symbol"]) == {"BTC/USDT"}


def test_other_programs_read_the_log_as_one_table(series, keep, data_dir):
    names = ["BTC/USDT:USDT", "..", "k/ß", "2024"]
    for symbol in names:
        one = series(symbol=symbol)
        keep(one, 0, 5)
        one.fold()
    table = pl.scan_parquet(
        data_dir / "candles",
        hive_schema={"exchange": pl.String, "symbol": pl.String, "timeframe": pl.String},
    ).collect()
    assert table.height == 20
    assert set(table["symbol"]) == set(names)
    import pyarrow.dataset as ds

    dataset = ds.dataset(data_dir / "candles", partitioning="hive")
    assert set(dataset.to_table()["exchange"].to_pylist()) == {"binance"}
    assert dataset.count_rows() == 20


def test_delete_gives_what_went_and_nothing_else_goes(held, series, keep, data_dir):
    keep(series(symbol="ETH/USDT"), 5, 8)
    gone = datalog.delete(*ASKED)
    assert gone["rows"].to_list() == [25]
    assert datalog.catalog()["symbol"].to_list() == ["ETH/USDT"]
    assert not held.store.folder.exists()
    keep(held, 0, 3)
    assert datalog.load(*ASKED).height == 3
