"""LogReplay: what the data log holds of an exchange, behind the interface of exchanges."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import polars as pl

from gekko_lab.datalog.finding import find_store, find_stores
from gekko_lab.datalog.layout import identity_of
from gekko_lab.errors import NotInLog, UnknownSymbol
from gekko_lab.frames.schemas import CANDLES_FULL, ORDER_BOOK, TICKER, TRADES, empty
from gekko_lab.market.moments import show_time
from gekko_lab.market.rules import MarketRules
from gekko_lab.market.spans import Span
from gekko_lab.market.suggest import nearest
from gekko_lab.market.timeframe import Timeframe
from gekko_lab.sources.source import REPLAY, Page, Paging, TradeCursor, TradePage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gekko_lab.sources.source import Source

_PAGE_ROWS = 200_000
_TRADES_MS = 3_600_000
_QUOTES_MS = 60_000
_QUOTES = {"order_book": ORDER_BOOK, "ticker": TICKER}


class LogReplay:
    """What the data log holds of an exchange, as an exchange that needs no network.

    `gekko_lab.fetch("replay:binance", …)` reads through it. What nobody has fetched is told as
    "not_held", never asked for.

    Parameters
    ----------
    exchange
        An identity as `gekko_lab.datalog.catalog` shows it, such as "binance", or a source.

    Examples
    --------
    >>> import gekko_lab
    >>> day = {"since": "2024-01-01", "until": "2024-01-02"}
    >>> hours = gekko_lab.fetch("simulator", "BTC/USDT", "1h", log=True, **day)
    >>> held = LogReplay(gekko_lab.ExchangeSimulator())
    >>> gekko_lab.fetch(held, "BTC/USDT", "1h", **day).equals(hours)
    True
    """

    foresees = False
    logged = False

    def __init__(self, exchange: str | Source) -> None:
        self.identity = identity_of(exchange)
        self._name = exchange if isinstance(exchange, str) else exchange.exchange

    @property
    def exchange(self) -> str:
        """The name that messages and tables use."""
        return REPLAY + self._name

    def now(self) -> int:
        """Give the clock of this machine: the past of "30d" counts from today."""
        return time.time_ns() // 1_000_000

    def rules(self) -> Mapping[str, MarketRules]:
        """Give every market that is held; the log knows no steps and no fees."""
        return {symbol: _rules(symbol) for symbol in self._held("symbol")}

    def market(self, symbol: str) -> MarketRules:
        """Give one market, or raise `UnknownSymbol` with the nearest names."""
        held = self._held("symbol")
        if symbol not in held:
            raise UnknownSymbol(
                f"the data log holds nothing of {symbol!r} at {self.identity}."
                f"{nearest(symbol, held)} gekko_lab.datalog.catalog() lists all"
            )
        return _rules(symbol)

    def timeframes(self) -> Sequence[str]:
        """Give the names of the candle widths that are held, shortest first."""
        return sorted(self._held("timeframe"), key=lambda name: Timeframe.parse(name).shortest)

    def paging(self, symbol: str, timeframe: Timeframe) -> Paging:
        """Tell how candles are handed out, and where weeks begin in them."""
        width = find_store("candles", self.identity, symbol, str(timeframe)).width()
        return Paging(
            page_size=_PAGE_ROWS,
            exact=False,
            settles_ms=0,
            anchor=None if width is None else width.anchor,
        )

    def candles(
        self, symbol: str, timeframe: Timeframe, since: int, until: int, *, full: bool = False
    ) -> Page:
        """Give the candles that are held in [since, until)."""
        del full  # what was stored is there
        store = find_store("candles", self.identity, symbol, str(timeframe))
        return Page(store.read(Span(since, until), list(CANDLES_FULL)).frame)

    def trades(self, symbol: str, cursor: TradeCursor, until: int) -> TradePage:
        """Give the trades that are held in the next hour."""
        store = find_store("trades", self.identity, symbol, None)
        rest = store.ledger(Span(cursor.time, until)).held
        if not rest:
            return TradePage(empty(TRADES), None)
        begin = max(cursor.time, rest[0].since)
        end = min(until, begin + _TRADES_MS)
        frame = store.read(Span(begin, end), list(TRADES)).frame
        return TradePage(frame, TradeCursor(end) if end < until else None)

    def oldest_trade(self, symbol: str, since: int) -> int | None:
        """Tell when the first held trade is, where that is later than `since`."""
        held = find_store("trades", self.identity, symbol, None).ledger().held
        begin = held[0].since if held else None
        return begin if begin is not None and since < begin else None

    def order_book(self, symbol: str, time: int, depth: int) -> pl.DataFrame:
        """Give the last book that is held up to a time, in the columns of `ORDER_BOOK`.

        Raises
        ------
        NotInLog
            When there is none.
        """
        return self._newest("order_book", symbol, time).filter(pl.col("level") <= depth)

    def ticker(self, symbol: str, time: int) -> pl.DataFrame:
        """Give the last ticker that is held up to a time, in the columns of `TICKER`.

        Raises
        ------
        NotInLog
            When there is none.
        """
        return self._newest("ticker", symbol, time)

    def _newest(self, kind: str, symbol: str, time: int) -> pl.DataFrame:
        """Give the rows of the last moment up to a time."""
        self.market(symbol)
        store = find_store(kind, self.identity, symbol, None)
        for held in reversed(store.ledger(Span(0, time + 1)).held):
            end, width = min(held.until, time + 1), _QUOTES_MS
            while end > held.since:
                begin = max(held.since, end - width)
                rows = store.read(Span(begin, end), list(_QUOTES[kind])).frame
                if not rows.is_empty():
                    return rows.filter(pl.col("timestamp") == rows["timestamp"][-1])
                end, width = begin, width * 4
        raise NotInLog(
            f"the data log holds no {kind} of {symbol} at {self.identity} up to "
            f"{show_time(time)}; gekko_lab.datalog.catalog() lists what it holds"
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.identity!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self.identity, self._name)

    def _held(self, name: str) -> list[str]:
        kind = "candles" if name == "timeframe" else None
        stores = find_stores(kind, exchange=self.identity)
        return sorted({str(getattr(store.key, name)) for store in stores})


def _rebuild(identity: str, name: str) -> LogReplay:
    replay = LogReplay(identity)
    replay._name = name  # noqa: SLF001 (its own maker)
    return replay


def _rules(symbol: str) -> MarketRules:
    pair, _, settle = symbol.partition(":")
    base, _, quote = pair.partition("/")
    return MarketRules(
        symbol=symbol,
        market_id=symbol,
        base=base,
        quote=quote,
        settle=settle or None,
        type="swap" if settle else "spot",
    )
