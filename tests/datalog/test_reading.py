"""Readers take no lock and see every row once, whatever writers do."""

from __future__ import annotations

import threading

import pytest

import gekko_lab
from gekko_lab.datalog import store as store_module
from gekko_lab.errors import LogError

FAR = 4_000_000_000_000
MONTH = 31 * 1440


def test_a_reader_sees_all_that_was_acknowledged_while_pages_come_and_are_folded(
    series, keep, span
):
    writer, reader = series(), series()
    begin, pages, problems = MONTH - 200, 40, []
    acknowledged = [0]

    def write():
        for page in range(pages):
            keep(writer, begin + page * 10, begin + page * 10 + 10)
            acknowledged[0] = page + 1
            if page % 3 == 2:
                writer.fold()

    thread = threading.Thread(target=write)
    thread.start()
    while thread.is_alive() or acknowledged[0] == 0:
        before = acknowledged[0]
        found = reader.read()
        count, rest = divmod(len(found.frame), 10)
        whole = rest == 0 and before <= count
        if not whole or not found.frame["timestamp"].is_unique().all():
            problems.append((before, len(found.frame)))
        if count and found.ledger.held != [span(begin, begin + count * 10)]:
            problems.append(found.ledger)
        if acknowledged[0]:
            gekko_lab.datalog.catalog()
            gekko_lab.datalog.scan().collect()
    thread.join()
    assert problems == []
    assert len(reader.read().frame) == pages * 10


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_fold_between_files_and_journal_is_noticed(series, keep, minutes, monkeypatch, when):
    writer, reader = series(), series()
    keep(writer, 0, 10)
    writer.fold()
    keep(writer, 5, 20, version=1)
    real, left = store_module.Store.pending, [1]

    def pending(self, span=None):
        seen = real(self, span) if when == "after" else None
        if left[0]:
            left[0] = 0
            writer.fold()
        return real(self, span) if seen is None else seen

    monkeypatch.setattr(store_module.Store, "pending", pending)
    frame = reader.read().frame
    assert left == [0]
    assert frame["close"].to_list() == [100.0] * 5 + [101.0] * 15


def test_a_log_that_never_rests_is_named(series, keep, monkeypatch):
    one = series()
    keep(one, 0, 3)
    real = store_module.Store.pending

    def pending(self, span=None):
        seen = real(self, span)
        one._journal.replace([])
        return seen

    monkeypatch.setattr(store_module.Store, "pending", pending)
    with pytest.raises(LogError, match="changed at each of"):
        one.read()
