"""The whole log as one lazy table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from gekko_lab.datalog import files
from gekko_lab.datalog.finding import find_stores, read_window
from gekko_lab.datalog.kinds import SCHEMAS
from gekko_lab.frames.schemas import TIME

if TYPE_CHECKING:
    from gekko_lab.datalog.finding import Some
    from gekko_lab.datalog.layout import Kind
    from gekko_lab.datalog.store import Store
    from gekko_lab.market.moments import TimeLike
    from gekko_lab.market.spans import Span


def scan(
    kind: Kind = "candles",
    *,
    exchange: Some = None,
    symbol: Some = None,
    timeframe: Some = None,
    since: TimeLike | None = None,
    until: TimeLike | None = None,
) -> pl.LazyFrame:
    """Give all rows of a kind as one lazy frame, to filter, join and collect with polars.

    Files are opened when it is collected. Rows that are not yet folded are read at once, so the
    frame is complete as of this call. Name exchange, symbol and timeframe here where you can:
    then no folder is searched and no other file is opened.

    Parameters
    ----------
    kind
        "candles", "trades", "order_book" or "ticker".
    exchange, symbol, timeframe
        Which series, one or a list of names; by default all.
    since, until
        The range, as in `fetch`; by default all.

    Returns
    -------
    polars.LazyFrame
        exchange, symbol and, for candles, timeframe, then all columns of the kind; series after
        series, each in order.

    Examples
    --------
    >>> import gekko_lab
    >>> hours = gekko_lab.fetch("simulator", "BTC/USDT", "1h", since="2024-01-01", limit=48)
    >>> _ = gekko_lab.datalog.write(hours, "mine", "BTC/USDT", "1h")
    >>> table = gekko_lab.datalog.scan(exchange="mine", symbol="BTC/USDT", timeframe="1h")
    >>> table.group_by("symbol").len().collect().rows()
    [('BTC/USDT', 48)]
    """
    window = read_window(since, until)
    parts = [
        _named(part, store)
        for store in find_stores(kind, exchange, symbol, timeframe)
        for part in store.settled(lambda one: _parts(one, window))
    ]
    if not parts:
        names = ["exchange", "symbol", "timeframe"][: 3 if kind == "candles" else 2]
        return pl.LazyFrame(schema={**dict.fromkeys(names, pl.String), **dict(SCHEMAS[kind])})
    return pl.concat(parts)


def _parts(store: Store, window: Span) -> list[pl.LazyFrame]:
    """Give the periods of a series in order: the files, or what the journal makes of them."""
    kind = store.key.kind
    found = dict(store.files(window))
    mixed = {
        store.key.period_at(time)
        for page in store.pending(window).pages
        for time in _period_begins(files.within(page, window), store)
    }
    parts = []
    plain: list[str] = []
    for span in sorted({*found, *mixed}):
        if span in mixed:
            parts += [_scanned(plain, store, window)] if plain else []
            plain = []
            inside = type(span)(max(span.since, window.since), min(span.until, window.until))
            parts.append(store.read_once(inside, list(SCHEMAS[kind])).frame.lazy())
        else:
            plain.append(str(found[span]))
    return [*parts, _scanned(plain, store, window)] if plain else parts


def _period_begins(page: pl.DataFrame, store: Store) -> set[int]:
    begins = set()
    while not page.is_empty():
        span = store.key.period_at(files.ends(page)[0])
        begins.add(span.since)
        page = page.slice(len(files.within(page, span)))
    return begins


def _scanned(paths: list[str], store: Store, window: Span) -> pl.LazyFrame:
    schema = SCHEMAS[store.key.kind]
    enums = {name: dtype for name, dtype in schema.items() if isinstance(dtype, pl.Enum)}
    rows = pl.scan_parquet(paths, hive_partitioning=False, glob=False).select(list(schema))
    rows = rows.cast(enums) if enums else rows  # type: ignore[arg-type]
    since, until = (pl.lit(time * 1000).cast(TIME) for time in window)
    time = pl.col("timestamp")
    return rows.filter((time >= since) & (time < until))


def _named(rows: pl.LazyFrame, store: Store) -> pl.LazyFrame:
    key = store.key
    names = {"exchange": key.exchange, "symbol": key.symbol}
    if key.timeframe:
        names["timeframe"] = key.timeframe
    literals = [pl.lit(value).alias(name) for name, value in names.items()]
    return rows.select(*literals, pl.all())
