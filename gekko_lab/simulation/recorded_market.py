"""A market that was recorded: its candles as they are, its trades and order book made to fit."""

from __future__ import annotations

import operator
from functools import cached_property
from hashlib import blake2b
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from gekko_lab.errors import DataError, InvalidArgument, InvalidType, UnknownSymbol
from gekko_lab.frames.convert import to_candles
from gekko_lab.frames.schemas import SIMULATED_TRADES, TIME, empty
from gekko_lab.market.moments import show_time
from gekko_lab.market.suggest import nearest
from gekko_lab.simulation import book, rows, tape
from gekko_lab.simulation.market import check_depth
from gekko_lab.simulation.parameters import MODEL_VERSION
from gekko_lab.simulation.recorded import Recording
from gekko_lab.simulation.recorded_series import Series

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gekko_lab.market.rules import MarketRules
    from gekko_lab.market.spans import Span
    from gekko_lab.market.timeframe import Timeframe


class RecordedMarket:
    """Recorded candles as a market that also has trades, shorter candles and an order book.

    Parameters
    ----------
    candles : mapping of str to frame
        Candles of each symbol, polars or pandas, all of one width.
    seed, timeframe, trades_per_candle
        As in `trades_from_candles`.

    Examples
    --------
    >>> import gekko_lab
    >>> hours = gekko_lab.fetch("simulator", "BTC/USDT", "1h", since="2024-01-01", limit=48)
    >>> market = RecordedMarket({"BTC/USDT": hours})
    >>> market.span("BTC/USDT").until - market.span("BTC/USDT").since == 48 * 3_600_000
    True
    """

    def __init__(
        self,
        candles: Mapping[str, object],
        *,
        seed: int = 0,
        timeframe: str | None = None,
        trades_per_candle: float | None = None,
    ) -> None:
        self._series = {
            symbol: _read(symbol, frame, seed, timeframe, trades_per_candle)
            for symbol, frame in _named(candles).items()
        }
        self.width = _common_width(self._series)
        self._settings = (operator.index(seed), trades_per_candle)

    @property
    def rules(self) -> Mapping[str, MarketRules]:
        """The recorded symbols, with the steps that their numbers show."""
        return MappingProxyType({symbol: one.rules for symbol, one in self._series.items()})

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that change with anything that changes the data."""
        found = blake2b(digest_size=8)
        found.update(f"recorded {MODEL_VERSION} {self.width} {self._settings}".encode())
        for symbol, one in sorted(self._series.items()):
            table = one.recording.candles
            found.update(f"{symbol} {table.columns}".encode())
            for column in table:
                found.update(column.is_null().to_numpy().tobytes())
                found.update(column.to_physical().fill_null(0).to_numpy().tobytes())
        return found.hexdigest()

    def span(self, symbol: str) -> Span:
        """Give the time from the first open to the last close."""
        return self.series(symbol).span

    def series(self, symbol: str) -> Series:
        """Give what was recorded of a symbol, or raise `UnknownSymbol` with the nearest names."""
        if symbol not in self._series:
            names = ", ".join(list(self._series)[:3])
            raise UnknownSymbol(
                f"nothing was recorded of {symbol!r}, but of {len(self._series)} other symbols "
                f"({names}…).{nearest(symbol, self._series)}"
            )
        return self._series[symbol]

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

        Those of the recorded width are the recorded rows. Longer ones are joined from them, where
        they lie within the recording as a whole. Shorter ones come from the trades and exist
        wherever a recorded row does; without a trade they stay at the last price.

        Returns
        -------
        polars.DataFrame
            A row per candle, by open time, in the columns of `CANDLES_FULL`; quote volume and trade
            count are null where they weren't recorded, and made up in shorter candles.

        Raises
        ------
        UnknownSymbol
            When nothing was recorded of it.
        UnknownTimeframe
            When the width is no multiple and no part of the recorded one.
        """
        del quote_volume  # what wasn't recorded isn't known
        return self.series(symbol).candles(timeframe, since, until)

    def trades(self, symbol: str, since: int, until: int) -> pl.DataFrame:
        """Give the trades in [since, until), in the columns of `SIMULATED_TRADES`."""
        one = self.series(symbol)
        blocks = one.recording.blocks(*one.rows_between(since, until))
        window = pl.col("timestamp").is_between(
            pl.lit(since * 1000).cast(TIME), pl.lit(until * 1000).cast(TIME), closed="left"
        )
        made = [one.recording.trades(*block) for block in blocks]
        return pl.concat([empty(SIMULATED_TRADES), *made]).filter(window)

    def trades_from_id(self, symbol: str, first_id: int, limit: int) -> pl.DataFrame:
        """Give the first `limit` trades whose id is `first_id` or more."""
        one = self.series(symbol)
        minute, place = divmod(max(first_id, 0), 1 << tape.ID_BITS)
        minutes = one.recording.rows.minute
        first = int(np.searchsorted(minutes, minute))
        known = first < minutes.size and int(minutes[first]) == minute
        wanted = one.trades_before(first) + limit + (place if known else 0)
        made = one.recording.trades(first, min(one.row_of_trade(wanted) + 1, minutes.size))
        return made.filter(pl.col("id") >= first_id).head(limit)

    def order_book(self, symbol: str, time: int, depth: int = 20) -> pl.DataFrame:
        """Give the order book at a moment of the recording, as the simulated market does.

        The usual spread is the one that the candles show by the estimator of Ardia, Guidotti and
        Kroencke [1]_, and one tick where they show none.

        Raises
        ------
        UnknownSymbol
            When nothing was recorded of it.
        InvalidArgument
            When `time` lies outside of the recording, or `depth` is out of range.

        References
        ----------
        .. [1] Ardia, Guidotti, Kroencke 2024, Efficient estimation of bid-ask spreads from open,
           high, low, and close prices, Journal of Financial Economics 161.
        """
        one = self.series(symbol)
        if not one.span.since <= time <= one.span.until:
            raise InvalidArgument(
                f"an order book of {symbol} at {show_time(time)}: it was recorded from "
                f"{show_time(one.span.since)} to {show_time(one.span.until)}"
            )
        market = one.market
        made = book.book(market, one.around(time), check_depth(depth))
        return rows.order_book(market, time, made)


def _named(candles: object) -> dict[str, object]:
    keys = getattr(candles, "keys", None)
    if keys is None or hasattr(candles, "columns"):
        raise InvalidType(
            f"candles is a {type(candles).__name__}: name the symbol of each frame, as in "
            "{'BTC/USDT': candles}"
        )
    named: dict[str, object] = dict(candles)  # type: ignore[call-overload]
    for symbol in named:
        if not isinstance(symbol, str):
            raise InvalidType(f"symbol {symbol!r} is a {type(symbol).__name__}: write 'BTC/USDT'")
    if not named:
        raise InvalidArgument("candles names no symbol: give frames as in {'BTC/USDT': candles}")
    return named


def _read(
    symbol: str, frame: object, seed: int, timeframe: str | None, trades_per_candle: float | None
) -> Series:
    try:
        recording = Recording.of(
            to_candles(frame), timeframe, seed=seed, trades_per_candle=trades_per_candle
        )
        return Series(symbol, recording)
    except DataError as error:
        raise DataError(f"{symbol}: {error}") from error


def _common_width(series: Mapping[str, Series]) -> Timeframe:
    widths = {symbol: str(one.recording.width) for symbol, one in series.items()}
    if len(set(widths.values())) > 1:
        raise InvalidArgument(
            f"all symbols need candles of one width, and these differ: {widths}; name it by "
            "timeframe=… where gaps hide it, or resample"
        )
    return next(iter(series.values())).recording.width
