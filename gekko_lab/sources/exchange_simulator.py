"""ExchangeSimulator: the simulated market as an exchange, without a network."""

from __future__ import annotations

import operator
import time
from collections.abc import Iterable
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from gekko_lab.errors import InvalidType, UnknownSymbol
from gekko_lab.market.suggest import nearest
from gekko_lab.simulation import GENESIS, HORIZON, Parameters, SimulatedMarket, presets
from gekko_lab.simulation.parameters import NUMBERS
from gekko_lab.sources.source import Page, Paging, TradeCursor, TradePage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import polars as pl

    from gekko_lab.market.rules import MarketRules
    from gekko_lab.market.timeframe import Timeframe
    from gekko_lab.simulation import Currency
    from gekko_lab.simulation.parameters import Process, Trend, Volatility
    from gekko_lab.simulation.presets import Preset

TIMEFRAMES = (
    *("1s", "5s", "15s", "30s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h"),
    *("12h", "1d", "3d", "1w", "1M"),
)
"""The usual candle widths, shortest first."""

_PAGE_MINUTES = 366 * 1440  # a page is at most what a year of minutes takes to make
_TRADE_WINDOW = 6 * 3_600_000


class ExchangeSimulator:
    """A made-up exchange whose candles and trades exist at any time since 2010.

    The same seed and parameters give the same market, byte for byte, whatever the window, the
    process or the machine. It goes wherever the name of an exchange goes; the name "simulator"
    stands for this class with its defaults, "simulator:thin" for its preset "thin".

    Parameters
    ----------
    preset
        A market by name: "liquid", "thin", "fx", "stress" or "gekko-m4"; by default a dozen
        currencies of which the large ones are liquid and the small ones thin.
    seed
        Chooses one of the possible markets.
    volatility
        How much prices move: "low", "moderate" or "high".
    trend
        Where they go: "up", "down", "sideways", or "fibonacci" for bull and bear phases that
        last a Fibonacci number of days.
    process
        How volatility and activity move: "multiscale" as in real markets; "gbm" (geometric
        Brownian motion) and "garch" (GARCH(1,1), `garch_alpha`, `garch_beta`) to compare with.
    currencies
        What is traded, as `gekko_lab.Currency`; by default those of the preset.
    **numbers
        Any other parameter that `describe` tells of, such as `trades_per_minute=30`.

    Raises
    ------
    InvalidArgument
        When a parameter can't be used; the message says what can.

    Examples
    --------
    >>> import gekko_lab
    >>> calm = gekko_lab.ExchangeSimulator(seed=7, volatility="low")
    >>> candles = gekko_lab.fetch(calm, "ETH/USDT", "1h", since="2024-01-01", limit=2)
    >>> candles["timestamp"].dt.hour().to_list()
    [0, 1]
    >>> thin = gekko_lab.ExchangeSimulator("thin", spread=0.2)
    >>> thin.describe().filter(parameter="spread").row(0)[:3]
    ('spread', '0.2', 'sd of a minute')
    """

    exchange = "simulator"
    foresees = True
    logged = False

    def __init__(
        self,
        preset: Preset | None = None,
        *,
        seed: int = 0,
        volatility: Volatility = "moderate",
        trend: Trend = "fibonacci",
        process: Process = "multiscale",
        currencies: Sequence[Currency] | None = None,
        **numbers: float,
    ) -> None:
        chosen: dict[str, Any] = {"volatility": volatility, "trend": trend, **numbers}
        chosen["process"] = process
        numpys = not isinstance(seed, bool) and hasattr(seed, "__index__")
        chosen["seed"] = operator.index(seed) if numpys else seed
        if currencies is not None:
            if not isinstance(currencies, Iterable):
                raise InvalidType(f"currencies={currencies!r}: give a list of gekko_lab.Currency")
            chosen["currencies"] = tuple(currencies)
        self._preset = preset
        self.parameters = presets.choose(preset, chosen)
        self._simulated = SimulatedMarket(self.parameters)

    @property
    def identity(self) -> str:
        """The name and a fingerprint of seed, parameters and version of the model."""
        return f"simulator-{self.parameters.fingerprint}"

    def describe(self) -> pl.DataFrame:
        """Give every parameter with its value, unit and meaning.

        Returns
        -------
        polars.DataFrame
            Columns, all text: parameter, value, unit, meaning; the currencies are at the end.
        """
        return presets.describe(self.parameters)

    def now(self) -> int:
        """Give this machine's clock, which the simulated exchange runs on."""
        return time.time_ns() // 1_000_000

    def rules(self) -> Mapping[str, MarketRules]:
        """Give every market by its symbol."""
        return self._simulated.rules

    def market(self, symbol: str) -> MarketRules:
        """Give one market, or raise `UnknownSymbol` with the nearest names."""
        rules = self._simulated.rules
        if symbol not in rules:
            raise UnknownSymbol(
                f"the simulator has no market {symbol!r}.{nearest(symbol, rules)} "
                "gekko_lab.symbols('simulator') lists all"
            )
        return rules[symbol]

    def timeframes(self) -> Sequence[str]:
        """Give the names of the candle widths that are served, shortest first."""
        return TIMEFRAMES

    def paging(self, symbol: str, timeframe: Timeframe) -> Paging:
        """Tell how candles are handed out: a year of minutes at a time, none missing."""
        del symbol
        minutes = max(1, timeframe.shortest // 60_000)
        return Paging(page_size=max(1, _PAGE_MINUTES // minutes), jumps=True, dense=True)

    def candles(
        self, symbol: str, timeframe: Timeframe, since: int, until: int, *, full: bool = False
    ) -> Page:
        """Give the candles that open in [since, until); their quote volume takes the trades."""
        return Page(
            self._simulated.candles(symbol, timeframe, since, until, quote_volume=full),
            resumes_at=timeframe.ceil(GENESIS) if until <= GENESIS else None,
        )

    def trades(self, symbol: str, cursor: TradeCursor, until: int) -> TradePage:
        """Give the trades of the next six hours from the cursor on."""
        until = min(until, HORIZON)
        end = min(until, max(cursor.time, GENESIS) + _TRADE_WINDOW)
        frame = self._simulated.trades(symbol, cursor.time, end)
        return TradePage(
            frame.with_columns(id=frame["id"].cast(str)),
            TradeCursor(end) if end < until else None,
        )

    def order_book(self, symbol: str, time: int, depth: int = 20) -> pl.DataFrame:
        """Give the order book at a time in milliseconds UTC, `depth` levels a side.

        Returns
        -------
        polars.DataFrame
            Bids, then asks, each from the best outwards, in the columns of `ORDER_BOOK`.
        """
        self.market(symbol)
        return self._simulated.order_book(symbol, time, depth)

    def quotes(self, symbol: str, since: int, until: int) -> pl.DataFrame:
        """Give the best quotes after each moment with trades in [since, until), milliseconds UTC.

        Returns
        -------
        polars.DataFrame
            By time, in the columns of `QUOTES`; each row holds until the next one.
        """
        self.market(symbol)
        return self._simulated.quotes(symbol, since, until)

    def oldest_trade(self, symbol: str, since: int) -> int | None:
        """Tell when the simulated market began, where that is later than `since`."""
        del symbol
        return GENESIS if since < GENESIS else None

    def __repr__(self) -> str:
        shown, usual = self.parameters, presets.choose(self._preset, {})
        names = ["seed", "volatility", "trend"]
        names += [] if shown.process == usual.process else ["process"]
        names += [n.name for n in NUMBERS if getattr(shown, n.name) != getattr(usual, n.name)]
        given = [] if self._preset is None else [repr(self._preset)]
        given += [f"{name}={getattr(shown, name)!r}" for name in names]
        return f"ExchangeSimulator({', '.join(given)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self._preset, self.parameters)


def _rebuild(preset: Preset | None, parameters: Parameters) -> ExchangeSimulator:
    given: dict[str, Any] = {f.name: getattr(parameters, f.name) for f in fields(parameters)}
    return ExchangeSimulator(preset, **given)
