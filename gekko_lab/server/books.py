"""The order book at each update, the best quotes and the statistics of a day.

An update is a step of 100 ms, numbered from 1970: its number is the `lastUpdateId` of REST and the
`u` of streams, and the book of an update is the one at the end of its step. So both show the same
book under the same number, and a server that starts again goes on with the numbers.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

import numpy as np

from gekko_lab.market.spans import Span
from gekko_lab.market.timeframe import MINUTE
from gekko_lab.server.ladder import ladder
from gekko_lab.server.statistics import Statistics
from gekko_lab.server.tapes import Tapes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import polars as pl
    from numpy.typing import NDArray

    from gekko_lab.server.market import MarketData
    from gekko_lab.server.schedule import Schedule
    from gekko_lab.server.statistics import DayStatistics

STEP = 100
"""Milliseconds of an update."""

LEVELS = 100
"""Levels on each side: all that a book has; who asks for more gets these."""

_KEPT = 512
_MINUTES_KEPT = 256


class Level(NamedTuple):
    """A price and what waits there, in quote per base and in base."""

    price: float
    amount: float


class Book(NamedTuple):
    """The order book of an update, each side from the best outwards.

    Attributes
    ----------
    update : int
        Its number.
    bids, asks : tuple of Level
        All levels; empty before the listing.
    """

    update: int
    bids: tuple[Level, ...] = ()
    asks: tuple[Level, ...] = ()


class Quote(NamedTuple):
    """The best prices of an update and what waits there."""

    update: int
    bid: Level
    ask: Level


@runtime_checkable
class Booked(Protocol):
    """A market that has an order book of its own."""

    def order_book(self, symbol: str, time: int, depth: int = 20) -> pl.DataFrame:
        """Give the book at a moment (milliseconds UTC), schema `ORDER_BOOK`."""
        ...


@runtime_checkable
class Quoted(Protocol):
    """A market that tells all its best quotes at once."""

    def quotes(self, symbol: str, since: int, until: int) -> pl.DataFrame:
        """Give the best quotes after each trade in [since, until), schema `QUOTES`."""
        ...


def latest_update(now: int) -> int:
    """Give the number of the last update that is over; the millisecond `now` is."""
    return (now + 1) // STEP - 1


def end_of(update: int) -> int:
    """Give the last millisecond of an update."""
    return (update + 1) * STEP - 1


class Books:
    """The order books of a market as a schedule lets them be seen.

    Nothing later than an update's end decides what it shows but what the market's own book shows
    of it. In an outage the book stands still.

    Parameters
    ----------
    market
        Candles, trades and rules. Where it has no order book (see `Booked`), each trade makes a
        plain one.
    schedule
        What is visible when.
    tapes
        Its trades by minutes.
    """

    def __init__(self, market: MarketData, schedule: Schedule, tapes: Tapes | None = None) -> None:
        self._market = market
        # asked once: looking at a protocol is slow
        self._booked = market if isinstance(market, Booked) else None
        self._quoted = market if isinstance(market, Quoted) else None
        self._schedule = schedule
        self.tapes = tapes or Tapes(schedule)
        self._kept: OrderedDict[tuple[str, int], Book] = OrderedDict()
        self._quotes = lru_cache(maxsize=_MINUTES_KEPT)(self._minute_of_quotes)
        self._statistics = Statistics(schedule, self.tapes)

    def book(self, symbol: str, update: int) -> Book:
        """Give the book at the end of an update, `LEVELS` a side."""
        key = (symbol, update)
        book = self._kept.get(key)
        if book is None:
            book = self._kept[key] = self._make(symbol, update)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return book

    def best(self, symbol: str, update: int) -> Quote | None:
        """Give the best quotes at the end of an update, the first levels of its book."""
        if self._quoted is not None and (symbol, update) not in self._kept:
            time = self.moment(symbol, update)
            if time is None:
                return None
            times, rows = self._quotes(self._quoted, symbol, time // MINUTE)
            place = int(np.searchsorted(times, time, "right"))
            if place:
                bid, ask, bid_amount, ask_amount = rows[place - 1]
                return Quote(update, Level(bid, bid_amount), Level(ask, ask_amount))
        book = self.book(symbol, update)
        if not book.bids or not book.asks:
            return None
        return Quote(update, book.bids[0], book.asks[0])

    def bests(self, symbol: str, first: int, last: int) -> list[Quote]:
        """Give the best quotes of the updates first … last that differ from the one before."""
        found = []
        before = self.best(symbol, first - 1)
        for update in range(first, last + 1):
            quote = self.best(symbol, update)
            if quote is not None and (before is None or quote[1:] != before[1:]):
                found.append(quote)
            before = quote
        return found

    def statistics(self, symbol: str, now: int) -> DayStatistics:
        """Give the statistics of the 24 hours up to `now`, which is included."""
        return self._statistics.day(symbol, now)

    def prepare(self, symbols: Iterable[str], now: int) -> Iterator[str]:
        """Find out what tickers of markets tell at a moment, one with each step.

        What was found out is there at once when it is asked for, and others may have their turn
        between the steps.
        """
        for symbol in symbols:
            self.statistics(symbol, now)
            self.best(symbol, latest_update(now))
            yield symbol

    def moment(self, symbol: str, update: int) -> int | None:
        """Give the last millisecond of an update or before it in which the symbol traded."""
        end = end_of(update)
        spans = self._schedule.open_spans(symbol, Span(0, end + 1), end)
        return spans[-1].until - 1 if spans else None

    def _make(self, symbol: str, update: int) -> Book:
        time = self.moment(symbol, update)
        if time is None:
            return Book(update)
        if self._booked is not None:
            frame = self._booked.order_book(symbol, time, LEVELS)
            levels = list(map(Level, frame["price"].to_list(), frame["amount"].to_list()))
            bids = int((frame["side"] == "bid").sum())
            return Book(update, tuple(levels[:bids]), tuple(levels[bids:]))
        last = self.tapes.last(symbol, time)
        if last is None:
            return Book(update)
        bids_asks = ladder(last, self._market.rules[symbol], LEVELS)
        return Book(update, *(tuple(map(Level, *side)) for side in bids_asks))

    def _minute_of_quotes(
        self, market: Quoted, symbol: str, minute: int
    ) -> tuple[NDArray[np.int64], list[tuple[float, float, float, float]]]:
        """Give the quotes that hold from some time in a minute on."""
        frame = market.quotes(symbol, minute * MINUTE, (minute + 1) * MINUTE)
        times = frame["timestamp"].dt.epoch("ms").to_numpy()
        return times, frame.select("bid", "ask", "bid_amount", "ask_amount").rows()
