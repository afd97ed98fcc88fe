"""One writer at a time."""

from __future__ import annotations

import threading

import pytest

from gekko_lab.datalog.lock import SeriesLock
from gekko_lab.errors import LogLocked


def test_another_holder_is_waited_for_and_then_named(tmp_path):
    first, second = SeriesLock(tmp_path / "lock"), SeriesLock(tmp_path / "lock", wait_s=0.0)
    with first:
        with pytest.raises(LogLocked, match="another process or thread"), second:
            pytest.fail("two held the lock")
        with first:
            pass
        with pytest.raises(LogLocked), second:
            pytest.fail("two held the lock")
    with second:
        pass


def test_threads_of_one_lock_take_turns(tmp_path):
    lock, inside, seen = SeriesLock(tmp_path / "lock"), [], []

    def work():
        for _ in range(50):
            with lock:
                inside.append(1)
                seen.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(seen) == {1}
    assert len(seen) == 200


def test_a_thread_that_waits_too_long_is_told(tmp_path):
    lock, errors = SeriesLock(tmp_path / "lock", wait_s=0.01), []

    def work():
        try:
            with lock:
                pass
        except LogLocked as error:
            errors.append(error)

    with lock:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert len(errors) == 1


def test_a_lock_whose_folder_was_removed_is_taken_anew(tmp_path):
    lock = SeriesLock(tmp_path / "state" / "lock")
    with lock:
        pass
    (tmp_path / "state" / "lock").unlink()
    with lock, pytest.raises(LogLocked), SeriesLock(tmp_path / "state" / "lock", wait_s=0):
        pytest.fail("two held the lock")
    lock.close()
    lock.close()
