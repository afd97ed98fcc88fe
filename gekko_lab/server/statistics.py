"""What the last 24 hours of a market looked like, at any moment."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from gekko_lab.market.spans import Span
from gekko_lab.market.timeframe import DAY, HOUR, MINUTE, Timeframe

if TYPE_CHECKING:
    from gekko_lab.server.schedule import Schedule
    from gekko_lab.server.tapes import Tape, Tapes

_MINUTE = Timeframe.parse("1m")
_MINUTES = HOUR // MINUTE
_KEPT = 8192  # hours: a day of some three hundred symbols
_DAYS_KEPT = 1024


@dataclass(frozen=True, slots=True)
class DayStatistics:
    """The trades of 24 hours; prices are 0 and ids -1 where there was none.

    Attributes
    ----------
    open_time, close_time : int
        First and last millisecond.
    open, high, low, close : float
        Prices in quote per base.
    volume, quote_volume : float
        Sums in base and quote; the quote volume is the market's own where it knows it, else about
        volume times mean price for whole minutes.
    trade_count : int
        How many there were.
    first_id, last_id : int
        The ids of the first and last.
    last_amount : float
        The amount of the last.
    previous_close : float
        The price of the last trade before.
    """

    open_time: int
    close_time: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    quote_volume: float
    trade_count: int
    first_id: int
    last_id: int
    last_amount: float
    previous_close: float

    @property
    def change(self) -> float:
        """The last price minus the first."""
        return self.close - self.open

    @property
    def percent(self) -> float:
        """The change in percent of the first price."""
        return 100 * self.change / self.open if self.open else 0.0

    @property
    def average(self) -> float:
        """The mean price, weighted by amount."""
        return self.quote_volume / self.volume if self.volume else 0.0


@dataclass(frozen=True, slots=True)
class _Sum:
    high: float
    low: float
    volume: float
    cost: float
    count: int


_SUMS = (
    pl.col("high").max(),
    pl.col("low").min(),
    pl.col("volume").sum(),
    pl.coalesce(
        "quote_volume",
        pl.col("volume")
        * ((pl.col("open") + pl.col("high") + pl.col("low") + pl.col("close")) / 4),
    ).sum(),
    pl.coalesce("trade_count", pl.lit(1)).sum(),
)
_NOTHING = _Sum(-np.inf, np.inf, 0.0, 0.0, 0)


class Statistics:
    """Statistics of the 24 hours that end at any moment.

    Whole hours are summed up once; what is left at the ends comes from minutes and trades.

    Parameters
    ----------
    schedule
        What is visible when.
    tapes
        Its trades by minutes.
    """

    def __init__(self, schedule: Schedule, tapes: Tapes) -> None:
        self._schedule = schedule
        self._tapes = tapes
        self._hours: OrderedDict[tuple[str, int], _Sum] = OrderedDict()
        self._edge = lru_cache(maxsize=_KEPT)(self._minutes)
        self._days = lru_cache(maxsize=_DAYS_KEPT)(self._make)

    def day(self, symbol: str, now: int) -> DayStatistics:
        """Give the statistics of the 24 hours up to `now`, which is included."""
        return self._days(symbol, now)

    def _make(self, symbol: str, now: int) -> DayStatistics:
        since, until = now + 1 - DAY, now + 1
        first, last = -(-since // MINUTE), until // MINUTE
        parts = [
            _of_trades(self._tapes.minute(symbol, since // MINUTE).between(since, first * MINUTE)),
            *self._whole(symbol, first, last),
            _of_trades(self._tapes.minute(symbol, last).between(last * MINUTE, until)),
        ]
        count = sum(part.count for part in parts)
        begin, end = self._tapes.first(symbol, since, now), self._tapes.last(symbol, now)
        before = self._tapes.last(symbol, since - 1)
        previous = 0.0 if before is None else before.price
        if begin is None or end is None or end.time < since:
            return DayStatistics(since, now, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0, -1, -1, 0.0, previous)
        return DayStatistics(
            open_time=since,
            close_time=now,
            open=begin.price,
            high=max(part.high for part in parts),
            low=min(part.low for part in parts),
            close=end.price,
            volume=sum(part.volume for part in parts),
            quote_volume=sum(part.cost for part in parts),
            trade_count=count,
            first_id=begin.id,
            last_id=end.id,
            last_amount=end.amount,
            previous_close=previous,
        )

    def _whole(self, symbol: str, first: int, last: int) -> list[_Sum]:
        """Give the sums of the minutes first … last - 1, which are over and many."""
        begin, end = -(-first // _MINUTES), last // _MINUTES
        hours = [(symbol, hour) for hour in range(begin, end)]
        missing = [hour for name, hour in hours if (name, hour) not in self._hours]
        if missing:  # at once, as a day costs little more than an hour
            rows = self._rows(symbol, missing[0] * _MINUTES, (missing[-1] + 1) * _MINUTES)
            hour = pl.col("timestamp").dt.epoch("ms") // HOUR
            parts = rows.group_by(hour.alias("hour")).agg(*_SUMS).rows()
            made = {place: _Sum(*row) for place, *row in parts}
            self._hours |= {(symbol, each): made.get(each, _NOTHING) for each in missing}
        sums = []
        for key in hours:
            self._hours.move_to_end(key)
            sums.append(self._hours[key])
        while len(self._hours) > _KEPT:
            self._hours.popitem(last=False)
        ends = ((first, begin * _MINUTES), (end * _MINUTES, last))
        return [*sums, *(self._edge(symbol, *each) for each in ends)]

    def _minutes(self, symbol: str, first: int, last: int) -> _Sum:
        """Sum up the minutes first … last - 1, which are over."""
        rows = self._rows(symbol, first, last)
        return _NOTHING if rows.is_empty() else _Sum(*rows.select(*_SUMS).row(0))

    def _rows(self, symbol: str, first: int, last: int) -> pl.DataFrame:
        """Give the candles of the minutes with trades."""
        span = Span(first * MINUTE, last * MINUTE)
        rows = self._schedule.candles(symbol, _MINUTE, span, span.until - 1)
        return rows.filter((pl.col("volume") > 0) | (pl.col("high") > pl.col("low")))


def _of_trades(tape: Tape) -> _Sum:
    if not len(tape):
        return _NOTHING
    return _Sum(
        high=float(tape.prices.max()),
        low=float(tape.prices.min()),
        volume=float(tape.amounts.sum()),
        cost=float((tape.prices * tape.amounts).sum()),
        count=len(tape),
    )
