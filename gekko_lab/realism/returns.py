"""Facts of prices: what 1m candles say of returns, their size, memory and range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from gekko_lab.frames.checks import times_of
from gekko_lab.market.timeframe import HOUR, MINUTE
from gekko_lab.realism import statistics
from gekko_lab.realism.facts import Measured, Measurements, measured

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gekko_lab.realism.statistics import Numbers

DAY_OF_MINUTES = 1440
MEMORY = 1000
"""The longest lag that memory is looked at."""

_LONGEST = DAY_OF_MINUTES + 1  # no lag is longer, so a longer gap needs no more places
_FEW = "too few candles, or prices that don't move"
_NO_MEMORY = "abs. returns have no memory: lag 1 is within three standard errors of 0"
_ENDS = "the memory of abs. returns ends before it could show a power law"


@dataclass(frozen=True, slots=True)
class Grid:
    """Candles on an even grid; NaN where there is none, or none to compare with.

    Attributes
    ----------
    hour : numpy.ndarray
        Of the day, UTC; -1 where there is no candle.
    price : numpy.ndarray
        Logarithm of the close.
    change : numpy.ndarray
        Of `price` since the place before: the return.
    range : numpy.ndarray
        ln(high / low).
    body : numpy.ndarray
        ln(close / open).
    stays : numpy.ndarray
        1 where a traded candle opens at the close before, 0 where it doesn't.
    volume : numpy.ndarray
        Base; NaN where nothing was traded.
    hourly : numpy.ndarray
        Returns from the last close of an hour to that of the next; NaN across missing hours.
    """

    hour: NDArray[np.int64]
    price: Numbers
    change: Numbers
    range: Numbers
    body: Numbers
    stays: Numbers
    volume: Numbers
    hourly: Numbers


def on_grid(candles: pl.DataFrame, width: int = MINUTE) -> Grid:
    """Put sound candles on an even grid.

    Gaps longer than a day of minutes are kept only so long that no lag reaches across.

    Parameters
    ----------
    candles
        In order.
    width
        Milliseconds from candle to candle.
    """
    times = times_of(candles).to_numpy()
    places = np.cumsum(np.minimum(np.diff(times, prepend=times[:1]) // width, _LONGEST))
    size = int(places[-1]) + 1 if places.size else 0
    columns = {name: candles[name].to_numpy() for name in ("open", "high", "low", "close")}
    traded = np.where(candles["volume"].to_numpy() > 0, candles["volume"].to_numpy(), np.nan)
    logs = {name: _log(values) for name, values in columns.items()}
    price = _spread(logs["close"], places, size)
    volume = _spread(traded, places, size)
    opens, closes = (_spread(columns[name], places, size) for name in ("open", "close"))
    before = np.append(np.full(min(size, 1), np.nan), closes[:-1])
    comparable = np.isfinite(opens) & np.isfinite(before) & np.isfinite(volume)
    hour = np.full(size, -1)
    hour[places] = times // HOUR % 24
    return Grid(
        hour=hour,
        price=price,
        change=np.diff(price, prepend=np.nan) if size else price,
        range=_spread(logs["high"] - logs["low"], places, size),
        body=_spread(logs["close"] - logs["open"], places, size),
        stays=np.where(comparable, opens == before, np.nan),
        volume=volume,
        hourly=_hourly(times, logs["close"]),
    )


def _log(values: Numbers) -> Numbers:
    logs: Numbers = np.log(np.where(values > 0, values, np.nan))
    return logs


def _spread(values: Numbers, places: NDArray[np.int64], size: int) -> Numbers:
    spread: Numbers = np.full(size, np.nan)
    spread[places] = values
    return spread


def _hourly(times: NDArray[np.int64], price: Numbers) -> Numbers:
    hours = times // HOUR
    last = np.flatnonzero(np.diff(hours, append=-1))
    changes: Numbers = np.diff(price[last])
    changes[np.diff(hours[last]) != 1] = np.nan
    return changes


def measure(grid: Grid) -> Measurements:
    """Measure facts 1 to 10 and 14a to 18."""
    return {
        **_tails(grid),
        **_memory(grid),
        **_scaling(grid),
        **_shapes(grid),
    }


def _tails(grid: Grid) -> Measurements:
    minute = statistics.excess_kurtosis(grid.change)
    hour = statistics.excess_kurtosis(grid.hourly)
    return {
        "1": measured(minute, _FEW),
        "2a": measured(hour / minute if minute > 0 else np.nan, "1m returns have no heavy tails"),
        "2b": measured(hour, _FEW),
        "3": measured(statistics.hill(np.abs(grid.change), 0.05), _FEW),
    }


def _memory(grid: Grid) -> Measurements:
    signed = statistics.autocorrelation(grid.change, 30)
    size = statistics.autocorrelation(np.abs(grid.change), 60)
    steady = statistics.autocorrelation(without_season(grid), MEMORY)
    noise = 3.0 / max(1, int(np.isfinite(grid.change).sum())) ** 0.5
    return {
        "4": measured(signed[1], _FEW),
        "5": measured(float(np.abs(signed[2:]).max()), _FEW),
        "6a": measured(size[1], _FEW),
        "6b": measured(size[10], _FEW),
        "6c": measured(size[60], _FEW),
        "7": _present(size, noise, statistics.ratio(size[60], size[1]), _FEW),
        "8": _present(size, noise, statistics.decay_exponent(steady, 5, MEMORY), _ENDS),
    }


def without_season(grid: Grid) -> Numbers:
    """Give abs. returns over the mean of their hour of the day.

    A daily season makes the memory of abs. returns dip at half a day, which hides the power law.

    References
    ----------
    Andersen and Bollerslev 1997, Intraday periodicity and volatility persistence in financial
    markets, Journal of Empirical Finance 4.
    """
    size = np.abs(grid.change)
    usual = hourly_means(grid.hour, size)[grid.hour]
    steady: Numbers = np.divide(size, usual, out=np.full(size.size, np.nan), where=usual > 0)
    return steady


def _present(size: Numbers, noise: float, value: float, otherwise: str) -> Measured:
    if not np.isfinite(size[[1, 60]]).all():
        return Measured(None, _FEW)
    if size[1] < noise:
        return Measured(None, _NO_MEMORY, absent=True)
    if not np.isfinite(value):
        return Measured(None, otherwise, absent=True)
    return Measured(float(value))


def _scaling(grid: Grid) -> Measurements:
    horizons = {"10a": 5, "10b": 60, "10c": DAY_OF_MINUTES}
    ratios = {key: statistics.variance_ratio(grid.price, steps) for key, steps in horizons.items()}
    return {
        "9a": measured(statistics.fluctuation_exponent(np.abs(grid.change)), _FEW),
        "9b": measured(statistics.fluctuation_exponent(grid.change), _FEW),
        **{key: measured(value, _FEW) for key, value in ratios.items()},
    }


def _shapes(grid: Grid) -> Measurements:
    mean = statistics.mean
    highs = np.sqrt(mean(grid.range**2) / (4.0 * np.log(2.0)))
    lever = statistics.lagged_correlation(grid.change, np.abs(grid.change), 30)[1:]
    return {
        "14a": measured(busiest_over_quietest(grid.hour, np.abs(grid.change)), _FEW),
        "15": measured(statistics.ratio(mean(grid.range), mean(np.abs(grid.body))), _FEW),
        "16": measured(statistics.ratio(highs, float(np.sqrt(mean(grid.body**2)))), _FEW),
        "17": measured(float(lever.mean()), _FEW),
        "18": measured(mean(grid.stays), _FEW),
    }


def hourly_means(hour: NDArray[np.int64], values: Numbers) -> Numbers:
    """Give the mean of what is known in each of the 24 hours; NaN where nothing is."""
    there = np.isfinite(values) & (hour >= 0)
    count = np.bincount(hour[there], minlength=24)
    total = np.bincount(hour[there], values[there], minlength=24)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def busiest_over_quietest(hour: NDArray[np.int64], values: Numbers) -> float:
    """Give the largest over the smallest of the 24 hourly means; NaN if an hour is missing."""
    means = hourly_means(hour, values)
    return statistics.ratio(float(means.max()), float(means.min()))


def together(candles: pl.DataFrame, other: pl.DataFrame) -> tuple[Measurements, int]:
    """Measure fact 32, and count the minutes that both have a return of."""
    both = _changes(candles).join(_changes(other), on="timestamp", suffix="_other")
    pair = (both[name].to_numpy() for name in ("change", "change_other"))
    value = statistics.correlation(*pair)
    return {"32": measured(value, "too few minutes that both symbols have returns of")}, both.height


def _changes(candles: pl.DataFrame) -> pl.DataFrame:
    step = pl.col("timestamp").diff().dt.total_milliseconds()
    rows = candles.filter(pl.col("close") > 0).select(
        "timestamp", change=pl.col("close").log().diff(), step=step
    )
    return rows.filter(pl.col("step") == MINUTE).drop("step")
