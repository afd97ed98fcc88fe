"""What a stream tells as time goes on, and the streams of trades.

A channel is asked for all that happened since it was asked before; so what it tells depends on the
market and the time alone, never on how often it is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, runtime_checkable

from gekko_lab.market.timeframe import MINUTE
from gekko_lab.server.exchange_info import market_id
from gekko_lab.server.rendering import decimals, fixed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gekko_lab.market.rules import MarketRules
    from gekko_lab.server.tapes import Print, Tapes

ChannelSubject = Literal["trades", "candles", "order_book", "ticker"]
"""What a stream is about, whatever the exchange calls it."""


class Event(NamedTuple):
    """One message of a stream.

    Attributes
    ----------
    time : int
        When it can be known, milliseconds UTC.
    payload : bytes
        JSON.
    """

    time: int
    payload: bytes


class Channel(Protocol):
    """The messages of one stream."""

    @property
    def subject(self) -> ChannelSubject:
        """What it is about."""
        ...

    @property
    def symbols(self) -> frozenset[str]:
        """The names of its market, unified and the exchange's; empty for all markets."""
        ...

    def advance(self, until: int) -> list[Event]:
        """Give the events after those given before, up to `until`, which is included."""
        ...


@runtime_checkable
class Prepared(Protocol):
    """A channel in which `advance` takes long."""

    def prepare(self, until: int) -> Iterable[object]:
        """Do, in steps, what takes long in the next `advance`."""
        ...


def names_of(rules: MarketRules) -> frozenset[str]:
    """Give the names by which faults may choose a market."""
    return frozenset({rules.symbol, market_id(rules)})


class Numbers:
    """Prices and amounts of a market as the protocol writes them."""

    def __init__(self, rules: MarketRules) -> None:
        self._tick = decimals(rules.tick_size)
        self._step = decimals(rules.step_size)

    def price(self, value: float) -> str:
        """Give a price, or a sum of costs."""
        return fixed(value, self._tick)

    def amount(self, value: float) -> str:
        """Give an amount."""
        return fixed(value, self._step)


class TradeChannel:
    """Every trade, as @trade or @aggTrade; an aggregate is one trade, as it is with REST.

    Parameters
    ----------
    kind
        Which of the two.
    rules
        The market.
    tapes
        Its trades.
    begin
        The first trades are those after this moment.
    """

    subject: ChannelSubject = "trades"

    def __init__(
        self, kind: Literal["trade", "aggTrade"], rules: MarketRules, tapes: Tapes, begin: int
    ) -> None:
        self.symbols = names_of(rules)
        self._symbol = rules.symbol
        self._tapes = tapes
        self._told = begin
        self._payload = _PAYLOADS[kind](market_id(rules), Numbers(rules))
        self._minute = -1
        self._events: list[Event] = []
        self._place = 0

    def advance(self, until: int) -> list[Event]:
        """Give the trades after those given before, up to `until`."""
        found: list[Event] = []
        while self._told < until:
            minute = (self._told + 1) // MINUTE
            if minute != self._minute:
                self._open(minute)
            end = min(until, (minute + 1) * MINUTE - 1)
            first = self._place
            while self._place < len(self._events) and self._events[self._place].time <= end:
                self._place += 1
            found += self._events[first : self._place]
            self._told = end
        return found

    def _open(self, minute: int) -> None:
        """Write the trades of a minute once; they are given as their time comes."""
        tape = self._tapes.minute(self._symbol, minute)
        rest = tape.between(self._told + 1, (minute + 1) * MINUTE)
        prints = (rest.at(place) for place in range(len(rest)))
        self._events = [Event(each.time, self._payload(each)) for each in prints]
        self._minute, self._place = minute, 0


def _trade(name: str, numbers: Numbers) -> Callable[[Print], bytes]:
    def payload(each: Print) -> bytes:
        maker = "true" if each.sell else "false"
        return (
            f'{{"e":"trade","E":{each.time},"s":"{name}","t":{each.id},'
            f'"p":"{numbers.price(each.price)}","q":"{numbers.amount(each.amount)}",'
            f'"T":{each.time},"m":{maker},"M":true}}'
        ).encode()

    return payload


def _aggregate(name: str, numbers: Numbers) -> Callable[[Print], bytes]:
    def payload(each: Print) -> bytes:
        maker = "true" if each.sell else "false"
        return (
            f'{{"e":"aggTrade","E":{each.time},"s":"{name}","a":{each.id},'
            f'"p":"{numbers.price(each.price)}","q":"{numbers.amount(each.amount)}",'
            f'"f":{each.id},"l":{each.id},"T":{each.time},"m":{maker},"M":true}}'
        ).encode()

    return payload


_PAYLOADS = {"trade": _trade, "aggTrade": _aggregate}
