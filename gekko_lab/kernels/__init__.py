"""Compiled loops, each the twin of numpy code that gives the same bytes.

Nothing here loads numba until there is so much to do that it pays: short requests are answered
by numpy and never wait for a compiler. A machine compiles each loop once and keeps it;
`gekko-lab warmup` does it ahead.
"""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from subprocess import DEVNULL, Popen
from threading import Lock
from typing import Final

from gekko_lab.settings import options, shows_progress

LOOPS: Final = ("candles", "minutes", "randomness", "skeleton", "tape")
"""The modules of compiled loops; each has a `warm_up` that calls its own with little."""

_HOME = Path(__file__).parent
_WARM_S = 1.0  # of work for numpy, before loops that are compiled already are loaded
_COLD_S = 6.0  # and before they are compiled


class _Loops:
    """Whether the loops are there, and how much work would have liked them to be."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.loaded = False
        self.missed_s = 0.0
        self.compiler: Popen[bytes] | None = None

    def load(self) -> None:
        _forget_stale()
        for name in LOOPS:
            import_module(f"gekko_lab.kernels.{name}").warm_up()
        self.loaded = True

    def miss(self, numpy_s: float) -> None:
        """Count what could have been done faster, and see to it that the next can."""
        self.missed_s += numpy_s
        if self.missed_s < _WARM_S:
            return
        if self.compiler is None and are_compiled():
            self.load()
        elif self.compiler is None and self.missed_s >= _COLD_S:
            self.compiler = _start_compiler()
        elif self.compiler is not None and self.compiler.poll() == 0:
            self.load()


_loops = _Loops()


def wanted(numpy_s: float) -> bool:
    """Tell whether to use compiled loops, for work that would take numpy so many seconds.

    The first calls say no. Once they have missed enough, loops that this machine has compiled
    already are loaded at once; others are compiled by a process of its own, so that nobody waits
    for it, and a line says so.

    Examples
    --------
    >>> import gekko_lab
    >>> with gekko_lab.options(compile="off"):
    ...     wanted(60.0)
    False
    """
    mode = options.compile
    if mode == "off":
        return False
    if _loops.loaded:
        return True
    if mode == "on":
        warm_up()
        return True
    with _loops.lock:
        if not _loops.loaded:
            _loops.miss(numpy_s)
    return _loops.loaded


def warm_up() -> float:
    """Compile the loops, or load those that are compiled; give the seconds it took."""
    began = time.monotonic()
    with _loops.lock:
        if not _loops.loaded:
            _loops.load()
    return time.monotonic() - began


def are_compiled() -> bool:
    """Tell whether this machine has compiled every module of loops, as far as it can be seen."""
    newest = _newest_source()
    kept = {path.name.partition(".")[0] for path in _kept() if path.stat().st_mtime >= newest}
    return kept.issuperset(LOOPS)


def _kept() -> list[Path]:
    """Give numba's index of what it has compiled for this Python, a file a loop."""
    version = "".join(map(str, sys.version_info[:2]))
    return list((_HOME / "__pycache__").glob(f"*.py{version}.nbi"))


def _newest_source() -> float:
    return max(path.stat().st_mtime for path in _HOME.glob("*.py"))


def _forget_stale() -> None:
    """Forget what was compiled before the newest source.

    numba looks at the file of a loop alone, not at those of the loops that it calls.
    """
    newest = _newest_source()
    for path in _kept():
        with suppress(OSError):
            if path.stat().st_mtime < newest:
                path.unlink()


def _start_compiler() -> Popen[bytes]:
    """Compile in another process: here, numba would hold up everything and change all filters.

    Those are the filters of warnings, which belong to all threads.
    """
    if shows_progress(options.progress):
        sys.stderr.write(
            "gekko_lab: compiling fast loops, once on this machine; until then numpy does the work "
            "(gekko-lab warmup does it ahead)\n"
        )
        sys.stderr.flush()
    code = "from gekko_lab import kernels; kernels.warm_up()"
    return Popen(  # noqa: S603 (our own code)
        [sys.executable, "-c", code], stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL
    )
