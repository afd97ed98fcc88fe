"""`Chart`: candles in a notebook, as many as there are, live and two-way."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from gekko_lab.errors import InvalidArgument
from gekko_lab.market.moments import TimeLike, check_order, read_time
from gekko_lab.widgets.content import Content
from gekko_lab.widgets.front import STATIC, Front, Shown, Theme
from gekko_lab.widgets.page import MOST, page

if TYPE_CHECKING:
    from collections.abc import Callable

Event: TypeAlias = Literal["selection", "range", "error"]


class Chart(Front):
    """Candles as a chart that zooms and pans through any number of them.

    The wheel zooms about the cursor, dragging pans, and dragging with Shift, or after the button
    "Select", brushes candles, which are then in `selection`. Keys: arrows pan, + and - zoom, Home
    and End lead to the ends, A shows all, Shift with arrows selects. Gaps are shaded; rising
    candles are hollow. Everything works without a browser too.

    Parameters
    ----------
    candles : polars or pandas frame
        As `fetch` returns them; by default none yet.
    timeframe
        Their width; by default the one that their spacing shows, or that of the first ones that
        come by `update` where there are none or one.
    title
        Written into the corner.
    height
        In pixels; the chart is as wide as its place.
    theme
        "auto" follows the notebook, or the system.
    volume
        Whether volumes are drawn below.

    Attributes
    ----------
    title, height, theme, volume
        As above; what is assigned shows at once.

    Raises
    ------
    DataError
        When the rows aren't sound candles.

    Examples
    --------
    >>> import gekko_lab
    >>> candles = gekko_lab.fetch("simulator", "BTC/USDT", "1h", until="2024-01-01")
    >>> chart = gekko_lab.Chart(candles, title="BTC/USDT")
    >>> chart
    Chart: BTC/USDT · 500 candles of 1h · 2023-12-11T04:00Z to 2024-01-01
    >>> chart.select("2023-12-31", "2024-01-01")
    >>> chart.selection.shape
    (24, 6)
    """

    def __init__(
        self,
        candles: object = None,
        *,
        timeframe: str | None = None,
        title: str = "",
        height: int = 420,
        theme: Theme = "auto",
        volume: bool = True,
    ) -> None:
        content = Content(candles, timeframe)
        super().__init__(content, candles, title=title, height=height, theme=theme, volume=volume)

    @classmethod
    def from_log(
        cls,
        exchange: object,
        symbol: str,
        timeframe: str = "1m",
        *,
        since: TimeLike | None = None,
        until: TimeLike | None = None,
        **options: Any,  # noqa: ANN401 (those of the chart)
    ) -> Chart:
        """Give a chart of candles that the data log holds.

        Parameters
        ----------
        exchange, symbol, timeframe, since, until
            As in `datalog.load`.
        **options
            As for `Chart`.

        Raises
        ------
        NotInLog
            When there is no such series.

        Examples
        --------
        >>> import gekko_lab
        >>> hours = gekko_lab.fetch("simulator", "BTC/USDT", "1h", since="2024-01-01", limit=48)
        >>> _ = gekko_lab.datalog.write(hours, "mine", "BTC/USDT", "1h")
        >>> gekko_lab.Chart.from_log("mine", "BTC/USDT", "1h")
        Chart: mine · BTC/USDT · 48 candles of 1h · 2024-01-01 to 2024-01-03
        """
        from gekko_lab.datalog import load

        rows = load(exchange, symbol, timeframe, since=since, until=until, frame="polars")
        options.setdefault("title", f"{exchange} · {symbol}")
        return cls(rows, timeframe=timeframe, **options)

    def show(self, candles: object, *, timeframe: str | None = None) -> None:
        """Show other candles in place of these.

        The range that is shown stays where the new candles overlap it. Overlays and marks go.

        Parameters
        ----------
        candles : polars or pandas frame
            As for `Chart`.
        timeframe
            Their width; by default the one that their spacing shows.
        """
        content = Content(candles, timeframe)
        with self._lock:
            content.version = self._content.version
            self._content, self._given, self._changed = content, candles, None
            self._shown = _kept(self._shown, content.span)
            self._publish()
        self.clear_selection()

    def update(self, candles: object) -> None:
        """Add candles as they come, from any thread.

        Parameters
        ----------
        candles : polars or pandas frame
            Newer ones; the first may be the newest one as it has become, for as long as it forms.

        Raises
        ------
        InvalidArgument
            When they begin before the newest candle.
        """
        with self._lock:
            axis = self._content.axis
            place = self._content.append(candles)
            if place is None:
                return
            self._content.version += 1
            if self._content.axis is not axis:
                self._given = candles if self._given is None else self._given
                self._shown, self._changed = self._content.span, None
                self._publish()
                return
            self._changed = place if self._changed is None else min(place, self._changed)
        if self._steps:
            self._live.ask()

    def overlay(self, name: str, values: object, *, color: str | None = None) -> None:
        """Lay a line over the candles; one of the same name goes.

        Parameters
        ----------
        name
            Of the line, for the legend.
        values : frame, pandas Series with times, or sequence of numbers
            A frame with `timestamp` and one more column or a Series with a DatetimeIndex, which
            stand at their own times; or a number for each candle. Nulls are left out.
        color
            As CSS writes it, such as "#1f77b4"; by default one that fits the theme.
        """
        with self._lock:
            self._content.draw(name, values, color)
        self._restock()

    def remove(self, name: str) -> None:
        """Take an overlay away.

        Raises
        ------
        InvalidArgument
            When there is none of that name.
        """
        with self._lock:
            lines = self._content.lines
            if name not in lines:
                raise InvalidArgument(f"no overlay {name!r} among {sorted(lines)}")
            del lines[name]
        self._restock()

    def mark(self, markers: object) -> None:
        """Mark trades or events, in place of what was marked.

        Parameters
        ----------
        markers : frame
            timestamp; text; side: "buy", "sell" or null; price: where it has one, the mark stands
            there. None takes all marks away.
        """
        with self._lock:
            self._content.mark(markers)
        self._restock()

    def zoom(self, since: TimeLike, until: TimeLike) -> None:
        """Show a range of time.

        Parameters
        ----------
        since, until
            As in `fetch`; spans such as "7d" count back from the end of the candles.
        """
        edges = self._read_range(since, until)
        with self._lock:
            self._shown = edges
            self._publish()
        self._callbacks.call("range", self.range)

    def select(self, since: TimeLike, until: TimeLike) -> None:
        """Select the candles that open in [since, until).

        Parameters
        ----------
        since, until
            As in `zoom`.
        """
        since_ms, until_ms = self._read_range(since, until)
        self._choose([float(since_ms), float(until_ms)])

    def clear_selection(self) -> None:
        """Select nothing."""
        self._choose(None)

    def on(self, event: Event, callback: Callable[[Any], object]) -> None:
        """Call something when the chart is used.

        Parameters
        ----------
        event
            "selection": called with the frame of selected candles, or None; "range": with the
            range of time that is shown; "error": with what another callback raised.
        callback
            What it raises shows in the chart.
        """
        self._callbacks.add(event, callback)

    def off(self, event: Event, callback: Callable[[Any], object]) -> None:
        """Stop calling something; what isn't called stays so.

        Parameters
        ----------
        event, callback
            As in `on`.
        """
        self._callbacks.remove(event, callback)

    def to_html(self, path: str | Path) -> None:
        """Write the chart as a page of its own, which needs neither a kernel nor a network.

        Parameters
        ----------
        path
            Of the file. More than 20,000 candles are joined.
        """
        with self._lock:
            span = self._content.span or (0, 1)
            window = self._content.window(*span, most=MOST)
            state = {name: getattr(self, name) for name in ("title", "height", "theme", "volume")}
            state |= {"head": {**self._head(window), "alone": True}, "fault": ""}
            state["selected"] = self.selected
        code, css = (
            (STATIC / name).read_text(encoding="utf-8") for name in ("chart.js", "chart.css")
        )
        Path(path).write_text(page(state, window.numbers, code=code, css=css), encoding="utf-8")

    def _read_range(self, since: TimeLike, until: TimeLike) -> Shown:
        span = self._content.span
        now = span[1] if span else 0
        edges = read_time(since, now=now), read_time(until, now=now, name="until")
        check_order(*edges)
        return edges


def _kept(shown: Shown | None, span: Shown | None) -> Shown | None:
    """Give the range that was shown where it overlaps the candles, else all of them."""
    if shown is None or span is None or shown[1] <= span[0] or span[1] <= shown[0]:
        return span
    return shown
