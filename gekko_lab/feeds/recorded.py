"""The timelines of frames, and of what the data log holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from gekko_lab.datalog.finding import find_store
from gekko_lab.errors import NotInLog
from gekko_lab.events.columns import SCHEMAS
from gekko_lab.events.types import Gap
from gekko_lab.feeds.channel import Batch, Table
from gekko_lab.feeds.times import row_times
from gekko_lab.frames.schemas import TRADES, empty
from gekko_lab.market.spans import Span
from gekko_lab.market.timeframe import END

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import polars as pl

    from gekko_lab.datalog.store import Store
    from gekko_lab.events.types import Event, MarketKind
    from gekko_lab.market.timeframe import Timeframe
    from gekko_lab.sources.log_replay import LogReplay

LOGGED: Final[dict[MarketKind, str]] = {
    "trade": "trades",
    "candle": "candles",
    "order_book": "order_book",
    "ticker": "ticker",
}
"""What the data log calls the kinds of events."""

_NO_TRADES: Final = "no_trades"


class FrameTimeline:
    """Rows of frames.

    Parameters
    ----------
    exchange
        The name that events bear.
    tables
        The rows, each kind and symbol once.
    width, builds, dense
        As in `Channel`.
    """

    def __init__(
        self,
        exchange: str,
        tables: Sequence[Table],
        width: Timeframe | None,
        *,
        builds: Collection[str] = (),
        dense: bool = False,
    ) -> None:
        self.exchange, self.width, self.builds, self.dense = exchange, width, builds, dense
        self.symbols = tuple(dict.fromkeys(table.symbol for table in tables))
        self._tables = [(table, row_times(table.kind, table.frame, width)) for table in tables]

    def span_us(self) -> tuple[int, int]:
        """Give the time of the first row, and that after the last one is told."""
        first = min(int(t.frame["timestamp"].to_physical()[0]) for t, _ in self._tables)
        return first, max(int(times[-1]) for _, times in self._tables) + 1

    def warmup(self, since_us: int) -> Batch | None:
        """Give the trades of the candles that are open at a time."""
        if not self.builds or self.width is None:
            return None
        opened = self.width.floor(since_us // 1000) * 1000
        first = min(int(times[0]) for table, times in self._tables if table.kind == "trade")
        if first >= since_us:  # the frame doesn't tell what was before it
            return Batch(warmup=True, complete_from_us=since_us)
        return Batch(
            tables=[
                Table(table.kind, table.symbol, _between(table.frame, times, opened, since_us))
                for table, times in self._tables
                if table.kind == "trade"
            ],
            warmup=True,
            complete_from_us=max(opened, first),
        )

    def load(self, since_us: int, until_us: int) -> tuple[Sequence[Table], Sequence[Event]]:
        """Give rows told in [since, until); candles that close in (since, until]."""
        found = []
        for table, times in self._tables:
            shift = 1 if table.kind == "candle" else 0
            rows = _between(table.frame, times, since_us + shift, until_us + shift)
            found.append(Table(table.kind, table.symbol, rows))
        return found, ()


def _between(
    frame: pl.DataFrame, times: np.ndarray[tuple[int], np.dtype[np.int64]], since: int, until: int
) -> pl.DataFrame:
    first, end = np.searchsorted(times, [since, until]).tolist()
    return frame[first:end]


def _held(name: str, identity: str, symbol: str, timeframe: str | None) -> Store | None:
    try:
        store = find_store(name, identity, symbol, timeframe)
    except NotInLog:
        return None
    return store if store.ledger().held else None


class LogTimeline:
    """Rows that the data log holds of an exchange, and gaps where it holds nothing.

    Candles are the stored ones; of a symbol without them they are built from its trades.

    Parameters
    ----------
    source
        Whose rows.
    symbols, kinds, width
        What is told.
    dense
        Whether the exchange has candles without trades.
    """

    def __init__(
        self,
        source: LogReplay,
        symbols: Sequence[str],
        kinds: Collection[str],
        width: Timeframe | None,
        *,
        dense: bool,
    ) -> None:
        self.exchange, self.symbols = source.exchange, tuple(symbols)
        self.dense, self.width = dense, width
        self._kinds = frozenset(kinds)
        self._stores: dict[tuple[MarketKind, str], Store] = {}
        self.absent: list[str] = []
        self._range = Span(0, END)
        builds = []
        for symbol in self.symbols:
            for kind, name in LOGGED.items():
                timeframe = str(width) if kind == "candle" else None
                if kind not in self._kinds or (kind == "candle" and width is None):
                    continue
                store = _held(name, source.identity, symbol, timeframe)
                if store is None and kind == "candle":
                    trades = _held("trades", source.identity, symbol, None)
                    if trades is not None:
                        builds.append(symbol)
                        self._stores["trade", symbol] = trades
                        continue
                if store is None:
                    self.absent.append(f"{name} of {symbol}")
                else:
                    self._stores[kind, symbol] = store
        self.builds = tuple(builds)

    def span_us(self) -> tuple[int, int]:
        """Give the begin and the end of what is held."""
        spans = [store.ledger().held for store in self._stores.values()]
        first = min(held[0].since for held in spans)
        last = max(held[-1].until for held in spans)
        candles = [store for (kind, _), store in self._stores.items() if kind == "candle"]
        if self.width is not None and candles:
            ends = [self.width.ceil(store.ledger().held[-1].until) for store in candles]
            last = max(last, *ends)
        return first * 1000, last * 1000

    def limit(self, since_us: int, until_us: int) -> None:
        """Say what is played, so that what isn't held of it is told."""
        begin = since_us // 1000
        opened = begin if self.width is None else self.width.floor(begin)
        self._range = Span(opened, -(-until_us // 1000))

    def warmup(self, since_us: int) -> Batch | None:
        """Give the trades of the candles that are open at a time."""
        traded = [symbol for kind, symbol in self._stores if kind == "trade"]
        if not traded or self.width is None:
            return None
        opened = self.width.floor(since_us // 1000)
        span = Span(opened, -(-since_us // 1000))
        nothing = empty(TRADES)
        tables = [
            Table("trade", symbol, self._stores["trade", symbol].read(span).frame)
            if span.since < span.until
            else Table("trade", symbol, nothing)
            for symbol in traded
        ]
        gaps = [gap for symbol in traded for gap in self._gaps("trade", symbol, span)]
        return Batch(tables=tables, events=gaps, warmup=True, complete_from_us=opened * 1000)

    def load(self, since_us: int, until_us: int) -> tuple[Sequence[Table], Sequence[Event]]:
        """Give rows told in [since, until), and gaps; candles that close in (since, until]."""
        tables, gaps = [], []
        for (kind, symbol), store in self._stores.items():
            span = Span(since_us // 1000, until_us // 1000)
            if kind == "candle" and self.width is not None:
                # the candles that close in (since, until] open on the grid in these
                span = Span(self.width.floor(span.since), self.width.floor(span.until))
            if span.since < span.until:
                rows = store.read(span).frame.select(SCHEMAS[kind].names())
                tables.append(Table(kind, symbol, rows))
                gaps += self._gaps(kind, symbol, span)
        return tables, gaps

    def _gaps(self, kind: MarketKind, symbol: str, span: Span) -> list[Gap]:
        """Give the gaps that begin in a span, whole, so that they don't depend on its cuts."""
        ledger = self._stores[kind, symbol].ledger(self._range)
        missing = [(gap, "not_held") for gap in ledger.missing(self._range)]
        for reason, spans in ledger.empty.items():
            missing += [(gap, reason) for gap in spans if reason != _NO_TRADES]
        return [
            Gap(
                self.exchange,
                symbol,
                gap.since * 1000,
                0,
                0,
                kind,
                gap.since * 1000,
                gap.until * 1000,
                reason,
            )
            for gap, reason in sorted(missing)
            if span.since <= gap.since < span.until
        ]
