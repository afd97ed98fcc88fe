"""What the rows of each kind are, when they are sound, and which of two wins.

Decided: a later page replaces earlier rows of the same time, whole order books included. Trades
may share a time, so a trade is the one with its id; those without an id are told apart by
everything else and by how many alike their page had before them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from gekko_lab.errors import DataError, InvalidType
from gekko_lab.frames.checks import check_candles, check_trades
from gekko_lab.frames.schemas import CANDLES_FULL, ORDER_BOOK, TICKER, TRADES
from gekko_lab.frames.soundness import clearly_candles, clearly_trades, microseconds
from gekko_lab.market.moments import show_time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gekko_lab.datalog.layout import Kind
    from gekko_lab.market.spans import Span
    from gekko_lab.market.timeframe import Timeframe

    Piece = tuple[int, int, pl.DataFrame]

SCHEMAS: Mapping[Kind, pl.Schema] = {
    "candles": CANDLES_FULL,
    "trades": TRADES,
    "order_book": ORDER_BOOK,
    "ticker": TICKER,
}

_ALIKE = ("timestamp", "side", "price", "amount")
_MANY = 8
"""From so many pages on it pays to sort all candles at once."""

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
        if frame.schema == CANDLES_FULL and clearly_candles(frame, width, span):
            return frame
        check_candles(frame, width, since=since, until=until)
        return _with_optional(frame)
    if kind == "trades":
        if clearly_trades(frame, span):
            return frame
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
    filled = [page for page in pages if not page.is_empty()]
    if not filled:
        return pages[0]
    if kind == "candles" and len(filled) > _MANY:
        return _sorted_candles(pl.concat(filled))
    pieces: list[Piece] = []
    for page in filled:
        _place(pieces, page, kind)
    return pl.concat([frame for _, _, frame in pieces])


def _sorted_candles(rows: pl.DataFrame) -> pl.DataFrame:
    """Put rows in order in one go; of those with the same time the last one stays."""
    times = microseconds(rows)
    if np.all(times[1:] > times[:-1]):
        return rows
    order = np.argsort(times, kind="stable")
    there = times[order]
    last = np.append(there[1:] != there[:-1], True)
    kept: pl.DataFrame = rows[order[last]]
    return kept


def _place(pieces: list[Piece], page: pl.DataFrame, kind: Kind) -> None:
    """Put a page among disjoint pieces; only where times overlap are rows compared."""
    first, last, _ = new = _piece(page)
    start = bisect_left(pieces, first, key=itemgetter(1))
    stop = bisect_right(pieces, last, key=itemgetter(0))
    if start >= stop:
        pieces.insert(start, new)
        return
    old = pl.concat([frame for _, _, frame in pieces[start:stop]])
    since, until = max(first, pieces[start][0]), min(last, pieces[stop - 1][1])
    parts = zip(_split(old, since, until), _split(page, since, until), strict=True)
    before, (one, two), after = parts
    merged = _merge_overlap([one, two], kind)
    placed = [*before, merged, *after]
    pieces[start:stop] = [_piece(frame) for frame in placed if not frame.is_empty()]


def _piece(frame: pl.DataFrame) -> Piece:
    times = frame["timestamp"]
    first, last = (end.to_numpy().view(np.int64)[0] for end in (times.head(1), times.tail(1)))
    return int(first), int(last), frame


def _split(frame: pl.DataFrame, since: int, until: int) -> list[pl.DataFrame]:
    """Give the rows before, from the first to the second time, and after."""
    times = microseconds(frame)
    start = int(np.searchsorted(times, since))
    end = int(np.searchsorted(times, until, side="right"))
    return [frame[:start], frame[start:end], frame[end:]]


def _merge_overlap(pages: list[pl.DataFrame], kind: Kind) -> pl.DataFrame:
    if kind == "trades":
        return _merge_trades(pages)
    earlier, later = pages
    kept = earlier.join(
        later.select("timestamp"), on="timestamp", how="anti", maintain_order="left"
    )
    return pl.concat([kept, later]).sort("timestamp", maintain_order=True)


def _merge_trades(pages: list[pl.DataFrame]) -> pl.DataFrame:
    numbered = pl.concat(
        page.with_columns(_alike=pl.int_range(pl.len(), dtype=pl.Int32).over(_ALIKE))
        for page in pages
    ).with_row_index("_place")
    known = numbered.filter(pl.col("id").is_not_null()).unique(("timestamp", "id"), keep="last")
    unknown = numbered.filter(pl.col("id").is_null()).unique((*_ALIKE, "_alike"), keep="last")
    both = pl.concat([known, unknown]).sort("timestamp", "_place")
    return both.select(TRADES.names())


def _with_optional(frame: pl.DataFrame) -> pl.DataFrame:
    if frame.schema == CANDLES_FULL:
        return frame
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
    times = microseconds(frame)
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
