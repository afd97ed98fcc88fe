"""The table of all series, from footers alone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import polars as pl

from gekko_lab.datalog import files, journal
from gekko_lab.datalog.finding import likely_stores
from gekko_lab.datalog.kinds import merge_rows
from gekko_lab.frames.checks import as_time
from gekko_lab.frames.convert import to_frame
from gekko_lab.frames.schemas import CATALOG
from gekko_lab.settings import reads_as

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from gekko_lab.datalog.finding import Some
    from gekko_lab.datalog.layout import Kind
    from gekko_lab.datalog.store import Store
    from gekko_lab.market.spans import Span
    from gekko_lab.settings import FrameKind

Facts = tuple[int, int | None, int | None]


def catalog(
    kind: Kind | None = None,
    *,
    exchange: Some = None,
    symbol: Some = None,
    timeframe: Some = None,
    frame: FrameKind | None = None,
) -> Any:  # noqa: ANN401 (the frame decides)
    """Give the table of what the data log holds.

    Parameters
    ----------
    kind, exchange, symbol, timeframe
        Which series, one or a list of names; by default all.
    frame
        "polars" or "pandas"; by default `gekko_lab.options.frame`.

    Returns
    -------
    polars.DataFrame or pandas.DataFrame
        kind, exchange, symbol, timeframe (null but for candles), rows, first and last (UTC), gaps
        (candles missing between these, null for other kinds), files, bytes; in order.

    Examples
    --------
    >>> import gekko_lab
    >>> hours = gekko_lab.fetch("simulator", "BTC/USDT", "1h", since="2024-01-01", limit=48)
    >>> _ = gekko_lab.datalog.write(hours, "mine", "BTC/USDT", "1h")
    >>> gekko_lab.datalog.catalog(exchange="mine")[["symbol", "rows", "gaps"]].rows()
    [('BTC/USDT', 48, 0)]
    """
    frame = reads_as("frame", frame)
    table = catalog_of(likely_stores(kind, exchange, symbol, timeframe))
    there = (pl.col("files") > 0) | (pl.col("bytes") > 0)
    return to_frame(table.filter(there), frame)


def catalog_of(stores: Iterable[Store]) -> pl.DataFrame:
    """Give the table of these series."""
    rows = [store.settled(_row) for store in stores]
    schema = pl.Schema({**dict(CATALOG), "first": pl.Int64(), "last": pl.Int64()})
    table = pl.DataFrame(rows, schema=schema, orient="row")
    return table.with_columns(as_time("first"), as_time("last"))


def _row(store: Store) -> tuple[Any, ...]:
    facts, size = _folded(store)
    count = len(facts)
    if store.unfolded_bytes > journal.HEADER:
        facts |= _unfolded(store, facts)
    rows = sum(count for count, _, _ in facts.values())
    first = min((each for _, each, _ in facts.values() if each is not None), default=None)
    last = max((each for _, _, each in facts.values() if each is not None), default=None)
    width = store.key.width
    lacking = None
    if width is not None and first is not None and last is not None:
        lacking = width.between(first, width.next(last)) - rows
    key = store.key
    named = (key.kind, key.exchange, key.symbol, key.timeframe or None)
    return (*named, rows, first, last, lacking, count, size + store.unfolded_bytes)


def _folded(store: Store) -> tuple[dict[Span, Facts], int]:
    """Give what the files say, and their bytes."""
    facts: dict[Span, Facts] = {}
    total = 0
    for span, name in store.names():
        facts[span], size = files.read_facts(f"{store.place}{os.sep}{name}")
        total += size
    return facts, total


def _unfolded(store: Store, folded: Collection[Span]) -> dict[Span, Facts]:
    """Count the periods for which the journal has rows, which takes reading them."""
    pages = store.pending().pages
    if not pages:
        return {}
    kind = store.key.kind
    columns = None if kind == "trades" else ["timestamp"]
    rows = merge_rows(pages, kind)
    facts: dict[Span, Facts] = {}
    while not rows.is_empty():
        span = store.key.period_at(files.ends(rows)[0])
        part = files.within(rows, span)
        rows = rows.slice(len(part))
        if span in folded:
            file = store.folder / store.key.file_name(span)
            stored, _ = files.read(file, kind, columns=columns)
            part = merge_rows([stored, part if columns is None else part.select(columns)], kind)
        facts[span] = (len(part), *files.ends(part))
    return facts
