"""What is compared: measures that recorded and simulated candles share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gekko_lab.frames.spreads import usual_spread
from gekko_lab.market.timeframe import DAY, MINUTE
from gekko_lab.realism import returns, statistics, volumes
from gekko_lab.realism.facts import FACTS
from gekko_lab.simulation import tables

if TYPE_CHECKING:
    import polars as pl

    from gekko_lab.realism.returns import Grid
    from gekko_lab.realism.statistics import Numbers

Values = dict[str, float]
"""Moments by name; NaN where candles are too few to show one."""

_YEAR = 365.25 * DAY
_FAR = 0.999
_STEP = 5 * MINUTE  # of the returns that volatility is read off: bounces hardly show there


@dataclass(frozen=True, slots=True)
class Moment:
    """One measure.

    Attributes
    ----------
    id : str
        Its key among `Values`; that of a fact where it is one of the table of facts.
    name : str
        What is measured, with its unit where it has one.
    scale : bool
        Whether it is positive and compared by its ratio.
    """

    id: str
    name: str
    scale: bool = False


_NAMES = {fact.id: fact.name for fact in FACTS} | {
    "10b": "variance ratio, 60 candles",
}


def _facts(*ids: str, scale: bool = False) -> tuple[Moment, ...]:
    return tuple(Moment(each, _NAMES[each], scale) for each in ids)


MOMENTS = (
    Moment("usual", "volatility a year, of the usual day", scale=True),
    Moment("annual", "volatility a year, of all returns", scale=True),
    Moment("quiet", "share of quiet candles"),
    Moment("count", "mean trades a candle", scale=True),
    Moment("cost", "mean turnover a candle, quote", scale=True),
    Moment("spread", "spread in standard deviations of a return"),
    Moment("season", "strength of the day's rhythm, peak at 15:00 UTC"),
    Moment("far", "far over mean abs. return (99.9 %), season removed", scale=True),
    Moment("kurtosis", "kurtosis of returns (normal: 3)", scale=True),
    *_facts("3", scale=True),
    *_facts("4", "6a", "6b", "6c", "10b", "11a", "11b", "12a", "12b"),
    *_facts("13", "14a", "14b", "15", "16", scale=True),
)
"""In the order of the report."""


def essentials(table: pl.DataFrame, width: int) -> Values:
    """Measure what parameters are fitted by."""
    return _essentials(table, returns.on_grid(table, width), width)


def measure(table: pl.DataFrame, width: int) -> Values:
    """Measure all moments."""
    grid = returns.on_grid(table, width)
    facts = {**returns.measure(grid), **volumes.measure(grid)}
    wanted = [each.id for each in MOMENTS if each.id in facts]
    return {
        **_essentials(table, grid, width),
        **{each: _number(facts[each].value) for each in wanted},
        "kurtosis": _number(facts["1"].value) + 3.0,
    }


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)


def _essentials(table: pl.DataFrame, grid: Grid, width: int) -> Values:
    mean = statistics.mean
    per_candle = float(np.sqrt(mean(grid.change**2)))
    spread = usual_spread(table, width)
    known = table["trade_count"].drop_nulls()
    return {
        "usual": _usual_volatility(grid.price, width),
        "annual": per_candle * (_YEAR / width) ** 0.5,
        "quiet": float((table["volume"] == 0).mean()),  # type: ignore[arg-type]
        "count": float(known.mean()) if len(known) else np.nan,  # type: ignore[arg-type]
        "cost": float((table["close"] * table["volume"]).mean()),  # type: ignore[arg-type]
        "spread": (spread if spread > 0 else 0.0) / per_candle if per_candle else np.nan,
        "season": _season(grid),
        "far": _far(returns.without_season(grid)),
        "15": statistics.ratio(mean(grid.range), mean(np.abs(grid.body))),
    }


def _usual_volatility(price: Numbers, width: int) -> float:
    """Give the geometric mean over days, so that one wild day doesn't outweigh the others."""
    step = max(1, _STEP // width)
    per_day = DAY // (step * width)
    squares = np.diff(price[::step]) ** 2
    days = [squares[start : start + per_day] for start in range(0, squares.size, per_day)]
    levels = [statistics.mean(day) for day in days if 2 * np.isfinite(day).sum() >= per_day]
    moving = np.array([level for level in levels if level > 0])
    if not moving.size:
        return np.nan
    return float(np.exp(np.log(moving).mean() / 2.0) * np.sqrt(_YEAR / (step * width)))


def _far(sizes: Numbers) -> float:
    (kept,) = statistics.known(sizes)
    return float(np.quantile(kept, _FAR) / kept.mean()) if kept.size else np.nan


def _season(grid: Grid) -> float:
    """Give the strength of the simulated day's rhythm that fits the hourly abs. returns best."""
    means = returns.hourly_means(grid.hour, np.abs(grid.change))
    if not (means > 0).all():
        return np.nan
    rhythm = tables.volatility_season(1.0).reshape(24, 60).mean(axis=1)
    rhythm = rhythm - rhythm.mean()
    return float(rhythm @ np.log(means) / (rhythm @ rhythm))
