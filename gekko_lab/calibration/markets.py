"""Simulated markets of one symbol that stand where a recorded one stood."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, log10
from typing import TYPE_CHECKING, Any

from gekko_lab.errors import InvalidArgument, InvalidType
from gekko_lab.frames.schemas import CANDLES
from gekko_lab.market.timeframe import MINUTE, WEEK, Timeframe
from gekko_lab.simulation import GENESIS, Currency
from gekko_lab.simulation.parameters import NUMBERS
from gekko_lab.sources.exchange_simulator import ExchangeSimulator

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from gekko_lab.calibration.recording import Recorded
    from gekko_lab.simulation.presets import Preset

_RANGES = {number.name: (number.low, number.high) for number in NUMBERS}
_VALUES = (1e-6, 1e6)  # that a currency may have at the beginning
_LEAST_PRICE = 1.01e-5  # at the beginning, or the simulator lists no market
_LOT = 0.5  # units that a lot is worth at the most
_FINEST = 8
_FIRST = 1_000.0  # fine ticks, wherever the walk leads


def bounds(name: str) -> tuple[float, float]:
    """Give the range of a parameter."""
    return _RANGES[name]


@dataclass(frozen=True, slots=True)
class Site:
    """Where simulated markets stand.

    Attributes
    ----------
    base, quote : str
        Currency codes.
    recorded : Recorded
        What they are compared with.
    preset : str or None
        What they begin with.
    """

    base: str
    quote: str
    recorded: Recorded
    preset: Preset | None

    @property
    def symbol(self) -> str:
        """The name of the market."""
        return f"{self.base}/{self.quote}"

    @property
    def price(self) -> float:
        """The first recorded close."""
        return float(self.recorded.table["close"][0])

    def settings(self, numbers: Mapping[str, float], seed: int) -> dict[str, Any]:
        """Give the settings of a market whose price is the recorded one when the recording begins.

        The price is a walk from 2010 on, times the first price, which is what the walk leaves to it
        as far as a price may be so small or large.
        """
        walk = ExchangeSimulator(self.preset, **self.early_settings(numbers, seed, _FIRST))
        reached = self.price_of(walk)
        start = _FIRST * self.price / reached
        return self.early_settings(numbers, seed, float(f"{start:.6g}"))

    def price_of(self, market: ExchangeSimulator) -> float:
        """Give the simulated price at the first recorded close."""
        since = self.recorded.since
        opened = self.recorded.width.next(since) - MINUTE
        page = market.candles(self.symbol, Timeframe.parse("1m"), opened, opened + MINUTE)
        return float(page.frame["close"][0])

    def early_settings(
        self, numbers: Mapping[str, float], seed: int, start: float | None = None
    ) -> dict[str, Any]:
        """Give the settings of a market whose very first price is the recorded one, or `start`."""
        start = max(self.price if start is None else start, _LEAST_PRICE)
        tick, unit = self.recorded.tick, _unit(start, numbers["trade_value"])
        ticks = 0.9 * start * 10.0 ** (_FINEST if tick is None else tick)
        settings = {**numbers, "trade_value": numbers["trade_value"] * unit, "price_steps": ticks}
        value = min(max(start * unit, _VALUES[0]), _VALUES[1])
        return {
            "seed": seed,
            **{name: _rounded(name, value) for name, value in settings.items()},
            "currencies": (
                Currency(self.quote, unit, 0.0, correlation=0.0, activity=1.0, quotes=True),
                Currency(self.base, value, activity=1.0),
            ),
        }

    def early_candles(self, numbers: Mapping[str, float], seed: int) -> pl.DataFrame:
        """Give simulated candles of as much time, at the same hours of the same days of the week.

        They are those of the first weeks of all, where the price hasn't walked away yet.
        """
        market = ExchangeSimulator(self.preset, **self.early_settings(numbers, seed))
        recorded = self.recorded
        since = WEEK + GENESIS + (recorded.since - GENESIS) % WEEK
        until = since + recorded.until - recorded.since
        page = market.candles(self.symbol, recorded.width, since, until)
        return page.frame.select(*CANDLES.names(), "trade_count")


def codes(symbol: str | None) -> tuple[str, str]:
    """Give base and quote of a symbol, as codes of simulated currencies."""
    if symbol is None:
        return "BASE", "QUOTE"
    if not isinstance(symbol, str):
        raise InvalidType(f"symbol={symbol!r} is a {type(symbol).__name__}: write 'BTC/USDT'")
    base, _, quote = symbol.partition(":")[0].partition("/")
    if not base or not quote or base == quote:
        raise InvalidArgument(f"symbol={symbol!r}: write base and quote, as in 'BTC/USDT'")
    return base, quote


def _unit(start: float, trade_value: float) -> float:
    """Give the quote's value in units so small that a lot is a hundredth of a trade at the most."""
    wanted = ceil(log10(max(100.0 * _LOT / trade_value, 1.0)))
    possible = floor(log10(_VALUES[1] / max(start, 1.0)))
    return float(10.0 ** max(min(wanted, possible), 0))


def _rounded(name: str, value: float) -> float:
    low, high = bounds(name)
    return min(max(float(f"{value:.4g}"), low), high)
