"""Minutes and trades of any stretch of a market's history, in blocks that stay small."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from gekko_lab import kernels
from gekko_lab.market.timeframe import DAY, MINUTE
from gekko_lab.simulation import listing, minutes, minutes_compiled, minutes_numpy, tape
from gekko_lab.simulation.book import AHEAD, Around
from gekko_lab.simulation.factors import Factors
from gekko_lab.simulation.parameters import GENESIS, HORIZON

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gekko_lab.simulation.minutes import Market, Minutes
    from gekko_lab.simulation.minutes_compiled import Columns
    from gekko_lab.simulation.parameters import Parameters
    from gekko_lab.simulation.tape import Tape

FIRST_MINUTE = GENESIS // MINUTE
_FIRST_DAY = GENESIS // DAY
_DAY_MINUTES = DAY // MINUTE
_BLOCK_DAYS = 8  # what numpy makes at once stays in the CPU's cache
_TAPE_DAYS = 32  # of minutes that are made at once for their trades
_DAY_NUMPY_S = 8e-4  # that numpy needs for a day of minutes
_SHORT_DAYS = 2  # windows up to here are asked for again and again, so their days are kept
_KEPT_DAYS = 24


class History:
    """The history of all markets; minutes are counted from 1970.

    Safe to share between threads: what is kept only saves time.
    """

    def __init__(self, parameters: Parameters) -> None:
        self._pairs = listing.symbols(parameters.currencies)
        self._factors = Factors(parameters)
        self._days: OrderedDict[tuple[str, int], Minutes] = OrderedDict()
        self._lock = Lock()
        self.markets: Mapping[str, Market] = {
            symbol: listing.market(parameters, *pair) for symbol, pair in self._pairs.items()
        }

    def minutes(self, market: Market, first: int, last: int) -> Minutes:
        """Give the 1m candles of [first, last)."""
        day, end = first // _DAY_MINUTES, -(-last // _DAY_MINUTES)
        start = day * _DAY_MINUTES
        if end - day <= _SHORT_DAYS:
            parts = [self._day(market, one) for one in range(day, end)]
        else:
            parts = [self._make(market, day, end - day)]
        return minutes.join(parts)[first - start : last - start]

    def columns(self, market: Market, first: int, last: int) -> Columns | None:
        """Give the 1m candles of [first, last) as a frame has them, where that saves time."""
        day, end = first // _DAY_MINUTES, -(-last // _DAY_MINUTES)
        if end - day <= _SHORT_DAYS or not kernels.wanted((end - day) * _DAY_NUMPY_S):
            return None
        window = self._factors.window(*self._pairs[market.symbol], day - _FIRST_DAY, end - day)
        made = minutes_compiled.columns(market, day, end - day, window)
        start = day * _DAY_MINUTES
        return None if made is None else made[first - start : last - start]

    def tapes(self, market: Market, first: int, last: int) -> Iterator[Tape]:
        """Make the trades of the minutes [first, last), some of them at a time."""
        for start in range(first, last, _TAPE_DAYS * _DAY_MINUTES):
            rows = self.minutes(market, start, min(last, start + _TAPE_DAYS * _DAY_MINUTES))
            for part in tape.blocks(rows):
                yield tape.tape(market.stream, part, market.flow)

    def around(self, market: Market, time: int) -> Around:
        """Give the last trade at a moment and some after it, as far as there are any."""
        return self.around_all(market, time // MINUTE, time)

    def around_all(self, market: Market, first: int, time: int) -> Around:
        """Give the trades from before the minute `first` to some after a moment."""
        start, end = self._traded_before(market, first), self._traded_after(market, time // MINUTE)
        rows = self.minutes(market, start, end)
        made = tape.tape(market.stream, rows, market.flow)
        reach = np.repeat(np.zeros(end - start) if rows.reach is None else rows.reach, rows.count)
        return Around(time, made, int(np.searchsorted(made.time, time, "right")) - 1, reach)

    def _traded_before(self, market: Market, minute: int) -> int:
        """Give the last minute before one that has trades; each day begins with some."""
        day = minute // _DAY_MINUTES * _DAY_MINUTES
        start = max(day if minute > day else day - _DAY_MINUTES, FIRST_MINUTE)
        traded = np.flatnonzero(self.minutes(market, start, minute).count)
        return start + int(traded[-1]) if traded.size else minute

    def _traded_after(self, market: Market, minute: int) -> int:
        """Give the end of the minutes that hold enough trades to look ahead, or of history."""
        day = minute // _DAY_MINUTES
        for days in range(1, AHEAD + 2):  # as each day begins with a trade
            last = min((day + days) * _DAY_MINUTES, HORIZON // MINUTE)
            counts = np.cumsum(self.minutes(market, minute + 1, last).count)
            enough = int(np.searchsorted(counts, AHEAD))
            if enough < counts.size:
                return minute + enough + 2
        return last

    def last_price(self, market: Market, minute: int) -> int:
        """Give the last price before a minute, in ticks; at the beginning, the first price."""
        if minute > FIRST_MINUTE:
            return int(self.minutes(market, minute - 1, minute).close[0])
        return int(self.minutes(market, minute, minute + 1).open[0])

    def minute_after(self, market: Market, minute: int, wanted: int) -> int:
        """Give the minute that so many trades come before, counted from `minute`, or midnight."""
        midnight = (minute // _DAY_MINUTES + 1) * _DAY_MINUTES
        counts = np.cumsum(self.minutes(market, minute, midnight).count)
        return min(minute + int(np.searchsorted(counts, wanted)) + 1, midnight)

    def _day(self, market: Market, day: int) -> Minutes:
        name = (market.symbol, day)
        with self._lock:
            kept = self._days.get(name)
            if kept is not None:
                self._days.move_to_end(name)
                return kept
        made = self._make(market, day, 1)
        with self._lock:
            self._days[name] = made
            while len(self._days) > _KEPT_DAYS:
                self._days.popitem(last=False)
        return made

    def _make(self, market: Market, day: int, days: int) -> Minutes:
        pair, since = self._pairs[market.symbol], day - _FIRST_DAY
        if kernels.wanted(days * _DAY_NUMPY_S):
            window = self._factors.window(*pair, since, days)
            return minutes_compiled.make(market, day, days, window)
        return minutes.join(
            [
                minutes_numpy.make(
                    market,
                    (day + start) * _DAY_MINUTES,
                    self._factors.pair(*pair, since + start, min(_BLOCK_DAYS, days - start)),
                )
                for start in range(0, days, _BLOCK_DAYS)
            ]
        )
