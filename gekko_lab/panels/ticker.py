"""Something that is done again and again until it is stopped."""

from __future__ import annotations

import threading
from contextvars import copy_context
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Ticker:
    """Calls a function every so often, in a thread of its own.

    Parameters
    ----------
    act
        Is called; it must not raise.
    every_s
        Seconds between two calls.

    Examples
    --------
    >>> called = threading.Event()
    >>> ticker = Ticker(called.set, 0.01).start()
    >>> called.wait(10)
    True
    >>> ticker.stop()
    """

    def __init__(self, act: Callable[[], object], every_s: float) -> None:
        self._act, self.every_s = act, every_s
        self._stop: threading.Event | None = None

    @property
    def running(self) -> bool:
        """Whether it goes on calling."""
        return self._stop is not None and not self._stop.is_set()

    def start(self) -> Ticker:
        """Begin, unless it has."""
        if not self.running:
            stop = self._stop = threading.Event()
            context = copy_context()
            threading.Thread(
                target=lambda: context.run(self._run, stop), name="gekko-lab-ticker", daemon=True
            ).start()
        return self

    def stop(self) -> None:
        """End; a call that is under way is not waited for."""
        if self._stop is not None:
            self._stop.set()

    def _run(self, stop: threading.Event) -> None:
        while not stop.wait(self.every_s):
            self._act()
