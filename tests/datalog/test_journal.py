"""The journal: records that are whole, or passed over."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gekko_lab.datalog.journal import HEADER, MARK, Journal, framed, parse, read, stamp

records = st.lists(st.binary(min_size=1, max_size=40) | st.just(MARK * 3), max_size=6)
HEAD = b"GLJ1" + bytes(16)


def written(tmp_path, contents, *, durable=True):
    journal = Journal(tmp_path / "state" / "journal")
    for each in contents:
        journal.append([each], durable=durable)
    journal.close()
    return journal


@given(records)
def test_records_come_back_in_order(contents):
    found = parse(HEAD + framed(contents))
    assert found.records == contents
    assert found.damages == 0


@given(records, st.data())
def test_a_record_that_was_cut_off_is_passed_over(contents, data):
    whole = HEAD + framed(contents)
    end = data.draw(st.integers(HEADER, len(whole)))
    found = parse(whole[:end])
    kept = [n for n in range(len(contents) + 1) if len(HEAD + framed(contents[:n])) <= end]
    assert found.records == contents[: kept[-1]]
    assert found.damages == 0


@given(st.lists(st.binary(min_size=1, max_size=40), min_size=2, max_size=6), st.data())
def test_a_flipped_byte_costs_one_record(contents, data):
    whole = bytearray(HEAD + framed(contents))
    place = data.draw(st.integers(HEADER, len(whole) - 1))
    whole[place] ^= 1 << data.draw(st.integers(0, 7))
    starts = [len(HEAD + framed(contents[:n])) for n in range(len(contents) + 1)]
    hit = max(n for n in range(len(contents)) if starts[n] <= place)
    found = parse(bytes(whole))
    assert found.records == contents[:hit] + contents[hit + 1 :]
    assert found.damages == (hit < len(contents) - 1)


@pytest.mark.parametrize("start", [b"", b"GL", b"XXXX" + bytes(16)])
def test_a_damaged_head_costs_no_record(start):
    found = parse(start + framed([b"one", b"two"]))
    assert found.records == [b"one", b"two"]
    assert found.damages == 1


def test_no_journal_is_an_empty_one(tmp_path):
    assert read(tmp_path / "journal").records == []
    assert stamp(tmp_path / "journal") == (b"", 0)


def test_what_was_appended_is_read_and_more_can_follow(tmp_path):
    journal = written(tmp_path, [b"one", b"two"])
    assert read(journal.file).records == [b"one", b"two"]
    journal.append([b"three", b"four"], durable=False)
    assert read(journal.file).records == [b"one", b"two", b"three", b"four"]
    assert stamp(journal.file)[1] == journal.end


def test_the_next_writer_cuts_off_what_a_dead_one_left(tmp_path):
    journal = written(tmp_path, [b"one"])
    with journal.file.open("ab") as opened:
        opened.write(framed([b"unfinished"])[:-3])
    Journal(journal.file).append([b"two"], durable=True)
    found = read(journal.file)
    assert found.records == [b"one", b"two"]
    assert found.damages == 0


def test_two_writers_in_turn_do_not_overwrite_each_other(tmp_path):
    one, two = Journal(tmp_path / "journal"), Journal(tmp_path / "journal")
    for place in range(6):
        (one, two)[place % 2].append([b"%d" % place], durable=False)
    assert read(one.file).records == [b"%d" % place for place in range(6)]


def test_a_writer_goes_on_in_the_journal_that_took_the_place_of_its_own(tmp_path):
    one, two = Journal(tmp_path / "journal"), Journal(tmp_path / "journal")
    one.append([b"old"], durable=True)
    before = stamp(one.file)[0]
    two.replace([b"carried"])
    one.append([b"new"], durable=True)
    assert read(one.file).records == [b"carried", b"new"]
    assert stamp(one.file)[0] != before
    assert one.generation == stamp(one.file)[0]


def test_a_journal_without_a_sound_head_gets_one(tmp_path):
    file = tmp_path / "journal"
    file.write_bytes(framed([b"one"]))
    Journal(file).append([b"two"], durable=True)
    found = read(file)
    assert found.records == [b"one", b"two"]
    assert found.damages == 0
