"""When a market has data: listings, outages and the clock."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from gekko_lab.frames.schemas import CANDLES_FULL, SIMULATED_TRADES, TIME, empty
from gekko_lab.market.spans import Span, merge, subtract
from gekko_lab.market.timeframe import DAY, MINUTE, Timeframe
from gekko_lab.server.aggregation import (
    candles_from_trades,
    join_candles,
    opens_of,
    with_sums,
)
from gekko_lab.server.market import Bounded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gekko_lab.server.market import MarketData

BEGINNING = 1_262_304_000_000
"""2010-01-01, the simulated market's first moment: no symbol is listed before."""

ENDING = 7_258_118_400_000
"""2200-01-01, its end: from then on every market stands still."""

_STEPS = (Timeframe.parse("1d"), Timeframe.parse("1m"))
_SECOND = Timeframe.parse("1s")  # the shortest that the protocol serves
_FIRST_LOOK = 10 * MINUTE
_LONGEST_LOOK = DAY
_KEPT = 32


class Schedule:
    """A market as it was seen at a moment: nothing before the listing, in outages, or later.

    Before 2010 nothing is listed, and after the market's end, 2200 at the latest, it stands still.

    Attributes
    ----------
    market : MarketData
        Where candles and trades come from.

    Parameters
    ----------
    market
        Where candles and trades come from.
    listed_since
        First moment of a symbol, milliseconds UTC.
    outages
        Ranges (since, until) in which nothing happened, on any symbol.
    exact_quote_volume
        Whether candles tell what their trades add up to: exact costs, and what buyers took as
        `taker_volume` and `taker_quote_volume`.
    """

    def __init__(
        self,
        market: MarketData,
        *,
        listed_since: Mapping[str, int] | None = None,
        outages: Iterable[tuple[int, int]] = (),
        exact_quote_volume: bool = False,
    ) -> None:
        self.market = market
        # asked once: looking at a protocol costs more than the rest of a page
        self._bounded = market if isinstance(market, Bounded) else None
        self._listed = dict(listed_since or {})
        self._outages = merge(Span(*outage) for outage in outages)
        self._exact = exact_quote_volume
        # A forming month is asked for again and again; its closed days and minutes stay the same.
        self._candles = lru_cache(maxsize=_KEPT)(self._ask)
        self._minute = lru_cache(maxsize=_KEPT)(self._trades_of_minute)

    def span(self, symbol: str, now: int) -> Span:
        """Give the time in which the symbol can have data as of `now`, which is included."""
        since, until = BEGINNING, min(now + 1, ENDING)
        if self._bounded is not None:
            bounds = self._bounded.span(symbol)
            since, until = max(since, bounds.since), min(until, bounds.until)
        return Span(max(since, self._listed.get(symbol, since)), until)

    def open_spans(self, symbol: str, span: Span, now: int) -> list[Span]:
        """Give the parts of `span` in which the symbol traded."""
        life = self.span(symbol, now)
        inside = Span(max(span.since, life.since), min(span.until, life.until))
        return subtract([inside], self._outages)

    def candles(self, symbol: str, timeframe: Timeframe, span: Span, now: int) -> pl.DataFrame:
        """Give the candles that open in `span`, whose ends are open times, as of `now`.

        A candle that lies partly before the listing, in an outage or after `now` is made of the
        rest of its time.
        """
        pieces = [
            piece
            for part in self.open_spans(symbol, span, now)
            for piece in self._stretch(symbol, part, (timeframe, *_finer(timeframe)))
        ]
        if len(pieces) == 1 and pieces[0][0] == timeframe:
            return pieces[0][1]
        rows = pl.concat([frame for _, frame in pieces]) if pieces else empty(CANDLES_FULL)
        return join_candles(rows, timeframe)

    def forming(self, symbol: str, timeframe: Timeframe, now: int) -> pl.DataFrame:
        """Give the candle that holds `now`; without a trade so far it stays at the last price."""
        current = timeframe.floor(now)
        candle = self.candles(symbol, timeframe, Span(current, timeframe.next(current)), now)
        if len(candle) or not self.open_spans(symbol, Span(now, now + 1), now):
            return candle
        previous = Span(timeframe.shift(current, -1), current)
        price = pl.col("close")
        return self.candles(symbol, timeframe, previous, now).with_columns(
            pl.lit(current * 1000).cast(TIME).alias("timestamp"),
            open=price,
            high=price,
            low=price,
            volume=0.0,
            quote_volume=0.0,
            trade_count=pl.lit(0, pl.Int64),
            taker_volume=0.0,
            taker_quote_volume=0.0,
        )

    def trades(self, symbol: str, span: Span, now: int) -> pl.DataFrame:
        """Give the trades in `span`."""
        parts = self.open_spans(symbol, span, now)
        frames = [self.market.trades(symbol, *part) for part in parts]
        return pl.concat(frames) if frames else empty(SIMULATED_TRADES)

    def first_trades(self, symbol: str, span: Span, limit: int, now: int) -> pl.DataFrame:
        """Give the oldest trades in `span`, at most `limit`."""
        found = [empty(SIMULATED_TRADES)]
        for part in self.open_spans(symbol, span, now):
            start, look = part.since, _FIRST_LOOK
            while start < part.until and limit > 0:
                end = min(part.until, start + look)
                found.append(self.market.trades(symbol, start, end).head(limit))
                limit -= len(found[-1])
                start, look = end, min(2 * look, _LONGEST_LOOK)
        return pl.concat(found)

    def last_trades(self, symbol: str, span: Span, limit: int, now: int) -> pl.DataFrame:
        """Give the newest trades in `span`, at most `limit`, in order."""
        found = [empty(SIMULATED_TRADES)]
        for part in reversed(self.open_spans(symbol, span, now)):
            end, look = part.until, _FIRST_LOOK
            while end > part.since and limit > 0:
                start = max(part.since, end - look)
                found.append(self.market.trades(symbol, start, end).tail(limit))
                limit -= len(found[-1])
                end, look = start, min(2 * look, _LONGEST_LOOK)
        return pl.concat(found[::-1])

    def trades_from_id(self, symbol: str, first_id: int, limit: int, now: int) -> pl.DataFrame:
        """Give the oldest trades whose id is `first_id` or more, at most `limit`."""
        span = self.span(symbol, now)
        nearest = self.market.trades_from_id(symbol, first_id, limit)
        if nearest.is_empty():
            return nearest
        visible = _within(nearest, self.open_spans(symbol, span, now))
        lacking = limit - len(visible)
        if not lacking or len(nearest) < limit:
            return visible
        # What was hidden may be long: go on by time. Trades of one millisecond share the start,
        # so those up to the last id come once more.
        start = int(nearest["timestamp"].dt.epoch("ms")[-1])
        later = self.first_trades(symbol, Span(start, span.until), limit + lacking, now)
        return pl.concat([visible, later.filter(pl.col("id") > nearest["id"][-1]).head(lacking)])

    def trades_before_id(self, symbol: str, id_: int, limit: int, now: int) -> pl.DataFrame:
        """Give the newest trades whose id is less than `id_`, at most `limit`, in order."""
        following = self.market.trades_from_id(symbol, id_, 1)
        if following.is_empty():
            return self.last_trades(symbol, Span(0, now + 1), limit, now)
        time = int(following["timestamp"].dt.epoch("ms")[0])
        same = self.trades(symbol, Span(time, time + 1), now)  # some may be before it
        more = int((same["id"] >= id_).sum())
        found = self.last_trades(symbol, Span(0, min(time, now) + 1), limit + more, now)
        return found.filter(pl.col("id") < id_).tail(limit)

    def _ask(self, symbol: str, step: Timeframe, since: int, until: int) -> pl.DataFrame:
        rows = self.market.candles(symbol, step, since, until, quote_volume=self._exact)
        return with_sums(rows, self._sums(symbol, step, since, until)) if self._exact else rows

    def _sums(self, symbol: str, step: Timeframe, since: int, until: int) -> pl.DataFrame:
        """Give the candles of the trades alone; the trades of a day are had at a time."""
        parts = [
            candles_from_trades(
                self.market.trades(symbol, start, min(start + DAY, until)), step, taken=True
            )
            for start in range(since, until, DAY)
        ]
        return join_candles(pl.concat(parts), step)

    def _prints(self, symbol: str, span: Span) -> pl.DataFrame:
        """Give the trades in a span; those of the minute that is forming are made once."""
        minute = span.since // MINUTE
        if minute != (span.until - 1) // MINUTE:
            return self.market.trades(symbol, *span)
        trades = self._minute(symbol, minute)
        first, last = np.searchsorted(opens_of(trades), span).tolist()
        return trades.slice(first, last - first)

    def _trades_of_minute(self, symbol: str, minute: int) -> pl.DataFrame:
        return self.market.trades(symbol, minute * MINUTE, (minute + 1) * MINUTE)

    def _stretch(
        self, symbol: str, span: Span, steps: Sequence[Timeframe]
    ) -> list[tuple[Timeframe | None, pl.DataFrame]]:
        """Cover a span with candles of the first step that fits, then finer, then trades."""
        if span.since >= span.until:
            return []
        if not steps:
            trades = self._prints(symbol, span)
            return [(None, candles_from_trades(trades, _SECOND, taken=self._exact))]
        step, *finer = steps
        first, last = step.ceil(span.since), step.floor(span.until)
        if first > last:  # within one candle
            return self._stretch(symbol, span, finer)
        if first == last:
            return [
                *self._stretch(symbol, Span(span.since, first), finer),
                *self._stretch(symbol, Span(last, span.until), finer),
            ]
        rows = self._candles(symbol, step, first, last)
        return [
            *self._stretch(symbol, Span(span.since, first), finer),
            (step, rows),
            *self._stretch(symbol, Span(last, span.until), finer),
        ]


def _finer(timeframe: Timeframe) -> list[Timeframe]:
    return [step for step in _STEPS if step.shortest < timeframe.shortest]


def _within(trades: pl.DataFrame, spans: Sequence[Span]) -> pl.DataFrame:
    time = trades["timestamp"].dt.epoch("ms")
    keep = pl.repeat(False, len(trades), eager=True)
    for span in spans:
        keep |= (time >= span.since) & (time < span.until)
    return trades.filter(keep)
