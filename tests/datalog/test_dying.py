"""A writer that dies loses nothing that was acknowledged, wherever it dies."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest

import gekko_lab
from gekko_lab.datalog import Series, Span
from gekko_lab.datalog import series as series_module
from gekko_lab.errors import DiskFull
from gekko_lab.frames.schemas import CANDLES_FULL, empty

MINUTE, START, FAR = 60_000, 1_704_067_200_000, 4_000_000_000_000
MONTH = 31 * 1440
CALLS = ("write", "fsync", "replace", "ftruncate", "unlink", "mkdir")


class Died(BaseException):
    """What stands for the end of a process: no handler does anything after it."""


@contextmanager
def death_at(place):
    """Let the system call of that number do half of its work, and none after it do anything."""
    real = {name: getattr(os, name) for name in CALLS}
    left = [place]

    def wrap(name):
        def call(*arguments, **keywords):
            left[0] -= 1
            if left[0] >= 0:
                return real[name](*arguments, **keywords)
            if left[0] == -1 and name == "write":
                descriptor, content = arguments
                real["write"](descriptor, content[: len(content) // 2])
            raise Died

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, wrap(name))
        yield left


def pages(minutes):
    """Pages that touch two months, one of them told twice."""
    parts = [(MONTH - 8, MONTH - 3), (MONTH - 3, MONTH + 3), (MONTH - 5, MONTH - 1)]
    for version, (first, end) in enumerate(parts):
        span = Span(START + first * MINUTE, START + end * MINUTE)
        yield minutes(range(first, end), version=version), span


def work(series, minutes, done):
    """Append and fold, noting what was acknowledged; all else of the first month is empty."""
    early = [(Span(START, START + (MONTH - 8) * MINUTE), "before_listing")]
    series.append(empty(CANDLES_FULL), None, closed_until=FAR, empty=early)
    for place, (page, span) in enumerate(pages(minutes)):
        series.append(page, span, closed_until=FAR)
        done.append(place)
        if place != 0:
            series.fold()


def rows_after(minutes, done):
    expected = {}
    for place, (page, _) in enumerate(pages(minutes)):
        if place in done:
            expected |= dict(zip(page["timestamp"], page["close"], strict=True))
    return expected


@pytest.fixture(params=["journal", "straight", "growing"])
def way(request, monkeypatch):
    """How pages go: through the journal, or into their files where they lie in one month.

    Where the journal is always too long, the month that grows waits in it for the others.
    """
    if request.param == "straight":
        monkeypatch.setattr(series_module, "STRAIGHT_ROWS", 1)
    return {"fold_bytes": 1} if request.param == "growing" else {}


def test_a_death_at_any_system_call_loses_nothing(data_dir, minutes, way):
    place, died = 0, True
    while died:
        done = []
        symbol = f"S{place}"
        with death_at(place):
            series = Series("candles", "x", symbol, "1m", **way)
            try:
                work(series, minutes, done)
                died = False
            except Died:
                pass
        check_after_death(symbol, minutes, done, place)
        del series
        place += 1
    assert place > 40


def check_after_death(symbol, minutes, done, place):
    heir = Series("candles", "x", symbol, "1m")
    found = heir.read()
    rows = dict(zip(found.frame["timestamp"], found.frame["close"], strict=True))
    expected = rows_after(minutes, done)
    maybe = rows_after(minutes, [*done, len(done)])  # written whole, but not acknowledged
    assert rows in (expected, maybe), place
    assert len(found.frame) == len(rows), place
    held = {time for span in found.ledger.held for time in range(*span, MINUTE)}
    assert held == {int(time.timestamp() * 1000) for time in rows}, place
    told = gekko_lab.datalog.verify(symbol=symbol, repair=True)
    assert set(told["action"]) <= {"removed"}, place
    for page, span in pages(minutes):
        heir.append(page, span, closed_until=FAR)
    heir.fold()
    assert not list(heir.store.state.glob("*.part"))
    final = heir.read().frame
    every = rows_after(minutes, [0, 1, 2])
    assert dict(zip(final["timestamp"], final["close"], strict=True)) == every, place
    assert gekko_lab.datalog.verify(symbol=symbol).is_empty(), place
    heir.close()


@contextmanager
def room(size):
    """Let the disk take so many bytes more, and say then what a full one says."""
    real, left = os.write, [size]

    def write(descriptor, content):
        if left[0] <= 0:
            raise OSError(28, "No space left on device")
        taken = real(descriptor, content[: left[0]])
        left[0] -= taken
        return taken

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "write", write)
        yield


def test_a_full_disk_is_named_and_what_was_acknowledged_stays(data_dir, minutes, way):
    filled = 0
    for size in [*range(0, 9000, 200), 1_000_000]:
        done = []
        series = Series("candles", "x", f"S{size}", "1m", **way)
        with room(size):
            try:
                work(series, minutes, done)
            except DiskFull as error:
                assert "No space left on device" in str(error)  # noqa: PT017 (not all sizes raise)
                assert "what was stored before is intact" in str(error)  # noqa: PT017
                filled += 1
        check_after_death(f"S{size}", minutes, done, size)
        series.close()
    assert filled > 20


def test_a_fold_without_room_leaves_an_append_what_it_is(series, keep, monkeypatch):
    one = series(fold_bytes=1000)
    keep(one, 0, 3)
    real = os.replace

    def replace(source, target):
        if str(target).endswith(".parquet"):
            raise OSError(28, "No space left on device")
        return real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    keep(one, 3, 40)
    assert len(one.read().frame) == 40
    with pytest.raises(DiskFull):
        one.fold()
    monkeypatch.undo()
    assert one.fold() == 1
    assert len(one.read().frame) == 40


def test_other_trouble_of_the_disk_is_not_called_a_full_one(series, keep, monkeypatch):
    one = series()
    keep(one, 0, 3)

    def refuse(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="Input/output error") as caught:
        keep(one, 3, 6)
    assert not isinstance(caught.value, DiskFull)
    monkeypatch.undo()
    assert len(one.read().frame) == 3


WRITER = """
import os, sys
import polars as pl
from gekko_lab.datalog import Series, Span
from gekko_lab.frames.schemas import CANDLES, TIME

folder, number, writers, begin, count = sys.argv[1], *map(int, sys.argv[2:])
MINUTE, START, WIDE = 60_000, 1_704_067_200_000, 700
series = Series("candles", "x", "A/B", "1m", data_dir=folder, wait_s=120)
for page in range(begin, begin + count):
    place = page * writers + number
    opens = [START + (place * WIDE + n) * MINUTE for n in range(WIDE)]
    frame = pl.DataFrame({name: [float(place + 1)] * WIDE for name in CANDLES})
    frame = frame.with_columns(timestamp=pl.Series(opens) * 1000).cast({"timestamp": TIME})
    span = Span(opens[0], opens[-1] + MINUTE)
    series.append(frame.select(CANDLES.names()), span, closed_until=4_000_000_000_000)
    os.write(1, b"%d\\n" % place)
    if page % 2:
        series.fold()
series.close()
"""


def start_writer(folder, number, *, writers, begin=0, count=1_000_000):
    asked = [str(each) for each in (folder, number, writers, begin, count)]
    return subprocess.Popen([sys.executable, "-c", WRITER, *asked], stdout=subprocess.PIPE)


def acknowledged(writer):
    return {int(line) for line in writer.stdout.read().split()}


def check_pages(folder, done, *, most):
    """Every acknowledged page is there, whole; at most one more of each writer."""
    with gekko_lab.options(data_dir=folder):
        found = Series("candles", "x", "A/B", "1m").read()
        told = gekko_lab.datalog.verify()
    frame = found.frame
    places = (frame["close"] - 1).cast(int)
    counts = dict(places.value_counts().rows())
    assert set(counts.values()) <= {700}
    assert done <= set(counts)
    assert len(set(counts) - done) <= most
    assert frame["timestamp"].is_unique().all()
    assert frame["timestamp"].is_sorted()
    opens = frame["timestamp"].dt.epoch("ms") - START
    assert (opens // MINUTE // 700 == places).all()
    assert sum(span.until - span.since for span in found.ledger.held) == len(frame) * MINUTE
    assert all("not finished" in text for text in told["finding"]), told.rows()
    return set(counts)


def killing(folder, rounds, writers, seed):
    """Kill writers at random moments, start them again, and check what is there."""
    chance, done, begin = np.random.default_rng(seed), set(), 0
    for _ in range(rounds):
        running = [
            start_writer(folder, number, writers=writers, begin=begin) for number in range(writers)
        ]
        for _ in range(chance.integers(1, 12)):
            done.add(int(running[0].stdout.readline()))
        for _ in range(chance.integers(200_000)):
            pass  # so that the moment isn't always the same one after an acknowledgment
        for writer in running:
            writer.kill()
        for writer in running:
            done |= acknowledged(writer)
            writer.wait()
            writer.stdout.close()
        done = check_pages(folder, done, most=writers)
        begin = max(done) // writers + 1
    with gekko_lab.options(data_dir=folder):
        told = gekko_lab.datalog.verify(repair=True)
        assert set(told["action"]) <= {"removed"}
        assert gekko_lab.datalog.verify().is_empty()
    return check_pages(folder, done, most=0)


def test_killed_writers_lose_nothing_that_was_acknowledged(tmp_path):
    killing(tmp_path, rounds=2, writers=2, seed=1)


@pytest.mark.campaign
@pytest.mark.parametrize("writers", [1, 3])
def test_many_killed_writers_lose_nothing_that_was_acknowledged(tmp_path, writers):
    assert killing(tmp_path, rounds=60, writers=writers, seed=writers)


def test_eight_processes_may_write_one_series(tmp_path):
    running = [start_writer(tmp_path, number, writers=8, count=3) for number in range(8)]
    done = set()
    for writer in running:
        done |= acknowledged(writer)
        assert writer.wait() == 0
        writer.stdout.close()
    assert done == set(range(24))
    assert check_pages(tmp_path, done, most=0) == done
