"""The simulated market: candles and trades of any window, the same every time."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from gekko_lab.errors import InvalidArgument, InvalidType, UnknownSymbol
from gekko_lab.frames.schemas import CANDLES_FULL, QUOTES, SIMULATED_TRADES, empty
from gekko_lab.market.suggest import nearest
from gekko_lab.market.timeframe import DAY, MINUTE, Timeframe
from gekko_lab.simulation import aggregate, book, listing, rows, tape
from gekko_lab.simulation.history import FIRST_MINUTE, History
from gekko_lab.simulation.parameters import GENESIS, HORIZON, Parameters

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from gekko_lab.market.rules import MarketRules
    from gekko_lab.simulation.minutes import Market

_MOST_LEVELS = 5_000
_TRADE_MINUTES = 32 * 1440  # whose trades lie in one piece of memory


class SimulatedMarket:
    """A market without memory: each window of its history can be had alone.

    Seed, parameters, symbol and window decide every byte, in whatever pages, order, thread or
    process it is asked for. Trades add up to the 1m candles exactly, and these to all longer ones.
    One object may serve many threads.

    Parameters
    ----------
    parameters : Parameters, optional
        Seed, volatility, trend, currencies …; the defaults of `Parameters` if left out.

    Examples
    --------
    >>> market = SimulatedMarket(Parameters(seed=7))
    >>> since = 1_704_067_200_000  # 2024-01-01
    >>> market.candles("BTC/USDT", Timeframe.parse("1h"), since, since + 3 * 3_600_000).height
    3
    >>> market.trades("BTC/USDT", since, since + 60_000).columns
    ['timestamp', 'id', 'side', 'price', 'amount']
    """

    def __init__(self, parameters: Parameters | None = None) -> None:
        chosen = Parameters() if parameters is None else parameters
        if not isinstance(chosen, Parameters):
            raise InvalidType(f"parameters is {chosen!r}: use Parameters(seed=…, …)")
        self._parameters = chosen
        pairs = listing.symbols(chosen.currencies)
        self._rules = MappingProxyType(
            {s: listing.rules(chosen, *pair) for s, pair in pairs.items()}
        )
        self._history = History(chosen)

    def __reduce__(self) -> tuple[type[SimulatedMarket], tuple[Parameters]]:
        """Travel between processes without what is cached."""
        return type(self), (self._parameters,)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._parameters!r})"

    @property
    def parameters(self) -> Parameters:
        """What the market was asked to be."""
        return self._parameters

    @property
    def rules(self) -> Mapping[str, MarketRules]:
        """The listed symbols and their trading rules."""
        return self._rules

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

        Parameters
        ----------
        symbol : str
            One of `rules`.
        timeframe : Timeframe
            Any width; one that is no whole number of minutes is made from trades.
        since, until : int
            Milliseconds UTC. No candle opens before 2010 or closes after 2200, so that none is cut:
            the first week opens on Monday 2010-01-04.
        quote_volume : bool, default False
            Whether to sum up the cost of the trades, for which they have to be made.

        Returns
        -------
        polars.DataFrame
            A row per candle, by open time, in the columns of `CANDLES_FULL`. Without trades, a
            candle stays at the last price, with volume and count 0.

        Raises
        ------
        UnknownSymbol
            When the symbol isn't listed.
        InvalidType
            When `since` or `until` is no whole number, or `timeframe` no Timeframe.
        """
        market = self._market(symbol)
        _check_window(since, until)
        if not isinstance(timeframe, Timeframe):
            raise InvalidType(f"timeframe is {timeframe!r}: use Timeframe.parse('1h')")
        frames = [
            self._candles(market, timeframe, opens, quote_volume=quote_volume)
            for opens in aggregate.blocks(timeframe, since, until)
        ]
        return pl.concat(frames) if frames else empty(CANDLES_FULL)

    def trades(self, symbol: str, since: int, until: int) -> pl.DataFrame:
        """Give the trades in [since, until).

        Parameters
        ----------
        symbol : str
            One of `rules`.
        since, until : int
            Milliseconds UTC; there are trades from 2010 until 2200.

        Returns
        -------
        polars.DataFrame
            By time and id, in the columns of `SIMULATED_TRADES`. Ids grow and leave room: an id is
            the minute from 1970 times 2**20, plus the trade's place in its minute.

        Raises
        ------
        UnknownSymbol
            When the symbol isn't listed.
        InvalidType
            When `since` or `until` is no whole number.
        """
        market = self._market(symbol)
        _check_window(since, until)
        since, until = max(since, GENESIS), min(until, HORIZON)
        if since >= until:
            return empty(SIMULATED_TRADES)
        first, last = since // MINUTE, -(-until // MINUTE)
        frames = []
        for start in range(first, last, _TRADE_MINUTES):
            minutes = self._history.minutes(market, start, min(start + _TRADE_MINUTES, last))
            frames.append(rows.trades(tape.prints(market, minutes), since, until))
        return pl.concat(frames)

    def trades_from_id(
        self, symbol: str, first_id: int, limit: int, *, until: int | None = None
    ) -> pl.DataFrame:
        """Give the first trades whose id is `first_id` or more.

        Parameters
        ----------
        symbol : str
            One of `rules`.
        first_id : int
            Need not be the id of a trade.
        limit : int
            The most trades to give. Each day has one at least, so that the search ends within as
            many days, however thin the market.
        until : int, optional
            Milliseconds UTC; only trades before it are given.

        Returns
        -------
        polars.DataFrame
            As from `trades`.

        Raises
        ------
        UnknownSymbol
            When the symbol isn't listed.
        InvalidArgument
            When `first_id` or `limit` is no whole number from 0 on.
        """
        market = self._market(symbol)
        _check_count("first_id", first_id)
        _check_count("limit", limit)
        end = HORIZON if until is None else min(_check_time("until", until), HORIZON)
        minute = max(first_id >> tape.ID_BITS, FIRST_MINUTE)
        frames, missing = [empty(SIMULATED_TRADES)], limit
        while missing > 0 and minute * MINUTE < end:
            # The first minute may begin with trades before `first_id`.
            place = max(0, first_id - (minute << tape.ID_BITS))
            stop = self._history.minute_after(market, minute, missing + place)
            frame = self.trades(symbol, minute * MINUTE, min(stop * MINUTE, end))
            frame = frame.filter(pl.col("id") >= first_id)
            frames.append(frame)
            missing -= frame.height
            minute = stop
        return pl.concat(frames).head(limit)

    def order_book(self, symbol: str, time: int, depth: int = 20) -> pl.DataFrame:
        """Give the order book at a moment.

        The next trade prints at the best quote that it takes: a buy at the ask, a sell at the bid.
        The other side's best is the last trade's price where that was on this side and at most
        three spreads away, otherwise the usual spread from the first.

        Parameters
        ----------
        symbol : str
            One of `rules`.
        time : int
            Milliseconds UTC, from 2010 until 2200; trades of that millisecond are over.
        depth : int, default 20
            Levels on each side, 1 to 5000; prices below one tick are left out.

        Returns
        -------
        polars.DataFrame
            Bids, then asks, each from the best outwards, in the columns of `ORDER_BOOK`.

        Raises
        ------
        UnknownSymbol
            When the symbol isn't listed.
        InvalidArgument
            When `time` or `depth` is out of range, or no whole number.
        """
        market = self._market(symbol)
        _check_time("time", time)
        if not GENESIS <= time < HORIZON:
            raise InvalidArgument(f"time is {time}: use one from {GENESIS} (2010) until {HORIZON}")
        made = book.book(market, self._history.around(market, time), check_depth(depth))
        return rows.order_book(market, time, made)

    def quotes(self, symbol: str, since: int, until: int) -> pl.DataFrame:
        """Give the best quotes after each moment with trades in [since, until).

        Parameters
        ----------
        symbol : str
            One of `rules`.
        since, until : int
            Milliseconds UTC, from 2010 until 2200.

        Returns
        -------
        polars.DataFrame
            By time, in the columns of `QUOTES`. Each row holds until the next one, and is the first
            level of `order_book` at its time.

        Raises
        ------
        UnknownSymbol
            When the symbol isn't listed.
        InvalidType
            When `since` or `until` is no whole number.
        """
        market = self._market(symbol)
        _check_window(since, until)
        since, until = max(since, GENESIS), min(until, HORIZON)
        frames = [empty(QUOTES)]
        for start in range(since, until, DAY):
            end = min(start + DAY, until)
            around = self._history.around_all(market, start // MINUTE, end - 1)
            time = around.tape.time
            last_of_moment = np.append(time[1:] != time[:-1], True)
            states = np.flatnonzero(last_of_moment & (time >= start) & (time < end))
            if states.size:
                frames.append(rows.quotes(market, time[states], book.tops(market, around, states)))
        return pl.concat(frames)

    def _market(self, symbol: str) -> Market:
        if not isinstance(symbol, str):
            raise InvalidType(f"symbol is {symbol!r}: use a string such as 'BTC/USDT'")
        market = self._history.markets.get(symbol)
        if market is None:
            raise UnknownSymbol(
                f"the simulated market doesn't list {symbol!r} among its {len(self._rules)} "
                f"symbols.{nearest(symbol, self._rules)}"
            )
        return market

    def _candles(
        self, market: Market, timeframe: Timeframe, opens: NDArray[np.int64], *, quote_volume: bool
    ) -> pl.DataFrame:
        until = timeframe.next(int(opens[-1]))
        first, last = int(opens[0]) // MINUTE, -(-until // MINUTE)
        if not aggregate.whole_minutes(timeframe):
            tapes = self._history.tapes(market, first, last)
            made = aggregate.trades(tapes, opens, until, self._history.last_price(market, first))
            return rows.candles(market, opens, made, quote_volume=quote_volume)
        if timeframe.milliseconds == MINUTE and not quote_volume:
            columns = self._history.columns(market, first, last)
            if columns is not None:
                return rows.minutes(opens, columns)
        made = aggregate.minutes(self._history.minutes(market, first, last), opens // MINUTE)
        if quote_volume:
            made = aggregate.with_cost(made, opens, self._history.tapes(market, first, last))
        return rows.candles(market, opens, made, quote_volume=quote_volume)


def check_depth(depth: int) -> int:
    """Give a number of levels back that an order book can have on each side."""
    if not 1 <= _check_whole("depth", depth, "numbers of levels") <= _MOST_LEVELS:
        raise InvalidArgument(f"depth is {depth}: use 1 to {_MOST_LEVELS} levels")
    return depth


def _check_window(since: int, until: int) -> None:
    _check_time("since", since)
    _check_time("until", until)


def _check_time(name: str, value: int) -> int:
    return _check_whole(name, value, "milliseconds UTC, such as 1704067200000 for 2024-01-01")


def _check_count(name: str, value: int) -> None:
    if _check_whole(name, value, "numbers from 0 on") < 0:
        raise InvalidArgument(f"{name} is {value}: use 0 or more")


def _check_whole(name: str, value: object, possible: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidType(f"{name} is {value!r} ({type(value).__name__}): use whole {possible}")
    return value
