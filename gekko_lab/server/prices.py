"""What a market's prices are at a moment, for the dialects that tell of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gekko_lab.server.books import latest_update

if TYPE_CHECKING:
    from gekko_lab.server.books import Book, Books, Quote
    from gekko_lab.server.schedule import Schedule
    from gekko_lab.server.statistics import DayStatistics
    from gekko_lab.server.tapes import Print

KEPT = 512
"""Answers about a market at a moment that are kept, so that those about all can be prepared."""


class Prices:
    """Tells what is asked of prices now; a dialect puts it into words.

    Books and best prices are those of the last 100 ms that are over, the rest is that of the very
    moment.

    Parameters
    ----------
    schedule
        What happened when.
    books
        The order books and days.
    """

    def __init__(self, schedule: Schedule, books: Books) -> None:
        self._schedule = schedule
        self._books = books

    def _book(self, symbol: str, now: int) -> Book:
        return self._books.book(symbol, latest_update(now))

    def _best(self, symbol: str, now: int) -> Quote | None:
        return self._books.best(symbol, latest_update(now))

    def _last(self, symbol: str, now: int) -> Print | None:
        return self._books.tapes.last(symbol, now)

    def _day(self, symbol: str, now: int) -> DayStatistics:
        return self._books.statistics(symbol, now)
