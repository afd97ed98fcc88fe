"""Facts of the book: what best quotes say of the spread and of where the price goes next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from gekko_lab.errors import DataError
from gekko_lab.frames.convert import to_polars
from gekko_lab.frames.schemas import QUOTES
from gekko_lab.realism import statistics
from gekko_lab.realism.facts import Measurements, measured

if TYPE_CHECKING:
    from gekko_lab.realism.statistics import Numbers

_NUMBERS = ("bid", "ask", "bid_amount", "ask_amount")

_FEW = "too few quotes, or all alike"
_DIGITS = 6  # of a spread in ticks, which decimals don't divide exactly


def read(book: object) -> pl.DataFrame:
    """Give a user's best quotes in the columns of `QUOTES`, checked.

    Raises
    ------
    DataError
        Names the first row that isn't sound: a hole, a price or amount that isn't positive, a bid
        not below the ask, or a time before that of the row before.
    """
    table = to_polars(book)
    for name, dtype in QUOTES.items():
        if table.schema.get(name) != dtype:
            found = table.schema.get(name, "missing")
            raise DataError(f"column {name!r} of the book is {found}, where {dtype} is needed")
    table = table.select(QUOTES.names())
    sound = (
        pl.all_horizontal(pl.col(*_NUMBERS).is_finite() & (pl.col(*_NUMBERS) > 0))
        & (pl.col("bid") < pl.col("ask"))
        & (pl.col("timestamp").diff().dt.total_microseconds() >= 0).fill_null(True)
    )
    broken = table.select((~sound.fill_null(False)).arg_true()).to_series()
    if len(broken):
        values = table.row(broken[0], named=True)
        raise DataError(
            f"quote {broken[0]} of {len(table)} is none: positive numbers, bid < ask and growing "
            f"times are needed, not {', '.join(f'{key}={value}' for key, value in values.items())}"
        )
    return table


def measure(book: pl.DataFrame) -> Measurements:
    """Measure facts 29 and 30; the tick is the smallest step between prices that occur."""
    bid, ask, bids, asks = (book[name].to_numpy() for name in _NUMBERS)
    steps = np.diff(np.unique(np.concatenate([bid, ask])))
    spread = np.round((ask - bid) / steps.min(), _DIGITS) if steps.size else bid * np.nan
    (kept,) = statistics.known(spread)
    imbalance = (bids - asks) / (bids + asks)
    return {
        "29a": measured(float(np.median(kept)) if kept.size else np.nan, _FEW),
        "29b": measured(statistics.mean(np.where(np.isfinite(spread), spread == 1, np.nan)), _FEW),
        "30": measured(statistics.correlation(imbalance, next_move((bid + ask) / 2.0)), _FEW),
    }


def next_move(mid: Numbers) -> Numbers:
    """Give the sign of the next change after each row; NaN after the last change."""
    signs = np.append(np.sign(np.diff(mid)), 0.0)
    places = np.flatnonzero(signs)
    after = np.searchsorted(places, np.arange(mid.size))
    return np.append(signs[places], np.nan)[after]
