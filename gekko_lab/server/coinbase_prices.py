"""Coinbase Exchange's order book, ticker and statistics (public API documents, 2026)."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from gekko_lab.market.spans import Span
from gekko_lab.market.timeframe import DAY, HOUR, Timeframe
from gekko_lab.server.books import LEVELS
from gekko_lab.server.prices import KEPT, Prices
from gekko_lab.server.rendering import decimals, padded

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gekko_lab.market.rules import MarketRules
    from gekko_lab.server.books import Books, Level
    from gekko_lab.server.schedule import Schedule

BOOK_LEVELS = {"1": 1, "2": LEVELS}
"""How many prices a side has, by `level`; single orders, level 3, aren't known."""

_HOUR = Timeframe.parse("1h")
_MONTH_DAYS = 30


class CoinbasePrices(Prices):
    """Answers what is asked of prices now."""

    def __init__(self, schedule: Schedule, books: Books) -> None:
        super().__init__(schedule, books)
        self._lines = lru_cache(maxsize=KEPT)(self._line)

    def book(self, market: MarketRules, levels: int, now: int) -> dict[str, Any]:
        """Give the best prices with their amounts, each as of one order."""
        book = self._book(market.symbol, now)
        return {
            "bids": _levels(book.bids[:levels], market),
            "asks": _levels(book.asks[:levels], market),
            "sequence": book.update,
            "auction_mode": False,
            "auction": None,
            "time": _iso(now),
        }

    def ticker(self, market: MarketRules, now: int) -> dict[str, Any]:
        """Give the last trade, the best prices and the volume of 24 hours."""
        tick, step = decimals(market.tick_size), decimals(market.step_size)
        last = self._last(market.symbol, now)
        quote = self._best(market.symbol, now)
        told: dict[str, Any] = {"volume": padded(self._day(market.symbol, now).volume, step)}
        if quote is not None:
            told |= {"bid": padded(quote.bid.price, tick), "ask": padded(quote.ask.price, tick)}
        if last is not None:
            told |= {
                "trade_id": last.id,
                "price": padded(last.price, tick),
                "size": padded(last.amount, step),
                "time": _iso(last.time),
            }
        return told

    def stats(self, market: MarketRules, now: int) -> dict[str, str]:
        """Give the statistics of 24 hours; those of 30 days begin with a whole hour."""
        tick, step = decimals(market.tick_size), decimals(market.step_size)
        day = self._day(market.symbol, now)
        first = _HOUR.floor(now + 1 - _MONTH_DAYS * DAY)
        month = Span(first, _HOUR.next(_HOUR.floor(now)))
        volume = self._schedule.candles(market.symbol, _HOUR, month, now)["volume"].sum()
        return {
            "open": padded(day.open, tick),
            "high": padded(day.high, tick),
            "low": padded(day.low, tick),
            "last": padded(day.close, tick),
            "volume": padded(day.volume, step),
            "volume_30day": padded(float(volume), step),
        }

    def spark_line(self, market: MarketRules, now: int) -> list[tuple[float, ...]]:
        """Give `[time, low, high, open, close]` of the last 24 hours, the newest first."""
        return self._lines(market, now)

    def _line(self, market: MarketRules, now: int) -> list[tuple[float, ...]]:
        current = _HOUR.floor(now)
        span = Span(current - DAY + HOUR, current + HOUR)
        candles = self._schedule.candles(market.symbol, _HOUR, span, now)
        opens = (candles["timestamp"].dt.epoch("ms") // 1000).to_list()
        prices = candles.select("low", "high", "open", "close").rows()
        return [(time, *row) for time, row in zip(opens, prices, strict=True)][::-1]


def _levels(levels: Iterable[Level], market: MarketRules) -> list[tuple[str, str, int]]:
    tick, step = decimals(market.tick_size), decimals(market.step_size)
    return [(padded(price, tick), padded(amount, step), 1) for price, amount in levels]


def _iso(time: int) -> str:
    moment = datetime.fromtimestamp(time / 1000, UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
