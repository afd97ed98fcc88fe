"""The chart's line to its front ends: state, messages, pictures.

A front end is a view of the widget; there may be several, each with a range of its own. The state
holds one window, which is painted before anything is asked. After that a view asks for windows by
message, one at a time and each with a number, and takes the answer to its last question only.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import anywidget
import traitlets

from gekko_lab.errors import InvalidArgument
from gekko_lab.frames.convert import like
from gekko_lab.market.moments import show_time
from gekko_lab.widgets.callbacks import Callbacks
from gekko_lab.widgets.content import USUAL
from gekko_lab.widgets.pace import Pace
from gekko_lab.widgets.picture import BARS, data_uri, picture

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gekko_lab.widgets.content import Content, Window

Theme: TypeAlias = Literal["auto", "light", "dark"]
Shown: TypeAlias = "tuple[float, float]"

STATIC = Path(__file__).parent / "static"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RATE = 60  # messages a second at most
_MOST_LIVE = 500  # bars in a live message; beyond, views ask for a window


class Front(anywidget.AnyWidget):
    """A widget that shows `Content`; `Chart` adds what users call."""

    _esm = STATIC / "chart.js"
    _css = STATIC / "chart.css"

    title = traitlets.Unicode("").tag(sync=True)
    height = traitlets.Int(420, min=120).tag(sync=True)
    theme = traitlets.Enum(get_args(Theme), "auto").tag(sync=True)
    volume = traitlets.Bool(default_value=True).tag(sync=True)
    head = traitlets.Dict().tag(sync=True)
    window = traitlets.Bytes(b"").tag(sync=True)
    selected = traitlets.List(traitlets.Float(), default_value=None, allow_none=True).tag(sync=True)
    fault = traitlets.Unicode("").tag(sync=True)

    def __init__(self, content: Content, given: object, **options: object) -> None:
        if options["theme"] not in get_args(Theme):
            raise InvalidArgument(f"theme={options['theme']!r}: choose 'auto', 'light' or 'dark'")
        self._lock = threading.RLock()
        self._content = content
        self._given = given
        self._shown: Shown | None = content.span
        self._steps: dict[str, int] = {}
        self._changed: int | None = None
        self._live = Pace(self._tell_live, _RATE)
        self._stale = Pace(lambda: self._post({"kind": "stale"}), _RATE)
        self._callbacks = Callbacks(("selection", "range", "error"), self._show_fault)
        super().__init__(**options, **self._state())
        self.on_msg(lambda _, message, __: self._hear(message))

    @property
    def candles(self) -> Any:  # noqa: ANN401 (the frame decides)
        """The candles, in the kind of frame that they were given in."""
        with self._lock:
            return self._like(self._content.table)

    @property
    def range(self) -> tuple[datetime, datetime] | None:
        """The range of time that is shown, UTC; None without candles."""
        shown = self._shown
        return None if shown is None else (_moment(shown[0]), _moment(shown[1]))

    @property
    def selection(self) -> Any:  # noqa: ANN401 (the frame decides)
        """The candles that are selected, as a frame; None without a selection."""
        edges: list[float] | None = self.selected
        if edges is None:
            return None
        with self._lock:
            return self._like(self._content.rows_between(edges[0], edges[1]))

    def _like(self, table: Any) -> Any:  # noqa: ANN401 (the frame decides)
        return table if self._given is None else like(table, self._given)

    def _state(self) -> dict[str, Any]:
        since, until = self._shown or (0, 1)
        step = self._content.step_for(until - since, USUAL)
        window = self._content.window(since, until, step)
        return {"head": self._head(window), "window": window.numbers}

    def _head(self, window: Window) -> dict[str, Any]:
        return {**window.head, "shown": self._shown and list(self._shown)}

    def _publish(self) -> None:
        """Let all views show the present range; the caller holds the lock."""
        self._content.version += 1
        with self.hold_sync():
            for name, value in self._state().items():
                setattr(self, name, value)

    def _restock(self) -> None:
        """Let views ask anew for what they show, as lines or marks have changed."""
        with self._lock:
            self._content.version += 1
        if self._steps:
            self._stale.ask()

    def _hear(self, message: Mapping[str, Any]) -> None:
        """Take a message of a view; whatever goes wrong shows in the chart."""
        try:
            self._answer(message)
        except Exception as error:  # noqa: BLE001 (nobody else would see it)
            self._callbacks.failed(error)

    def _answer(self, message: Mapping[str, Any]) -> None:
        kind = message.get("kind")
        if kind == "hello":
            self._greet(message)
        elif kind == "bye":
            self._steps.pop(message["view"], None)
        elif kind == "window":
            self._give_window(message)
        elif kind == "range":
            self._note_range(message["shown"])
        elif kind == "select":
            self._choose(message["selected"])
        elif kind == "dismiss":
            self.fault = ""

    def _greet(self, message: Mapping[str, Any]) -> None:
        """Note a new view, and tell it when the state that it has painted is of before."""
        self._steps[message["view"]] = message["step"]
        if message["version"] != self._content.version:
            self._post({"kind": "stale", "view": message["view"]})

    def _give_window(self, message: Mapping[str, Any]) -> None:
        with self._lock:
            window = self._content.window(message["since"], message["until"], message["step"])
            self._steps[message["view"]] = window.head["step"]
        about = {name: message[name] for name in ("view", "number")}
        self._post({"kind": "window", **about, "head": window.head}, [window.numbers])
        self._note_range(message["shown"])

    def _note_range(self, shown: list[float]) -> None:
        self._shown = (shown[0], shown[1])
        self._callbacks.call("range", self.range)

    def _choose(self, edges: list[float] | None) -> None:
        if edges == self.selected:
            return
        self.selected = edges  # type: ignore[assignment]
        self._callbacks.call("selection", self.selection)

    def _tell_live(self) -> None:
        """Send views the bars that changed, in the step of each."""
        with self._lock:
            place, self._changed = self._changed, None
            if place is None:
                return
            steps = sorted(set(self._steps.values()))
            bars = {str(step): self._content.bars_since(place, step) for step in steps}
            about = {"span": self._content.span, "count": self._content.pyramid.rows}
        if any(len(rows) > _MOST_LIVE for rows in bars.values()):
            self._post({"kind": "stale"})
        else:
            self._post({"kind": "live", "bars": bars, **about})

    def _post(self, message: dict[str, Any], buffers: list[bytes] | None = None) -> None:
        self.send(message, buffers)

    def _show_fault(self, error: Exception) -> None:
        self.fault = f"{type(error).__name__}: {error}"

    def __repr__(self) -> str:
        """Tell what is shown, the same for the same candles."""
        with self._lock:
            pyramid, span = self._content.pyramid, self._content.span
            timeframe = self._content.about()["timeframe"]
        parts = [self.title] if self.title else []
        if span is None:
            return "Chart: " + " · ".join([*parts, "no candles"])
        if timeframe:
            parts.append(f"{pyramid.rows:,} candles of {timeframe}")
        else:
            parts.append("1 candle")  # of two, the width is known
        parts.append(" to ".join(map(show_time, span)))
        parts += [f"{pyramid.missing:,} missing"] if pyramid.missing else []
        return "Chart: " + " · ".join(parts)

    def _repr_mimebundle_(self, **options: Any) -> Any:  # noqa: ANN401 (Jupyter's own protocol)
        """Give the widget, and a picture for where there is none."""
        with self._lock:
            if self.head["version"] != self._content.version:
                self._publish()
        bundle = super()._repr_mimebundle_(**options)
        if bundle is None:
            return None
        text = repr(self)
        source = data_uri(self._picture(text))
        image = f'<img alt="{escape(text)}" src="{source}" style="max-width:100%">'
        bundle[0].update({"text/plain": text, "text/html": image})
        return bundle

    def _picture(self, title: str) -> str:
        with self._lock:
            content = self._content
            bars = content.seen(*(self._shown or (0, 1)), most=BARS)
            times = content.axis.times(bars.places)
        looks = {"theme": self.theme, "volume": self.volume, "decimals": content.decimals}
        return picture(bars, title.removeprefix("Chart: "), times, **looks)


def _moment(time: float) -> datetime:
    return _EPOCH + timedelta(milliseconds=round(time))
