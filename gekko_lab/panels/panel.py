"""What all panels are: header, controls, body and code, which work with and without a browser."""

from __future__ import annotations

import html
import logging
from contextvars import copy_context
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

import ipywidgets

from gekko_lab.errors import InvalidArgument
from gekko_lab.panels import pictures
from gekko_lab.panels.parts import Code, Header
from gekko_lab.panels.worker import Worker

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from gekko_lab.panels.pictures import Drawn

_NARROW = {"Button", "Checkbox", "ToggleButton", "ToggleButtons"}
EVENTS = ("change", "selection", "error", "close")
_log = logging.getLogger("gekko_lab")


class Panel:
    """A panel in a notebook, which also works without a browser.

    Its controls are widgets: what a user does with the mouse, a program does by setting their
    `value`, or by `click()`. Work happens in the background; `await panel.ready()` waits for it.

    Attributes
    ----------
    controls : mapping of ipywidgets.Widget
        What can be set, by name.
    error : Exception or None
        What went wrong last; shown in the panel until something is asked for anew.
    """

    name = "panel"

    def __init__(self) -> None:
        self.error: BaseException | None = None
        self._context = copy_context()  # that of the cell, with its options
        self._listeners: dict[str, list[Callable[[Any], object]]] = {each: [] for each in EVENTS}
        self._worker = Worker(self._guard, self._tell_busy)
        self._closed = False
        self._controls: dict[str, Any] = {}
        self._header, self._code = Header(), Code()
        self._widget = ipywidgets.VBox([self._header, self._code])
        self._widget.add_class("gl-panel")

    @property
    def controls(self) -> Mapping[str, Any]:
        """What can be set, by name."""
        return MappingProxyType(self._controls)

    @property
    def widget(self) -> Any:  # noqa: ANN401 (ipywidgets has no types)
        """The whole panel as a widget, to be put into others."""
        return self._widget

    @property
    def state(self) -> str:
        """What it does: busy, ready, failed, or closed."""
        if self._closed:
            return "closed"
        if self._worker.busy:
            return "busy"
        return "failed" if self.error is not None else "ready"

    @property
    def code(self) -> str:
        """The code that gives the same result."""
        return str(self._code.code)

    @property
    def frame(self) -> Any:  # noqa: ANN401 (a frame, polars or pandas)
        """What it shows, as a frame."""
        return None

    @property
    def selection(self) -> Any:  # noqa: ANN401
        """What of it was chosen, as a frame; None for nothing."""
        return None

    def on(self, event: str, callback: Callable[[Any], object]) -> Callable[[], None]:
        """Tell a function of what happens; what it raises is shown in the panel.

        Parameters
        ----------
        event
            "change" (something else is shown), "selection", "error" or "close".
        callback
            Is called with the panel.

        Returns
        -------
        callable
            Ends the telling.
        """
        if event not in self._listeners:
            raise InvalidArgument(f"there is no event {event!r}: use {', '.join(EVENTS)}")
        self._listeners[event].append(callback)

        def off() -> None:
            if callback in self._listeners[event]:
                self._listeners[event].remove(callback)

        return off

    async def ready(self) -> Self:
        """Wait until nothing is under way; the notebook stays free meanwhile.

        Returns
        -------
        Panel
            This one.

        Raises
        ------
        Exception
            What the panel shows as its error.
        """
        await self._worker.idle()
        if self.error is not None:
            raise self.error
        return self

    def to_html(self, path: str | os.PathLike[str]) -> Path:
        """Write a page with a still picture and the code, which needs nothing else.

        Parameters
        ----------
        path
            Of the file.

        Returns
        -------
        pathlib.Path
            The file.
        """
        file = Path(path)
        title = html.escape(self._title())
        body = self._page()
        file.write_text(
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
            f'</head><body style="font-family:sans-serif"><h1>{title}</h1>{body}'
            f"<pre><code>{html.escape(self.code)}</code></pre></body></html>\n",
            encoding="utf-8",
        )
        return file

    def close(self) -> None:
        """End what runs, and take the panel off the page."""
        if self._closed:
            return
        self._closed = True
        self._worker.close()
        self._close()
        self._emit("close")
        for each in (*self._widget.children, *self._controls.values(), self._widget):
            each.close()

    def _close(self) -> None:
        """End what a panel of this kind runs."""

    def _title(self) -> str:
        badge = [self._header.badge] if self._header.badge else []
        return f"{self.name}: " + " · ".join([*self._header.parts, *badge])

    def _drawn(self) -> Sequence[Drawn]:
        """Give the parts of the still picture, without what differs from run to run."""
        return ()

    def _picture(self) -> str:
        return pictures.picture(self._title(), self._drawn())

    def _still(self) -> str:
        return pictures.image(self._picture(), self._title())

    def _page(self) -> str:
        return self._still()

    def __repr__(self) -> str:
        return f"<{self._title()}>"

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        bundle: dict[str, object] = {
            "text/plain": repr(self),
            "text/html": self._still(),
        }
        live: Mapping[str, object] = self._widget._repr_mimebundle_() or {}
        for kind, data in live.items():
            bundle.setdefault(kind, data)
        return bundle

    def _lay_out(self, controls: Sequence[Any], *body: Any) -> None:  # noqa: ANN401
        """Put the parts in their places."""
        for each in controls:
            if each.layout.width is None and type(each).__name__ in _NARROW:
                each.layout.width = "auto"
        bar = ipywidgets.HBox(list(controls))
        bar.add_class("gl-controls")
        self._widget.children = (self._header, bar, *body, self._code)

    def _wire(self, control: Any, act: Callable[[], object]) -> None:  # noqa: ANN401
        """Do something when a control is used, by a button's click or with a new value."""

        def used(_: object) -> None:
            self._context.copy().run(self._act, act)

        if isinstance(control, ipywidgets.Button):
            control.on_click(used)
        else:
            control.observe(used, "value")

    def _act(self, act: Callable[[], object]) -> None:
        self._forgive()
        self._guard(act)

    def _forgive(self) -> None:
        self.error = None
        self._header.error = ""

    def _guard(self, function: Callable[[], object]) -> object:
        """Call a function; what it raises is shown in the panel, and ends nothing else."""
        try:
            return function()
        except Exception as error:  # noqa: BLE001 (shown, and raised by `ready`)
            self._fail(error)
            return None

    def _fail(self, error: BaseException) -> None:
        _log.debug("a panel failed", exc_info=error)
        self.error = error
        self._header.error = f"{type(error).__name__}: {error}"
        for listener in list(self._listeners["error"]):
            try:
                listener(self)
            except Exception:  # noqa: BLE001 (an error about an error would go round in circles)
                _log.exception("a listener to the errors of a panel failed")

    def _emit(self, event: str) -> None:
        for listener in list(self._listeners[event]):
            self._guard(lambda listener=listener: listener(self))  # type: ignore[misc]

    def _do(self, name: str, find: Callable[[], Any], then: Callable[[Any], object]) -> None:
        """Find something out in the background, in the context of the panel's cell."""
        self._context.copy().run(self._worker.do, name, find, then)

    def _tell_busy(self) -> None:
        self._header.busy = self._worker.busy
