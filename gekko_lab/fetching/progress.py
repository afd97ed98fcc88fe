"""Lines that tell how far fetches are, once they take long enough to wonder."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from gekko_lab.limits.waiting import on_wait
from gekko_lab.settings import shows_progress

if TYPE_CHECKING:
    from types import TracebackType

    import polars as pl

    from gekko_lab.fetching.watching import Step
    from gekko_lab.limits.waiting import Wait
    from gekko_lab.settings import ProgressKind

_PATIENCE_S = 1.0
_EVERY_S = 0.2
_UNDER_WAY = ("running", "waiting")
_MOST_LINES = 10
_FEW = 3


class Progress:
    """Called with the number of rows so far; writes to stderr, and wipes its line at the end.

    A request that has to wait for its turn is told of, with the reason, even before the first row.

    Parameters
    ----------
    what
        Is fetched.
    total
        Rows expected; None when nobody knows.
    kind
        "on", "off", or "auto": on terminals and in notebooks.
    """

    def __init__(self, what: str, total: int | None, kind: ProgressKind) -> None:
        self._what = what
        self._total = total
        self._on = shows_progress(kind)
        self._began = time.monotonic()
        self._due = self._began + (0.0 if kind == "on" else _PATIENCE_S)
        self._width = 0
        self._rows = 0
        self._listening = ExitStack()

    def __call__(self, rows: int) -> None:
        """Write the line anew, if it is time to."""
        self._rows = rows
        now = time.monotonic()
        if not self._on or now < self._due:
            return
        self._due = now + _EVERY_S
        self._write(self._line(rows, now - self._began))

    def __enter__(self) -> Progress:  # noqa: PYI034 (not meant to be subclassed)
        self._listening.enter_context(on_wait(self._tell))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listening.close()
        self._on = False  # an interrupted fetch has threads that still end their page
        if self._width:
            self._write("")
            sys.stderr.write("\r")
            sys.stderr.flush()

    def _tell(self, wait: Wait) -> None:
        if self._on:
            elapsed = time.monotonic() - self._began
            self._write(f"{self._line(self._rows, elapsed)}, waiting ({wait})")

    def _line(self, rows: int, elapsed: float) -> str:
        line = f"{self._what}: {rows:,} rows"
        if self._total:
            share = min(1.0, rows / self._total)
            line += f" of {self._total:,} ({share:.0%})"
            if 0 < share < 1:
                line += f", {elapsed / share - elapsed:.0f} s left"
        return line

    def _write(self, line: str) -> None:
        sys.stderr.write("\r" + line.ljust(self._width))
        sys.stderr.flush()
        self._width = len(line)


class Board:
    """How far many series are: a line for each that runs, on terminals; one line in notebooks.

    Called with each `Step` of their fetches, from any thread.

    Parameters
    ----------
    total
        How many series there are.
    kind
        "on", "off", or "auto": on terminals and in notebooks.
    lasting
        Whether a line stays for each series that ended.
    """

    def __init__(self, total: int, kind: ProgressKind, *, lasting: bool = False) -> None:
        self._total = total
        self._on = shows_progress(kind)
        self._lasting = lasting
        self._began = time.monotonic()
        self._due = self._began + (0.0 if kind == "on" else _PATIENCE_S)
        self._running: dict[str, Step] = {}
        self._ended = 0
        self._rows = 0
        self._shown = 0
        self._width = 0
        self._lock = threading.Lock()

    def __call__(self, step: Step) -> None:
        """Take the news of a series, and show them if it is time to."""
        with self._lock:
            if step.status in _UNDER_WAY:
                self._running[step.name] = step
            else:
                self._running.pop(step.name, None)
            now = time.monotonic()
            if self._on and (now >= self._due or step.wait is not None):
                self._due = now + _EVERY_S
                self._show()

    def finish(self, row: pl.DataFrame) -> None:
        """Take the row of the report of a series that ended, wherever it was fetched."""
        told = row.row(0, named=True)
        with self._lock:
            self._ended += 1
            self._rows += told["rows"]
            if self._on and self._lasting:
                self._wipe()
                sys.stderr.write(f"{_told(told)}\n")
            if self._on and time.monotonic() >= self._due:
                self._show()

    def __enter__(self) -> Board:  # noqa: PYI034 (not meant to be subclassed)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._wipe()
            self._on = False

    def _show(self) -> None:
        lines = self._lines()
        if not sys.stderr.isatty():
            text = "; ".join(lines[:_FEW])
            sys.stderr.write("\r" + text.ljust(self._width))
            self._width = len(text)
        else:
            self._wipe()
            columns = shutil.get_terminal_size().columns - 1
            sys.stderr.write("\n".join(line[:columns] for line in lines))
            self._shown = len(lines)
        sys.stderr.flush()

    def _lines(self) -> list[str]:
        rows = self._rows + sum(step.rows for step in self._running.values())
        lines = [f"{self._ended} of {self._total} series, {rows:,} rows"]
        waiting = next((step.wait for step in self._running.values() if step.wait), None)
        if waiting is not None:
            lines[0] += f", waiting ({waiting})"
        steps = sorted(self._running.values(), key=lambda step: step.name)
        lines += [f"  {_running(step)}" for step in steps[:_MOST_LINES]]
        if len(steps) > _MOST_LINES:
            lines.append(f"  and {len(steps) - _MOST_LINES} more")
        return lines

    def _wipe(self) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K" + "\x1b[A\x1b[K" * (self._shown - 1))
            self._shown = 0
        if self._width:
            sys.stderr.write("\r" + " " * self._width + "\r")
            self._width = 0
        if sys.stderr is not None:
            sys.stderr.flush()


def _running(step: Step) -> str:
    line = f"{step.name}: {step.rows:,} rows"
    if step.share is not None:
        line += f" of {step.total:,} ({step.share:.0%})"
    if step.eta_s:
        line += f", {step.eta_s:.0f} s left"
    return line + (f", waiting ({step.wait})" if step.wait else "")


def _told(row: dict[str, Any]) -> str:
    name = " ".join((row["exchange"], row["symbol"], row["timeframe"] or "trades"))
    line = f"{name}: {row['status']}, {row['rows']:,} rows"
    if row["pages"]:
        line += f", {row['pages']} page{'' if row['pages'] == 1 else 's'}"
    if row["waited"] >= 1:
        line += f", waited {row['waited']:.0f} s"
    for part in (row["gaps"], row["error"]):
        line += f"; {part}" if part else ""
    return line
