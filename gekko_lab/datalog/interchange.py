"""Rows of the user's own into the log, and rows of the log into files for other programs."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import polars as pl

from gekko_lab.datalog import disk, files
from gekko_lab.datalog.finding import find_store, read_window
from gekko_lab.datalog.formats import as_bytes, choose_format, read_rows
from gekko_lab.datalog.kinds import SCHEMAS, check_rows
from gekko_lab.datalog.layout import Key
from gekko_lab.datalog.listing import catalog_of
from gekko_lab.datalog.series import Series
from gekko_lab.datalog.store import weeks_of
from gekko_lab.errors import DataError, InvalidArgument
from gekko_lab.frames.checks import times_of
from gekko_lab.frames.convert import to_frame, to_polars
from gekko_lab.market.moments import read_time
from gekko_lab.market.spans import Span, merge
from gekko_lab.settings import reads_as

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gekko_lab.datalog.formats import Format
    from gekko_lab.datalog.layout import Kind
    from gekko_lab.market.moments import TimeLike
    from gekko_lab.market.timeframe import Timeframe
    from gekko_lab.settings import FrameKind

    Path_ = str | os.PathLike[str]

_log = logging.getLogger("gekko_lab")


def write(
    rows: object,
    exchange: object,
    symbol: str,
    timeframe: str | None = None,
    *,
    kind: Kind = "candles",
    closed_until: TimeLike | None = None,
    frame: FrameKind | None = None,
) -> Any:  # noqa: ANN401 (the frame decides)
    """Put rows of your own into the data log.

    Only what is there counts as held afterwards: each run of candles without a gap, and for other
    kinds the time from the first to the last row. A frame without rows begins no series; a line of
    the logger "gekko_lab" says so.

    Parameters
    ----------
    rows : polars or pandas frame
        In the kind's columns, sorted.
    exchange
        The identity that the series shall lie under, or a source.
    symbol, timeframe
        The market and, for candles, their width.
    kind
        "candles", "trades", "order_book" or "ticker".
    closed_until
        The time by which all of it has happened; by default now.
    frame
        "polars" or "pandas"; by default `gekko_lab.options.frame`.

    Returns
    -------
    polars.DataFrame or pandas.DataFrame
        The series' row of `catalog`.

    Raises
    ------
    DataError
        When a row breaks a rule of its kind; nothing was written.
    InvalidRange
        When a candle is still forming.

    Examples
    --------
    >>> import gekko_lab
    >>> hours = gekko_lab.fetch("simulator", "BTC/USDT", "1h", since="2024-01-01", limit=48)
    >>> gekko_lab.datalog.write(hours, "mine", "BTC/USDT", "1h")["rows"].item()
    48
    """
    frame = reads_as("frame", frame)
    key = Key.of(kind, exchange, symbol, timeframe)
    table = _in_columns(to_polars(rows), kind)
    table = check_rows(table, kind, _width(key, [table]))
    if table.is_empty():
        _log.warning("the input for %s has no rows: nothing was written", key)
    return to_frame(_keep(key, [table], closed_until, {"host": "written by the user"}), frame)


def import_files(
    paths: Path_ | Iterable[Path_],
    exchange: object,
    symbol: str,
    timeframe: str | None = None,
    *,
    kind: Kind = "candles",
    format: Format | None = None,  # noqa: A002 (the word that users look for)
    closed_until: TimeLike | None = None,
    frame: FrameKind | None = None,
) -> Any:  # noqa: ANN401
    """Put files of this or another program into the data log.

    Times are text such as "2024-01-31", "2024-01-31T12:00:00Z" or "2024-01-31 12:00:00+01:00",
    UTC where it names no zone, as polars and pandas write it; or numbers of seconds, milliseconds
    (as in our own files), microseconds or nanoseconds since 1970: whichever puts all of a file
    between 1980 and 2100. Only one can.

    Parameters
    ----------
    paths
        One file or several, of one series.
    exchange, symbol, timeframe, kind, closed_until, frame
        As in `write`.
    format
        "csv", "json" or "parquet" (our columns), "gekko-csv" (start, open, high, low, close, vwp,
        volume, trades), "ccxt-json" or "ccxt-csv" (rows of `fetch_ohlcv`), "freqtrade" (feather);
        by default what name and content show.

    Returns
    -------
    polars.DataFrame or pandas.DataFrame
        The series' row of `catalog`.

    Raises
    ------
    DataError
        When a file doesn't hold what its format says, its numbers are times in no unit, a row
        breaks a rule, or there are no rows at all; of all files nothing was written.
    InvalidRange
        When a candle is still forming.

    Examples
    --------
    >>> import gekko_lab
    >>> hours = gekko_lab.fetch("simulator", "BTC/USDT", "1h", since="2024-01-01", limit=48)
    >>> _ = gekko_lab.datalog.write(hours, "mine", "BTC/USDT", "1h")
    >>> file = gekko_lab.options.data_dir / "hours.csv"
    >>> _ = gekko_lab.datalog.export(file, "mine", "BTC/USDT", "1h")
    >>> gekko_lab.datalog.import_files(file, "copy", "BTC/USDT", "1h")["rows"].item()
    48
    """
    frame = reads_as("frame", frame)
    key = Key.of(kind, exchange, symbol, timeframe)
    one = isinstance(paths, (str, os.PathLike))
    named = [Path(paths)] if one else [Path(each) for each in paths]  # type: ignore[union-attr,arg-type]
    if not named:
        raise InvalidArgument("no files to import: name at least one")
    tables = [_checked(read_rows(file, kind, format), file, key) for file in named]
    if all(table.is_empty() for table in tables):
        some = str(named[0]) if len(named) == 1 else f"{len(named)} files, {named[0]} first"
        raise DataError(f"{some}: no rows of {kind}, so there is nothing to import")
    told = {"host": "files", "files": [file.name for file in named]}
    return to_frame(_keep(key, tables, closed_until, told), frame)


def export(
    file: Path_,
    exchange: object,
    symbol: str,
    timeframe: str | None = None,
    *,
    kind: Kind = "candles",
    since: TimeLike | None = None,
    until: TimeLike | None = None,
    format: Format | None = None,  # noqa: A002
) -> Path:
    """Write rows of the data log into a file for another program, whole or not at all.

    Parameters
    ----------
    file
        Where to write; what is there is replaced.
    exchange, symbol, timeframe, kind, since, until
        Which rows, as in `load`.
    format
        As in `import_files`; by default what the file's name says: .csv, .json and .parquet are
        our columns, .feather is freqtrade's.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    NotInLog
        When there is no such series.
    InvalidArgument
        When the format isn't clear, or can't hold that kind of rows.

    Examples
    --------
    >>> import gekko_lab
    >>> hours = gekko_lab.fetch("simulator", "BTC/USDT", "1h", since="2024-01-01", limit=48)
    >>> _ = gekko_lab.datalog.write(hours, "mine", "BTC/USDT", "1h")
    >>> folder = gekko_lab.options.data_dir
    >>> gekko_lab.datalog.export(folder / "BTC_USDT-1h.feather", "mine", "BTC/USDT", "1h").name
    'BTC_USDT-1h.feather'
    """
    target = Path(file)
    chosen = choose_format(target, kind, format)
    window = read_window(since, until)
    rows = find_store(kind, exchange, symbol, timeframe).read(window).frame
    if not target.parent.is_dir():
        raise InvalidArgument(f"{target}: there is no folder {str(target.parent)!r}")
    with disk.room_for(target):
        disk.replace(target, as_bytes(rows, chosen), target.parent)
    return target


def _in_columns(rows: pl.DataFrame, kind: Kind) -> pl.DataFrame:
    schema = SCHEMAS[kind]
    try:
        return rows.select(
            pl.col(name).cast(dtype) for name, dtype in schema.items() if name in rows.columns
        )
    except pl.exceptions.PolarsError as error:
        raise DataError(f"the rows aren't {kind}: {error}") from error


def _checked(rows: pl.DataFrame, file: Path, key: Key) -> pl.DataFrame:
    try:
        return check_rows(rows, key.kind, _width(key, [rows]))
    except DataError as error:
        raise DataError(f"{file}: {error}") from error


def _keep(
    key: Key,
    tables: list[pl.DataFrame],
    closed_until: TimeLike | None,
    provenance: Mapping[str, Any],
) -> pl.DataFrame:
    now = time.time_ns() // 1_000_000
    closed = now if closed_until is None else read_time(closed_until, now=now, name="closed_until")
    width = _width(key, tables)
    series = Series(
        key.kind, key.exchange, key.symbol, width or key.timeframe or None, provenance=provenance
    )
    with series:
        for table in tables:
            series.check_closed([_whole(table, width)], closed)
        for table in tables:
            for span in _runs(table, width):
                series.append(files.within(table, span), span, closed_until=closed)
        series.fold()
    return catalog_of([series.store])


def _width(key: Key, tables: Iterable[pl.DataFrame]) -> Timeframe | None:
    """Give the width of candles; weeks begin on the day of the first one."""
    width = key.width
    if width is None or width.unit != "w":
        return width
    rows = [table for table in tables if not table.is_empty() and "timestamp" in table.columns]
    return weeks_of(width, files.ends(rows[0])[0]) if rows else width


def _whole(rows: pl.DataFrame, width: Timeframe | None) -> Span:
    if rows.is_empty():
        return Span(0, 0)
    first, last = files.ends(rows)
    return Span(first, last + 1 if width is None else width.next(last))


def _runs(rows: pl.DataFrame, width: Timeframe | None) -> list[Span]:
    """Give the ranges that these rows fill without a gap."""
    if rows.is_empty():
        return []
    if width is None:
        return [_whole(rows, width)]
    opens = cast("list[int]", times_of(rows).to_list())
    return merge(Span(time, width.next(time)) for time in opens)
