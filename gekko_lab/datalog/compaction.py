"""Folding what is not yet in files, of every series or some: for programs that read only these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from gekko_lab.datalog import folding, journal
from gekko_lab.datalog.finding import find_stores
from gekko_lab.datalog.lock import SeriesLock
from gekko_lab.frames.convert import to_frame
from gekko_lab.frames.schemas import CATALOG
from gekko_lab.settings import reads_as

if TYPE_CHECKING:
    from gekko_lab.datalog.finding import Some
    from gekko_lab.datalog.layout import Kind
    from gekko_lab.datalog.store import Store
    from gekko_lab.settings import FrameKind


def fold(
    kind: Kind | None = None,
    *,
    exchange: Some = None,
    symbol: Some = None,
    timeframe: Some = None,
    frame: FrameKind | None = None,
) -> Any:  # noqa: ANN401 (the frame decides)
    """Bring what was written last into the Parquet files, and give what was done.

    `load`, `scan` and all others here see rows as soon as they are written; other programs, such
    as DuckDB, see them once they are folded. Only files whose period has new rows are written.

    Parameters
    ----------
    kind, exchange, symbol, timeframe
        Which series, one or a list of names; by default all.
    frame
        "polars" or "pandas"; by default `gekko_lab.options.frame`.

    Returns
    -------
    polars.DataFrame or pandas.DataFrame
        kind, exchange, symbol, timeframe (null but for candles), files (how many were written), of
        series that had something to fold; in order.

    Raises
    ------
    LogLocked
        When somebody keeps writing a series.
    DiskFull
        When there is no room; what was not folded is where it was.

    Examples
    --------
    >>> import gekko_lab
    >>> from gekko_lab.datalog import Series, Span
    >>> hours = gekko_lab.fetch("simulator", "BTC/USDT", "1h", since="2024-01-01", limit=48)
    >>> with Series("candles", "mine", "BTC/USDT", "1h") as series:
    ...     series.append(hours, Span(1704067200000, 1704240000000), closed_until=1704240000000)
    >>> gekko_lab.datalog.fold(exchange="mine")["files"].to_list()
    [1]
    """
    frame = reads_as("frame", frame)
    rows = [
        (key.kind, key.exchange, key.symbol, key.timeframe or None, files)
        for store in find_stores(kind, exchange, symbol, timeframe)
        if (files := _fold(store))
        for key in [store.key]
    ]
    names = ("kind", "exchange", "symbol", "timeframe", "files")
    table = pl.DataFrame(rows, schema={name: CATALOG[name] for name in names}, orient="row")
    return to_frame(table, frame)


def _fold(store: Store) -> int:
    if journal.stamp(store.journal_file)[1] <= journal.HEADER:
        return 0  # nobody needs to wait for the lock
    opened = journal.Journal(store.journal_file)
    try:
        with SeriesLock(store.lock_file) as lock:
            return folding.fold(store, opened, lock, store.width())
    finally:
        opened.close()
