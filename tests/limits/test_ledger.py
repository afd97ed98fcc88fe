"""The shared file survives what happens to files; it blocks no work and lifts no limit."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
import warnings
from contextlib import closing

import pytest

from gekko_lab.errors import LimitsWarning
from gekko_lab.limits import on_wait
from gekko_lab.limits.budget import Budget
from gekko_lab.limits.ledger import ALONE_COST, FILE

KLINES = "https://api.binance.com/api/v3/klines?symbol=BTCUSDT&limit=1000"
TABLES = ("budgets", "holds")

DIES = """
import sys, time
from pathlib import Path
from gekko_lab.limits.ledger import Ledger

def work(db, times):
    db.execute("REPLACE INTO holds VALUES ('api.binance.com', 1 << 60, 'never said', 1)")
    print("inside", flush=True)
    time.sleep(60)

Ledger(Path(sys.argv[1])).write(work)
"""

FORKS = """
import os, sys
from pathlib import Path
from gekko_lab.limits.budget import Budget

folder, url = Path(sys.argv[1]), sys.argv[2]
budget = Budget("binance", folder)
budget.acquire(url)
child = os.fork()
if child == 0:
    mine = Budget("binance", folder)
    assert mine._ledger is not budget._ledger
    for _ in range(20):
        mine.acquire(url)
    os._exit(0)
for _ in range(20):
    budget.acquire(url)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""


def used(folder):
    with closing(sqlite3.connect(folder / FILE)) as db:
        return db.execute(
            "SELECT used + before FROM budgets WHERE name = 'spot weight'"
        ).fetchone()[0]


def test_the_folder_is_made_when_it_is_needed(hands, tmp_path):
    Budget("binance", tmp_path / "deep" / "state").acquire(KLINES)
    assert used(tmp_path / "deep" / "state") == 2


def test_ledgers_of_two_programs_count_together(hands, tmp_path, ledgers):
    for _ in range(2):
        budget = Budget("binance", tmp_path / "state")
        budget._ledger = ledgers()
        for _ in range(10):
            budget.acquire(KLINES)
    assert used(tmp_path / "state") == 40


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\0" + b"\xff" * 8000])
def test_a_damaged_file_is_set_aside_with_a_warning(hands, tmp_path, content):
    folder = tmp_path / "state"
    folder.mkdir()
    (folder / FILE).write_bytes(content)
    with pytest.warns(LimitsWarning, match=r"was damaged .*: it is now limits\.sqlite3\.damaged"):
        Budget("binance", folder).acquire(KLINES)
    assert (folder / f"{FILE}.damaged").read_bytes() == content
    assert used(folder) == 2


def test_a_file_that_is_damaged_while_it_is_open_is_set_aside(hands, tmp_path, ledgers):
    folder = tmp_path / "state"
    pair = [Budget("binance", folder) for _ in range(2)]
    for budget in pair:
        budget._ledger = ledgers()
        budget.acquire(KLINES)
    with (folder / FILE).open("r+b") as file:
        file.write(b"\xff" * 40_000)
    for tail in ("-wal", "-shm"):
        with (folder / f"{FILE}{tail}").open("r+b") as file:
            file.write(b"\xff" * 40_000)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for budget in [*pair, *pair]:
            budget.acquire(KLINES)
    assert len([each for each in told if "was damaged" in str(each.message)]) == 1
    assert used(folder) == 8  # all four in the new file


def test_a_file_that_someone_deletes_is_begun_anew(hands, tmp_path, ledgers):
    folder = tmp_path / "state"
    pair = [Budget("binance", folder) for _ in range(2)]
    for budget in pair:
        budget._ledger = ledgers()
        budget.acquire(KLINES)
    for file in folder.iterdir():
        file.unlink()
    for budget in pair:
        budget.acquire(KLINES)
    assert used(folder) == 4


def test_a_turn_of_a_file_that_is_gone_is_taken_anew(hands, tmp_path):
    folder = tmp_path / "state"
    budget = Budget("binance", folder)
    for _ in range(90):
        budget.acquire(KLINES)
    sleep = hands.sleep

    def sleep_and_lose(seconds):
        sleep(seconds)
        (folder / FILE).unlink(missing_ok=True)

    hands.sleep = sleep_and_lose
    budget.acquire(KLINES)
    assert used(folder) == 2


def test_a_file_that_stays_locked_blocks_nobody_and_lifts_no_limit(hands, tmp_path, ledgers):
    budget = Budget("binance", tmp_path / "state")
    budget._ledger = ledgers(patience_s=0.1)
    budget.acquire(KLINES)
    with closing(sqlite3.connect(tmp_path / "state" / FILE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.warns(LimitsWarning, match=r"can't be counted together .*takes 1/4 of each"):
            budget.acquire(KLINES)
        other.execute("ROLLBACK")
    begin = hands.now
    for _ in range(100):
        budget.acquire(KLINES)
    least = (101 * 2 * ALONE_COST - 180) / 92
    assert (hands.now - begin) / 1e9 == pytest.approx(least, abs=0.01)


def test_after_a_minute_the_shared_file_is_tried_again(hands, tmp_path, ledgers, monkeypatch):
    passed = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: passed[0])
    folder = tmp_path / "state"
    folder.touch()
    budget = Budget("binance", folder)
    budget._ledger = ledgers()
    with pytest.warns(LimitsWarning):
        budget.acquire(KLINES)
    folder.unlink()
    budget.acquire(KLINES)
    assert not folder.exists()
    passed[0] += 61
    budget.acquire(KLINES)
    assert used(folder) == 2


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="only where processes are killed so")
def test_a_program_that_is_killed_in_the_middle_leaves_the_file_as_it_was(tmp_path):
    folder = tmp_path / "state"
    budget = Budget("binance", folder)
    budget.acquire(KLINES)
    with subprocess.Popen(
        [sys.executable, "-c", DIES, str(folder)], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout.readline() == "inside\n"
        child.kill()
    told = []
    with on_wait(told.append):
        for _ in range(10):
            budget.acquire(KLINES)
    assert used(folder) == 22
    assert told == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only where processes fork")
def test_a_forked_process_opens_the_file_for_itself(tmp_path):
    command = [sys.executable, "-W", "ignore", "-c", FORKS, str(tmp_path / "state"), KLINES]
    subprocess.run(command, check=True, timeout=60)
    assert used(tmp_path / "state") == 82


def test_an_error_inside_leaves_no_trace(tmp_path, ledgers):
    shared = ledgers()

    def work(db, _):
        db.execute("INSERT INTO holds VALUES ('h', 1, 'r', 1)")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shared.write(work)
    assert shared.write(lambda db, _: db.execute("SELECT count(*) FROM holds").fetchone()) == (0,)


def test_hosts_that_nobody_asked_for_a_day_are_forgotten(hands, tmp_path, ledgers):
    folder = tmp_path / "state"
    budget = Budget("binance", folder)
    budget.acquire("http://127.0.0.1:4000/api/v3/klines")
    hands.now += 23 * 3600 * 10**9
    budget.acquire(KLINES)
    budget.learn("http://127.0.0.1:4001/api/v3/klines", 429, {"Retry-After": "100"})
    hands.now += 2 * 3600 * 10**9
    found = ledgers().write(
        lambda db, _: [db.execute(f"SELECT host FROM {name}").fetchall() for name in TABLES]  # noqa: S608
    )
    kept = [("127.0.0.1:4001",), ("api.binance.com",)]
    assert found == [[kept[1], kept[1]], kept]
