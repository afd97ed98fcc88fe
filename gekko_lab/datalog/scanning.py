"""The whole log as one lazy table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from gekko_lab.datalog import files
from gekko_lab.datalog.finding import find_stores, read_window
from gekko_lab.datalog.kinds import SCHEMAS
from gekko_lab.frames.schemas import TIME
from gekko_lab.market.spans import Span

if TYPE_CHECKING:
    from gekko_lab.datalog.finding import Some
    from gekko_lab.datalog.layout import Key, Kind
    from gekko_lab.datalog.store import Store
    from gekko_lab.market.moments import TimeLike

    Place = tuple[Key, str | pl.DataFrame]

_FIELDS = ("exchange", "symbol", "timeframe")


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
    parts, plain = list[pl.LazyFrame](), list[Any]()
    for store in find_stores(kind, exchange, symbol, timeframe):
        for place in store.settled(lambda one: _places(one, window)):
            if isinstance(place[1], str):
                plain.append(place)
                continue
            parts += [*_scanned(plain, kind, window), _named(place[1].lazy(), place[0])]
            plain = []
    parts += _scanned(plain, kind, window)
    if not parts:
        names = _FIELDS[: 3 if kind == "candles" else 2]
        return pl.LazyFrame(schema={**dict.fromkeys(names, pl.String), **dict(SCHEMAS[kind])})
    return pl.concat(parts)


def _places(store: Store, window: Span) -> list[Place]:
    """Give the periods of a series in order: paths of files, or rows where the journal has some."""
    found = dict(store.files(window))
    mixed = {
        store.key.period_at(time)
        for page in store.pending(window).pages
        for time in _period_begins(files.within(page, window), store)
    }
    places: list[Place] = []
    for span in sorted({*found, *mixed}):
        if span in mixed:
            inside = Span(max(span.since, window.since), min(span.until, window.until))
            rows = store.read_once(inside, list(SCHEMAS[store.key.kind])).frame
            places.append((store.key, rows))
        else:
            places.append((store.key, str(found[span])))
    return places


def _period_begins(page: pl.DataFrame, store: Store) -> set[int]:
    begins = set()
    while not page.is_empty():
        span = store.key.period_at(files.ends(page)[0])
        begins.add(span.since)
        page = page.slice(len(files.within(page, span)))
    return begins


def _scanned(places: list[Place], kind: Kind, window: Span) -> list[pl.LazyFrame]:
    """Give the rows of files in one go, because a scan for each file doesn't scale.

    The names come from the folders, unless a folder above ours looks like one of them.
    """
    paths = [str(path) for _, path in places]
    if not paths:
        return []
    schema = SCHEMAS[kind]
    fields = _FIELDS[: 3 if kind == "candles" else 2]
    if all(path.count("=") == len(fields) for path in paths):
        named = pl.scan_parquet(paths, hive_schema=dict.fromkeys(fields, pl.String), glob=False)
        if any(key.timeframe.endswith("M") for key, _ in places):
            month = pl.col("timeframe").str.replace("mo", "M", literal=True)
            named = named.with_columns(month)
        tables = [named.select(*fields, *schema)]
    else:
        tables = [
            _named(pl.scan_parquet(path, hive_partitioning=False, glob=False), key)
            for (key, _), path in zip(places, paths, strict=True)
        ]
    since, until = (pl.lit(time * 1000).cast(TIME) for time in window)
    time = pl.col("timestamp")
    enums = {name: dtype for name, dtype in schema.items() if isinstance(dtype, pl.Enum)}
    inside = [table.filter((time >= since) & (time < until)) for table in tables]
    return [table.cast(enums) if enums else table for table in inside]  # type: ignore[arg-type]


def _named(rows: pl.LazyFrame, key: Key) -> pl.LazyFrame:
    """Give the rows with the names of their series in front."""
    names = {"exchange": key.exchange, "symbol": key.symbol, "timeframe": key.timeframe}
    literals = [pl.lit(value).alias(name) for name, value in names.items() if value]
    return rows.select(*literals, *SCHEMAS[key.kind])
