"""One series on disk: its paths, what is set aside, and reading it as of one moment.

Decided: readers take no lock. A reader reads the files, then the journal, and looks whether that is
still the one from before. A fold puts another journal in its place once all files are written. So
who sees the same journal before and after has every row, in the files, in the journal or in both,
and what the journal says is the later word.
"""

from __future__ import annotations

import dataclasses
import os
import time
import warnings
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from gekko_lab.datalog import disk, files, journal
from gekko_lab.datalog.kinds import SCHEMAS, merge_rows
from gekko_lab.datalog.ledger import Ledger, combine
from gekko_lab.datalog.lock import SeriesLock
from gekko_lab.datalog.records import Pending, read_records
from gekko_lab.errors import DamagedFile, DamagedWarning, LogError
from gekko_lab.market.spans import Span
from gekko_lab.market.timeframe import DAY, END

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import polars as pl

    from gekko_lab.datalog.layout import Key
    from gekko_lab.market.timeframe import Timeframe

T = TypeVar("T")

ALWAYS = Span(0, END)

_TRIES = 20


@dataclass(frozen=True, slots=True)
class Holding:
    """Rows of a series and what is known about its time, as of one moment.

    Attributes
    ----------
    frame : polars.DataFrame
        The rows, sorted, each once.
    ledger : Ledger
        What is held, confirmed empty and failed.
    """

    frame: pl.DataFrame
    ledger: Ledger


class Store:
    """The files of one series.

    Parameters
    ----------
    key
        Which series.
    root
        The data folder.
    """

    def __init__(self, key: Key, root: Path) -> None:
        self.key = key
        self.root = root
        self.unfolded_bytes = 0  # of the journal, when `settled` last looked

    @cached_property
    def folder(self) -> Path:
        """The folder of the Parquet files."""
        return self.key.folder(self.root)

    @cached_property
    def place(self) -> str:
        """The folder of the Parquet files as text, for whoever looks into thousands of them."""
        return os.path.join(self.root, *self.key.parts())  # noqa: PTH118 (a third of the time)

    @cached_property
    def state(self) -> Path:
        """The folder of the journal, the lock and of what is set aside."""
        return self.key.state(self.root)

    @cached_property
    def journal_file(self) -> Path:
        """The file of what is not yet folded."""
        return self.state / "journal"

    @property
    def lock_file(self) -> Path:
        """The file that stands for the right to write."""
        return self.state / "lock"

    def files(self, span: Span = ALWAYS) -> list[tuple[Span, Path]]:
        """Find the files whose period touches a range, in order."""
        return [
            (period, self.folder / name)
            for period, name in self.names()
            if period.since < span.until and span.since < period.until
        ]

    def names(self) -> list[tuple[Span, str]]:
        """Find the periods and the names of all files, in order."""
        try:
            names = os.listdir(self.place)  # noqa: PTH208 (names are all that is needed)
        except FileNotFoundError:
            return []
        named = self.key.period_named
        return sorted((period, name) for name in names if (period := named(name)) is not None)

    def exists(self) -> bool:
        """Tell whether anything was ever stored."""
        return self.journal_file.exists() or bool(self.files())

    def width(self) -> Timeframe | None:
        """Give the width of candles, with the anchor that a file tells or weeks show."""
        width = self.key.width
        if width is None:
            return None
        for _, file in self.files()[-1:]:
            with suppress(DamagedFile, FileNotFoundError):
                footer = files.read_footer(file)
                anchor = footer.about.get("anchor")
                if anchor is not None:
                    return dataclasses.replace(width, anchor=anchor)
                return weeks_of(width, footer.first)
        if width.unit == "w":
            for page in self.pending().pages[:1]:
                return weeks_of(width, files.ends(page)[0])
        return width

    def pending(self, span: Span | None = None) -> Pending:
        """Read what the journal adds to the files."""
        return read_records(journal.read(self.journal_file).records, self.key.kind, span)

    def read(self, span: Span = ALWAYS, columns: Sequence[str] | None = None) -> Holding:
        """Give the rows of a range and what is known about it.

        A damaged file is set aside with a warning, and its range is not held.
        """
        names = list(columns or SCHEMAS[self.key.kind])
        return self.settled(lambda store: store.read_once(span, names))

    def ledger(self, span: Span = ALWAYS) -> Ledger:
        """Give what is known about a range, from footers and journal alone."""
        return self.settled(lambda store: store.ledger_once(span))

    def settled(self, look: Callable[[Store], T]) -> T:
        """Give what is seen while no fold ends and no file is damaged.

        Where writers fold all the time, it is seen under their lock in the end.
        """
        for _ in range(_TRIES):
            seen = self._look(look, None)
            if seen is not None:
                return seen[0]
        with SeriesLock(self.lock_file) as lock:
            for _ in range(_TRIES):
                seen = self._look(look, lock)
                if seen is not None:
                    return seen[0]
        raise LogError(
            f"{self.key}: what is stored changed at each of {2 * _TRIES} readings, also under the "
            "lock of the series; another program writes to its folders"
        )

    def _look(self, look: Callable[[Store], T], lock: SeriesLock | None) -> tuple[T] | None:
        before, self.unfolded_bytes = journal.stamp(self.journal_file)
        try:
            seen = look(self)
        except FileNotFoundError:
            return None
        except DamagedFile as error:
            self.set_aside(error, lock)
            return None
        return (seen,) if journal.stamp(self.journal_file)[0] == before else None

    def set_aside(self, error: DamagedFile, lock: SeriesLock | None = None) -> None:
        """Move a damaged file out of the way and warn of it, unless somebody else has."""
        file = Path(error.file)
        try:
            with lock or SeriesLock(self.lock_file):
                if not file.exists() or not is_damaged(file, self.key):
                    return
                aside = self.move_aside(file)
        except PermissionError:
            raise error from None
        warnings.warn(
            DamagedWarning(
                f"{error} It was set aside as {aside}, and its range counts as not held: fetch it "
                "again",
                file=str(file),
                aside=str(aside),
            ),
            stacklevel=2,
        )

    def move_aside(self, file: Path) -> Path:
        """Move a file to where no reader looks; the caller holds the lock."""
        now = datetime.fromtimestamp(time.time(), UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        aside = self.state / f"{file.name}.damaged-{now}"
        disk.move(file, aside)
        disk.sync_folder(file.parent)
        return aside

    def read_once(self, span: Span, columns: list[str]) -> Holding:
        """Give what `read` gives, for use inside of `settled`."""
        wanted = self._columns_to_read(columns)
        found = [file for _, file in self.files(span)]
        stored, told = files.read_all(found, self.key.kind, span=span, columns=wanted)
        pending = self.pending(span)
        later = [files.within(page.select(wanted), span) for page in pending.pages]
        frame = merge_rows([stored, *later], self.key.kind)
        ledger = combine([*(footer.ledger for footer in told), pending.ledger])
        return Holding(frame.select(columns), ledger.clip(span))

    def _columns_to_read(self, columns: list[str]) -> list[str]:
        """Give what rows are told apart by, besides what is wanted."""
        if self.key.kind == "trades":
            unfolded = journal.stamp(self.journal_file)[1] > journal.HEADER
            return list(SCHEMAS["trades"]) if unfolded else ["timestamp", *_others(columns)]
        return ["timestamp", *_others(columns)]

    def ledger_once(self, span: Span) -> Ledger:
        """Give what `ledger` gives, for use inside of `settled`."""
        ledgers = [files.read_footer(file).ledger for _, file in self.files(span)]
        return combine([*ledgers, self.pending(Span(0, 0)).ledger]).clip(span)


def weeks_of(width: Timeframe, first: int) -> Timeframe:
    """Let weeks begin on the day of the first one, as some exchanges have their own."""
    if width.unit != "w" or width.floor(first) == first or first % DAY:
        return width
    return dataclasses.replace(width, anchor=first % (width.milliseconds or 1))


def is_damaged(file: Path, key: Key) -> bool:
    """Tell whether a file can't be read."""
    try:
        files.read(file, key.kind)
    except DamagedFile:
        return True
    return False


def _others(columns: list[str]) -> list[str]:
    return [name for name in columns if name != "timestamp"]
