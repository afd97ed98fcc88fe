"""`simulator_lab`: a market made by hand, and what of real markets it shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import ipywidgets
import polars as pl

from gekko_lab.calibration.calibration import calibrate
from gekko_lab.charts.overview import LiveFigure, overview_chart, repaint
from gekko_lab.datalog.listing import catalog
from gekko_lab.datalog.queries import load
from gekko_lab.errors import InvalidArgument
from gekko_lab.fetching.candles import fetch
from gekko_lab.fetching.order_book import fetch_order_book
from gekko_lab.frames.convert import to_candles, to_frame
from gekko_lab.market.moments import read_time, show_time
from gekko_lab.panels import pictures
from gekko_lab.panels.facts import (
    FACT_COLUMNS,
    MOMENT_COLUMNS,
    fact_rows,
    moment_rows,
    short_sample,
)
from gekko_lab.panels.knobs import FITTED, KNOBS, knobs, preset_of, set_knobs
from gekko_lab.panels.panel import Panel
from gekko_lab.panels.parts import Surroundings, Table
from gekko_lab.panels.spelling import call, spelled
from gekko_lab.realism.report import realism_report
from gekko_lab.settings import options
from gekko_lab.simulation import presets
from gekko_lab.sources.exchange_simulator import ExchangeSimulator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gekko_lab.calibration.calibration import Calibration
    from gekko_lab.charts.themes import Theme
    from gekko_lab.market.moments import TimeLike
    from gekko_lab.panels.pictures import Drawn
    from gekko_lab.realism.facts import Kind
    from gekko_lab.simulation import Currency
    from gekko_lab.simulation.presets import Preset

DAY_MS = 86_400_000
_LEVELS = 50


class Made(NamedTuple):
    """What a simulated market gave."""

    candles: pl.DataFrame
    book: pl.DataFrame
    report: pl.DataFrame
    figure: Any


@dataclass(frozen=True, slots=True)
class Window:
    """The time that is looked at."""

    since: int
    days: int

    @property
    def until(self) -> int:
        """Its end, milliseconds UTC."""
        return self.since + self.days * DAY_MS


def simulator_lab(
    preset: Preset | None = None,
    *,
    seed: int = 0,
    symbol: str | None = None,
    since: TimeLike = "2024-01-01",
    days: int = 7,
    **numbers: Any,  # noqa: ANN401 (numbers and choices of the simulator)
) -> SimulatorLab:
    """Give a panel that makes simulated markets and tells how real they look.

    Sliders change the market; price, returns, their memory, quantiles, hours and the order book
    follow, and the facts of real markets are checked, with their targets. "Match" sets all of it
    to what candles in the data log show.

    Parameters
    ----------
    preset, seed, **numbers
        As of `ExchangeSimulator`.
    symbol
        The market that is looked at; by default the largest.
    since, days
        When.

    Returns
    -------
    SimulatorLab
        Its `simulator` goes wherever an exchange name goes; `frame` is its candles, `report` the
        facts.

    Raises
    ------
    InvalidArgument
        When a parameter can't be used.

    Examples
    --------
    >>> import asyncio
    >>> import gekko_lab
    >>> panel = gekko_lab.simulator_lab(seed=7, days=2, season=0.0)
    >>> asyncio.run(panel.ready()).frame.height
    2880
    >>> print(panel.code.splitlines()[0])
    market = gekko_lab.ExchangeSimulator(seed=7, season=0.0)
    """
    if days not in range(1, 31):
        raise InvalidArgument(f"days={days!r}: use a whole number from 1 to 30")
    start = read_time(since, now=0) // DAY_MS * DAY_MS
    simulator = ExchangeSimulator(preset, seed=seed, **numbers)
    if symbol is not None:
        simulator.market(symbol)
    return SimulatorLab(simulator, preset, symbol, Window(start, days))


class SimulatorLab(Panel):
    """Simulated markets made by hand; see `simulator_lab`.

    Parameters
    ----------
    simulator
        To begin with.
    preset
        What that was made of.
    symbol
        The market that is looked at.
    window
        When.

    Attributes
    ----------
    simulator : ExchangeSimulator
        The market as it is set.
    """

    name = "simulator_lab"

    def __init__(
        self,
        simulator: ExchangeSimulator,
        preset: Preset | None,
        symbol: str | None,
        window: Window,
    ) -> None:
        super().__init__()
        self.simulator = simulator
        self._since = window.since
        self._currencies: tuple[Currency, ...] | None = None
        self._made: Made | None = None
        self._calibration: Calibration | None = None
        self._setting = False
        self._figure: Any = None
        self._controls = knobs(simulator, preset, symbol, window.days, _stored())
        self._surroundings = Surroundings()
        self._table = Table.of("Facts of real markets", FACT_COLUMNS)
        self._moments = Table.of("How close the match is", MOMENT_COLUMNS)
        self._moments.layout.display = "none"
        for name, control in self._controls.items():
            if name == "preset":
                self._wire(control, self._start_anew)
            elif name == "match":
                self._wire(control, self._match_stored)
            elif name != "recorded":
                self._wire(control, self._change)
        self._surroundings.observe(lambda _: self._repaint(), "dark")
        self._header.badge = "SIM"
        self._plot_box = ipywidgets.VBox()
        self._lay_out(
            tuple(self._controls.values()),
            self._surroundings,
            self._plot_box,
            self._moments,
            self._table,
        )
        self._change()

    @property
    def frame(self) -> Any:  # noqa: ANN401
        """The candles of the market as it is set; None until they are there."""
        return None if self._made is None else to_frame(self._made.candles, options.frame)

    @property
    def report(self) -> Any:  # noqa: ANN401
        """The facts of real markets; see `realism_report`."""
        return None if self._made is None else self._made.report

    @property
    def calibration(self) -> Calibration | None:
        """The last match; None before."""
        return self._calibration

    @property
    def figure(self) -> Any:  # noqa: ANN401 (plotly has no types)
        """The statistics as a plotly figure; None until they are there."""
        return None if self._made is None else self._made.figure

    def match(self, candles: object, *, symbol: str | None = None) -> None:
        """Set everything to what recorded candles show; see `calibrate`.

        Parameters
        ----------
        candles : polars or pandas frame
            Two days of them at the least.
        symbol
            What the market is called.
        """
        table, seed = to_candles(candles), int(self._controls["seed"].value)
        self._do("match", lambda: calibrate(table, symbol=symbol, seed=seed), self._take_match)

    def _match_stored(self) -> None:
        chosen = self._controls["recorded"].value
        if chosen is None:
            raise InvalidArgument(
                "the data log holds no candles to match: fetch or download two days of some"
            )
        exchange, symbol, timeframe = chosen
        seed = int(self._controls["seed"].value)
        self._do(
            "match",
            lambda: calibrate(
                load(exchange, symbol, timeframe, frame="polars"), symbol=symbol, seed=seed
            ),
            self._take_match,
        )

    def _take_match(self, found: Calibration) -> None:
        self._calibration = found
        given = {name: value for name, value in found.parameters.items() if name in FITTED}
        self._setting = True  # all knobs turn before the market is made anew
        try:
            set_knobs(self._controls, found.preset, found.simulator.parameters, given)
            self._currencies = found.parameters["currencies"]
            self._offer(found.simulator, found.symbol)
        finally:
            self._setting = False
        self._moments.show(moment_rows(found.report))
        self._moments.layout.display = None
        self._change()

    def _start_anew(self) -> None:
        """Set all knobs to those of a preset."""
        if self._setting:
            return
        preset = preset_of(self._controls)
        usual = ExchangeSimulator(preset, seed=int(self._controls["seed"].value))
        self._setting = True
        try:
            self._currencies = None
            set_knobs(self._controls, preset, usual.parameters, {})
            self._offer(usual, self._controls["symbol"].value)
        finally:
            self._setting = False
        self._change()

    def _offer(self, simulator: ExchangeSimulator, symbol: str) -> None:
        """Let the user choose among the markets of a simulator."""
        names = list(simulator.rules())
        control = self._controls["symbol"]
        control.options = names
        control.value = symbol if symbol in names else names[0]

    def _change(self) -> None:
        """Make the market that the controls describe."""
        if self._setting:
            return
        self.simulator = ExchangeSimulator(preset_of(self._controls), **self._settings())
        simulator, symbol = self.simulator, str(self._controls["symbol"].value)
        window, theme = Window(self._since, int(self._controls["days"].value)), self._theme()
        kind = self._kind()
        self._do("make", lambda: _make(simulator, symbol, window, theme, kind), self._take)

    def _settings(self) -> dict[str, Any]:
        """Give what differs from the preset, as arguments of the simulator."""
        controls = self._controls
        usual = presets.choose(preset_of(controls), {})
        given: dict[str, Any] = {"seed": int(controls["seed"].value)}
        for name in KNOBS:
            value = controls[name].value
            if value != getattr(usual, name):
                given[name] = value
        if self._currencies is not None:
            given["currencies"] = self._currencies
        return given

    def _take(self, made: Made) -> None:
        self._made = made
        passed = made.report["passed"].drop_nulls()
        self._table.show(fact_rows(made.report))
        self._header.parts = [
            "simulator",
            str(self._controls["symbol"].value),
            "1m",
            f"{made.candles.height:,} rows",
            f"{passed.sum()} of {len(passed)} facts",
            *short_sample(made.report),
        ]
        self._write_code()
        self._paint()
        self._emit("change")

    def _write_code(self) -> None:
        preset = preset_of(self._controls)
        given = [] if preset is None else [preset]
        market = call("gekko_lab.ExchangeSimulator", *given, **self._settings())
        days = Window(self._since, int(self._controls["days"].value))
        window = {"since": show_time(days.since), "until": show_time(days.until)}
        kind = "" if self._kind() == "liquid" else f", kind={spelled(self._kind())}"
        symbol = spelled(self._controls["symbol"].value)
        told = ", ".join(f"{name}={spelled(value)}" for name, value in window.items())
        self._code.code = (
            f"market = {market}\n"
            f"candles = gekko_lab.fetch(market, {symbol}, '1m', {told})\n"
            f"gekko_lab.realism_report(candles{kind})"
        )

    def _kind(self) -> Kind:
        """Give which targets are meant."""
        return "thin" if preset_of(self._controls) == "thin" else "liquid"

    def _theme(self) -> Theme:
        return "dark" if self._surroundings.dark else "light"

    def _repaint(self) -> None:
        if self._made is not None:
            made = self._made._replace(
                figure=overview_chart(self._made.candles, self._made.book, theme=self._theme())
            )
            self._made = made
            self._paint()

    def _paint(self) -> None:
        made = cast("Made", self._made)
        if self._figure is None:
            self._figure = LiveFigure(made.figure)
            self._plot_box.children = (self._figure,)
        else:
            repaint(self._figure, made.figure)

    def _drawn(self) -> Sequence[Drawn]:
        if self._made is None:
            return [pictures.note("nothing made yet")]
        closes = self._made.candles["close"].to_list()
        return [pictures.curve(closes, "price"), pictures.table(FACT_COLUMNS, self._table.told())]


def _make(
    simulator: ExchangeSimulator, symbol: str, window: Window, theme: Theme, kind: Kind
) -> Made:
    candles = fetch(
        simulator,
        symbol,
        "1m",
        since=window.since,
        until=window.until,
        frame="polars",
        progress="off",
        log=False,
    )
    book = fetch_order_book(simulator, symbol, at=window.until, depth=_LEVELS, frame="polars")
    report = realism_report(candles, kind=kind).filter(needs="candles")
    return Made(candles, book, report, overview_chart(candles, book, theme=theme))


def _stored() -> list[tuple[str, tuple[str, str, str]]]:
    """Give the candles in the data log that can be matched."""
    table = catalog("candles", frame="polars").filter(pl.col("rows") >= 500)  # noqa: PLR2004 (as calibrate needs)
    names = table.select("exchange", "symbol", "timeframe").iter_rows()
    return [(" ".join(each), each) for each in names if each[2].endswith("m")]
