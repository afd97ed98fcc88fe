"""Deleting a series: explicit, one at a time."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from gekko_lab.datalog.finding import find_store
from gekko_lab.datalog.listing import catalog_of
from gekko_lab.datalog.lock import SeriesLock
from gekko_lab.frames.convert import to_frame
from gekko_lab.settings import reads_as

if TYPE_CHECKING:
    from gekko_lab.datalog.layout import Kind
    from gekko_lab.settings import FrameKind


def delete(
    exchange: object,
    symbol: str,
    timeframe: str | None = None,
    *,
    kind: Kind = "candles",
    frame: FrameKind | None = None,
) -> Any:  # noqa: ANN401 (the frame decides)
    """Remove a series from the disk, with what was set aside of it, and give what went.

    Parameters
    ----------
    exchange, symbol, timeframe, kind, frame
        As in `load`.

    Returns
    -------
    polars.DataFrame or pandas.DataFrame
        The row of `catalog` that is gone.

    Raises
    ------
    NotInLog
        When there is no such series.
    LogLocked
        When somebody keeps writing it.

    Examples
    --------
    >>> import gekko_lab
    >>> hours = gekko_lab.fetch("simulator", "BTC/USDT", "1h", since="2024-01-01", limit=48)
    >>> _ = gekko_lab.datalog.write(hours, "mine", "BTC/USDT", "1h")
    >>> gekko_lab.datalog.delete("mine", "BTC/USDT", "1h")["rows"].item()
    48
    >>> gekko_lab.datalog.catalog(exchange="mine").height
    0
    """
    frame = reads_as("frame", frame)
    store = find_store(kind, exchange, symbol, timeframe)
    with SeriesLock(store.lock_file) as lock:
        gone = catalog_of([store])
        for file in store.state.iterdir():
            if file != store.lock_file:  # it stays, because somebody may wait for it
                file.unlink()
        shutil.rmtree(store.folder, ignore_errors=True)
    lock.close()
    return to_frame(gone, frame)
