"""The budgets as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gekko_lab.limits import clock
from gekko_lab.limits.clock import SECOND
from gekko_lab.limits.ledger import FILE, ledger
from gekko_lab.settings import options, reads_as

if TYPE_CHECKING:
    import sqlite3

    from gekko_lab.settings import FrameKind


def status(*, frame: FrameKind | None = None) -> Any:  # noqa: ANN401 (one of two kinds of frame)
    """Give what has been asked of which exchange from this machine, and who must wait.

    Parameters
    ----------
    frame
        "polars" or "pandas"; by default `options.frame`.

    Returns
    -------
    polars.DataFrame or pandas.DataFrame
        host (of the API, with the proxy on the way to it), budget, used (weight or requests in the
        last window of time), limit (the exchange's, for one window), window (seconds), used_share
        (of the limit), wait (seconds until the last of those that wait may go), hold_until (UTC;
        null when the host may be asked) and hold_reason; a row for each budget, sorted by host.

    Examples
    --------
    >>> import gekko_lab
    >>> gekko_lab.limits.status(frame="polars").columns[-3:]
    ['wait', 'hold_until', 'hold_reason']
    """
    import polars as pl

    from gekko_lab.frames.convert import to_frame
    from gekko_lab.frames.schemas import BUDGETS, TIME

    kind = reads_as("frame", frame)
    folder = options.state_dir
    rows = ledger(folder).write(_rows) if (folder / FILE).exists() else []
    table = pl.DataFrame(rows, schema={**dict(BUDGETS), "hold_until": pl.Int64()}, orient="row")
    return to_frame(
        table.with_columns(pl.col("hold_until").cast(TIME)).sort("host", "budget"), kind
    )


def _rows(db: sqlite3.Connection, _: float) -> list[tuple[object, ...]]:
    now = clock.WALL.now()
    found = db.execute(
        "SELECT host, name, full_at - deepest, amount, window, number, used, before, until, "
        "reason FROM budgets JOIN holds USING (host)"
    )
    return [_row(now, *each) for each in found]


def _row(now: int, host: str, name: str, *found: Any) -> tuple[object, ...]:  # noqa: ANN401
    last_turn, limit, window, number, used, before, until, reason = found
    recent = _recent(now, window, number, (used, before))
    wait = max(0, last_turn - now, until - now) / SECOND
    held = (until // 1000, reason) if until > now else (None, None)
    return host, name, recent, limit, window / SECOND, recent / limit, wait, *held


def _recent(now: int, window: int, number: int, counts: tuple[float, float]) -> float:
    """Estimate what fell into the window that ends now, from the last two fixed ones."""
    used, before = counts
    current, into = divmod(now, window)
    if current > number:
        used, before = 0.0, used if current == number + 1 else 0.0
    return used + before * (1 - into / window)
