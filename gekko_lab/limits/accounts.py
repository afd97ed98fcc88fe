"""The rows of the ledger: what is used of each budget, and which hosts are not to be asked.

A request takes its turn when it arrives, in the order of arrival, so that no light one overtakes a
heavy one for ever. What was to come is void when a host is put on hold: who waits then takes a new
turn behind the hold. A program that dies in its sleep loses its turn and nothing else.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gekko_lab.limits.clock import SECOND

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from gekko_lab.limits.limit import Limit

LONGEST_HOLD = 3 * 86_400 * SECOND
"""The longest ban that an exchange has been known to speak."""

_FARTHEST = 300 * SECOND  # no turn is kept that lies farther ahead, so such a row is not ours


@dataclass(frozen=True, slots=True)
class Charge:
    """What a request takes from one limit, which is kept under that name."""

    name: str
    limit: Limit
    cost: float


@dataclass(frozen=True, slots=True)
class Turn:
    """When a request may go.

    Attributes
    ----------
    moment : int
        Nanoseconds of the clock.
    now : int
        When that was found.
    epoch : int
        Of the host. Each hold begins another, and so does another file; then the turn is void.
    held : str or None
        The reason of the hold that the request waits for.
    taken : bool
        Whether it goes now.
    """

    moment: int
    now: int
    epoch: int
    held: str | None
    taken: bool


def take_turn(
    db: sqlite3.Connection, host: str, charges: Sequence[Charge], now: int, longest: int
) -> Turn:
    """Give the request its turn, unless it would have to wait longer than that.

    Parameters
    ----------
    db
        Inside a transaction.
    host, charges
        Who is asked, and what that takes from which limits.
    now
        Read inside the transaction, so that it only grows from one to the next.
    longest
        Nanoseconds. A turn that is later is told of and not kept.
    """
    now = _steady(db, host, now)
    until, reason, epoch = _hold(db, host, now)
    if epoch is None:
        epoch = _first_epoch()
        db.execute("REPLACE INTO holds VALUES (?, 0, '', ?)", (host, epoch))
    full = _full_at(db, host, now)
    moment = max(now, until)
    for charge in charges:
        earliest = charge.limit.earliest(full.get(charge.name, 0), charge.cost, now)
        moment = max(moment, earliest)
    held = reason if until > now and moment - until < SECOND else None
    taken = moment <= now
    if moment - now <= longest:
        for charge in charges:
            full_at = charge.limit.charged(full.get(charge.name, 0), charge.cost, moment)
            if charge.name not in full:
                _open(db, host, charge, now)
            _note(db, host, charge, now, full_at=full_at, taken=taken)
    return Turn(moment, now, epoch, held, taken)


def keep_turn(
    db: sqlite3.Connection, host: str, charges: Sequence[Charge], turn: Turn, now: int
) -> Turn | None:
    """Tell whether the turn has come; None when it is void and a new one must be taken."""
    _, _, epoch = _hold(db, host, now)
    if epoch != turn.epoch or now < turn.now:
        return None
    taken = now >= turn.moment
    if taken:
        for charge in charges:
            _note(db, host, charge, now, full_at=None, taken=True)
    return Turn(turn.moment, now, epoch, turn.held, taken)


def put_on_hold(
    db: sqlite3.Connection, host: str, until: int, reason: str, now: int, *, rests: bool = True
) -> None:
    """Let nobody ask that host before then; a longer hold stays as it is.

    Parameters
    ----------
    db
        Inside a transaction.
    host, until, reason, now
        Who is not to be asked until when and why.
    rests
        Whether the buckets fill meanwhile.
    """
    held, _, epoch = _hold(db, host, now)
    if until <= max(held, now):
        return
    following = _first_epoch() if epoch is None else epoch + 1
    db.execute("REPLACE INTO holds VALUES (?, ?, ?, ?)", (host, until, reason, following))
    if rests:
        _void(db, host, now)
    else:
        _drain(db, host, until)


def _first_epoch() -> int:
    return random.getrandbits(48)  # so that a turn of a file that was set aside is void in the next


def _hold(db: sqlite3.Connection, host: str, now: int) -> tuple[int, str, int | None]:
    row = db.execute("SELECT until, reason, epoch FROM holds WHERE host = ?", (host,)).fetchone()
    until, reason, epoch = row or (0, "", None)
    return (until if until <= now + LONGEST_HOLD else 0), reason, epoch


def _full_at(db: sqlite3.Connection, host: str, now: int) -> dict[str, int]:
    rows = db.execute("SELECT name, full_at, deepest FROM budgets WHERE host = ?", (host,))
    return {
        name: full_at if full_at <= now + deepest + _FARTHEST else now + deepest
        for name, full_at, deepest in rows
    }


def _void(db: sqlite3.Connection, host: str, now: int) -> None:
    """Take back the turns to come; what has gone left no bucket emptier than that."""
    db.execute("UPDATE budgets SET full_at = min(full_at, ? + deepest) WHERE host = ?", (now, host))


def _drain(db: sqlite3.Connection, host: str, moment: int) -> None:
    """Let the buckets be empty at that moment."""
    db.execute("UPDATE budgets SET full_at = ? + deepest WHERE host = ?", (moment, host))


def _steady(db: sqlite3.Connection, host: str, now: int) -> int:
    """Give the time, and mend the rows where the clock was put back.

    A moment in the future that was meant for the old time would block for as long as the clock was
    wrong. The buckets count as empty then, and a hold lasts as long as it still had to.
    """
    seen = db.execute("SELECT max(seen) FROM budgets WHERE host = ?", (host,)).fetchone()[0] or 0
    if now >= seen:
        return now
    if seen - now < SECOND:
        return int(seen)
    db.execute(
        "UPDATE holds SET until = until - ?, epoch = epoch + 1 WHERE host = ?", (seen - now, host)
    )
    _drain(db, host, now)
    db.execute("UPDATE budgets SET seen = ? WHERE host = ?", (now, host))
    return now


def _open(db: sqlite3.Connection, host: str, charge: Charge, now: int) -> None:
    limit = charge.limit
    window = round(limit.window_s * SECOND)
    db.execute(
        "INSERT INTO budgets VALUES (?, ?, 0, ?, ?, ?, ?, 0, 0, 0)",
        (host, charge.name, now, limit.amount, window, limit.tolerance),
    )


_NOTE = """
UPDATE budgets SET
    full_at = ifnull(?1, full_at), deepest = max(deepest, ?7), seen = ?2,
    used = used * (number = ?3) + ?4, number = ?3,
    before = CASE ?3 - number WHEN 0 THEN before WHEN 1 THEN used ELSE 0 END
WHERE host = ?5 AND name = ?6
"""


def _note(
    db: sqlite3.Connection,
    host: str,
    charge: Charge,
    now: int,
    *,
    full_at: int | None,
    taken: bool,
) -> None:
    """Keep when the bucket will be full, if that is new, and for `status` what went by window."""
    number = now // round(charge.limit.window_s * SECOND)
    cost = charge.cost if taken else 0.0
    span = charge.limit.span(charge.cost)
    db.execute(_NOTE, (full_at, now, number, cost, host, charge.name, span))
