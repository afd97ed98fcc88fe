"""The bid-ask spread that candles show without a book."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gekko_lab.frames.checks import times_of

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]
    Marks = NDArray[np.bool_]


def usual_spread(candles: pl.DataFrame, width: int) -> float:
    """Give the usual spread as a fraction of the price; NaN where candles show none.

    The efficient estimator of Ardia, Guidotti and Kroencke [1]_, which also holds where a candle
    has few trades: opens and closes lie half a spread off the middle, so that moves from middle to
    open and from open to middle cancel each other more than a random walk's would. Two combinations
    of moments say so, weighted by how well each is known.

    Parameters
    ----------
    candles
        Sound ones with positive prices.
    width
        Milliseconds from candle to candle; pairs across a gap are left out.

    References
    ----------
    .. [1] Ardia, Guidotti, Kroencke 2024, Efficient estimation of bid-ask spreads from open, high,
       low, and close prices, Journal of Financial Economics 161.
    """
    together = np.diff(times_of(candles).to_numpy()) == width
    opens, highs, lows, closes = (
        np.log(candles[name].to_numpy()) for name in ("open", "high", "low", "close")
    )
    middle = (highs + lows) / 2.0
    open_, high, low, mid = (each[1:][together] for each in (opens, highs, lows, middle))
    last, top, bottom, before = (each[:-1][together] for each in (closes, highs, lows, middle))
    traded = (high != low) | (low != last)
    at_open = _share(traded, open_ != high) + _share(traded, open_ != low)
    at_close = _share(traded, last != top) + _share(traded, last != bottom)
    if traded.sum() < 2 or not at_open or not at_close:  # noqa: PLR2004 (a variance needs two)
        return np.nan
    rise, fall = open_ - before, last - before
    to_mid, back = _centered(mid - open_, traded), _centered(mid - last, traded)
    jump = open_ - last
    first = to_mid * rise / at_open + back * fall / at_close
    second = to_mid * jump / at_open + _centered(jump, traded) * fall / at_close
    square = -4.0 * _combined(first, second)
    return float(np.sqrt(square)) if square > 0.0 else np.nan


def _share(traded: Marks, moved: Marks) -> float:
    return float((traded & moved).mean()) if traded.size else 0.0


def _centered(values: Numbers, traded: Marks) -> Numbers:
    centered: Numbers = values - values.mean() / traded.mean() * traded
    return centered


def _combined(first: Numbers, second: Numbers) -> float:
    """Give the mean of two means, each with the weight of the other's variance."""
    one, other = first.var(), second.var()
    if one + other == 0.0:
        return float(first.mean())
    return float((other * first.mean() + one * second.mean()) / (one + other))
