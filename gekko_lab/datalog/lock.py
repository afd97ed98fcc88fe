"""One writer a series, over threads and processes.

Decided: the lock's file stays open between uses, because opening it each time costs more than
writing a candle; and it is never removed, because that would let two writers hold two files of one
name.
"""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Self

from filelock import lock_descriptor, unlock_descriptor

from gekko_lab.errors import LogLocked

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

_POLL_S = 0.002


class SeriesLock:
    """The right to write to a series; whoever holds it may take it again.

    Parameters
    ----------
    file
        The file that stands for the lock.
    wait_s
        How long to wait for another writer.
    """

    def __init__(self, file: Path, *, wait_s: float = 60.0) -> None:
        self._file = file
        self._wait_s = wait_s
        self._threads = threading.RLock()
        self._depth = 0
        self._descriptor = -1
        self._process = os.getpid()

    def __enter__(self) -> Self:
        """Wait for the lock, or raise `LogLocked`."""
        if self._process != os.getpid():  # a fork shares its parent's lock, which is none
            self.__init__(self._file, wait_s=self._wait_s)  # type: ignore[misc]
        deadline = time.monotonic() + self._wait_s
        if not self._threads.acquire(timeout=self._wait_s):
            raise self._locked()
        try:
            if self._depth == 0:
                self._acquire(deadline)
            self._depth += 1
        except BaseException:
            self._threads.release()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the lock back."""
        self._depth -= 1
        if self._depth == 0:
            unlock_descriptor(self._descriptor)
        self._threads.release()

    def close(self) -> None:
        """Close the lock's file; using the lock again opens it anew."""
        if self._descriptor >= 0 and self._depth == 0 and self._process == os.getpid():
            os.close(self._descriptor)
            self._descriptor = -1

    def __del__(self) -> None:
        if getattr(self, "_descriptor", -1) >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _acquire(self, deadline: float) -> None:
        while True:
            if self._descriptor < 0:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                self._descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o644)
            if lock_descriptor(self._descriptor, blocking=False):
                if os.fstat(self._descriptor).st_nlink:
                    return
                self.close()  # somebody removed the folder
            elif time.monotonic() > deadline:
                raise self._locked()
            else:
                time.sleep(_POLL_S)

    def _locked(self) -> LogLocked:
        return LogLocked(
            f"{self._file.parent}: another process or thread has kept writing this series for "
            f"{self._wait_s:g} s; wait for it, or end it and try again"
        )
