"""Emitter: listeners by the name of what they want to hear of."""

from __future__ import annotations

import inspect
import logging
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from pyee import EventEmitter

from gekko_lab.errors import InvalidArgument, InvalidType
from gekko_lab.events.piece import Piece
from gekko_lab.events.types import KINDS, PLURALS, Error, Event
from gekko_lab.market.suggest import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gekko_lab.events.types import Kind

    _Calls = tuple[int, dict[Kind, tuple["Listener", ...]], list["Listener"]]

EVERYTHING: Final = "*"
NAMES: Final = (*KINDS, *PLURALS, EVERYTHING)

_log = logging.getLogger("gekko_lab")


class Listener:
    """A function and what it wants to hear of.

    Attributes
    ----------
    function : callable
        Takes an event, or a frame where `name` is a plural.
    name : str
        "trade", "trades", "*" …
    once : bool
        Whether it has heard enough after the first.
    asynchronous : bool
        Whether calling it gives a coroutine.
    kinds : frozenset of str
        The kinds of events that it hears of, one by one or as frames.
    """

    __slots__ = ("asynchronous", "function", "kinds", "name", "once", "spent")

    def __init__(self, name: str, function: Callable[[Any], Any], *, once: bool) -> None:
        self.name, self.function, self.once = name, function, once
        self.asynchronous = _is_async(function)
        kinds: tuple[str, ...] = KINDS if name == EVERYTHING else (PLURALS.get(name, name),)
        self.kinds = frozenset(kinds)
        self.spent = False

    def __call__(self, told: object) -> Any:  # noqa: ANN401 (a coroutine, or anything)
        """Call the function."""
        return self.function(told)

    def wanted(self, piece: Piece) -> Iterator[object]:
        """Give what a piece holds for this listener."""
        if self.name in PLURALS:
            frame = piece.frame(PLURALS[self.name])
            return iter(() if frame is None else (frame,))
        if self.name == EVERYTHING:
            return iter(piece.events())
        return (event for event in piece.events() if event.kind == self.name)

    def __repr__(self) -> str:
        return getattr(self.function, "__qualname__", None) or repr(self.function)


class Emitter:
    """Hands events to listeners.

    Names are those of single events ("trade", "candle", "order_book", "ticker", "gap", "state",
    "error"), "*" for each of them, and "trades", "candles", "order_books", "tickers" for many rows
    at once, as a polars frame: a listener of frames is called once for what comes together and
    keeps up with millions of rows a second. A listener that fails doesn't disturb the others: it is
    told as an `error` event and counted, and goes on hearing.

    Examples
    --------
    >>> from gekko_lab.events.types import State
    >>> emitter = Emitter()
    >>> heard = []
    >>> listener = emitter.on("state", heard.append)
    >>> emitter.tell(Piece("", "", [State("", "", 0, 0, 0, "running")]))
    >>> heard[0].state
    'running'
    """

    def __init__(self) -> None:
        self._registry = EventEmitter()
        self._changing = threading.Lock()
        self._version = 0
        self._calls: _Calls | None = None
        self._failures: dict[str, int] = {}

    def on(self, name: str, listener: Callable[[Any], Any] | None = None) -> Any:  # noqa: ANN401
        """Call a listener whenever something of that name happens.

        Parameters
        ----------
        name
            Such as "trade" for each trade, "trades" for frames of many, "*" for every event.
        listener
            A function or a coroutine function of one argument; without it, this is a decorator.

        Returns
        -------
        callable
            The listener.
        """
        return self._add(name, listener, once=False)

    def once(self, name: str, listener: Callable[[Any], Any] | None = None) -> Any:  # noqa: ANN401
        """Call a listener when something of that name happens first, and never again.

        Parameters
        ----------
        name
            As in `on`.
        listener
            As in `on`; without it, this is a decorator.

        Returns
        -------
        callable
            The listener.
        """
        return self._add(name, listener, once=True)

    def off(self, name: str, listener: Callable[[Any], Any] | None = None) -> None:
        """Call a listener no more; without one, none of that name.

        Parameters
        ----------
        name
            As in `on`.
        listener
            What `on` was given; one that isn't there is no error.
        """
        _check_name(name)
        with self._changing:
            leaving = [each for each in self._listening(name) if listener in {None, each.function}]
        for each in leaving:
            self._drop(each)

    def listeners(self, name: str | None = None) -> list[Any]:
        """Give the functions that listen to a name, or to any.

        Parameters
        ----------
        name
            As in `on`; None for all names.

        Returns
        -------
        list of callable
            In the order in which they were added.
        """
        names = NAMES if name is None else (_check_name(name),)
        return [each.function for one in names for each in self._listening(one)]

    @property
    def failures(self) -> int:
        """How often listeners failed."""
        return sum(self._failures.values())

    def tell(self, piece: Piece) -> None:
        """Call all synchronous listeners with what a piece holds for them.

        Listeners are looked up once for a piece, and again when they have changed meanwhile. Each
        event goes to all its listeners before the next one does.
        """
        version, single, plural = self._resolved()
        if single:
            for event in piece.events():
                for listener in single.get(event.kind, ()):
                    self._call(listener, event)
                if version != self._version:
                    version, single, _ = self._resolved()
                    if not self._go_on():
                        return
        for listener in plural:
            for frame in listener.wanted(piece):
                if not listener.spent:
                    self._call(listener, frame)

    def _go_on(self) -> bool:
        """Tell whether the rest of a piece is to be told; may wait."""
        return True

    def _call(self, listener: Listener, told: object) -> None:
        if listener.spent:
            return
        if listener.once:
            self._drop(listener)
        try:
            outcome = listener.function(told)
        except Exception as error:  # noqa: BLE001 (told as an event, never lost)
            self._failed(listener, error, told)
        else:
            if outcome is not None and inspect.iscoroutine(outcome):
                self._begin(listener, outcome, told)

    def _begin(self, listener: Listener, work: Any, told: object) -> None:  # noqa: ANN401
        """Refuse a coroutine that nobody could foresee."""
        work.close()
        problem = InvalidType(
            f"the listener {listener!r} returned a coroutine: write it as `async def`, so that the "
            "feed knows it is to be awaited"
        )
        self._failed(listener, problem, told)

    def _resolved(self) -> _Calls:
        """Give the synchronous listeners, which are looked up when they have changed."""
        if self._calls is None or self._calls[0] != self._version:
            self._calls = self._look_up()
        return self._calls

    def _look_up(self) -> _Calls:
        with self._changing:
            version = self._version
            of = {
                name: [each for each in self._listening(name) if not each.asynchronous]
                for name in NAMES
            }
        every = of[EVERYTHING]
        single = {kind: (*of[kind], *every) for kind in KINDS if of[kind] or every}
        return version, single, [each for name in PLURALS for each in of[name]]

    def _listening(self, name: str) -> list[Listener]:
        return cast("list[Listener]", self._registry.listeners(name))

    def wants_events(self) -> bool:
        """Tell whether any listener takes events one by one."""
        with self._changing:
            return any(self._listening(name) for name in (*KINDS, EVERYTHING))

    def _asynchronous(self) -> list[Listener]:
        with self._changing:
            found = [each for name in NAMES for each in self._listening(name)]
        return [each for each in found if each.asynchronous]

    def _failed(self, listener: Listener, error: BaseException, told: object) -> None:
        name = repr(listener)
        self._failures[name] = self._failures.get(name, 0) + 1
        heard = self._listening("error") or self._listening(EVERYTHING)
        if self._failures[name] == 1 and (listener.name == "error" or not heard):
            _log.warning(
                "the listener %s of %r failed; it is called again with what comes next, and "
                "further failures are only counted",
                name,
                listener.name,
                exc_info=error,
            )
        if listener.name not in ("error", EVERYTHING) or not isinstance(told, Error):
            self._tell_error(_error(error, name, told))

    def _tell_error(self, error: Error) -> None:
        """Tell of a failure at once; a failing listener of errors isn't told of."""
        self.tell(Piece(error.exchange, "", [error]))

    def _add(self, name: str, function: Callable[[Any], Any] | None, *, once: bool) -> Any:  # noqa: ANN401
        _check_name(name)
        if function is None:
            return partial(self._add, name, once=once)
        if not callable(function):
            raise InvalidType(f"listener={function!r}: give a function of one argument")
        self.off(name, function)
        listener = Listener(name, function, once=once)
        with self._changing:
            self._registry.on(name, listener)
            self._version += 1
        self._added(listener)
        return function

    def _added(self, listener: Listener) -> None:
        """Take note of a new listener."""

    def _removed(self, listener: Listener) -> None:
        """Take note of a listener that hears nothing more."""

    def _drop(self, listener: Listener) -> None:
        with self._changing:
            if listener.spent:
                return
            listener.spent = True
            self._registry.remove_listener(listener.name, listener)
            self._version += 1
        self._removed(listener)


def _check_name(name: str) -> str:
    if name not in NAMES:
        raise InvalidArgument(
            f"there is no event {name!r}.{nearest(str(name), NAMES)} Use one of "
            f"{', '.join(map(repr, NAMES))}"
        )
    return name


def _is_async(function: object) -> bool:
    while isinstance(function, partial):
        function = function.func
    called = getattr(type(function), "__call__", None)  # noqa: B004 (an object that is called)
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(called)


def _error(error: BaseException, listener: str, told: object) -> Error:
    now = time.time_ns() // 1000
    event = told if isinstance(told, Event) else None
    exchange, symbol = (event.exchange, event.symbol) if event is not None else ("", "")
    sequence = 0 if event is None else event.sequence
    return Error(exchange, symbol, now, now, sequence, error, listener, told)
