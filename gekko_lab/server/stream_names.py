"""The names of Binance's streams and what each means (spot stream documents, 2026-07)."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Literal

from gekko_lab.server.binance import INTERVALS
from gekko_lab.server.book_channels import DepthChannel, QuoteChannel, TopChannel
from gekko_lab.server.candle_channels import CandleChannel
from gekko_lab.server.channels import TradeChannel
from gekko_lab.server.dialect import spot_markets
from gekko_lab.server.exchange_info import market_id
from gekko_lab.server.ticker_channels import TickerChannel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gekko_lab.market.rules import MarketRules
    from gekko_lab.server.books import Books
    from gekko_lab.server.channels import Channel
    from gekko_lab.server.schedule import Schedule

    Maker = Callable[[int], Channel]

_DEPTH = re.compile(r"depth(?P<levels>5|10|20)?(?P<pace>@100ms|@1000ms)?")
_TRADES: dict[str, Literal["trade", "aggTrade"]] = {"trade": "trade", "aggTrade": "aggTrade"}


class StreamNames:
    """The streams that can be had of some markets.

    Parameters
    ----------
    rules
        The markets by unified symbol.
    schedule
        What happened when.
    books
        Their order books.
    """

    def __init__(self, rules: Mapping[str, MarketRules], schedule: Schedule, books: Books) -> None:
        self._markets = spot_markets(rules, lambda market: market_id(market).lower())
        self._schedule = schedule
        self._books = books

    def find(self, name: str) -> Maker | None:
        """Give what makes the channel of that name as of a moment, or None for a bad name."""
        if name in {"!miniTicker@arr", "!ticker@arr"}:
            mini = name.startswith("!mini")
            markets = list(self._markets.values())
            return lambda begin: TickerChannel(markets, self._books, begin, mini=mini, array=True)
        symbol, _, kind = name.partition("@")
        market = self._markets.get(symbol)
        return None if market is None else self._of_market(market, kind)

    def _of_market(self, market: MarketRules, kind: str) -> Maker | None:
        books = self._books
        if kind in _TRADES:
            return partial(TradeChannel, _TRADES[kind], market, books.tapes)
        if kind in {"ticker", "miniTicker"}:
            return partial(TickerChannel, [market], books, mini=kind == "miniTicker")
        if kind == "bookTicker":
            return partial(QuoteChannel, market, books)
        depth = _DEPTH.fullmatch(kind)
        return self._candles(market, kind) if depth is None else self._depth(market, depth)

    def _depth(self, market: MarketRules, depth: re.Match[str]) -> Maker:
        every = 1 if depth["pace"] == "@100ms" else 10
        if depth["levels"] is None:
            return partial(DepthChannel, market, self._books, every=every)
        return partial(TopChannel, market, self._books, every=every, levels=int(depth["levels"]))

    def _candles(self, market: MarketRules, kind: str) -> Maker | None:
        interval = kind.removeprefix("kline_")
        if interval == kind or interval not in INTERVALS:
            return None
        return lambda begin: CandleChannel(
            market,
            interval,
            INTERVALS[interval],
            schedule=self._schedule,
            tapes=self._books.tapes,
            begin=begin,
        )
