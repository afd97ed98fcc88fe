"""The table of trades, from the columns of an exchange's own rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from gekko_lab.frames.schemas import SIDE, TIME, TRADES

if TYPE_CHECKING:
    from collections.abc import Sequence


def trade_frame(
    times: pl.Series,
    ids: pl.Series,
    sides: Sequence[str],
    prices: Sequence[float],
    amounts: Sequence[float],
) -> pl.DataFrame:
    """Give trades in the columns of `TRADES`.

    Parameters
    ----------
    times
        Whole microseconds UTC.
    ids
        Numbers, or text.
    sides
        The taker's: "buy" or "sell".
    prices, amounts
        In quote per base, and in base.
    """
    columns = {
        "timestamp": times.cast(TIME),
        "id": ids.cast(pl.String),
        "side": pl.Series(sides, dtype=pl.String).cast(SIDE),
        "price": pl.Series(prices, dtype=pl.Float64),
        "amount": pl.Series(amounts, dtype=pl.Float64),
    }
    return pl.DataFrame(columns, schema=TRADES)
