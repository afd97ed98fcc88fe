"""Whether the log is what it says: every file, row and range of it."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any

import polars as pl

from gekko_lab.datalog import disk, files, folding, journal
from gekko_lab.datalog.checksum import rows_checksum
from gekko_lab.datalog.finding import find_stores
from gekko_lab.datalog.kinds import check_rows
from gekko_lab.datalog.lock import SeriesLock
from gekko_lab.errors import DamagedFile, DataError, GekkoLabError, LogLocked
from gekko_lab.frames.convert import to_frame
from gekko_lab.frames.schemas import FINDINGS
from gekko_lab.market.moments import show_time
from gekko_lab.settings import reads_as

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gekko_lab.datalog.finding import Some
    from gekko_lab.datalog.footers import Footer
    from gekko_lab.datalog.layout import Kind
    from gekko_lab.datalog.ledger import Ledger
    from gekko_lab.datalog.store import Store
    from gekko_lab.market.spans import Span
    from gekko_lab.settings import FrameKind

    Finding = tuple[str, str, str]

NOTHING, ASIDE, KEPT, REMOVED = "none", "set aside", "kept a copy, folded the rest", "removed"


def verify(
    kind: Kind | None = None,
    *,
    exchange: Some = None,
    symbol: Some = None,
    timeframe: Some = None,
    repair: bool = False,
    frame: FrameKind | None = None,
) -> Any:  # noqa: ANN401 (the frame decides)
    """Read every file of the data log and give what is wrong with it.

    Checked are: checksums of pages and rows; order, uniqueness and grid; that rows lie in the
    period of their file and in what counts as held, and none in a range that is told to be empty;
    the records of the journal; files that nobody finished.

    Parameters
    ----------
    kind, exchange, symbol, timeframe
        Which series, one or a list of names; by default all.
    repair
        Set aside what is damaged, so that its range is fetched again, remove unfinished files and
        fold the journal.
    frame
        "polars" or "pandas"; by default `gekko_lab.options.frame`.

    Returns
    -------
    polars.DataFrame or pandas.DataFrame
        kind, exchange, symbol, timeframe, file, finding, action ("none", "set aside", …); empty
        when all is well.

    Raises
    ------
    LogLocked
        When somebody keeps writing a series that is to be repaired.

    Examples
    --------
    >>> import gekko_lab
    >>> hours = gekko_lab.fetch("simulator", "BTC/USDT", "1h", since="2024-01-01", limit=48)
    >>> _ = gekko_lab.datalog.write(hours, "mine", "BTC/USDT", "1h")
    >>> gekko_lab.datalog.verify(exchange="mine").is_empty()
    True
    """
    frame = reads_as("frame", frame)
    rows = [
        (key.kind, key.exchange, key.symbol, key.timeframe or None, *finding)
        for store in find_stores(kind, exchange, symbol, timeframe)
        for key in [store.key]
        for finding in _verify_store(store, repair=repair)
    ]
    return to_frame(pl.DataFrame(rows, schema=FINDINGS, orient="row"), frame)


def _verify_store(store: Store, *, repair: bool) -> list[Finding]:
    lock = SeriesLock(store.lock_file)
    with lock if repair else nullcontext():
        found = [*_unfinished(store, repair=repair), *_journal(store, repair=repair)]
        broken = list(_broken_files(store))
        found += [(str(file), text, ASIDE if repair else NOTHING) for file, text in broken]
        if repair:
            for file in {file for file, _ in broken}:
                store.move_aside(file)
            opened = journal.Journal(store.journal_file)
            folding.fold(store, opened, lock, store.width())
            opened.close()
    return [*found, *_strangers(store)]


def _unfinished(store: Store, *, repair: bool) -> Iterator[Finding]:
    for name in disk.sweep(store.state) if repair else _dead_parts(store):
        told = "was not finished by its writer; nothing that was acknowledged is in it"
        yield str(store.state / name), told, REMOVED if repair else NOTHING


def _dead_parts(store: Store) -> list[str]:
    """Find unfinished files, unless their writer may be alive: then it holds the lock."""
    if not list(store.state.glob(f"*{disk.PART}")):
        return []
    with suppress(LogLocked, PermissionError), SeriesLock(store.lock_file, wait_s=0.0):
        return sorted(file.name for file in store.state.glob(f"*{disk.PART}"))
    return []


def _journal(store: Store, *, repair: bool) -> Iterator[Finding]:
    damages = journal.read(store.journal_file).damages
    if damages:
        told = f"{damages} of its places can't be read"
        yield str(store.journal_file), told, KEPT if repair else NOTHING


def _strangers(store: Store) -> Iterator[Finding]:
    if store.folder.is_dir():
        for file in sorted(store.folder.iterdir()):
            if store.key.period_named(file.name) is None:
                yield str(file), "isn't a file of the data log", NOTHING


def _broken_files(store: Store) -> Iterator[tuple[Path, str]]:
    for span, file in store.files():
        try:
            rows, footer = files.read(file, store.key.kind)
            problems = list(_problems(store, span, rows, footer))
        except FileNotFoundError:
            continue
        except (DamagedFile, DataError) as error:
            problems = [str(error)]
        yield from ((file, text) for text in problems[:1])


def _problems(store: Store, span: Span, rows: pl.DataFrame, footer: Footer) -> Iterator[str]:
    key, told = store.key, footer.about
    place = {"kind": key.kind, "exchange": key.exchange, "symbol": key.symbol}
    if any(told.get(name) != value for name, value in place.items()):
        yield f"belongs to {told.get('exchange')} {told.get('symbol')}, not to {key}"
    if rows_checksum(rows) != footer.checksum:
        yield "the checksum of its rows is wrong"
    check_rows(rows, key.kind, store.width(), span)
    if rows.is_empty() or files.ends(rows) != (footer.first, footer.last):
        yield "its footer names other times than its rows have"
    yield from _against_ledger(rows, _known(store, span, footer))


def _known(store: Store, span: Span, footer: Footer) -> Ledger:
    try:
        return footer.ledger.then(store.pending(span).ledger).clip(span)
    except GekkoLabError:
        return footer.ledger


def _against_ledger(rows: pl.DataFrame, ledger: Ledger) -> Iterator[str]:
    for reason, spans in ledger.empty.items():
        for span in spans:
            if len(files.within(rows, span)):
                yield f"has rows from {show_time(span.since)} on, which is told empty: {reason}"
    inside = sum(len(files.within(rows, span)) for span in ledger.held)
    if inside < len(rows):
        yield f"{len(rows) - inside} of its rows lie outside of what counts as held"
