"""The table of trades, from the columns of an exchange's own rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np
import polars as pl

from gekko_lab.errors import BadResponse
from gekko_lab.frames.schemas import SIDE, TIME, TRADES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Page = TypeVar("Page")


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


def confirmed(
    ask: Callable[[], Page],
    ids_of: Callable[[Page], list[int]],
    most: int,
    before: int | None = None,
) -> Page:
    """Give an answer that was asked for again where trades may be missing inside of it.

    Ids that leave out no more than the page has room for may be trades that were lost; of a full
    page none can be. What two answers leave out alike doesn't exist.

    Parameters
    ----------
    ask
        Asks for the page.
    ids_of
        Gives the ids in an answer, in any order.
    most
        How many rows a page has at most.
    before
        The id that the page follows, where that is known.
    """
    page = ask()
    first = ids_of(page)
    if not _may_lack(first, most, before):
        return page
    again = ask()
    second = ids_of(again)
    if set(second) >= set(first):
        return again
    if set(second) <= set(first):
        return page
    raise BadResponse("two answers leave out different trades of one page; try again")


def _may_lack(ids: list[int], most: int, before: int | None) -> bool:
    known = np.sort(np.array(ids if before is None else [before, *ids], dtype=np.int64))
    holes = np.diff(known) - 1
    return bool(np.any((holes > 0) & (holes <= most - len(ids))))
