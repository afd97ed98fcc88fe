"""The streams of the last 24 hours: @ticker, @miniTicker and their arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gekko_lab.market.timeframe import SECOND
from gekko_lab.server.books import latest_update
from gekko_lab.server.channels import ChannelSubject, Event, Numbers, names_of
from gekko_lab.server.exchange_info import market_id
from gekko_lab.server.rendering import fixed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gekko_lab.market.rules import MarketRules
    from gekko_lab.server.books import Books


class TickerChannel:
    """Statistics of 24 hours each second, of one market or as an array of several.

    An array holds only the markets that changed. Who falls behind the clock tells only the newest.

    Parameters
    ----------
    markets
        One market, or those of the array.
    books
        Their order books and statistics.
    begin
        The first frame comes after this moment.
    mini
        Whether only prices and volumes are told.
    array
        Whether frames are arrays.
    """

    subject: ChannelSubject = "ticker"

    def __init__(
        self,
        markets: Sequence[MarketRules],
        books: Books,
        begin: int,
        *,
        mini: bool,
        array: bool = False,
    ) -> None:
        self.symbols = frozenset() if array else names_of(markets[0])
        self._writers = [(_Mini if mini else _Full)(rules, books) for rules in markets]
        self._array, self._books = array, books
        self._time = begin
        self._told = [""] * len(markets)

    def prepare(self, until: int) -> Iterable[object]:
        """Find out what an array tells next, a market with each step."""
        time = until // SECOND * SECOND
        if not self._array or time <= self._time:
            return ()
        return self._books.prepare([writer.symbol for writer in self._writers], time - 1)

    def advance(self, until: int) -> list[Event]:
        """Give the newest frame up to `until`."""
        time = until // SECOND * SECOND
        if time <= self._time:
            return []
        self._time = time
        texts = [writer.text(time - 1) for writer in self._writers]
        if not self._array:
            return [Event(time, _frame(self._writers[0], time, texts[0]))]
        changed = [
            _frame(writer, time, text)
            for writer, text, told in zip(self._writers, texts, self._told, strict=True)
            if text != told
        ]
        self._told = texts
        return [Event(time, b"[" + b",".join(changed) + b"]")] if changed else []


class _Mini:
    event = "24hrMiniTicker"

    def __init__(self, rules: MarketRules, books: Books) -> None:
        self.name = market_id(rules)
        self.symbol = rules.symbol
        self._numbers = Numbers(rules)
        self._books = books

    def text(self, now: int) -> str:
        day = self._books.statistics(self.symbol, now)
        price, amount = self._numbers.price, self._numbers.amount
        return (
            f'"c":"{price(day.close)}","o":"{price(day.open)}","h":"{price(day.high)}",'
            f'"l":"{price(day.low)}","v":"{amount(day.volume)}","q":"{fixed(day.quote_volume)}"'
        )


class _Full(_Mini):
    event = "24hrTicker"

    def text(self, now: int) -> str:
        day = self._books.statistics(self.symbol, now)
        quote = self._books.best(self.symbol, latest_update(now))
        bid, ask = ((0.0, 0.0), (0.0, 0.0)) if quote is None else (quote.bid, quote.ask)
        price, amount = self._numbers.price, self._numbers.amount
        return (
            f'"p":"{price(day.change)}","P":"{day.percent:.3f}","w":"{price(day.average)}",'
            f'"x":"{price(day.previous_close)}","c":"{price(day.close)}",'
            f'"Q":"{amount(day.last_amount)}","b":"{price(bid[0])}","B":"{amount(bid[1])}",'
            f'"a":"{price(ask[0])}","A":"{amount(ask[1])}","o":"{price(day.open)}",'
            f'"h":"{price(day.high)}","l":"{price(day.low)}","v":"{amount(day.volume)}",'
            f'"q":"{fixed(day.quote_volume)}","O":{day.open_time},"C":{day.close_time},'
            f'"F":{day.first_id},"L":{day.last_id},"n":{day.trade_count}'
        )


def _frame(writer: _Mini, time: int, text: str) -> bytes:
    return f'{{"e":"{writer.event}","E":{time},"s":"{writer.name}",{text}}}'.encode()
