"""The streams of the order book: its changes, its top and its best prices.

Numbers of updates are those of REST, see `books`. A change tells every level that differed at any
of its updates, so a book that was taken from REST inside of it is right afterwards too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gekko_lab.server.books import end_of, latest_update
from gekko_lab.server.channels import ChannelSubject, Event, Numbers, names_of
from gekko_lab.server.exchange_info import market_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gekko_lab.market.rules import MarketRules
    from gekko_lab.server.books import Books, Level, Quote


class DepthChannel:
    """The changes of the order book, @depth and @depth@100ms.

    Where nothing changed nothing is told; the next event begins where the last one ended.

    Parameters
    ----------
    rules
        The market.
    books
        Its order books.
    begin
        The first event begins with the first update that ends after this moment.
    every
        Updates in an event: 1 or 10.
    """

    subject: ChannelSubject = "order_book"

    def __init__(self, rules: MarketRules, books: Books, begin: int, every: int) -> None:
        self.symbols = names_of(rules)
        self._symbol = rules.symbol
        self._name = market_id(rules)
        self._numbers = Numbers(rules)
        self._books = books
        self._every = every
        self._update = latest_update(begin)
        self._first = self._update + 1
        self._bids: dict[float, float] = {}
        self._asks: dict[float, float] = {}

    def advance(self, until: int) -> list[Event]:
        """Give the changes after those given before, up to `until`."""
        found: list[Event] = []
        last = latest_update(until)
        for update in range(self._update + 1, last + 1):
            before = self._books.book(self._symbol, update - 1)
            after = self._books.book(self._symbol, update)
            _change(self._bids, before.bids, after.bids)
            _change(self._asks, before.asks, after.asks)
            if (update + 1) % self._every == 0 and (self._bids or self._asks):
                found.append(Event(end_of(update), self._payload(update)))
                self._first = update + 1
                self._bids, self._asks = {}, {}
        self._update = max(self._update, last)
        return found

    def _payload(self, update: int) -> bytes:
        bids = sorted(self._bids.items(), reverse=True)
        asks = sorted(self._asks.items())
        return (
            f'{{"e":"depthUpdate","E":{end_of(update)},"s":"{self._name}","U":{self._first},'
            f'"u":{update},"b":{_levels(self._numbers, bids)},'
            f'"a":{_levels(self._numbers, asks)}}}'
        ).encode()


class TopChannel:
    """The first levels of the order book, @depth5, @depth10 and @depth20, when they changed.

    Who falls behind the clock tells only the newest.
    """

    subject: ChannelSubject = "order_book"

    def __init__(
        self, rules: MarketRules, books: Books, begin: int, every: int, *, levels: int
    ) -> None:
        self.symbols = names_of(rules)
        self._symbol = rules.symbol
        self._numbers = Numbers(rules)
        self._books = books
        self._every = every
        self._most = levels
        self._update = latest_update(begin)
        self._told = ""

    def advance(self, until: int) -> list[Event]:
        """Give the newest top up to `until` if it is another one than before."""
        update = (latest_update(until) + 1) // self._every * self._every - 1
        if update <= self._update:
            return []
        self._update = update
        book = self._books.book(self._symbol, update)
        top = (
            f'"bids":{_levels(self._numbers, book.bids[: self._most])},'
            f'"asks":{_levels(self._numbers, book.asks[: self._most])}}}'
        )
        if top == self._told:
            return []
        self._told = top
        return [Event(end_of(update), f'{{"lastUpdateId":{update},{top}'.encode())]


class QuoteChannel:
    """The best prices whenever they changed, @bookTicker; the first ones come at once."""

    subject: ChannelSubject = "ticker"

    def __init__(self, rules: MarketRules, books: Books, begin: int) -> None:
        self.symbols = names_of(rules)
        self._symbol = rules.symbol
        self._name = market_id(rules)
        self._numbers = Numbers(rules)
        self._books = books
        self._update = latest_update(begin)
        self._told: tuple[Level, Level] | None = None

    def advance(self, until: int) -> list[Event]:
        """Give the changes after those given before, up to `until`."""
        found: list[Event] = []
        last = latest_update(until)
        for update in range(self._update + 1, last + 1):
            quote = self._books.best(self._symbol, update)
            if quote is None or (quote.bid, quote.ask) == self._told:
                continue
            self._told = (quote.bid, quote.ask)
            found.append(Event(end_of(update), self._payload(quote)))
        self._update = max(self._update, last)
        return found

    def _payload(self, quote: Quote) -> bytes:
        price, amount = self._numbers.price, self._numbers.amount
        return (
            f'{{"u":{quote.update},"s":"{self._name}","b":"{price(quote.bid.price)}",'
            f'"B":"{amount(quote.bid.amount)}","a":"{price(quote.ask.price)}",'
            f'"A":"{amount(quote.ask.amount)}"}}'
        ).encode()


def _change(
    changed: dict[float, float], before: tuple[Level, ...], after: tuple[Level, ...]
) -> None:
    """Note each level that differs; what is gone has the amount 0."""
    if before == after:
        return
    old, new = dict(before), dict(after)
    changed.update(dict.fromkeys(old.keys() - new.keys(), 0.0))
    changed.update(new.items() - old.items())


def _levels(numbers: Numbers, levels: Iterable[tuple[float, float]]) -> str:
    rows = (f'["{numbers.price(price)}","{numbers.amount(amount)}"]' for price, amount in levels)
    return f"[{','.join(rows)}]"
