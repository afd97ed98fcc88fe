"""The streams of candles, @kline_<interval>."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import orjson

from gekko_lab.frames.schemas import CANDLES_FULL, empty
from gekko_lab.market.spans import Span
from gekko_lab.market.timeframe import MINUTE, SECOND
from gekko_lab.server.aggregation import opens_of
from gekko_lab.server.binance_rows import kline_rows
from gekko_lab.server.channels import ChannelSubject, Event, names_of
from gekko_lab.server.exchange_info import market_id

if TYPE_CHECKING:
    import polars as pl

    from gekko_lab.market.rules import MarketRules
    from gekko_lab.market.timeframe import Timeframe
    from gekko_lab.server.schedule import Schedule
    from gekko_lab.server.tapes import Tapes

_PACE = 2 * SECOND


class CandleChannel:
    """The candles of a market: the forming one each two seconds, each closed one once.

    The rows are those of REST. A frame that is told at a time holds what happened before it; the
    closed one comes the moment it closes, with or without trades, and is left out where REST has
    no candle either. Who falls behind the clock tells only the newest forming frame.

    Parameters
    ----------
    rules
        The market.
    interval
        The name of the timeframe, as clients write it.
    timeframe
        The same.
    schedule
        Where candles come from.
    tapes
        Where the ids of the first and the last trade come from.
    begin
        The first frame comes after this moment.
    """

    subject: ChannelSubject = "candles"

    def __init__(
        self,
        rules: MarketRules,
        interval: str,
        timeframe: Timeframe,
        *,
        schedule: Schedule,
        tapes: Tapes,
        begin: int,
    ) -> None:
        self.symbols = names_of(rules)
        self._rules = rules
        self._name = market_id(rules)
        self._interval = interval
        self._timeframe = timeframe
        self._schedule = schedule
        self._tapes = tapes
        self._time = begin
        self._told = b""
        self._minute = (-1, empty(CANDLES_FULL))
        self._begun: tuple[int, int] = (-1, -1)  # the open time of a candle and its first id

    def advance(self, until: int) -> list[Event]:
        """Give the frames after those given before, up to `until`."""
        found: list[Event] = []
        open_ = self._timeframe.floor(self._time)
        current = max(open_, self._timeframe.floor(until))
        if current > open_:
            candles = self._closed(Span(open_, current))
            for place, time in enumerate(opens_of(candles).tolist()):
                close = self._timeframe.next(time)
                found += self._frame(candles.slice(place, 1), close, closed=True)
        forming = until // _PACE * _PACE
        if forming > max(self._time, current):
            rows = self._schedule.forming(self._rules.symbol, self._timeframe, forming - 1)
            found += self._frame(rows, forming, closed=False)
        self._time = max(self._time, until)
        return found

    def _closed(self, span: Span) -> pl.DataFrame:
        """Give the candles of a span; the seconds of a minute are made together."""
        symbol, width = self._rules.symbol, self._timeframe
        if width.shortest >= MINUTE or span.until - span.since > MINUTE:
            return self._schedule.candles(symbol, width, span, span.until - 1)
        minute = span.since // MINUTE
        if minute != self._minute[0]:
            whole = Span(minute * MINUTE, (minute + 1) * MINUTE)
            rows = self._schedule.candles(symbol, width, whole, whole.until - 1)
            self._minute = (minute, rows)
        if span.until > (minute + 1) * MINUTE:
            return self._schedule.candles(symbol, width, span, span.until - 1)
        rows = self._minute[1]
        first, last = np.searchsorted(opens_of(rows), span).tolist()
        return rows.slice(first, last - first)

    def _frame(self, candles: pl.DataFrame, time: int, *, closed: bool) -> list[Event]:
        if candles.is_empty():
            return []
        row = kline_rows(candles, self._timeframe, self._rules).json()
        if row == self._told and not closed:
            return []
        self._told = row
        return [Event(time, self._payload(orjson.loads(row)[-1], time, closed=closed))]

    def _payload(self, row: list[str | int], time: int, *, closed: bool) -> bytes:
        open_, price_open, high, low, close, volume, last_time, cost, count, bought, paid, _ = row
        first, last = self._ids(int(open_), time - 1) if count else (-1, -1)
        kline = {
            "t": open_,
            "T": last_time,
            "s": self._name,
            "i": self._interval,
            "f": first,
            "L": last,
            "o": price_open,
            "c": close,
            "h": high,
            "l": low,
            "v": volume,
            "n": count,
            "x": closed,
            "q": cost,
            "V": bought,
            "Q": paid,
            "B": "0",
        }
        return orjson.dumps({"e": "kline", "E": time, "s": self._name, "k": kline})

    def _ids(self, open_: int, now: int) -> tuple[int, int]:
        """Give the ids of the first and the last trade of a candle, -1 where there is none."""
        if self._begun[0] != open_ or self._begun[1] < 0:
            first = self._tapes.first(self._rules.symbol, open_, now)
            self._begun = (open_, -1 if first is None else first.id)
        last = self._tapes.last(self._rules.symbol, now)
        if last is None or last.time < open_:
            return -1, -1
        return self._begun[1], last.id
