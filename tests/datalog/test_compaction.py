"""Folding from outside: what other programs can't see yet gets into the files."""

from __future__ import annotations

import pandas as pd
import polars as pl
import pytest

from gekko_lab import datalog
from gekko_lab.datalog.files import read_footer
from gekko_lab.datalog.lock import SeriesLock
from gekko_lab.errors import LogLocked
from gekko_lab.frames.schemas import CANDLES_FULL, empty

MONTH = 31 * 1440


def plain(data_dir):
    return sum(len(pl.read_parquet(file)) for file in data_dir.glob("candles/**/*.parquet"))


def test_fold_makes_the_rows_of_every_journal_plain_files(series, keep, data_dir):
    for symbol in ("A/B", "C/D"):
        keep(series(symbol=symbol), MONTH - 5, MONTH + 5)
    assert plain(data_dir) == 0
    told = datalog.fold()
    assert told.rows() == [
        ("candles", "binance", "A/B", "1m", 2),
        ("candles", "binance", "C/D", "1m", 2),
    ]
    assert plain(data_dir) == 20
    assert datalog.fold().is_empty()


def test_fold_writes_only_what_has_new_rows(series, keep):
    one = series()
    keep(one, MONTH - 5, MONTH + 5)
    datalog.fold()
    (_, january), (_, february) = one.store.files()
    before = january.stat().st_mtime_ns, january.stat().st_ino
    keep(one, MONTH + 5, MONTH + 9)
    assert datalog.fold("candles", symbol="BTC/USDT")["files"].to_list() == [1]
    assert (january.stat().st_mtime_ns, january.stat().st_ino) == before
    assert len(pl.read_parquet(february)) == 9


def test_an_append_to_a_long_journal_leaves_the_month_that_grows_in_it(series, keep, span):
    one = series(fold_bytes=1000, provenance={"host": "here"})
    early = [(span(0, MONTH - 20), "before_listing")]
    one.append(empty(CANDLES_FULL), None, closed_until=span(0, MONTH).until, empty=early)
    keep(one, MONTH - 20, MONTH + 10)
    (january,) = one.store.files()
    assert len(pl.read_parquet(january[1])) == 20
    assert one.unfolded_bytes > 10 * 48
    rows = one.read()
    assert len(rows.frame) == 30
    assert rows.ledger.missing(span(0, MONTH + 10)) == []
    inode = january[1].stat().st_ino
    keep(one, MONTH + 10, MONTH + 60)  # now it is most of the journal
    (_, january), (_, february) = one.store.files()
    assert len(pl.read_parquet(february)) == 60
    assert read_footer(february).provenance == read_footer(january).provenance
    assert read_footer(february).provenance[0]["host"] == "here"
    assert january.stat().st_ino == inode
    assert datalog.verify().is_empty()


def test_fold_leaves_other_series_alone_and_gives_pandas_where_wanted(series, keep, data_dir):
    for symbol in ("A/B", "C/D"):
        keep(series(symbol=symbol), 0, 5)
    told = datalog.fold(symbol="C/D", frame="pandas")
    assert isinstance(told, pd.DataFrame)
    assert told["symbol"].to_list() == ["C/D"]
    assert plain(data_dir) == 5


def test_fold_waits_for_a_writer_and_names_it(series, keep, monkeypatch):
    one = series()
    keep(one, 0, 5)
    with one._lock:
        lock = datalog.compaction.SeriesLock
        monkeypatch.setattr(datalog.compaction, "SeriesLock", lambda file: lock(file, wait_s=0.0))
        with pytest.raises(LogLocked):
            datalog.fold()
    with SeriesLock(one.store.lock_file):
        pass
    assert one.fold() == 1
