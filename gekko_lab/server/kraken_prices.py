"""Kraken's order book, ticker and spreads (public API documents, 2026)."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from gekko_lab.market.timeframe import MINUTE, Timeframe
from gekko_lab.server.books import LEVELS, STEP, end_of, latest_update
from gekko_lab.server.prices import KEPT, Prices
from gekko_lab.server.rendering import PLACES, decimals, padded

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gekko_lab.market.rules import MarketRules
    from gekko_lab.server.books import Books, Level
    from gekko_lab.server.schedule import Schedule

__all__ = ["LEVELS", "MOST_LEVELS", "KrakenPrices"]

MOST_LEVELS = 500
"""What a request may ask for; there are no more than `LEVELS`."""

_TODAY = Timeframe.parse("1d")
_SPREADS = 200
_SPREAD_MINUTES = 15


class KrakenPrices(Prices):
    """Answers what is asked of prices now."""

    def book(self, market: MarketRules, levels: int, now: int) -> dict[str, Any]:
        """Give asks and bids; every level's time is that of the book."""
        book = self._book(market.symbol, now)
        time = end_of(book.update) // 1000
        return {
            "asks": [(*level, time) for level in _levels(book.asks[:levels], market)],
            "bids": [(*level, time) for level in _levels(book.bids[:levels], market)],
        }

    def __init__(self, schedule: Schedule, books: Books) -> None:
        super().__init__(schedule, books)
        self._tickers = lru_cache(maxsize=KEPT)(self._ticker)

    def ticker(self, market: MarketRules, now: int) -> dict[str, Any] | None:
        """Give what `Ticker` tells of a market; None before any trade."""
        return self._tickers(market, now)

    def _ticker(self, market: MarketRules, now: int) -> dict[str, Any] | None:
        """Give today's numbers (since midnight UTC) and those of 24 hours; None before any trade.

        A market that hasn't traded today has the numbers of its last price.
        """
        last = self._last(market.symbol, now)
        quote = self._best(market.symbol, now)
        if last is None or quote is None:
            return None
        tick, step = decimals(market.tick_size), decimals(market.step_size)
        day = self._day(market.symbol, now)
        candles = self._schedule.forming(market.symbol, _TODAY, now)
        today = candles.row(0, named=True) if len(candles) else {}
        opened, low, high = (today.get(name, last.price) for name in ("open", "low", "high"))
        volume = today.get("volume", 0.0)
        cost, count = today.get("quote_volume"), today.get("trade_count")
        mean = (opened + high + low + today.get("close", last.price)) / 4
        bid, ask = _levels((quote.bid, quote.ask), market)
        return {
            "a": [ask[0], _whole(quote.ask.amount), ask[1]],
            "b": [bid[0], _whole(quote.bid.amount), bid[1]],
            "c": [padded(last.price, tick, 0), padded(last.amount, step)],
            "v": [padded(volume, step), padded(day.volume, step)],
            "p": [
                padded(cost / volume if cost and volume else mean, tick, 0),
                padded(day.average or last.price, tick, 0),
            ],
            "t": [int(volume > 0) if count is None else count, day.trade_count],
            "l": [padded(low, tick, 0), padded(day.low or last.price, tick, 0)],
            "h": [padded(high, tick, 0), padded(day.high or last.price, tick, 0)],
            "o": padded(opened, tick, 0),
        }

    def spreads(self, market: MarketRules, since: int, now: int) -> list[tuple[int, str, str]]:
        """Give the last best prices from a second on, each from when they began to hold.

        At most two hundred, and none older than a quarter of an hour.
        """
        update = latest_update(now)
        first = max(since * 1000, now - _SPREAD_MINUTES * MINUTE) // STEP
        found = self._books.bests(market.symbol, first, update)[-_SPREADS:]
        rows = []
        for quote in found:
            (bid, _), (ask, _) = _levels((quote.bid, quote.ask), market)
            rows.append((quote.update * STEP // 1000, bid, ask))
        return rows


def _levels(levels: Iterable[Level], market: MarketRules) -> list[tuple[str, str]]:
    tick, step = decimals(market.tick_size), decimals(market.step_size)
    return [(padded(price, tick, 0), padded(amount, step, PLACES)) for price, amount in levels]


def _whole(amount: float) -> str:
    return str(int(amount))
