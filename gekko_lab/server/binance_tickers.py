"""Binance's order book, tickers and mean price (Binance spot API documents, 2026-07)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from gekko_lab.market.timeframe import MINUTE
from gekko_lab.server.books import Level, latest_update
from gekko_lab.server.exchange_info import market_id
from gekko_lab.server.queries import ProtocolError
from gekko_lab.server.rendering import PLACES, decimals, padded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gekko_lab.market.rules import MarketRules
    from gekko_lab.server.binance_listing import Listing
    from gekko_lab.server.books import Books
    from gekko_lab.server.queries import Query
    from gekko_lab.server.statistics import DayStatistics

_DEPTH, _DEEPEST = 100, 5000
_MEAN_MINUTES = 5
_PERCENT_PLACES = 3
_NOBODY = Level(0.0, 0.0)


class Tickers:
    """Answers what is asked of prices now.

    Books and best prices are those of the last 100 ms that are over, the rest is that of the very
    moment.

    Parameters
    ----------
    listing
        The markets.
    books
        Their order books and days.
    """

    def __init__(self, listing: Listing, books: Books) -> None:
        self._listing = listing
        self._books = books
        self.routes: dict[str, Callable[[Query, int], bytes]] = {
            "/api/v3/depth": self._depth,
            "/api/v3/ticker/24hr": self._day,
            "/api/v3/ticker/price": self._price,
            "/api/v3/ticker/bookTicker": self._best,
            "/api/v3/avgPrice": self._mean,
        }

    def _depth(self, query: Query, now: int) -> bytes:
        market = self._listing.one(query)
        limit = query.limit(_DEPTH, _DEEPEST)
        query.done()
        book = self._books.book(market.symbol, latest_update(now))
        return orjson.dumps(
            {
                "lastUpdateId": book.update,
                "bids": _levels(book.bids[:limit], market),
                "asks": _levels(book.asks[:limit], market),
            }
        )

    def _day(self, query: Query, now: int) -> bytes:
        kind = query.text("type") or "FULL"
        if kind not in {"FULL", "MINI"}:
            raise ProtocolError(-1130, "Data sent for parameter 'type' is not valid.")
        make = self._full_day if kind == "FULL" else self._mini_day
        return self._each(query, now, make)

    def _price(self, query: Query, now: int) -> bytes:
        return self._each(query, now, self._last_price)

    def _best(self, query: Query, now: int) -> bytes:
        return self._each(query, now, self._best_prices)

    def _mean(self, query: Query, now: int) -> bytes:
        market = self._listing.one(query)
        query.done()
        price, time = self._mean_price(market, now)
        told = padded(price, PLACES)
        return orjson.dumps({"mins": _MEAN_MINUTES, "price": told, "closeTime": time})

    def _each(
        self, query: Query, now: int, make: Callable[[MarketRules, int], dict[str, Any]]
    ) -> bytes:
        """Give one answer for `symbol`, else a list."""
        single = query.text("symbol") is not None
        chosen = self._listing.some(query)
        query.text("symbolStatus")
        query.done()
        markets: Iterable[MarketRules] = self._listing.all() if chosen is None else chosen
        told = [make(market, now) for market in markets]
        return orjson.dumps(told[0] if single else told)

    def _full_day(self, market: MarketRules, now: int) -> dict[str, Any]:
        day = self._books.statistics(market.symbol, now)
        tick, step = decimals(market.tick_size), decimals(market.step_size)
        return {
            **_mini(day, market),
            **self._best_prices(market, now),
            "priceChange": padded(day.change, tick),
            "priceChangePercent": f"{day.percent:.{_PERCENT_PLACES}f}",
            "weightedAvgPrice": padded(day.average, PLACES),
            "prevClosePrice": padded(day.previous_close, tick),
            "lastQty": padded(day.last_amount, step),
        }

    def _mini_day(self, market: MarketRules, now: int) -> dict[str, Any]:
        return _mini(self._books.statistics(market.symbol, now), market)

    def _last_price(self, market: MarketRules, now: int) -> dict[str, Any]:
        last = self._books.tapes.last(market.symbol, now)
        price = 0.0 if last is None else last.price
        return {"symbol": market_id(market), "price": padded(price, decimals(market.tick_size))}

    def _best_prices(self, market: MarketRules, now: int) -> dict[str, Any]:
        quote = self._books.best(market.symbol, latest_update(now))
        bid, ask = (_NOBODY, _NOBODY) if quote is None else (quote.bid, quote.ask)
        (bid_price, bid_amount), (ask_price, ask_amount) = _levels((bid, ask), market)
        return {
            "symbol": market_id(market),
            "bidPrice": bid_price,
            "bidQty": bid_amount,
            "askPrice": ask_price,
            "askQty": ask_amount,
        }

    def _mean_price(self, market: MarketRules, now: int) -> tuple[float, int]:
        """Give the mean price of the last minutes, weighted by amount, and the last trade's time.

        Without a trade in them it is that of the last trade.
        """
        symbol, since = market.symbol, now + 1 - _MEAN_MINUTES * MINUTE
        cost = amount = 0.0
        for minute in range(since // MINUTE, now // MINUTE + 1):
            tape = self._books.tapes.minute(symbol, minute).between(since, now + 1)
            cost += float(tape.prices @ tape.amounts)
            amount += float(tape.amounts.sum())
        last = self._books.tapes.last(symbol, now)
        if last is None:
            return 0.0, 0
        return (cost / amount if amount else last.price), last.time


def _mini(day: DayStatistics, market: MarketRules) -> dict[str, Any]:
    tick, step = decimals(market.tick_size), decimals(market.step_size)
    return {
        "symbol": market_id(market),
        "openPrice": padded(day.open, tick),
        "highPrice": padded(day.high, tick),
        "lowPrice": padded(day.low, tick),
        "lastPrice": padded(day.close, tick),
        "volume": padded(day.volume, step),
        "quoteVolume": padded(day.quote_volume, min(PLACES, tick + step)),
        "openTime": day.open_time,
        "closeTime": day.close_time,
        "firstId": day.first_id,
        "lastId": day.last_id,
        "count": day.trade_count,
    }


def _levels(levels: Iterable[Level], market: MarketRules) -> list[tuple[str, str]]:
    tick, step = decimals(market.tick_size), decimals(market.step_size)
    return [(padded(price, tick), padded(amount, step)) for price, amount in levels]
