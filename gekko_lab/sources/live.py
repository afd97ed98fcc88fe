"""What a source can be asked about its market of now, and streams of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import polars as pl

    from gekko_lab.events.types import MarketEvent
    from gekko_lab.sources.source import TradeCursor

StreamKind = Literal["trade", "order_book", "ticker"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeRules:
    """How trades of a market are told apart and asked for.

    Attributes
    ----------
    counted : bool
        Ids are numbers that follow each other, so that a leap is a reason to ask.
    by_id : bool
        A cursor is best made from the last trade's id, not from its time.
    inclusive : bool
        The answer to a cursor made from a trade begins with that trade, as long as it is served;
        otherwise the exchange is known to lose none behind it.
    """

    counted: bool = False
    by_id: bool = False
    inclusive: bool = True

    def cursor(self, time: int, id: str | None) -> TradeCursor:  # noqa: A002 (the column's name)
        """Give the cursor that begins with a trade (time in milliseconds), or right behind it."""
        from gekko_lab.sources.source import TradeCursor

        return TradeCursor(time, id if self.by_id else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alertness:
    """How soon a stream notices that it is dead, in seconds.

    Attributes
    ----------
    keep_alive_s : float
        How often a ping is sent anyway.
    ask_s : float
        After so long without any frame a ping is sent.
    silence_s : float
        After so long without any frame the connection counts as lost.
    ready_s : float
        How long an exchange may take for its first word.
    """

    keep_alive_s: float = 10.0
    ask_s: float = 5.0
    silence_s: float = 9.0
    ready_s: float = 8.0


class Stream(Protocol):
    """Connections to the streams of one kind; made anew when they are lost."""

    async def run(self) -> None:
        """Tell what comes until the connection is lost, which raises; never returns."""

    async def wait_ready(self) -> None:
        """Come back when the exchange has answered on every connection."""

    async def close(self) -> None:
        """Close the connections."""


@runtime_checkable
class LiveSource(Protocol):
    """A source whose market goes on now, for everyone alike."""

    def streams(self, kind: StreamKind) -> bool:
        """Tell whether the exchange has a stream of that kind."""

    def open_stream(
        self,
        kind: StreamKind,
        symbols: Sequence[str],
        tell: Callable[[Sequence[MarketEvent]], None],
        *,
        depth: int,
        alertness: Alertness,
    ) -> Stream:
        """Give a stream that isn't connected yet; call it in the loop that is to run it.

        It tells together what came together, in order.
        """

    def trade_rules(self, symbol: str) -> TradeRules:
        """Tell how trades are told apart and asked for."""

    def order_book_now(self, symbol: str, depth: int) -> pl.DataFrame:
        """Give the book as it is, in the columns of `ORDER_BOOK`."""

    def ticker_now(self, symbol: str) -> pl.DataFrame:
        """Give one row in the columns of `TICKER`."""
