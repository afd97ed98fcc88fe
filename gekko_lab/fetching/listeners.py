"""Functions that are told of something, and can't spoil it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

News = TypeVar("News")

_log = logging.getLogger("gekko_lab")


class Listeners(Generic[News]):
    """Functions that are told; what they raise is logged and ends nothing.

    Parameters
    ----------
    teller
        Who tells them, for the log.

    Examples
    --------
    >>> heard: list[str] = []
    >>> listeners: Listeners[str] = Listeners("a market")
    >>> off = listeners.add(heard.append)
    >>> listeners.tell("open")
    >>> off()
    >>> listeners.tell("closed")
    >>> heard
    ['open']
    """

    def __init__(self, teller: str) -> None:
        self._teller = teller
        self._all: list[Callable[[News], None]] = []

    def add(self, listener: Callable[[News], None]) -> Callable[[], None]:
        """Tell one more; gives what ends that."""
        self._all.append(listener)

        def off() -> None:
            if listener in self._all:
                self._all.remove(listener)

        return off

    def tell(self, news: News) -> None:
        """Tell all of them, in the order in which they came."""
        for listener in list(self._all):
            try:
                listener(news)
            except Exception:  # noqa: BLE001 (it's the listener's)
                _log.exception("a listener of %s failed", self._teller)
