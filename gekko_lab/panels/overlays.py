"""Lines over candles that panels offer, and how to write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Callable


class Overlay(NamedTuple):
    """A line over candles.

    Attributes
    ----------
    label : str
        What it is called.
    length : int or None
        How many candles it looks back by default; None where it has no length.
    values : callable
        Gives the line as a polars expression over candles.
    text : str
        The same expression as Python, with the length as `{n}`.
    """

    label: str
    length: int | None
    values: Callable[[int], pl.Expr]
    text: str

    def name(self, length: int) -> str:
        """Give the name of the line."""
        return self.label if self.length is None else f"{self.label} {length}"

    def line(self, candles: pl.DataFrame, length: int) -> pl.DataFrame:
        """Give times and values."""
        return candles.select("timestamp", self.values(length).alias("value"))

    def code(self, length: int) -> str:
        """Write the line as a frame, of a polars frame `candles`."""
        return f'candles.select("timestamp", value={self.text.format(n=length)})'


def _vwap(_: int) -> pl.Expr:
    day = pl.col("timestamp").dt.truncate("1d")
    usual = (pl.col("high") + pl.col("low") + pl.col("close")) / 3
    cost = (usual * pl.col("volume")).cum_sum().over(day)
    return cost / pl.col("volume").cum_sum().over(day)


OVERLAYS = {
    "sma": Overlay(
        "SMA",
        20,
        lambda n: pl.col("close").rolling_mean(n),
        'pl.col("close").rolling_mean({n})',
    ),
    "ema": Overlay(
        "EMA",
        50,
        lambda n: pl.col("close").ewm_mean(span=n, adjust=False, min_samples=n),
        'pl.col("close").ewm_mean(span={n}, adjust=False, min_samples={n})',
    ),
    "vwap": Overlay(
        "VWAP",
        None,
        _vwap,
        '((pl.col("high") + pl.col("low") + pl.col("close")) / 3 * pl.col("volume")).cum_sum()'
        '.over(pl.col("timestamp").dt.truncate("1d"))'
        ' / pl.col("volume").cum_sum().over(pl.col("timestamp").dt.truncate("1d"))',
    ),
}
"""Simple and exponential moving averages of closes, and the volume-weighted price of each day."""
