"""Damaged files are found, set aside, and only their range is fetched again."""

from __future__ import annotations

import warnings

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gekko_lab import datalog
from gekko_lab.datalog import Series, files, footers
from gekko_lab.errors import DamagedFile, DamagedWarning, LogError

FAR = 4_000_000_000_000
MONTH = 31 * 1440

SPOILERS = {
    "empty": lambda content: b"",
    "truncated": lambda content: content[: len(content) // 2],
    "without an end": lambda content: content[:-4],
    "zeros": lambda content: bytes(len(content)),
    "text": lambda content: b"<html>" * 50,
    "flipped in a page": lambda content: _flip(content, len(content) // 3),
    "flipped in the footer": lambda content: _flip(content, len(content) - 30),
}


def _flip(content, place):
    return content[:place] + bytes([content[place] ^ 16]) + content[place + 1 :]


@pytest.fixture
def two_months(series, keep):
    one = series()
    keep(one, MONTH - 500, MONTH + 500)
    one.fold()
    return one


@pytest.mark.parametrize("kind", SPOILERS)
def test_a_damaged_file_is_set_aside_and_only_its_range_is_missing(two_months, span, kind):
    (_, january), (_, february) = two_months.store.files()
    january.write_bytes(SPOILERS[kind](january.read_bytes()))
    with pytest.warns(DamagedWarning, match=r"2024-01\.parquet .*fetch it again") as caught:
        found = two_months.read()
    assert len(found.frame) == 500
    assert found.ledger.held == [span(MONTH, MONTH + 500)]
    wanted = span(MONTH - 500, MONTH + 500)
    assert two_months.missing(wanted) == [span(MONTH - 500, MONTH)]
    (warning,) = caught.list
    assert warning.message.file == str(january)
    assert ".parquet.damaged-" in warning.message.aside
    assert not january.exists()
    assert february.exists()


def test_a_damaged_file_is_set_aside_by_a_fold_too(two_months, keep, span):
    (_, january), _ = two_months.store.files()
    january.write_bytes(b"")
    keep(two_months, MONTH - 20, MONTH)
    with pytest.warns(DamagedWarning):
        two_months.fold()
    assert two_months.coverage().held == [span(MONTH - 20, MONTH + 500)]
    assert len(list(two_months.store.state.glob("2024-01.parquet.damaged-*"))) == 1


def test_rows_of_the_journal_outlive_the_file_that_they_belong_to(two_months, keep, span):
    (_, january), _ = two_months.store.files()
    keep(two_months, MONTH - 520, MONTH - 490, version=1)
    january.write_bytes(b"")
    with pytest.warns(DamagedWarning):
        found = two_months.read(span(0, MONTH))
    assert found.frame["close"].to_list() == [101.0] * 30
    assert found.ledger.held == [span(MONTH - 520, MONTH - 490)]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_flipped_bit_is_found_or_changes_nothing(tmp_path_factory, minutes, span, data):
    """Some bytes of a Parquet file mean nothing; none may change a row in silence."""
    one = Series("candles", "x", "A/B", "1m", data_dir=tmp_path_factory.mktemp("data"))
    with one:
        one.append(minutes(range(300)), span(0, 300), closed_until=FAR)
        one.fold()
    ((_, file),) = one.store.files()
    content = bytearray(file.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    file.write_bytes(content)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            frame = one.read().frame
        except LogError:
            return
    if not told:
        found = datalog.verification._verify_store(one.store, repair=False)
        assert frame.equals(minutes(range(300))) or found
    else:
        assert frame.is_empty()


def test_a_file_that_can_not_be_set_aside_is_an_error(two_months, monkeypatch):
    (_, january), _ = two_months.store.files()
    january.write_bytes(b"")

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("gekko_lab.datalog.disk.move", refuse)
    with pytest.raises(DamagedFile, match=r"2024-01\.parquet can't be read") as caught:
        two_months.read()
    assert caught.value.file == str(january)


def test_trouble_with_opening_a_file_is_not_taken_for_damage(two_months, monkeypatch):
    def refuse(*_, **__):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(files.pq, "ParquetFile", refuse)
    with pytest.raises(OSError, match="Too many open files"):
        two_months.read()
    monkeypatch.undo()
    assert len(two_months.read().frame) == 1000


def test_a_file_of_a_later_version_is_not_taken_for_damage(two_months, monkeypatch):
    monkeypatch.setattr(footers, "FORMAT", 0)
    with pytest.raises(LogError, match="later version of Gekko Lab"):
        two_months.read()
    monkeypatch.undo()
    assert len(two_months.read().frame) == 1000


def test_a_parquet_file_of_somebody_else_is_not_read_as_ours(two_months, minutes):
    (_, january), _ = two_months.store.files()
    minutes(range(5)).write_parquet(january)
    with pytest.warns(DamagedWarning, match="no footer of Gekko Lab"):
        assert len(two_months.read().frame) == 500


def test_a_damaged_journal_is_kept_and_the_rest_of_it_goes_on(series, keep, span, minutes):
    one = series()
    for first in (0, 10, 20):
        keep(one, first, first + 10)
    one.close()
    content = one.store.journal_file.read_bytes()
    one.store.journal_file.write_bytes(_flip(content, len(content) // 2))
    assert one.missing(span(0, 30)) == [span(10, 20)]
    with pytest.warns(DamagedWarning, match="journal was damaged"):
        one.fold()
    (aside,) = one.store.state.glob("journal.damaged-*")
    assert len(aside.read_bytes()) == len(content)
    assert one.missing(span(0, 30)) == [span(10, 20)]
    assert one.read().frame.equals(minutes([*range(10), *range(20, 30)]))


def test_many_row_groups_are_narrowed_to_a_range_without_losing_a_row(prints, series, monkeypatch):
    monkeypatch.setattr(files, "ROW_GROUP", 10)
    one = series("trades")
    times = np.sort(np.random.default_rng(3).integers(0, 3000, 200)).tolist()
    page = prints([(time, str(n), 1.0) for n, time in enumerate(times)])
    start = 1_704_067_200_000
    one.append(page, datalog.Span(start, start + 3000), closed_until=FAR)
    one.fold()
    for since in range(0, 3000, 170):
        window = datalog.Span(start + since, start + since + 333)
        inside = [str(n) for n, time in enumerate(times) if since <= time < since + 333]
        assert one.read(window).frame["id"].to_list() == inside
    assert one.read(columns=["price"]).frame.equals(pl.DataFrame({"price": [1.0] * 200}))
