"""Folding: from the journal into the files, in batches; the only compaction there is."""

from __future__ import annotations

import time
import warnings
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gekko_lab.datalog import disk, files, journal
from gekko_lab.datalog.checksum import rows_checksum
from gekko_lab.datalog.footers import Footer
from gekko_lab.datalog.kinds import merge_rows
from gekko_lab.datalog.ledger import combine
from gekko_lab.datalog.records import (
    ledger_record,
    page_record,
    provenance_record,
    read_records,
)
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
    growing: bool = False,
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
    growing
        Whether more is to come: then periods of which not all is told may wait for it in the
        journal, up to half of the rows, instead of having their file written again.
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
    parts: dict[Span, pl.DataFrame] = {}
    left: dict[Span, pl.DataFrame] = {}
    if pending.pages:
        parts = dict(_by_period(merge_rows(pending.pages, store.key.kind), store.key))
        pending.pages.clear()
        left = _unfinished(store, parts, pending.ledger) if growing else {}
    written = sorted(parts.keys() - left.keys())
    for span in written:
        _merge_into(store, span, parts[span], pending, lock=lock, width=width)
    if written:
        disk.sync_folder(store.folder)
    carried = pending.ledger.without(written)
    if records or damages or carried:
        opened.replace(_records(left, pending, carried))
    return len(written)


def _unfinished(
    store: Store, parts: dict[Span, pl.DataFrame], ledger: Ledger
) -> dict[Span, pl.DataFrame]:
    """Give the periods of which not all is told, unless they are most of the rows."""
    found = {span: parts[span] for span in parts if _known(store, span, ledger).missing(span)}
    waiting, rows = (sum(map(len, some.values())) for some in (found, parts))
    return found if 2 * waiting <= rows else {}


def _known(store: Store, span: Span, ledger: Ledger) -> Ledger:
    with suppress(FileNotFoundError, DamagedFile):
        footer = files.read_footer(store.folder / store.key.file_name(span))
        return footer.ledger.then(ledger)
    return ledger


def _records(left: dict[Span, pl.DataFrame], pending: Pending, carried: Ledger) -> list[bytes]:
    """Give what a journal goes on with: rows that wait, and what is known without a file."""
    sources = [provenance_record(each) for each in _distinct(pending.provenance)] if left else []
    pages = [
        page_record(rows, carried.clip(piece))
        for span, waiting in left.items()
        for piece, rows in _pieces(span, waiting, carried)
    ]
    return [*([ledger_record(carried)] if carried else []), *sources, *pages]


def _pieces(span: Span, rows: pl.DataFrame, ledger: Ledger) -> list[tuple[Span, pl.DataFrame]]:
    """Cut rows where others may come between them, as pages that don't overlap become one."""
    held = [(piece, files.within(rows, piece)) for piece in ledger.clip(span).held]
    whole = sum(len(part) for _, part in held) == len(rows)
    return [each for each in held if len(each[1])] if whole else [(span, rows)]


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
    return Footer(
        len(rows),
        first,
        last,
        rows_checksum(rows),
        ledger,
        _distinct(provenance)[-_MOST_PROVENANCE:],
        told,
    )


def _distinct(provenance: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for n, each in enumerate(provenance) if each not in provenance[n + 1 :]]


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
