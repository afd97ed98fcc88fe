"""Series: how pages and single rows get into the data log, and stay there.

Decided: `append` makes a page durable in the journal together with the range it answers; only then
does the range count as held. `fold` merges the journal into the files: it writes each file whole,
puts it in place, and cuts the journal last, so a death at any moment costs nothing but doing it
again. What is known about time without a file (years before a listing) stays in the journal.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Self

from gekko_lab.datalog import files, folding, journal
from gekko_lab.datalog.kinds import SCHEMAS, check_rows
from gekko_lab.datalog.layout import Key
from gekko_lab.datalog.ledger import Ledger
from gekko_lab.datalog.lock import SeriesLock
from gekko_lab.datalog.records import (
    Pending,
    ledger_record,
    page_record,
    provenance_record,
    rows_record,
)
from gekko_lab.datalog.single_rows import single_rows
from gekko_lab.datalog.store import ALWAYS, Holding, Store
from gekko_lab.errors import DataError, DiskFull, InvalidRange
from gekko_lab.market.moments import show_time
from gekko_lab.market.spans import Span
from gekko_lab.market.timeframe import Timeframe
from gekko_lab.settings import reads_as

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from os import PathLike
    from pathlib import Path

    import polars as pl

    Told = Iterable[tuple[Span, str]]

FOLD_BYTES = 64 * 1024 * 1024
"""How large a journal grows before an append folds it: more than a year of minutes."""

FOLD_BYTES_OF_ROWS = 8 * 1024 * 1024
"""How large it grows before single rows do, which take readers longer than pages."""

STRAIGHT_ROWS = 50_000
"""How many rows a page has at least that goes into its file without the journal."""


class Series:
    """One series of the data log, to be written.

    Any number of these, in threads and processes, may write the same series.

    Parameters
    ----------
    kind
        "candles", "trades", "order_book" or "ticker".
    exchange
        The identity of a source, or the source.
    symbol
        The market.
    timeframe
        The width of candles; a `Timeframe` where the exchange counts from another anchor.
    data_dir
        The data folder; by default `gekko_lab.options.data_dir`.
    provenance
        Where the rows come from, such as {"host": …, "parameters": …}; versions are added.
    wait_s
        How long to wait for another writer before `LogLocked` is raised.
    fold_bytes
        How large the journal may grow before an append folds it; None leaves that to `fold`.

    Examples
    --------
    >>> import gekko_lab
    >>> from gekko_lab.datalog import Series, Span
    >>> hours = gekko_lab.fetch("simulator", "BTC/USDT", "1h", since="2024-01-01", limit=48)
    >>> span = Span(1704067200000, 1704240000000)
    >>> with Series("candles", gekko_lab.ExchangeSimulator(), "BTC/USDT", "1h") as series:
    ...     series.append(hours, span, closed_until=span.until)
    ...     series.missing(Span(span.since, span.until + 3_600_000))
    [Span(since=1704240000000, until=1704243600000)]
    """

    def __init__(
        self,
        kind: str,
        exchange: object,
        symbol: str,
        timeframe: str | Timeframe | None = None,
        *,
        data_dir: str | PathLike[str] | None = None,
        provenance: Mapping[str, Any] | None = None,
        wait_s: float = 60.0,
        fold_bytes: int | None = FOLD_BYTES,
    ) -> None:
        name = str(timeframe) if isinstance(timeframe, Timeframe) else timeframe
        self.key = Key.of(kind, exchange, symbol, name)
        self.width = timeframe if isinstance(timeframe, Timeframe) else self.key.width
        self.store = Store(self.key, reads_as("data_dir", data_dir))
        self.provenance = {**_versions(), **(provenance or {})}
        self._fold_bytes = fold_bytes
        self._journal = journal.Journal(self.store.journal_file)
        self._lock = SeriesLock(self.store.lock_file, wait_s=wait_s)
        self._told = b""  # the generation of the journal that knows our provenance

    def append(
        self,
        frame: pl.DataFrame,
        covered: Span | Sequence[Span] | None,
        *,
        closed_until: int,
        empty: Told = (),
        failed: Told = (),
        checked: bool = False,
    ) -> None:
        """Keep a page: when this returns it outlasts the death of the process and of the machine.

        Parameters
        ----------
        frame
            Rows of the kind's schema, sorted, all in `covered`; may be empty.
        covered
            The range that the page answers, half-open, by open time for candles, or several in
            order; None for a page that only tells what is empty or failed.
        closed_until
            The time before which nothing changes any more: candles that close later, and trades
            from then on, are refused.
        empty
            Ranges that the source confirms to have no rows, with the reason: "outage",
            "before_listing" or "no_trades".
        failed
            Ranges that could not be had, with the error.
        checked
            Whether the caller has made sure of the rules for rows, and that all lie in `covered`.

        Raises
        ------
        DataError
            When a row breaks a rule or lies outside of `covered`.
        InvalidRange
            When rows or ranges reach beyond `closed_until`, or rows lie in an empty range.
        DiskFull, LogLocked
            When the page could not be kept; nothing of it was.
        """
        spans = [covered] if isinstance(covered, Span) else list(covered or [Span(0, 0)])
        ledger = Ledger.of(spans, empty, failed)
        whole = Span(spans[0].since, spans[-1].until)
        if checked and frame.columns == SCHEMAS[self.key.kind].names():
            rows = frame
        else:
            rows = check_rows(frame, self.key.kind, self.width, whole)
            self._check_covered(rows, spans)
        self.check_closed(ledger.known, closed_until)
        self._check_empty(rows, ledger)
        if self._is_worth_a_file(rows, ledger):
            with self._lock:
                latest = Pending([rows], ledger, [dict(self.provenance)])
                folding.fold(self.store, self._journal, self._lock, self.width, latest=latest)
            return
        record = ledger_record(ledger) if rows.is_empty() else page_record(rows, ledger)
        self._write([record], durable=True)

    def record(
        self,
        rows: Sequence[Sequence[Any]],
        *,
        closed_until: int,
        held: Sequence[Span] | None = None,
    ) -> None:
        """Keep single rows cheaply, as they arrive from a stream.

        When this returns they outlast the death of this process; `sync`, `append`, `fold` or
        `close` make them outlast a loss of power.

        Parameters
        ----------
        rows
            In the kind's columns, the time as integer milliseconds; candles may end with volume.
        closed_until
            As in `append`.
        held
            The ranges that these rows answer; by default those of the candles, and none for other
            kinds, where only the recorder knows from when to when it has seen everything.

        Raises
        ------
        DataError, InvalidRange, DiskFull, LogLocked
            As in `append`.
        """
        stored = single_rows(rows, self.key.kind, self.width)
        spans = self._spans(rows) if held is None else list(held)
        times = [row[0] for row in rows]
        if times:
            ends = Span(min(times), self._end(max(times)))
            self.check_closed([*spans, ends], closed_until)
        self._write([rows_record(stored, spans)], durable=False, most=FOLD_BYTES_OF_ROWS)

    def sync(self) -> None:
        """Make recorded rows outlast a loss of power."""
        with self._lock:
            self._journal.sync()

    def fold(self) -> int:
        """Merge the journal into the files and give the number of files that were written."""
        with self._lock:
            return folding.fold(self.store, self._journal, self._lock, self.width)

    @property
    def unfolded_bytes(self) -> int:
        """How much lies in the journal, where other programs don't see it."""
        return journal.stamp(self.store.journal_file)[1]

    def read(self, span: Span = ALWAYS, columns: Sequence[str] | None = None) -> Holding:
        """Give the rows of a range and what is known about it, as of one moment.

        Parameters
        ----------
        span
            Half-open; by default all time.
        columns
            By default all of the kind's.
        """
        return self.store.read(span, columns)

    def coverage(self, span: Span = ALWAYS) -> Ledger:
        """Give what is known about a range, without reading rows."""
        return self.store.ledger(span)

    def missing(self, wanted: Span) -> list[Span]:
        """Give what of a range is neither held nor confirmed empty."""
        return self.coverage(wanted).missing(wanted)

    def check_closed(self, spans: Iterable[Span], closed_until: int) -> None:
        """Raise `InvalidRange` when a range reaches into what is still forming."""
        end = max((span.until for span in spans), default=0)
        least = closed_until if self.width is None else self.width.floor(closed_until)
        if end > least:
            raise InvalidRange(
                f"{self.key}: rows and ranges must end by {show_time(least)}, before which nothing "
                f"changes any more; these end at {show_time(end)}. Leave out what is still forming"
            )

    def close(self) -> None:
        """Make all durable and close the files; writing again opens them anew."""
        if self._journal.end:
            self.sync()
        self._journal.close()
        self._lock.close()

    def __enter__(self) -> Self:
        """Give the series itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the series."""
        self.close()

    def __repr__(self) -> str:
        return f"Series({self.key.kind}: {self.key})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to other processes as what it was made of."""
        return _rebuild, (
            self.key,
            self.width,
            self.store.root,
            self.provenance,
            self._fold_bytes,
        )

    def _write(self, records: list[bytes], *, durable: bool, most: int = FOLD_BYTES) -> None:
        with self._lock:
            self._journal.open()
            if self._told != self._journal.generation:
                records = [provenance_record(self.provenance), *records]
            self._journal.add(records, durable=durable)
            self._told = self._journal.generation
            if self._fold_bytes is not None and self._journal.end > min(most, self._fold_bytes):
                with suppress(DiskFull):  # what this call was to keep is kept
                    folding.fold(self.store, self._journal, self._lock, self.width, growing=True)

    def _is_worth_a_file(self, rows: pl.DataFrame, ledger: Ledger) -> bool:
        """Tell whether a page is large, and all that it tells is of the time of one file.

        Then it is put in place as that file, at half the cost, and just as whole or not at all.
        """
        if self._fold_bytes is None or len(rows) < STRAIGHT_ROWS:
            return False
        period = self.key.period_at(files.ends(rows)[0])
        return not ledger.without([period])

    def _check_covered(self, rows: pl.DataFrame, spans: list[Span]) -> None:
        if len(spans) > 1 and len(files.inside(rows, spans)) < len(rows):
            raise DataError(f"{self.key}: rows lie outside of the ranges that the page answers")

    def _check_empty(self, rows: pl.DataFrame, ledger: Ledger) -> None:
        for spans in ledger.empty.values():
            for span in spans:
                if len(files.within(rows, span)):
                    raise InvalidRange(
                        f"{self.key}: rows lie in {show_time(span.since)} to "
                        f"{show_time(span.until)}, which is told to be empty"
                    )

    def _spans(self, rows: Sequence[Sequence[Any]]) -> list[Span]:
        if self.width is None:
            return []
        return [Span(row[0], self.width.next(row[0])) for row in rows]

    def _end(self, time: int) -> int:
        return time + 1 if self.width is None else self.width.next(time)


def _rebuild(
    key: Key,
    width: Timeframe | None,
    root: Path,
    provenance: dict[str, Any],
    fold_bytes: int | None,
) -> Series:
    return Series(
        key.kind,
        key.exchange,
        key.symbol,
        width,
        data_dir=root,
        provenance=provenance,
        fold_bytes=fold_bytes,
    )


@cache
def _versions() -> dict[str, str]:
    return {name: _version(name) for name in ("gekko-lab", "ccxt")}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
