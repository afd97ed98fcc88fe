"""Frames that a user wants to replay, as tables of known kind, order and columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import polars as pl

from gekko_lab.errors import DataError, InvalidArgument, UnknownSymbol
from gekko_lab.events.columns import SCHEMAS
from gekko_lab.feeds.channel import Table
from gekko_lab.feeds.times import closes
from gekko_lab.frames.checks import check_candles, check_trades
from gekko_lab.frames.convert import to_polars
from gekko_lab.frames.resample import find_timeframe
from gekko_lab.frames.schemas import SIDE, TIME
from gekko_lab.frames.soundness import microseconds
from gekko_lab.market.suggest import nearest
from gekko_lab.market.timeframe import Timeframe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gekko_lab.events.types import MarketKind

_TELLING: Final[dict[MarketKind, set[str]]] = {
    "candle": {"open", "high", "low", "close", "volume"},
    "order_book": {"side", "level", "price", "amount"},
    "ticker": {"bid", "ask"},
    "trade": {"price", "amount"},
}
"""The columns that a kind is known by; the first that fits."""

_SURE = 8
"""From so many candles on, what their spacing shows is their width: gaps don't hide it."""


def read_tables(what: object, symbols: Sequence[str] | None) -> list[Table]:
    """Read one or several frames, or a mapping of frames by symbol.

    Raises
    ------
    InvalidArgument
        When it isn't known of which market a frame is, or two are of one kind and market.
    InvalidType
        When something is no frame.
    DataError
        When a frame has no times, is of no known kind, or its rows aren't sound and in order.
    """
    tables = [table for named, frame in _frames(what, symbols) for table in _split(frame, named)]
    tables = [table for table in tables if not table.frame.is_empty()]
    if not tables:
        raise InvalidArgument("there is nothing to replay: no frame has a row")
    seen: set[tuple[str, str]] = set()
    for table in tables:
        if (table.kind, table.symbol) in seen:
            raise InvalidArgument(
                f"two frames have rows of {table.kind} of {table.symbol}: concatenate them"
            )
        seen.add((table.kind, table.symbol))
    return tables


def read_width(tables: Sequence[Table], timeframe: str | None) -> Timeframe:
    """Give the width of all candles in the tables, of which each is told when it closes.

    Parameters
    ----------
    tables
        What is played; without candles among them "1m" is what is built.
    timeframe
        What a user says; by default what the spacing shows.

    Raises
    ------
    InvalidArgument
        When widths differ, aren't known, or the one that is said doesn't fit: such candles would
        come before they close.
    """
    candles = [table for table in tables if table.kind == "candle"]
    seen = {table.symbol: find_timeframe(table.frame) for table in candles}
    known = [width for width in seen.values() if width is not None]
    if timeframe is not None:
        width = Timeframe.parse(timeframe)
    elif len(set(map(str, known))) > 1:
        shown = {symbol: str(width) for symbol, width in seen.items() if width is not None}
        raise InvalidArgument(
            f"all symbols need candles of one width, and these differ: {shown}; name it by "
            "timeframe=… where gaps hide it, or resample"
        )
    elif candles and not known:
        raise InvalidArgument(
            "one candle doesn't tell its width, and so not when it closes: name it by timeframe=…"
        )
    else:
        width = next(iter(known), Timeframe.parse("1m"))
    for table in candles:
        _check_width(table, width, seen[table.symbol])
    return width


def _check_width(table: Table, width: Timeframe, seen: Timeframe | None) -> None:
    opens = microseconds(table.frame)
    ends = closes(opens, width)
    first, end = int(opens[0]) // 1000, int(ends[0]) // 1000
    on_grid = width.milliseconds is not None or width.floor(first) == first
    fits = on_grid and (ends[:-1] <= opens[1:]).all()
    sure = seen if len(opens) >= _SURE else None
    if not fits or (sure is not None and sure.next(first) != end):
        shown = "open at other times" if seen is None else f"stand {seen} apart"
        raise InvalidArgument(
            f"{table.symbol}: its candles {shown}, so they aren't of timeframe={str(width)!r}; "
            "leave it out, or resample"
        )


def _frames(
    what: object, symbols: Sequence[str] | None
) -> Iterator[tuple[Sequence[str] | None, object]]:
    """Give each frame with the symbols that it may be of."""
    if isinstance(what, Mapping):
        if symbols is not None:
            raise InvalidArgument("the mapping names the symbols: leave symbols out")
        for symbol, frames in what.items():
            for frame in frames if isinstance(frames, list | tuple) else [frames]:
                yield [str(symbol)], frame
        return
    for frame in what if isinstance(what, list | tuple) else [what]:
        yield symbols, frame


def _split(frame: object, symbols: Sequence[str] | None) -> Iterator[Table]:
    table = to_polars(frame)
    kind = _kind(table)
    if "symbol" in table.columns:
        parts = table.partition_by("symbol", as_dict=True, maintain_order=True)
        found = {str(key[0]): rows for key, rows in parts.items()}
        for symbol in found if symbols is None else symbols:
            if symbol not in found and not table.is_empty():
                raise UnknownSymbol(
                    f"the frame has no rows of {symbol!r}.{nearest(symbol, found)} "
                    f"It has some of {', '.join(found)}"
                )
            yield Table(kind, symbol, _sound(found.get(symbol, table), kind, symbol))
    elif symbols is not None and len(symbols) == 1:
        yield Table(kind, symbols[0], _sound(table, kind, symbols[0]))
    else:
        raise InvalidArgument(
            "whose rows these are isn't told: name the market, as in replay(frame, 'BTC/USDT'), or "
            "give the frame a column 'symbol'"
        )


def _kind(table: pl.DataFrame) -> MarketKind:
    columns = set(table.columns)
    for kind, needed in _TELLING.items():
        if needed <= columns:
            return kind
    shown = "; ".join(f"{kind}: {', '.join(sorted(needed))}" for kind, needed in _TELLING.items())
    raise DataError(f"columns {table.columns} are of no kind of event; needed are, for {shown}")


def _sound(table: pl.DataFrame, kind: MarketKind, symbol: str) -> pl.DataFrame:
    schema = SCHEMAS[kind]
    extra = [pl.col("received").cast(TIME)] if "received" in table.columns else []
    try:
        rows = table.select(*(_column(table, name, schema[name]) for name in schema), *extra)
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{symbol}: a column of {kind} can't be read: {error}") from error
    try:
        _check(rows, kind)
    except DataError as error:
        raise DataError(f"{symbol}: {error}") from error
    return rows


def _column(table: pl.DataFrame, name: str, dtype: pl.DataType) -> pl.Expr:
    if name not in table.columns:
        return pl.lit(None, dtype=dtype).alias(name)
    if dtype == SIDE or isinstance(dtype, pl.Enum):
        return pl.col(name).cast(pl.String).cast(dtype)
    return pl.col(name).cast(dtype)


def _check(rows: pl.DataFrame, kind: MarketKind) -> None:
    if kind == "candle":
        check_candles(rows)
    elif kind == "trade":
        check_trades(rows)
    elif rows["timestamp"].null_count():
        raise DataError("a row has no time")
    elif not rows["timestamp"].is_sorted():
        raise DataError("rows aren't in order of time: sort them by timestamp")
