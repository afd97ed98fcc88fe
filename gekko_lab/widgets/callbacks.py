"""Functions that are called when a widget is used, and what becomes of their errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gekko_lab.errors import InvalidArgument, InvalidType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Callbacks:
    """What to call at which event.

    Parameters
    ----------
    events
        Their names; "error" is called with what another callback raised.
    fail
        Told of every such error.
    """

    def __init__(self, events: Iterable[str], fail: Callable[[Exception], object]) -> None:
        self._called: dict[str, list[Callable[[Any], object]]] = {event: [] for event in events}
        self._fail = fail

    def add(self, event: str, callback: Callable[[Any], object]) -> None:
        """Call it at an event from now on."""
        if not callable(callback):
            raise InvalidType(f"callback={callback!r} can't be called")
        self._of(event).append(callback)

    def remove(self, event: str, callback: Callable[[Any], object]) -> None:
        """Stop calling it."""
        called = self._of(event)
        if callback in called:
            called.remove(callback)

    def call(self, event: str, value: object) -> None:
        """Call all of an event; an error goes where errors go, and the others are still called."""
        for callback in tuple(self._of(event)):
            try:
                callback(value)
            except Exception as error:  # noqa: BLE001 (the user's own, told in the widget)
                self.failed(error, at=event)

    def failed(self, error: Exception, *, at: str = "") -> None:
        """Tell of an error, unless telling it has failed."""
        self._fail(error)
        if at != "error":
            self.call("error", error)

    def _of(self, event: str) -> list[Callable[[Any], object]]:
        if event not in self._called:
            raise InvalidArgument(f"event={event!r}: choose one of {sorted(self._called)}")
        return self._called[event]
