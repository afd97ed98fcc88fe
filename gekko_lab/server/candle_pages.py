"""Pages of candles, put together from rendered blocks that are kept."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from gekko_lab.market.spans import Span
from gekko_lab.market.timeframe import DAY, Timeframe
from gekko_lab.server.rendering import Rows

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

    from gekko_lab.market.rules import MarketRules
    from gekko_lab.server.schedule import Schedule

_BLOCK_ROWS = 4 * 1440  # half the cost per row of a day at once
_BLOCK_TIME = 60 * DAY  # keeps a cold block of long candles cheap
_MONTHS = 12


@dataclass(frozen=True, slots=True)
class _Block:
    until: int
    rows: Rows


class CandlePages:
    """The candles that a request gets, in an exchange's text.

    Closed candles are rendered a block at a time (four days of minutes) and kept; the forming
    candle is made anew for each request.

    Parameters
    ----------
    schedule
        What is visible when.
    render
        Makes text of candles of one timeframe and market. It may leave candles out.
    blocks
        How many rendered blocks are kept; one holds up to a megabyte.
    """

    def __init__(
        self,
        schedule: Schedule,
        render: Callable[[pl.DataFrame, Timeframe, MarketRules], Rows],
        *,
        blocks: int = 256,
    ) -> None:
        self._schedule = schedule
        self._render = render
        self._most = blocks
        self._kept: OrderedDict[tuple[str, Timeframe, int], _Block] = OrderedDict()

    def page(
        self,
        rules: MarketRules,
        timeframe: Timeframe,
        *,
        start: int | None,
        end: int | None,
        limit: int,
        now: int,
    ) -> Rows:
        """Give at most `limit` candles that open in [start, end].

        With `start` the oldest, else the newest of them; always in order of time.
        """
        if start is not None and start > now:
            return Rows.joined([])
        life = self._schedule.span(rules.symbol, now)
        lowest = timeframe.floor(life.since)
        first = lowest if start is None else max(lowest, timeframe.ceil(start))
        until = life.until if end is None else min(life.until, end + 1)
        current = timeframe.floor(now)
        closed = Span(first, min(until, current))
        forming = first <= current < until
        if start is None:
            last = [self._forming(rules, timeframe, now)] if forming else []
            wanted = limit - sum(len(rows.keys) for rows in last)
            pieces, _ = self._gather(rules, timeframe, closed, wanted, current, newest=True)
            return Rows.joined([*pieces, *last])
        pieces, missing = self._gather(rules, timeframe, closed, limit, current, newest=False)
        if missing and forming:
            pieces.append(self._forming(rules, timeframe, now))
        return Rows.joined(pieces)

    def _forming(self, rules: MarketRules, timeframe: Timeframe, now: int) -> Rows:
        candles = self._schedule.forming(rules.symbol, timeframe, now)
        return self._render(candles, timeframe, rules)

    def _gather(
        self,
        rules: MarketRules,
        timeframe: Timeframe,
        span: Span,
        limit: int,
        closed: int,
        *,
        newest: bool,
    ) -> tuple[list[Rows], int]:
        """Give at most `limit` rows from one end of the span, in order, and how many lack."""
        pieces: list[Rows] = []
        coarse = _block_width(timeframe)
        place = coarse.floor(span.until - 1 if newest else span.since)
        while limit > 0 and span.since < coarse.next(place) and place < span.until:
            block = Span(place, coarse.next(place))
            place = coarse.shift(place, -1 if newest else 1)
            if not self._schedule.open_spans(rules.symbol, block, closed):
                continue  # an outage, perhaps one of years
            rows = self._block(rules, timeframe, block, closed)
            first, last = (int(edge) for edge in np.searchsorted(rows.keys, span))
            if newest:
                first = max(first, last - limit)
            last = max(first, min(last, first + limit))  # a window may end before it begins
            pieces.append(rows.cut(first, last))
            limit -= last - first
        return (pieces[::-1] if newest else pieces), limit

    def _block(self, rules: MarketRules, timeframe: Timeframe, span: Span, closed: int) -> Rows:
        """Give the candles of a block, at least those that close by `closed`."""
        key = (rules.symbol, timeframe, span.since)
        until = min(closed, span.until)
        block = self._kept.get(key)
        if block is None or block.until < until:
            fresh = Span(span.since if block is None else block.until, until)
            # All that is closed is visible one millisecond before `until`.
            candles = self._schedule.candles(rules.symbol, timeframe, fresh, until - 1)
            rows = self._render(candles, timeframe, rules)
            rows = rows if block is None else Rows.joined([block.rows, rows])
            block = self._kept[key] = _Block(until, rows)
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return block.rows


@lru_cache(maxsize=64)
def _block_width(timeframe: Timeframe) -> Timeframe:
    width = timeframe.milliseconds
    candles = _MONTHS if width is None else max(1, min(_BLOCK_ROWS, _BLOCK_TIME // width))
    return Timeframe(timeframe.count * candles, timeframe.unit, timeframe.anchor)
