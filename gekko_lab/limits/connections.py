"""So many connections to a host at once, over all programs of this machine.

Archives of files have no request weights; what they mind is many downloads side by side::

    with gekko_lab.limits.connection("data.binance.vision"):
        download(file)
"""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gekko_lab.limits import clock, waiting
from gekko_lab.limits.clock import SECOND
from gekko_lab.limits.ledger import ledger
from gekko_lab.settings import options

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

_LOOK_S = 0.1


@contextmanager
def connection(host: str, *, most: int = 8, lease_s: float = 120.0) -> Iterator[None]:
    """Hold one of a host's connections for the length of a `with` block.

    Parameters
    ----------
    host
        Such as "data.binance.vision".
    most
        How many there may be at once.
    lease_s
        After so many seconds a connection counts as free, as its holder may have died; do not hold
        one for longer.
    """
    token = secrets.token_hex(8)
    shared = ledger(options.state_dir)
    told = False
    while not shared.write(lambda db, _: _lease(db, host, token, most, lease_s)):
        if not told:
            waiting.announce(waiting.Wait(host, f"connections to {host}", lease_s))
            told = True
        waiting.sleep(_LOOK_S, clock.WALL)
    try:
        yield
    finally:
        shared.write(lambda db, _: _free(db, host, token))


def _lease(db: sqlite3.Connection, host: str, token: str, most: int, lease_s: float) -> bool:
    now = clock.WALL.now()
    lease = round(lease_s * SECOND)
    # one that ends later than any can was made while the clock was ahead
    db.execute("DELETE FROM leases WHERE until <= ? OR until > ? + 10 * ?", (now, now, lease))
    held = db.execute("SELECT count(*) FROM leases WHERE host = ?", (host,)).fetchone()[0]
    if held >= most:
        return False
    db.execute("INSERT INTO leases VALUES (?, ?, ?)", (host, token, now + lease))
    return True


def _free(db: sqlite3.Connection, host: str, token: str) -> None:
    db.execute("DELETE FROM leases WHERE host = ? AND token = ?", (host, token))
