"""What a market must give to be served, and a market made of given frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from gekko_lab.errors import InvalidArgument
from gekko_lab.frames.schemas import CANDLES, empty
from gekko_lab.market.spans import Span
from gekko_lab.market.timeframe import Timeframe
from gekko_lab.server.aggregation import candles_from_trades, join_candles
from gekko_lab.server.prints import Prints
from gekko_lab.server.rendering import decimals

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from gekko_lab.market.rules import MarketRules


class MarketData(Protocol):
    """A market that knows its candles and trades at any time; times are milliseconds UTC."""

    @property
    def rules(self) -> Mapping[str, MarketRules]:
        """What is traded, by symbol."""
        ...

    def candles(
        self,
        symbol: str,
        timeframe: Timeframe,
        since: int,
        until: int,
        *,
        quote_volume: bool = False,
    ) -> pl.DataFrame:
        """Give the candles that open in [since, until), schema `CANDLES_FULL`."""
        ...

    def trades(self, symbol: str, since: int, until: int) -> pl.DataFrame:
        """Give the trades in [since, until), schema `SIMULATED_TRADES`."""
        ...

    def trades_from_id(self, symbol: str, first_id: int, limit: int) -> pl.DataFrame:
        """Give the first `limit` trades whose id is `first_id` or more."""
        ...


@runtime_checkable
class Bounded(Protocol):
    """A market whose data begin and end."""

    def span(self, symbol: str) -> Span:
        """Give the time outside of which the symbol has no data."""
        ...


class FrameMarket:
    """A market made of given frames, for tests with a known truth.

    Longer candles are joined from the given ones; those of shorter timeframes come from the
    trades. Where no trades are given, every candle with volume becomes four: at its open, low and
    high (in the order of its direction) and close, whose amounts, in whole steps, sum to
    the volume.

    Parameters
    ----------
    candles
        A frame of candles (schema `CANDLES` or `CANDLES_FULL`) for each symbol, in order; rows
        may be missing. Without a frame a symbol has the candles of its trades.
    rules
        The market rules of each symbol.
    trades
        Trades (schema `SIMULATED_TRADES`) for each symbol, in order of time and id.
    timeframe
        The width of the given candles.
    """

    def __init__(
        self,
        candles: Mapping[str, pl.DataFrame],
        rules: Mapping[str, MarketRules],
        *,
        trades: Mapping[str, pl.DataFrame] | None = None,
        timeframe: str = "1m",
    ) -> None:
        unknown = sorted({*candles, *(trades or {})} - {*rules})
        if unknown:
            raise InvalidArgument(f"no market rules for {unknown}: give `rules` for every symbol")
        self.rules = rules
        self._width = Timeframe.parse(timeframe)
        given = trades or {}
        self._prints = {
            symbol: Prints(
                self._given(candles.get(symbol), given.get(symbol)),
                self._width,
                given.get(symbol),
                lots=10 ** decimals(market.step_size),
            )
            for symbol, market in rules.items()
        }

    def _given(self, candles: pl.DataFrame | None, trades: pl.DataFrame | None) -> pl.DataFrame:
        if candles is not None:
            return candles
        return empty(CANDLES) if trades is None else candles_from_trades(trades, self._width)

    def span(self, symbol: str) -> Span:
        """Give the time from the first open to the last close."""
        opens = self._prints[symbol].opens
        if not len(opens):
            return Span(0, 0)
        return Span(int(opens[0]), self._width.next(int(opens[-1])))

    def candles(
        self,
        symbol: str,
        timeframe: Timeframe,
        since: int,
        until: int,
        *,
        quote_volume: bool = False,
    ) -> pl.DataFrame:
        """Give the candles that open in [since, until).

        `quote_volume` asks for exact costs where the given frame doesn't tell them.
        """
        prints = self._prints[symbol]
        last = timeframe.ceil(until)
        if timeframe.shortest < self._width.shortest:
            return candles_from_trades(prints.between(timeframe.ceil(since), last), timeframe)
        rows = prints.candles(timeframe.ceil(since), last, exact=quote_volume)
        return rows if timeframe == self._width else join_candles(rows, timeframe)

    def trades(self, symbol: str, since: int, until: int) -> pl.DataFrame:
        """Give the trades in [since, until)."""
        return self._prints[symbol].between(since, until)

    def trades_from_id(self, symbol: str, first_id: int, limit: int) -> pl.DataFrame:
        """Give the first `limit` trades whose id is `first_id` or more."""
        return self._prints[symbol].from_id(first_id, limit)
