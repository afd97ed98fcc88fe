"""A line that tells how far a fetch is, once it takes long enough to wonder."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from gekko_lab.limits.waiting import on_wait
from gekko_lab.settings import shows_progress

if TYPE_CHECKING:
    from types import TracebackType

    from gekko_lab.limits.waiting import Wait
    from gekko_lab.settings import ProgressKind

_PATIENCE_S = 1.0
_EVERY_S = 0.2


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
