"""Where files lie."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gekko_lab.datalog.layout import KINDS, Key, find_keys
from gekko_lab.errors import InvalidArgument, UnknownTimeframe
from gekko_lab.market.spans import Span

TIMEFRAMES = ["1s", "1m", "3m", "5m", "1h", "2h", "4h", "1d", "3d", "1w", "1M", "1y"]
times = st.integers(0, int(datetime(9999, 1, 1, tzinfo=UTC).timestamp()) * 1000)


def keys():
    candles = [Key.of("candles", "binance", "BTC/USDT", each) for each in TIMEFRAMES]
    return [*candles, *(Key.of(kind, "binance", "BTC/USDT") for kind in KINDS if kind != "candles")]


def test_the_path_is_the_one_that_the_docs_tell():
    key = Key.of("candles", "binance", "BTC/USDT:USDT", "1m")
    time = int(datetime(2024, 1, 15, tzinfo=UTC).timestamp()) * 1000
    path = key.folder(Path("data")) / key.file_name(key.period_at(time))
    assert path.as_posix() == (
        "data/candles/exchange=binance/symbol=BTC%2FUSDT%3AUSDT/timeframe=1m/2024-01.parquet"
    )


@pytest.mark.parametrize(
    ("kind", "timeframe", "name"),
    [
        ("candles", "1s", "2024-02.parquet"),
        ("candles", "3m", "2024-02.parquet"),
        ("candles", "5m", "2024.parquet"),
        ("candles", "2h", "2024.parquet"),
        ("candles", "4h", "all.parquet"),
        ("candles", "1M", "all.parquet"),
        ("trades", None, "2024-02-29.parquet"),
        ("order_book", None, "2024-02-29.parquet"),
        ("ticker", None, "2024-02-29.parquet"),
    ],
)
def test_a_file_holds_a_month_a_year_all_or_a_day(kind, timeframe, name):
    key = Key.of(kind, "binance", "BTC/USDT", timeframe)
    time = int(datetime(2024, 2, 29, 23, 59, tzinfo=UTC).timestamp()) * 1000
    assert key.file_name(key.period_at(time)) == name


@pytest.mark.parametrize("key", keys(), ids=str)
@given(time=times)
def test_a_file_is_found_again_by_its_name(key, time):
    period = key.period_at(time)
    assert period.since <= time < period.until
    assert key.period_named(key.file_name(period)) == period


@pytest.mark.parametrize(
    "name",
    [
        *("2024-1.parquet", "2024-13.parquet", "2024-01.csv", "1969-01.parquet", "all.parquet"),
        *(f"{'9' * 30}-01.parquet", "\uff12024-01.parquet", "2024-01-01.parquet", "-.parquet"),
    ],
)
def test_other_names_are_not_files_of_a_series(name):
    assert Key.of("candles", "binance", "BTC/USDT", "1m").period_named(name) is None


@pytest.mark.parametrize(
    ("kind", "timeframe", "error"),
    [
        ("candle", "1m", InvalidArgument),
        ("../candles", "1m", InvalidArgument),
        ("candles", None, InvalidArgument),
        ("trades", "1m", InvalidArgument),
        ("candles", "../1m", UnknownTimeframe),
        ("candles", "1m/../..", UnknownTimeframe),
    ],
)
def test_what_can_not_be_a_series_is_refused(kind, timeframe, error):
    with pytest.raises(error):
        Key.of(kind, "binance", "BTC/USDT", timeframe)


@given(st.text(min_size=1, max_size=9), st.text(min_size=1, max_size=9))
def test_no_name_leaves_the_data_folder(exchange, symbol):
    root = Path("/data")
    key = Key.of("candles", exchange, symbol, "1m")
    for folder, depth in ((key.folder(root), 4), (key.state(root), 5)):
        assert folder.resolve().relative_to(root).parts == folder.relative_to(root).parts
        assert len(folder.relative_to(root).parts) == depth


def test_series_are_found_by_their_folders(tmp_path):
    held = keys()
    for key in held:
        key.folder(tmp_path).mkdir(parents=True)
    only_journal = Key.of("trades", "kraken", "..")
    only_journal.state(tmp_path).mkdir(parents=True)
    (tmp_path / "candles" / "exchange=X").mkdir()
    (tmp_path / "candles" / "notes.txt").touch()
    assert find_keys(tmp_path) == sorted([*held, only_journal])
    assert find_keys(tmp_path / "elsewhere") == []


def test_all_of_long_candles_is_one_period():
    period = Key.of("candles", "binance", "BTC/USDT", "1d").period_at(0)
    assert isinstance(period, Span)
    assert period.since == 0
