"""Files of other programs come in and go out with the same rows."""

from __future__ import annotations

import json

import pandas as pd
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gekko_lab
from gekko_lab import datalog
from gekko_lab.datalog.formats import FORMATS
from gekko_lab.errors import DataError, InvalidArgument, InvalidRange, InvalidType
from gekko_lab.frames.schemas import CANDLES, CANDLES_FULL, TIME

START = 1_704_067_200_000
SUFFIXES = {
    "csv": "csv",
    "json": "json",
    "parquet": "parquet",
    "gekko-csv": "csv",
    "ccxt-json": "json",
    "ccxt-csv": "csv",
    "freqtrade": "feather",
}
prices = st.floats(1e-9, 1e9)
ROW = (100.5, 101.25, 99.75, 100.0, 0.125)


@pytest.fixture(scope="session")
def hours():
    """Real numbers with all their digits, with a gap and an unknown count."""
    frame = gekko_lab.fetch(
        "simulator", "BTC/USDT", "1h", since="2024-01-01", limit=200, columns="full"
    )
    return frame[[*range(50), *range(60, 200)]]


@pytest.mark.parametrize("name", FORMATS)
def test_rows_come_back_from_every_format(hours, tmp_path, name):
    datalog.write(hours, "mine", "BTC/USDT", "1h")
    file = datalog.export(
        tmp_path / f"rows.{SUFFIXES[name]}", "mine", "BTC/USDT", "1h", format=name
    )
    told = datalog.import_files(file, "copy", "BTC/USDT", "1h")
    assert told.drop("exchange", "bytes").equals(
        datalog.catalog(exchange="mine").drop("exchange", "bytes")
    )
    found = datalog.load("copy", "BTC/USDT", "1h", columns="full")
    assert found.select(CANDLES.names()).equals(hours.select(CANDLES.names()))
    assert datalog.gaps("copy", "BTC/USDT", "1h")["missing"].to_list() == [10]
    if name in {"csv", "json", "parquet", "gekko-csv"}:
        assert found["trade_count"].equals(hours["trade_count"])
        ratio = (found["quote_volume"] / hours["quote_volume"] - 1).abs().max()
        assert ratio < 1e-15 if name == "gekko-csv" else ratio == 0


@pytest.mark.parametrize("name", ["csv", "json", "ccxt-json", "ccxt-csv", "gekko-csv"])
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(values=st.lists(st.tuples(prices, st.floats(0, 1e9)), min_size=1, max_size=4))
def test_text_keeps_every_bit_of_a_number(tmp_path, name, values):
    from gekko_lab.datalog.formats import as_bytes, read_rows

    rows = [(START + n * 60_000, p, p, p, p, v, None, None) for n, (p, v) in enumerate(values)]
    plain = {**dict(CANDLES_FULL), "timestamp": pl.Int64}
    frame = pl.DataFrame(rows, schema=plain, orient="row").with_columns(
        (pl.col("timestamp") * 1000).cast(TIME)
    )
    file = tmp_path / f"rows.{SUFFIXES[name]}"
    file.write_bytes(as_bytes(frame, name))
    found = read_rows(file, "candles", name)
    assert found.select(CANDLES.names()).equals(frame.select(CANDLES.names()))


@pytest.mark.parametrize("name", ["csv", "json", "parquet"])
def test_trades_come_back_from_our_own_formats(prints, tmp_path, name):
    rows = prints([(0, "007", 1.5), (0, None, 2.5), (9, "x,\"'", 3.5)])
    rows = rows.with_columns(side=pl.Series(["buy", None, "sell"], dtype=rows.schema["side"]))
    datalog.write(rows, "mine", "BTC/USDT", kind="trades")
    file = datalog.export(tmp_path / f"rows.{name}", "mine", "BTC/USDT", kind="trades")
    datalog.import_files(file, "copy", "BTC/USDT", kind="trades")
    assert datalog.load("copy", "BTC/USDT", kind="trades").equals(rows)


@pytest.mark.parametrize(
    ("file", "content", "volume"),
    [
        (
            "gekko.csv",
            "start,open,high,low,close,vwp,volume,trades\n1704067200,1,2,0.5,1.5,1.2,3,4\n",
            3.0,
        ),
        ("market.json", "[[1704067200000,1,2,0.5,1.5,3.25]]", 3.25),
        ("market.json", "[\n  [\n 1704067200000, 1, 2, 0.5, 1.5, 3.25 ]\n]", 3.25),
        ("market.csv", "1704067200000,1,2,0.5,1.5,3.25\n", 3.25),
        ("own.csv", "timestamp,open,high,low,close,volume\n1704067200000,1,2,0.5,1.5,3\n", 3.0),
        (
            "own.csv",
            "timestamp,open,high,low,close,volume\n2024-01-01T00:00:00Z,1,2,0.5,1.5,3\n",
            3.0,
        ),
        (
            "own.json",
            '[{"timestamp":1704067200000,"open":1,"high":2,"low":0.5,"close":1.5,"volume":3}]',
            3.0,
        ),
    ],
)
def test_files_as_other_programs_write_them_are_understood(tmp_path, file, content, volume):
    (tmp_path / file).write_text(content)
    datalog.import_files(tmp_path / file, "mine", "BTC/USDT", "1m")
    frame = datalog.load("mine", "BTC/USDT", "1m", columns="full")
    assert frame["timestamp"].dt.epoch("ms").to_list() == [START]
    assert frame.row(0)[1:6] == (1.0, 2.0, 0.5, 1.5, volume)
    if file == "gekko.csv":
        assert frame["trade_count"].to_list() == [4]
        assert frame["quote_volume"].to_list() == [pytest.approx(3.6)]


UNITS = {"s": 1_000_000, "ms": 1_000, "us": 1, "ns": 0.001}


@pytest.mark.parametrize("dtype", [pl.Int64, pl.Float64])
@pytest.mark.parametrize("suffix", ["csv", "json", "parquet"])
@pytest.mark.parametrize("unit", UNITS)
def test_numbers_are_times_in_the_unit_that_they_can_only_be_in(
    minutes, tmp_path, unit, suffix, dtype
):
    rows = minutes([0, 1, 5])
    told = (pl.col("timestamp").to_physical() / UNITS[unit]).cast(pl.Int64).cast(dtype)
    file = tmp_path / f"rows.{suffix}"
    getattr(rows.with_columns(told), f"write_{suffix}")(file)
    datalog.import_files(file, "mine", "A/B", "1m")
    assert datalog.load("mine", "A/B", "1m")["timestamp"].equals(rows["timestamp"])


def test_trades_in_seconds_do_not_land_in_1970(prints, tmp_path):
    (tmp_path / "t.csv").write_text("timestamp,id,side,price,amount\n1704067200,a,buy,1.5,2\n")
    datalog.import_files(tmp_path / "t.csv", "mine", "A/B", kind="trades")
    rows = datalog.load("mine", "A/B", kind="trades")
    assert rows["timestamp"].equals(prints([(0, "a", 1.5)])["timestamp"])


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("gekko.csv", "start,open,high,low,close,vwp,volume,trades\n{},1,2,0.5,1.5,1.2,3,4\n"),
        ("market.json", "[[{},1,2,0.5,1.5,3]]"),
        ("market.csv", "{},1,2,0.5,1.5,3\n"),
    ],
)
def test_formats_of_others_may_tell_times_in_another_unit(tmp_path, file, content):
    for time in (1_704_067_200, START, START * 1000, START * 1_000_000):
        (tmp_path / file).write_text(content.format(time))
        datalog.import_files(tmp_path / file, f"mine{time}", "BTC/USDT", "1m")
        found = datalog.load(f"mine{time}", "BTC/USDT", "1m")
        assert found["timestamp"].dt.epoch("ms").to_list() == [START]


@pytest.mark.parametrize("kind", ["candles", "trades"])
def test_text_as_polars_and_pandas_write_our_own_frames_is_read(minutes, prints, tmp_path, kind):
    rows = minutes([0, 1, 5]) if kind == "candles" else prints([(0, "a", 1.5), (9, None, 2.5)])
    table = rows.to_pandas().set_index("timestamp")
    rows.write_csv(tmp_path / "polars.csv")
    rows.write_json(tmp_path / "polars.json")
    table.to_csv(tmp_path / "pandas.csv")
    table.tz_localize(None).to_csv(tmp_path / "naive.csv")
    table.tz_convert("Asia/Kolkata").to_csv(tmp_path / "india.csv")
    table.reset_index().to_json(tmp_path / "pandas.json", orient="records", date_format="iso")
    width = "1m" if kind == "candles" else None
    for file in tmp_path.glob("*.*"):
        datalog.import_files(file, file.name, "A/B", width, kind=kind)
        assert datalog.load(file.name, "A/B", width, kind=kind).equals(
            rows.select(CANDLES.names()) if width else rows
        )


@pytest.mark.parametrize(
    "text",
    [
        "2024-01-01",
        "2024-01-01T00:00",
        "2024-01-01 00:00:00",
        "2024-01-01T00:00:00.000",
        "2024-01-01 00:00:00Z",
        "2024-01-01 00:00:00 UTC",
        "2024-01-01T00:00:00.000000000+00:00",
        "2024-01-01T01:00:00+01:00",
        "2023-12-31 18:30:00-0530",
        "2023-12-31T23:00-01",
        " 2024-01-01T00:00:00Z ",
    ],
)
def test_spellings_of_one_moment_are_one_time(minutes, tmp_path, text):
    rows = minutes([0, 1]).with_columns(timestamp=pl.Series([text, "2024-01-01T00:01:00Z"]))
    rows.write_csv(tmp_path / "rows.csv")
    datalog.import_files(tmp_path / "rows.csv", "mine", "A/B", "1m")
    found = datalog.load("mine", "A/B", "1m")["timestamp"].dt.epoch("ms").to_list()
    assert found == [START, START + 60_000]


@pytest.mark.parametrize(
    "text", ["01/02/2024", "2024-02-30", "2024-01-01T00:00:00 CET", "24-01-01"]
)
def test_text_that_is_no_time_is_shown_with_what_would_be(minutes, tmp_path, text):
    rows = minutes([0, 1]).with_columns(timestamp=pl.Series(["2024-01-01", text]))
    rows.write_csv(tmp_path / "rows.csv")
    with pytest.raises(DataError, match="is not a time") as caught:
        datalog.import_files(tmp_path / "rows.csv", "mine", "A/B", "1m")
    for told in (
        f"row 1 of 'timestamp', {text!r}",
        "'2024-01-31 12:00:00+01:00'",
        "without a zone",
    ):
        assert told in str(caught.value)
    assert "polars" not in str(caught.value)


@pytest.mark.parametrize("name", ["csv", "json", "gekko-csv", "ccxt-json", "ccxt-csv"])
def test_a_mark_of_byte_order_before_a_file_changes_nothing(hours, tmp_path, name):
    datalog.write(hours, "mine", "BTC/USDT", "1h")
    file = datalog.export(
        tmp_path / f"rows.{SUFFIXES[name]}", "mine", "BTC/USDT", "1h", format=name
    )
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    datalog.import_files(file, "copy", "BTC/USDT", "1h")
    assert datalog.load("copy", "BTC/USDT", "1h").equals(datalog.load("mine", "BTC/USDT", "1h"))


@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_dump_of_gekkos_table_is_understood(tmp_path, quote, mark):
    names = ["id", "start", "open", "high", "low", "close", "vwp", "volume", "trades"]
    head = ",".join(f"{quote}{name}{quote}" for name in names)
    content = f"{mark}{head}\r\n7,1704067200,1,2,0.5,1.5,1.2,3,4\r\n"
    (tmp_path / "gekko.csv").write_text(content, encoding="utf-8", newline="")
    datalog.import_files(tmp_path / "gekko.csv", "mine", "BTC/USDT", "1m")
    frame = datalog.load("mine", "BTC/USDT", "1m", columns="full")
    assert frame["timestamp"].dt.epoch("ms").to_list() == [START]
    assert frame.row(0)[1:] == (1.0, 2.0, 0.5, 1.5, 3.0, pytest.approx(3.6), 4)


def test_times_before_bitcoin_stay_what_they_were(minutes, tmp_path):
    rows = minutes([0]).with_columns(timestamp=pl.lit(946_684_800_000))
    rows.write_csv(tmp_path / "rows.csv")
    datalog.import_files(tmp_path / "rows.csv", "mine", "EUR/USD", "1m")
    assert f"{datalog.load('mine', 'EUR/USD', '1m')['timestamp'][0]:%Y-%m-%d}" == "2000-01-01"


@pytest.mark.parametrize(
    ("times", "told"),
    [
        ((0, 60), "the numbers are 0 to 60"),
        ((20240101, 20240102), "written as '2024-01-31'"),
        ((202401010000, 202401010001), "written as '2024-01-31'"),
        ((20240101000000, 20240101000100), "written as '2024-01-31'"),
        ((1_704_067_200, 1_704_067_260_000), "the least looks like seconds"),
        ((1_704_067_200, 1_704_067_260_000), "the largest like milliseconds"),
    ],
)
def test_numbers_that_are_times_in_no_unit_are_refused(minutes, tmp_path, times, told):
    minutes([0, 1]).with_columns(timestamp=pl.Series(times)).write_csv(tmp_path / "rows.csv")
    with pytest.raises(DataError, match=rf"rows\.csv can't be read as csv.*{told}") as caught:
        datalog.import_files(tmp_path / "rows.csv", "mine", "A/B", "1m")
    assert "milliseconds" in str(caught.value)
    assert datalog.catalog().is_empty()


def test_freqtrade_reads_what_is_written_and_the_reverse(tmp_path, hours):
    datalog.write(hours, "mine", "BTC/USDT", "1h")
    file = datalog.export(tmp_path / "BTC_USDT-1h.feather", "mine", "BTC/USDT", "1h")
    table = pd.read_feather(file)
    assert list(table.columns) == ["date", "open", "high", "low", "close", "volume"]
    assert str(table["date"].dtype) == "datetime64[ns, UTC]"
    assert table["close"].to_list() == hours["close"].to_list()
    table.to_feather(tmp_path / "theirs.feather", compression_level=9, compression="lz4")
    datalog.import_files(tmp_path / "theirs.feather", "theirs", "BTC/USDT", "1h")
    assert datalog.load("theirs", "BTC/USDT", "1h").equals(datalog.load("mine", "BTC/USDT", "1h"))


def test_several_files_make_one_series_and_a_later_one_wins(minutes, tmp_path):
    for name, places, version in (("a", range(5), 0), ("b", range(3, 8), 1)):
        minutes(places, version=version).write_parquet(tmp_path / f"{name}.parquet")
    files = [tmp_path / "a.parquet", str(tmp_path / "b.parquet")]
    assert datalog.import_files(files, "mine", "A/B", "1m")["rows"].item() == 8
    assert datalog.load("mine", "A/B", "1m")["close"].to_list() == [100.0] * 3 + [101.0] * 5


def test_nothing_of_all_files_is_written_when_one_is_wrong(minutes, tmp_path):
    minutes(range(5)).write_parquet(tmp_path / "a.parquet")
    minutes([1, 1]).write_parquet(tmp_path / "b.parquet")
    with pytest.raises(DataError, match=r"b\.parquet: candle 1 of 2 doesn't open after"):
        datalog.import_files([tmp_path / "a.parquet", tmp_path / "b.parquet"], "m", "A/B", "1m")
    assert datalog.catalog().is_empty()


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("a.csv", "time,close\n1,2\n"),
        ("a.csv", "timestamp,open\n1704067200000,2\n"),
        ("a.csv", "timestamp,open,high,low,close,volume\nyesterday,1,1,1,1,1\n"),
        ("a.csv", ""),
        ("a.json", "{"),
        ("a.json", "[[1704067200000,1]]"),
        ("a.json", '[{"close": 1}]'),
        ("a.parquet", "PAR1"),
        ("a.feather", "ARROW1"),
    ],
)
def test_a_file_that_is_not_what_it_seems_is_named(tmp_path, file, content):
    (tmp_path / file).write_text(content)
    with pytest.raises(DataError, match=rf"{file} can't be read as"):
        datalog.import_files(tmp_path / file, "mine", "A/B", "1m")


def test_a_format_that_is_not_clear_or_not_possible_is_refused(minutes, prints, tmp_path):
    datalog.write(minutes([0]), "mine", "A/B", "1m")
    datalog.write(prints([(0, "a", 1.0)]), "mine", "A/B", kind="trades")
    with pytest.raises(InvalidArgument, match="choose one of 'csv', 'json'"):
        datalog.export(tmp_path / "rows.txt", "mine", "A/B", "1m")
    with pytest.raises(InvalidArgument, match="format='xlsx'"):
        datalog.export(tmp_path / "rows.csv", "mine", "A/B", "1m", format="xlsx")
    with pytest.raises(InvalidArgument, match=r"choose one of 'csv', 'json', 'parquet'$"):
        datalog.export(tmp_path / "rows.feather", "mine", "A/B", kind="trades")
    with pytest.raises(InvalidArgument, match="no folder"):
        datalog.export(tmp_path / "none" / "rows.csv", "mine", "A/B", "1m")
    with pytest.raises(InvalidArgument, match="no files"):
        datalog.import_files([], "mine", "A/B", "1m")
    with pytest.raises(FileNotFoundError):
        datalog.import_files(tmp_path / "none.csv", "mine", "A/B", "1m")
    assert list(tmp_path.glob("rows*")) == []


def test_rows_of_a_user_may_be_pandas_and_are_checked(minutes):
    frame = minutes(range(5)).to_pandas().set_index("timestamp")
    assert datalog.write(frame, "mine", "A/B", "1m")["rows"].item() == 5
    with pytest.raises(DataError, match="isn't on the grid"):
        datalog.write(minutes(range(5)), "mine", "A/B", "1h")
    with pytest.raises(DataError, match="column 'open' is missing"):
        datalog.write(minutes([0]).drop("open"), "mine", "A/B", "1m")
    with pytest.raises(DataError, match="aren't candles"):
        datalog.write(minutes([0]).with_columns(open=pl.lit("x")), "mine", "A/B", "1m")
    with pytest.raises(InvalidType):
        datalog.write([1], "mine", "A/B", "1m")


def test_a_candle_that_is_still_forming_does_not_come_in(minutes):
    with pytest.raises(InvalidRange, match="still forming"):
        datalog.write(minutes([0, 1]), "mine", "A/B", "1m", closed_until="2024-01-01T00:01:30")
    assert datalog.catalog().is_empty()
    told = datalog.write(minutes([0, 1]), "mine", "A/B", "1m", closed_until="2024-01-01T00:02")
    assert told["rows"].item() == 2


def test_writing_nothing_is_no_error(minutes):
    assert datalog.write(minutes([]), "mine", "A/B", "1m")["rows"].item() == 0


def test_writing_nothing_is_said_and_begins_no_series(minutes, caplog):
    datalog.write(minutes([]), "mine", "A/B", "1m")
    assert "the input for mine A/B 1m has no rows: nothing was written" in caplog.text
    assert datalog.catalog().is_empty()


@pytest.mark.parametrize("kind", ["candles", "trades"])
@pytest.mark.parametrize("name", ["none.csv", "none.json", "none.parquet"])
def test_files_without_rows_are_told(minutes, prints, tmp_path, name, kind):
    rows = minutes([0]) if kind == "candles" else prints([(0, "a", 1.5)])
    width = "1m" if kind == "candles" else None
    file = tmp_path / name
    getattr(rows.head(0), f"write_{file.suffix[1:]}")(file)
    with pytest.raises(DataError, match=rf"{name}: no rows of {kind}"):
        datalog.import_files(file, "mine", "A/B", width, kind=kind)
    with pytest.raises(DataError, match=r"2 files, .*: no rows"):
        datalog.import_files([file, file], "mine", "A/B", width, kind=kind)
    rows.write_parquet(tmp_path / "one.parquet")
    files = [file, tmp_path / "one.parquet"]
    assert datalog.import_files(files, "mine", "A/B", width, kind=kind)["rows"].item() == 1


def test_the_records_of_ccxt_are_an_array_of_arrays(minutes, tmp_path):
    datalog.write(minutes([8]), "mine", "A/B", "1m")
    file = datalog.export(tmp_path / "rows.json", "mine", "A/B", "1m", format="ccxt-json")
    assert json.loads(file.read_text()) == [[START + 480_000, 100.5, 101.25, 99.75, 100.0, 1.0]]


def test_weeks_of_an_exchange_that_begin_on_thursday_come_back(tmp_path):
    days = gekko_lab.fetch("simulator", "BTC/USDT", "1d", since="2024-01-04", limit=70)
    weeks = days[::7]
    datalog.write(weeks, "mine", "BTC/USDT", "1w")
    file = datalog.export(tmp_path / "weeks.csv", "mine", "BTC/USDT", "1w")
    datalog.import_files(file, "yours", "BTC/USDT", "1w")
    for name in ("mine", "yours"):
        assert datalog.load(name, "BTC/USDT", "1w").equals(weeks)
        assert datalog.gaps(name, "BTC/USDT", "1w").is_empty()
    assert datalog.verify().is_empty()
    with pytest.raises(DataError, match="isn't on the grid of 1w"):
        datalog.write(days[[0, 7, 13]], "mine", "BTC/USDT", "1w")
