"""Folding: from the journal into the files, in batches; the only compaction there is."""

from __future__ import annotations

import time
import warnings
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gekko_lab.datalog import disk, files, journal
from gekko_lab.datalog.checksum import rows_checksum
from gekko_lab.datalog.footers import Footer
from gekko_lab.datalog.kinds import merge_rows
from gekko_lab.datalog.ledger import combine
from gekko_lab.datalog.records import ledger_record, read_records
from gekko_lab.errors import DamagedFile, DamagedWarning

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

    from gekko_lab.datalog.layout import Key
    from gekko_lab.datalog.ledger import Ledger
    from gekko_lab.datalog.lock import SeriesLock
    from gekko_lab.datalog.records import Pending
    from gekko_lab.datalog.store import Store
    from gekko_lab.market.spans import Span
    from gekko_lab.market.timeframe import Timeframe

_MOST_PROVENANCE = 16
_MOST_LEDGERS = 64


def fold(
    store: Store,
    opened: journal.Journal,
    lock: SeriesLock,
    width: Timeframe | None = None,
    *,
    latest: Pending | None = None,
) -> int:
    """Merge a journal into the files of its series and give how many were written.

    The files come first and the journal is cut last, so that dying in between costs nothing: the
    same rows are merged again. The caller holds the lock.

    Parameters
    ----------
    store
        The series.
    opened
        Its journal.
    lock
        Its lock, held.
    width
        The width of its candles, for the footers.
    latest
        What is told now and was never in the journal.
    """
    disk.sweep(store.state)
    if not opened.open(create=False) and latest is None:
        return 0
    content = journal.read(store.journal_file)
    if content.damages:
        _keep_aside(store)
    records, damages = len(content.records), content.damages
    pending = read_records(content.records, store.key.kind)
    del content  # as large as the rows that were read from it
    if latest is not None:
        pending.pages += latest.pages
        pending.ledger = combine([pending.ledger, latest.ledger])
        pending.provenance += latest.provenance
    if not pending.pages and not damages and records < _MOST_LEDGERS:
        return 0
    written = []
    if pending.pages:
        merged = merge_rows(pending.pages, store.key.kind)
        pending.pages.clear()
        for span, rows in _by_period(merged, store.key):
            _merge_into(store, span, rows, pending, lock=lock, width=width)
            written.append(span)
        disk.sync_folder(store.folder)
    carried = pending.ledger.without(written)
    if records or damages or carried:
        opened.replace([ledger_record(carried)] if carried else [])
    return len(written)


def _merge_into(
    store: Store,
    span: Span,
    rows: pl.DataFrame,
    pending: Pending,
    *,
    lock: SeriesLock,
    width: Timeframe | None,
) -> None:
    file = store.folder / store.key.file_name(span)
    ledger, provenance = pending.ledger.clip(span), pending.provenance
    try:
        stored, footer = files.read(file, store.key.kind)
    except FileNotFoundError:
        pass
    except DamagedFile as error:
        store.set_aside(error, lock)
    else:
        rows = merge_rows([stored, rows], store.key.kind)
        ledger = footer.ledger.then(ledger)
        provenance = [*footer.provenance, *provenance]
    footer = make_footer(rows, ledger, provenance, about(store.key, width))
    files.write(file, rows, footer, store.state)


def make_footer(
    rows: pl.DataFrame, ledger: Ledger, provenance: list[dict[str, Any]], told: dict[str, Any]
) -> Footer:
    """Give the footer for rows and what is known of their period."""
    first, last = files.ends(rows)
    distinct = [each for n, each in enumerate(provenance) if each not in provenance[n + 1 :]]
    return Footer(
        len(rows),
        first,
        last,
        rows_checksum(rows),
        ledger,
        distinct[-_MOST_PROVENANCE:],
        told,
    )


def about(key: Key, width: Timeframe | None) -> dict[str, Any]:
    """Give what a footer says about its series."""
    told = {"kind": key.kind, "exchange": key.exchange, "symbol": key.symbol}
    told |= {"written": datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="seconds")}
    if key.timeframe:
        told["timeframe"] = key.timeframe
    anchor = None if width is None else width.anchor
    return {**told, "anchor": anchor} if anchor is not None else {**told}


def _by_period(rows: pl.DataFrame, key: Key) -> Iterator[tuple[Span, pl.DataFrame]]:
    while not rows.is_empty():
        span = key.period_at(files.ends(rows)[0])
        part = files.within(rows, span)
        yield span, part
        rows = rows.slice(len(part))


def _keep_aside(store: Store) -> None:
    """Keep a damaged journal as it is; what is sound in it goes on."""
    now = datetime.fromtimestamp(time.time(), UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    aside = store.state / f"journal.damaged-{now}"
    with disk.room_for(aside):
        disk.replace(aside, store.journal_file.read_bytes(), store.state)
    warnings.warn(
        DamagedWarning(
            f"{store.journal_file} was damaged. It was kept as {aside}; what can be read of it is "
            "stored, and the ranges of the rest count as not held: fetch them again",
            file=str(store.journal_file),
            aside=str(aside),
        ),
        stacklevel=2,
    )
