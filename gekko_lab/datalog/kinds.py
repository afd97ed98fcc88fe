"""What the rows of each kind are, when they are sound, and which of two wins.

Decided: a later page replaces earlier rows of the same time, whole order books included. Trades
may share a time, so a trade is the one with its id; those without an id are told apart by
everything else and by how many alike their page had before them.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from gekko_lab.errors import DataError, InvalidType
from gekko_lab.frames.checks import check_candles, check_trades
from gekko_lab.frames.schemas import CANDLES_FULL, ORDER_BOOK, TICKER, TRADES
from gekko_lab.market.moments import show_time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gekko_lab.datalog.layout import Kind
    from gekko_lab.market.spans import Span
    from gekko_lab.market.timeframe import Timeframe

SCHEMAS: Mapping[Kind, pl.Schema] = {
    "candles": CANDLES_FULL,
    "trades": TRADES,
    "order_book": ORDER_BOOK,
    "ticker": TICKER,
}

_ALIKE = ("timestamp", "side", "price", "amount")
_OPTIONAL = ("quote_volume", "trade_count")


def check_rows(
    frame: pl.DataFrame, kind: Kind, width: Timeframe | None = None, span: Span | None = None
) -> pl.DataFrame:
    """Give the rows in the columns that are stored, when they are sound and in the range.

    Raises
    ------
    DataError
        Names the first row that breaks a rule, and the rule.
    """
    if not isinstance(frame, pl.DataFrame):
        raise InvalidType(f"a polars frame is needed, not {type(frame).__name__}")
    since, until = (None, None) if span is None else span
    if kind == "candles":
        check_candles(frame, width, since=since, until=until)
        return _with_optional(frame)
    if kind == "trades":
        return check_trades(frame, since=since, until=until).select(TRADES.names())
    schema = SCHEMAS[kind]
    if frame.schema != schema:
        raise DataError(f"columns are {dict(frame.schema)}, where {dict(schema)} are needed")
    _check_times(frame, kind, span)
    return frame


def merge_rows(pages: Sequence[pl.DataFrame], kind: Kind) -> pl.DataFrame:
    """Give the rows of all pages in order, each once; of two with the same key the later one.

    Parameters
    ----------
    pages
        At least one; sorted and sound, the earliest written first.
    kind
        What the rows are.
    """
    filled = [page for page in pages if not page.is_empty()] or list(pages[:1])
    if len(filled) == 1 or _follow(filled):
        return pl.concat(filled)
    if kind == "trades":
        return _merge_trades(filled)
    numbered = pl.concat(
        page.with_columns(_page=pl.lit(place, pl.Int32)) for place, page in enumerate(filled)
    )
    wins = pl.col("_page") == pl.col("_page").max().over("timestamp")
    ordered = numbered.sort("timestamp", "_page", maintain_order=True)
    if kind == "order_book":
        return ordered.filter(wins).drop("_page")
    return ordered.unique("timestamp", keep="last", maintain_order=True).drop("_page")


def _merge_trades(pages: list[pl.DataFrame]) -> pl.DataFrame:
    numbered = pl.concat(
        page.with_columns(_alike=pl.int_range(pl.len(), dtype=pl.Int32).over(_ALIKE))
        for page in pages
    ).with_row_index("_place")
    known = numbered.filter(pl.col("id").is_not_null()).unique(("timestamp", "id"), keep="last")
    unknown = numbered.filter(pl.col("id").is_null()).unique((*_ALIKE, "_alike"), keep="last")
    both = pl.concat([known, unknown]).sort("timestamp", "_place")
    return both.select(TRADES.names())


def _follow(pages: list[pl.DataFrame]) -> bool:
    """Tell whether each page begins after the one before has ended."""
    times = [page["timestamp"].to_physical() for page in pages]
    return all(earlier[-1] < later[0] for earlier, later in pairwise(times))


def _with_optional(frame: pl.DataFrame) -> pl.DataFrame:
    lacking = [
        pl.lit(None, CANDLES_FULL[name]).alias(name)
        for name in _OPTIONAL
        if name not in frame.columns
    ]
    whole = frame.with_columns(lacking) if lacking else frame
    return whole.select(CANDLES_FULL.names()).cast({n: CANDLES_FULL[n] for n in _OPTIONAL})


def _check_times(frame: pl.DataFrame, kind: Kind, span: Span | None) -> None:
    if frame["timestamp"].null_count():
        raise DataError(f"a row of {kind} has no time")
    times = frame["timestamp"].to_physical().to_numpy()
    if np.any(np.diff(times) < 0):
        raise DataError(f"rows of {kind} go back in time; sort them by 'timestamp'")
    if kind == "ticker" and np.any(np.diff(times) == 0):
        raise DataError("two rows of ticker share a time; keep one of them")
    if span is None or not len(times):
        return
    if times[0] < span.since * 1000 or times[-1] >= span.until * 1000:
        raise DataError(
            f"rows of {kind} lie outside of {show_time(span.since)} to {show_time(span.until)}"
        )
