"""verify finds what is wrong, and repairs what can be."""

from __future__ import annotations

import dataclasses

import polars as pl
import pytest

from gekko_lab import datalog
from gekko_lab.datalog import Ledger, files, folding
from gekko_lab.frames.schemas import FINDINGS

FAR = 4_000_000_000_000
MONTH = 31 * 1440


@pytest.fixture
def one(series, keep):
    made = series()
    keep(made, MONTH - 50, MONTH + 50)
    made.fold()
    return made


def rewrite(one, change=lambda rows: rows, **footer):
    """Write the first file anew, sound as a file, with other rows or another footer."""
    (span, file), *_ = one.store.files()
    rows, told = files.read(file, "candles")
    made = folding.make_footer(change(rows), told.ledger, told.provenance, told.about)
    files.write(file, change(rows), dataclasses.replace(made, **footer), one.store.state)
    return span, file


def finding(one, *, repair=False):
    table = datalog.verify(repair=repair)
    assert table.schema == FINDINGS
    place = ("candles", "binance", "BTC/USDT", "1m")
    assert all(row[:4] == place for row in table.rows())
    return [row[4:] for row in table.rows()]


def test_a_sound_log_has_no_findings(one):
    assert finding(one) == []
    assert finding(one, repair=True) == []


@pytest.mark.parametrize(
    ("change", "footer", "text"),
    [
        (pl.DataFrame.reverse, {}, "doesn't open after"),
        (lambda rows: pl.concat([rows[:1], rows]), {}, "doesn't open after"),
        (lambda rows: rows.with_columns(pl.col("timestamp").dt.offset_by("1s")), {}, "grid"),
        (lambda rows: rows.with_columns(pl.col("timestamp").dt.offset_by("1mo")), {}, "not before"),
        (lambda rows: rows.with_columns(high=pl.lit(1.0)), {}, "high below"),
        (lambda rows: rows, {"checksum": "0"}, "checksum of its rows is wrong"),
        (lambda rows: rows, {"first": 0}, "names other times"),
        (lambda rows: rows, {"ledger": Ledger()}, "50 of its rows lie outside"),
        (lambda rows: rows, {"about": {"exchange": "kraken"}}, "belongs to kraken"),
    ],
    ids=range(9),
)
def test_a_file_that_is_not_what_it_says_is_found_and_set_aside(one, span, change, footer, text):
    _, file = rewrite(one, change, **footer)
    ((path, told, action),) = finding(one)
    assert (path, action) == (str(file), "none")
    assert text in told
    ((_, again, action),) = finding(one, repair=True)
    assert (again, action) == (told, "set aside")
    assert finding(one) == []
    assert one.missing(span(MONTH - 50, MONTH + 50)) == [span(MONTH - 50, MONTH)]


def test_rows_in_a_range_that_is_told_empty_are_found(one, minutes, span):
    emptied = [(span(MONTH - 10, MONTH - 5), "outage")]
    one.append(minutes([]), None, closed_until=FAR, empty=emptied)
    ((_, told, _),) = finding(one)
    assert "2024-01-31T23:50Z on, which is told empty: outage" in told


def test_a_broken_file_is_found_and_set_aside(one):
    (_, file), *_ = one.store.files()
    file.write_bytes(b"PAR1")
    ((path, told, action),) = finding(one)
    assert (path, action) == (str(file), "none")
    assert "can't be read" in told
    assert finding(one, repair=True)[0][2] == "set aside"
    assert finding(one) == []


def test_a_broken_journal_is_found_and_folded(one, keep):
    for first in (0, 10, 20):
        keep(one, first, first + 10)
    one.close()
    content = bytearray(one.store.journal_file.read_bytes())
    content[len(content) // 2] ^= 1
    one.store.journal_file.write_bytes(content)
    ((path, told, action),) = finding(one)
    assert (path, action) == (str(one.store.journal_file), "none")
    assert "1 of its places can't be read" in told
    with pytest.warns(match="journal was damaged"):
        assert finding(one, repair=True)[0][2] == "kept a copy, folded the rest"
    assert finding(one) == []


def test_unfinished_files_are_found_and_removed(one):
    part = one.store.state / "2024-01.parquet.1-ab.part"
    part.write_bytes(b"PAR1")
    assert [(path, action) for path, _, action in finding(one)] == [(str(part), "none")]
    assert finding(one, repair=True)[0][2] == "removed"
    assert not part.exists()


def test_files_of_others_are_named_and_left(one):
    stranger = one.store.folder / "notes.parquet"
    stranger.touch()
    ((path, told, action),) = finding(one, repair=True)
    assert (path, told, action) == (str(stranger), "isn't a file of the data log", "none")
    assert stranger.exists()
    assert len(one.read().frame) == 100
