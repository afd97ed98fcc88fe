"""Candles of many files: every byte is checked, and files of any age are read beside each other."""

from __future__ import annotations

import json
import re
import warnings
import zlib

import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gekko_lab import datalog
from gekko_lab.datalog import Series, sealing
from gekko_lab.errors import DamagedWarning
from gekko_lab.frames.schemas import CANDLES

FAR = 4_000_000_000_000
MONTHS = (0, 31 * 1440, 60 * 1440, 91 * 1440)  # of 2024, in minutes
PLACES = [month + n for month in MONTHS for n in range(50)]


def _fill(one, minutes, span):
    for month in MONTHS:
        places = range(month, month + 50)
        one.append(minutes(places), span(month, month + 50), closed_until=FAR)
    one.fold()
    return one


@pytest.fixture
def four_months(series, minutes, span):
    return _fill(series(), minutes, span)


@pytest.fixture(scope="module")
def sealed(tmp_path_factory, minutes, span):
    """A series that no test changes for good, and the bytes of its files."""
    with Series("candles", "x", "A/B", "1m", data_dir=tmp_path_factory.mktemp("data")) as one:
        _fill(one, minutes, span)
    return one, {file: file.read_bytes() for _, file in one.store.files()}


def _age(file):
    """Write a file as the first versions did: zstd, all columns nullable, no seal."""
    table = pq.read_table(file, partitioning=None)
    told = json.loads(table.schema.metadata[b"gekko_lab"])
    del told["seal"]
    plain = pa.schema([field.with_nullable(True) for field in table.schema])
    with pq.ParquetWriter(
        file, plain, compression="zstd", store_schema=False, write_page_checksum=True
    ) as writer:
        writer.write_table(pa.Table.from_arrays(table.columns, schema=plain))
        writer.add_key_value_metadata({b"gekko_lab": json.dumps(told).encode()})


def test_a_seal_is_the_checksum_of_all_other_bytes(four_months):
    for _, file in four_months.store.files():
        content = file.read_bytes()
        (told,) = re.findall(rb'"seal":"(\w{8})"', content)
        blank = content.replace(b'"seal":"' + told, b'"seal":"00000000')
        assert int(told, 16) == zlib.crc32(blank)


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_flipped_bit_of_many_files_is_found(sealed, minutes, data):
    one, contents = sealed
    file = data.draw(st.sampled_from(sorted(contents)))
    content = bytearray(contents[file])
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    file.write_bytes(content)
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            frame = one.read().frame
    finally:
        file.write_bytes(contents[file])
    name = contents[file].index(b"gekko_lab") - 2
    end = contents[file].index(b"}", contents[file].index(b'"provenance"')) + 3
    if told:
        (warning,) = told
        assert warning.category is DamagedWarning
        assert len(frame) == len(PLACES) - 50
        assert set(frame.rows()) < set(minutes(PLACES).rows())
    else:  # then the file may pass for an older one, which has no seal
        assert name <= place < end
        assert frame.equals(minutes(PLACES))


def test_files_without_a_seal_are_read_beside_the_others(four_months, minutes, data_dir):
    _age(four_months.store.files()[1][1])
    assert four_months.read().frame.equals(minutes(PLACES))
    assert datalog.verify().is_empty()
    named = datalog.scan().select(minutes([0]).columns).collect()
    assert named.equals(minutes(PLACES))


@pytest.mark.parametrize("aged", [0, 3])
def test_other_programs_read_files_of_any_age_as_one_table(four_months, minutes, data_dir, aged):
    _age(four_months.store.files()[aged][1])
    table = ds.dataset(data_dir / "candles", format="parquet", partitioning="hive").to_table()
    read = pl.DataFrame(pl.from_arrow(table)).sort("timestamp")
    assert read.select(CANDLES.names()).equals(minutes(PLACES, full=False))


def test_damage_to_a_file_without_a_seal_is_found_too(four_months, minutes):
    file = four_months.store.files()[2][1]
    _age(file)
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 16
    file.write_bytes(content)
    with pytest.warns(DamagedWarning, match=r"2024-03\.parquet"):
        frame = four_months.read().frame
    assert frame.equals(minutes([n for n in PLACES if not MONTHS[2] <= n < MONTHS[3]]))


@pytest.mark.parametrize("most", [1, 3])
def test_how_many_files_are_unpacked_at_once_changes_nothing(
    four_months, minutes, span, monkeypatch, most
):
    monkeypatch.setattr(sealing, "MOST", most)
    assert four_months.read().frame.equals(minutes(PLACES))
    cut = four_months.read(span(30, MONTHS[3] + 20), ["close", "timestamp"]).frame
    inside = minutes([n for n in PLACES if 30 <= n < MONTHS[3] + 20])
    assert cut.equals(inside.select("close", "timestamp"))


@pytest.mark.parametrize("names", [CANDLES.names(), ["close", "timestamp"]])
def test_sealed_files_are_unpacked_in_one_call(four_months, minutes, names):
    schema = pl.Schema({name: CANDLES[name] for name in names})
    found = [file for _, file in four_months.store.files()]
    frame, footers = sealing.read_sealed(found, schema)
    assert frame.equals(minutes(PLACES).select(names))
    assert [footer.rows for footer in footers] == [50] * 4


def test_a_file_that_polars_refuses_is_read_by_itself(four_months, minutes, monkeypatch):
    def refuse(*_, **__):
        raise pl.exceptions.ComputeError("unsupported")

    monkeypatch.setattr(sealing.pl, "read_parquet", refuse)
    assert four_months.read().frame.equals(minutes(PLACES))
