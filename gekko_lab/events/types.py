"""What happens in a market, and in a feed, as typed events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final, Literal, TypeAlias, get_args

import msgspec

MarketKind = Literal["trade", "candle", "order_book", "ticker"]
Kind = Literal["trade", "candle", "order_book", "ticker", "gap", "state", "error"]
FeedState = Literal[
    "new", "starting", "running", "reconnecting", "paused", "stopped", "ended", "failed"
]
Levels: TypeAlias = "tuple[tuple[float, float], ...]"

MARKET_KINDS: Final[tuple[MarketKind, ...]] = get_args(MarketKind)
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
PLURALS: Final[dict[str, MarketKind]] = {
    "trades": "trade",
    "candles": "candle",
    "order_books": "order_book",
    "tickers": "ticker",
}
"""The names under which listeners get many events at once, as a frame."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Event(msgspec.Struct, frozen=True, gc=False):
    """What all events have.

    Attributes
    ----------
    kind : str
        "trade", "candle", "order_book", "ticker", "gap", "state" or "error".
    exchange, symbol : str
        Where it happened; the symbol is "" for what concerns a whole feed.
    timestamp_us : int
        The exchange's time in microseconds UTC; the open time of a candle.
    received_us : int
        When it came, by the clock of this machine, in microseconds UTC.
    sequence : int
        Its number in the feed, from 1 on without holes, in the order of delivery. Events about the
        feed itself ("state", "error" and the gap of dropped events) repeat the last number.
    """

    kind: ClassVar[Kind]

    exchange: str
    symbol: str
    timestamp_us: int
    received_us: int
    sequence: int

    @property
    def timestamp(self) -> datetime:
        """The exchange's time."""
        return _EPOCH + timedelta(microseconds=self.timestamp_us)

    @property
    def received(self) -> datetime:
        """When it came, by the clock of this machine."""
        return _EPOCH + timedelta(microseconds=self.received_us)


class Trade(Event, frozen=True, gc=False, tag_field="kind", tag="trade"):
    """A public trade.

    Attributes
    ----------
    id : str or None
        The exchange's.
    side : {"buy", "sell"} or None
        The taker's; None where unknown.
    price, amount : float
        Quote per base, and base.
    """

    kind: ClassVar[Kind] = "trade"

    id: str | None
    side: str | None
    price: float
    amount: float

    @property
    def cost(self) -> float:
        """Price times amount, in quote."""
        return self.price * self.amount


class Candle(Event, frozen=True, gc=False, tag_field="kind", tag="candle"):
    """A closed candle; it comes once, after its last trade.

    Attributes
    ----------
    timeframe : str
        Its width, such as "1m".
    open, high, low, close : float
        Quote per base.
    volume, quote_volume : float, float or None
        Sums of amounts (base) and costs (quote) of its trades.
    trade_count : int or None
        The number of its trades.
    """

    kind: ClassVar[Kind] = "candle"

    timeframe: str
    open: float
    high: float
    low: float
    close: float
    volume: float
    quote_volume: float | None
    trade_count: int | None


class OrderBook(Event, frozen=True, gc=False, tag_field="kind", tag="order_book"):
    """What is bid and asked at a moment.

    Attributes
    ----------
    bids, asks : tuple of (price, amount)
        From the best outwards.
    nonce : int or None
        The exchange's number of this state of the book.
    """

    kind: ClassVar[Kind] = "order_book"

    bids: Levels
    asks: Levels
    nonce: int | None


class Ticker(Event, frozen=True, gc=False, tag_field="kind", tag="ticker"):
    """The best quotes, the last price, and what was traded in a day.

    Attributes
    ----------
    bid, ask, last : float or None
        Quote per base.
    volume : float or None
        Base, of the last 24 hours.
    """

    kind: ClassVar[Kind] = "ticker"

    bid: float | None
    ask: float | None
    last: float | None
    volume: float | None


class Gap(Event, frozen=True, gc=False, tag_field="kind", tag="gap"):
    """Something that happened and can't be had, or came and was not delivered.

    Attributes
    ----------
    subject : str
        What is missing: "trade", "candle", "order_book", "ticker", or "event" for events of any
        kind that a full buffer dropped.
    since_us, until_us : int
        The half-open range of exchange time in which something is missing, microseconds UTC.
    reason : str
        Why: "dropped" by a full buffer, "late" trade after its candle was closed, "not_held" by
        the data log, "disconnected" and no longer served by the exchange, or another word.
    count : int or None
        How many are missing, where that is known.
    """

    kind: ClassVar[Kind] = "gap"

    subject: str
    since_us: int
    until_us: int
    reason: str
    count: int | None = None

    @property
    def since(self) -> datetime:
        """When what is missing begins."""
        return _EPOCH + timedelta(microseconds=self.since_us)

    @property
    def until(self) -> datetime:
        """When what is missing ends, exclusive."""
        return _EPOCH + timedelta(microseconds=self.until_us)


class State(Event, frozen=True, gc=False, tag_field="kind", tag="state"):
    """What a feed does from now on.

    Attributes
    ----------
    state : FeedState
        "starting", "running", "reconnecting", "paused", "stopped", "ended" or "failed".
    reason : str
        Why, in words; may be "".
    """

    kind: ClassVar[Kind] = "state"

    state: FeedState
    reason: str = ""


class Error(Event, frozen=True, gc=True, tag_field="kind", tag="error"):
    """A listener that failed, or the error that ended a feed.

    Attributes
    ----------
    error : BaseException
        What was raised.
    listener : str
        Whose fault it was; "" where it wasn't a listener's.
    event : Event, frame or None
        What the listener was given.
    """

    kind: ClassVar[Kind] = "error"

    error: BaseException
    listener: str = ""
    event: object = None


MarketEvent: TypeAlias = "Trade | Candle | OrderBook | Ticker | Gap"
