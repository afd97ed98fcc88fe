"""The file in which all programs of this machine count their requests together.

SQLite keeps it whole when a program is killed. WAL with `synchronous=NORMAL` was the fastest safe
mode: 20 µs for a transaction, against 48 and more with a rollback journal (SQLite 3.40).
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
import warnings
from typing import TYPE_CHECKING, TypeVar

from gekko_lab.errors import LimitsWarning
from gekko_lab.limits import clock
from gekko_lab.limits.clock import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Result = TypeVar("Result")

FILE = "limits.sqlite3"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS holds (
    host TEXT PRIMARY KEY, until INTEGER NOT NULL, reason TEXT NOT NULL, epoch INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS budgets (
    host TEXT, name TEXT, full_at INTEGER NOT NULL, seen INTEGER NOT NULL,
    amount REAL NOT NULL, window INTEGER NOT NULL, deepest INTEGER NOT NULL,
    number INTEGER NOT NULL, used REAL NOT NULL, before REAL NOT NULL,
    PRIMARY KEY (host, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS leases (
    host TEXT, token TEXT, until INTEGER NOT NULL, PRIMARY KEY (host, token)
) WITHOUT ROWID;
"""
_FORGET = (  # test servers come under a new port each time
    "DELETE FROM budgets WHERE seen < :old AND full_at < :old",
    "DELETE FROM holds WHERE until < :old AND host NOT IN (SELECT host FROM budgets)",
)
_KEPT = 86_400 * SECOND
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DAMAGED = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_TRY_S = 0.25  # SQLite's own waiting hears no Ctrl-C, so it is short and repeated
ALONE_COST = 4.0
_ALONE_S = 60.0

_log = logging.getLogger("gekko_lab")


class Ledger:
    """Reads and writes the shared count, one transaction at a time.

    When the file can't be had, the process counts by itself for a minute, each request four times,
    and a `LimitsWarning` says so. A damaged file is set aside.

    Parameters
    ----------
    folder
        Where the file lies; it is made when it's needed.
    patience_s
        How long another program may keep the file locked.
    """

    def __init__(self, folder: Path, *, patience_s: float = 5.0) -> None:
        self._file = folder / FILE
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._shared: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None
        self._alone: sqlite3.Connection | None = None
        self._alone_until = 0.0

    def write(self, work: Callable[[sqlite3.Connection, float], Result]) -> Result:
        """Give what the work gives, which nobody else's comes between.

        Parameters
        ----------
        work
            Is called with a connection and with how many times each request counts there. It may be
            called again where the file failed underneath it.
        """
        with self._lock:
            if time.monotonic() >= self._alone_until:
                try:
                    return self._on_file(work)
                except (sqlite3.Error, OSError) as error:
                    self._give_up(error)
            if self._alone is None:
                self._alone = sqlite3.connect(
                    ":memory:", isolation_level=None, check_same_thread=False
                )
                self._alone.executescript(_SCHEMA)
            return _transaction(self._alone, work, ALONE_COST)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._disconnect()
            if self._alone is not None:
                self._alone.close()
                self._alone = None

    def _on_file(self, work: Callable[[sqlite3.Connection, float], Result]) -> Result:
        deadline = time.monotonic() + self._patience_s
        mended = False
        while True:
            try:
                return _transaction(self._connection(), work, 1.0)
            except sqlite3.Error as error:
                code = getattr(error, "sqlite_errorcode", 0) & 0xFF
                if code in _DAMAGED and not mended:
                    mended = True
                    self._set_aside(error)
                elif code not in _BUSY or time.monotonic() >= deadline:
                    raise

    def _connection(self) -> sqlite3.Connection:
        """Give the connection to the file of that name, which may be another than before."""
        if self._shared is not None:
            if self._identity() == self._opened:
                return self._shared
            self._disconnect()
        self._file.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            self._file, timeout=_TRY_S, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.executescript(_SCHEMA)
            for statement in _FORGET:
                connection.execute(statement, {"old": clock.WALL.now() - _KEPT})
        except BaseException:
            connection.close()
            raise
        self._shared, self._opened = connection, self._identity()
        return connection

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self._file)  # noqa: PTH116 (half the time of Path's, and on every request)
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    def _set_aside(self, error: sqlite3.Error) -> None:
        """Put a damaged file away, unless someone else has just done so."""
        damaged = self._opened or self._identity()
        self._disconnect()
        if damaged is None or self._identity() != damaged:
            return
        kept = self._file.with_name(f"{FILE}.damaged")
        for tail in ("-wal", "-shm"):  # they must not be taken for those of the next file
            self._file.with_name(FILE + tail).unlink(missing_ok=True)
        self._file.replace(kept)
        _warn(
            f"the count of requests in {self._file} was damaged ({error}): it is now {kept.name}, "
            "and a new count begins. If an exchange has just refused requests, wait a few minutes"
        )

    def _give_up(self, error: Exception) -> None:
        self._disconnect()
        self._alone_until = time.monotonic() + _ALONE_S
        _warn(
            f"requests can't be counted together in {self._file} ({error}): for a minute this "
            f"process takes 1/{ALONE_COST:.0f} of each limit by itself. options.state_dir or "
            "GEKKO_LAB_STATE_DIR names another folder"
        )

    def _disconnect(self) -> None:
        shared, self._shared, self._opened = self._shared, None, None
        if shared is not None:
            shared.close()


def _transaction(
    connection: sqlite3.Connection,
    work: Callable[[sqlite3.Connection, float], Result],
    times: float,
) -> Result:
    try:
        connection.execute("BEGIN IMMEDIATE")
        result = work(connection, times)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return result


def _warn(message: str) -> None:
    _log.warning("%s", message)
    warnings.warn(LimitsWarning(message), stacklevel=2)


_ledgers: dict[Path, Ledger] = {}
_inherited: list[dict[Path, Ledger]] = []
_finding = threading.Lock()


def ledger(folder: Path) -> Ledger:
    """Give this process's ledger in that folder."""
    with _finding:
        return _ledgers.setdefault(folder, Ledger(folder))


def _forget_parents() -> None:
    """Leave the parent's connections alone after a fork: two processes can't use one."""
    global _ledgers, _finding
    _inherited.append(_ledgers)
    _ledgers, _finding = {}, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_parents)
