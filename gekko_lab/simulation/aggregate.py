"""Candles of any timeframe out of one-minute candles or trades, in whole ticks and lots."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from gekko_lab.market.timeframe import DAY, MINUTE
from gekko_lab.simulation.parameters import GENESIS, HORIZON

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from gekko_lab.market.timeframe import Timeframe
    from gekko_lab.simulation.minutes import Minutes
    from gekko_lab.simulation.tape import Tape

_MINUTES_WIDTH = 400 * DAY  # of a block made of minutes
_TRADES_WIDTH = DAY  # of a block made of trades
_LOW = (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class Candles:
    """Candles in ticks and lots; cost in ticks · lots, split at 32 bits against overflow."""

    open: NDArray[np.int64]
    high: NDArray[np.int64]
    low: NDArray[np.int64]
    close: NDArray[np.int64]
    lots: NDArray[np.int64]
    count: NDArray[np.int64]
    cost_high: NDArray[np.int64] | None = None
    cost_low: NDArray[np.int64] | None = None


def whole_minutes(timeframe: Timeframe) -> bool:
    """Tell whether candles of that width are made of 1m candles."""
    width = timeframe.milliseconds
    return width is None or width % MINUTE == 0


def blocks(timeframe: Timeframe, since: int, until: int) -> Iterator[NDArray[np.int64]]:
    """Walk over the open times in [since, until) in blocks that fit into memory.

    Only candles that lie within the market's history as a whole are given.
    """
    since, until = max(since, GENESIS), min(until, HORIZON)
    if since >= until:
        return
    width = _MINUTES_WIDTH if whole_minutes(timeframe) else _TRADES_WIDTH
    count = max(1, width // timeframe.shortest)
    start = timeframe.ceil(since)
    while start < until:
        end = timeframe.shift(start, count)
        opens = _opens(timeframe, start, min(end, until))
        if timeframe.next(int(opens[-1])) > HORIZON:
            opens = opens[:-1]
        if opens.size:
            yield opens
        start = end


def _opens(timeframe: Timeframe, start: int, until: int) -> NDArray[np.int64]:
    if timeframe.milliseconds is None:
        return np.fromiter(timeframe.opens(start, until), dtype=np.int64)
    return np.arange(start, until, timeframe.milliseconds, dtype=np.int64)


def minutes(rows: Minutes, starts: NDArray[np.int64]) -> Candles:
    """Aggregate 1m candles; each result begins at one of `starts`, the last ends with the rows.

    A minute without trades has the last price, which is no trade of the longer candle: it counts
    only where the whole candle has none.
    """
    if starts.size == rows.minute.size:
        return Candles(rows.open, rows.high, rows.low, rows.close, rows.lots, rows.count)
    at = starts - starts[0]
    ends = np.append(at[1:], rows.minute.size) - 1
    traded = rows.count > 0
    first = _next_marked(traded)[at]
    any_trade = first <= ends
    highs = np.where(traded, rows.high, 0)
    lows = np.where(traded, rows.low, np.iinfo(np.int64).max)
    return Candles(
        open=rows.open[np.where(any_trade, first, at)],
        high=np.where(any_trade, np.maximum.reduceat(highs, at), rows.close[at]),
        low=np.where(any_trade, np.minimum.reduceat(lows, at), rows.close[at]),
        close=rows.close[ends],
        lots=np.add.reduceat(rows.lots, at),
        count=np.add.reduceat(rows.count, at),
    )


def _next_marked(marks: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Give the place of the first marked row from each on; behind the last, the number of rows."""
    places = np.where(marks, np.arange(marks.size), marks.size)
    found: NDArray[np.int64] = np.minimum.accumulate(places[::-1])[::-1]
    return found


def with_cost(candles: Candles, starts: NDArray[np.int64], tapes: Iterable[Tape]) -> Candles:
    """Add what the trades cost to the candles that begin at `starts` (milliseconds)."""
    high, low = (np.zeros(starts.size, dtype=np.int64) for _ in range(2))
    for tape in tapes:
        if tape.id.size == 0:
            continue
        candle = np.searchsorted(starts, tape.time, "right") - 1
        first = _firsts(candle)
        cost = tape.ticks * tape.lots
        high[candle[first]] += np.add.reduceat(cost >> 32, first)
        low[candle[first]] += np.add.reduceat(cost & _LOW, first)
    return replace(candles, cost_high=high, cost_low=low)


def trades(tapes: Iterable[Tape], starts: NDArray[np.int64], until: int, before: int) -> Candles:
    """Aggregate trades into candles that begin at `starts` (milliseconds) and end by `until`.

    A candle without trades stays at the last price, which is `before` until the first trade.
    """
    time, ticks, lots = _columns(tapes, until)
    bounds = np.searchsorted(time, np.append(starts, until))
    last = np.append(np.array([before], dtype=np.int64), ticks)[bounds]
    count = np.diff(bounds)
    traded = count > 0
    first = bounds[:-1][traded]
    cost = ticks * lots
    nothing = np.zeros_like(count)
    return Candles(
        open=_where(traded, ticks[first], last[:-1]),
        high=_where(traded, np.maximum.reduceat(ticks, first), last[:-1]),
        low=_where(traded, np.minimum.reduceat(ticks, first), last[:-1]),
        close=last[1:],
        lots=_where(traded, np.add.reduceat(lots, first), nothing),
        count=count,
        cost_high=_where(traded, np.add.reduceat(cost >> 32, first), nothing),
        cost_low=_where(traded, np.add.reduceat(cost & _LOW, first), nothing),
    )


def _where(
    marked: NDArray[np.bool_], values: NDArray[np.int64], otherwise: NDArray[np.int64]
) -> NDArray[np.int64]:
    filled = otherwise.copy()
    filled[marked] = values
    return filled


def _columns(tapes: Iterable[Tape], until: int) -> tuple[NDArray[np.int64], ...]:
    none = np.empty(0, dtype=np.int64)
    kept = list(tapes)
    time = np.concatenate([none, *(tape.time for tape in kept)])
    end = int(np.searchsorted(time, until))
    ticks = np.concatenate([none, *(tape.ticks for tape in kept)])
    lots = np.concatenate([none, *(tape.lots for tape in kept)])
    return time[:end], ticks[:end], lots[:end]


def _firsts(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.flatnonzero(np.append(True, groups[1:] != groups[:-1]))
