"""The trades of one-minute candles, which add up to them exactly.

The candles may come from anywhere: they need to be possible, nothing more. numpy makes the trades
where there are few, a compiled loop where there are many; both give the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from gekko_lab import kernels
from gekko_lab.frames import steps
from gekko_lab.simulation import keyed, tables, tape_numpy
from gekko_lab.simulation.flow import CROWDED, EDGES, buying
from gekko_lab.simulation.tape_numpy import FOLLOWS, ID_BITS, chances

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from gekko_lab.simulation.flow import Flow
    from gekko_lab.simulation.minutes import Market, Minutes

__all__ = ["ID_BITS", "Tape", "tape"]

_MINUTE_MS = 60_000
_BLOCK_TRADES = 1 << 14
_NUMPY_S = 2.5e-7  # that numpy needs for a trade
_STREAMS = (  # in the order that the compiled loop knows
    *("fill", "pace 2", "pace 5", "hesitation", "rest"),
    *("run", *EDGES, "move"),
)


@dataclass(frozen=True, slots=True)
class Tape:
    """Trades in whole units.

    Attributes
    ----------
    id, time, side, ticks, lots : ndarray
        Id, milliseconds UTC, 1 for a buy and -1 for a sell, price in ticks, amount in lots.
    """

    id: NDArray[np.int64]
    time: NDArray[np.int64]
    side: NDArray[np.int8]
    ticks: NDArray[np.int64]
    lots: NDArray[np.int64]

    @classmethod
    def blank(cls, count: int) -> Tape:
        """Give room for so many trades."""
        id_, time, ticks, lots = (np.empty(count, dtype=np.int64) for _ in range(4))
        return cls(id_, time, np.empty(count, dtype=np.int8), ticks, lots)


def tape(
    stream: int, candles: Minutes, flow: Flow = CROWDED, *, width_ms: int = _MINUTE_MS
) -> Tape:
    """Make the trades of candles.

    Parameters
    ----------
    stream : int
        The market's key.
    candles : Minutes
        Candles in ticks and lots. One trade needs a flat candle, and a high or a low beyond open
        and close a trade more each; lots are at least as many as trades.
    flow : Flow
        How orders behave.
    width_ms : int
        What `candles.minute` counts, for candles that are no minutes.

    Returns
    -------
    Tape
        By time and id. Its open, high, low, close, count and lots a minute are those of `candles`.
    """
    candles = candles[candles.count > 0]
    if candles.minute.size == 0:
        return Tape.blank(0)
    how = _how(stream, candles, flow, width_ms)
    if kernels.wanted(how.trades * _NUMPY_S):
        from gekko_lab.kernels import tape as loops

        made = Tape.blank(how.trades)
        columns = (made.id, made.time, made.side, made.ticks, made.lots)
        asked: Any = (*_asked(stream, candles, how), *columns)
        loops.fill(*asked)
        return made
    id_, time, side, ticks, lots = tape_numpy.columns(
        stream, candles, share=how.share, reach=how.reach, flow=flow, width_ms=width_ms
    )
    return Tape(id_, time, side.astype(np.int8), ticks, lots)


@dataclass(frozen=True, slots=True)
class Prints:
    """Trades as a frame has them: time in microseconds, price and amount in their units."""

    id: NDArray[np.int64]
    time: NDArray[np.int64]
    sell: NDArray[np.uint8]
    price: NDArray[np.float64]
    amount: NDArray[np.float64]

    @classmethod
    def blank(cls, count: int) -> Prints:
        """Give room for so many trades."""
        id_, time = np.empty(count, dtype=np.int64), np.empty(count, dtype=np.int64)
        return cls(id_, time, np.empty(count, dtype=np.uint8), np.empty(count), np.empty(count))


def prints(market: Market, candles: Minutes) -> Prints:
    """Make the trades of candles in the units of their market."""
    made = Prints.blank(int(candles.count.sum()))
    decimals = market.price_decimals, market.amount_decimals
    if kernels.wanted(made.id.size * _NUMPY_S) and _are_doubles(candles):
        from gekko_lab.kernels import tape as loops

        candles = candles[candles.count > 0]
        how = _how(market.stream, candles, market.flow, _MINUTE_MS)
        units = np.array([float(10**places) for places in decimals])
        columns = (made.id, made.time, made.sell, made.price, made.amount)
        asked: Any = (*_asked(market.stream, candles, how), units, *columns)
        loops.fill_frame(*asked)
        return made
    at = 0
    for rows in blocks(candles):
        part = tape(market.stream, rows, market.flow)
        here = slice(at, at + part.id.size)
        made.id[here], made.sell[here] = part.id, part.side < 0
        np.multiply(part.time, 1000, out=made.time[here])
        steps.decimal(part.ticks, decimals[0], out=made.price[here])
        steps.decimal(part.lots, decimals[1], out=made.amount[here])
        at += part.id.size
    return made


def blocks(candles: Minutes) -> Iterator[Minutes]:
    """Cut candles into pieces whose trades stay in the CPU's cache."""
    block = np.cumsum(candles.count) // _BLOCK_TRADES
    ends = [*(np.flatnonzero(np.diff(block)) + 1).tolist(), block.size]
    for low, high in zip([0, *ends], ends, strict=False):
        yield candles[low:high]


def _are_doubles(candles: Minutes) -> bool:
    most = max(int(candles.high.max(initial=0)), int(candles.lots.max(initial=0)))
    return most < steps.EXACT


@dataclass(frozen=True, slots=True)
class _How:
    """What candles don't say of their trades."""

    trades: int
    share: NDArray[np.float64]
    reach: NDArray[np.float64]
    flow: Flow
    width_ms: int


def _how(stream: int, candles: Minutes, flow: Flow, width_ms: int) -> _How:
    share = buying(stream, candles.minute, flow) if candles.share is None else candles.share
    reach = np.zeros(candles.open.size)
    if candles.reach is not None:  # of the middle, in ticks
        reach = candles.open * candles.reach * flow.bounce
    return _How(int(candles.count.sum()), share, reach, flow, width_ms)


def _asked(stream: int, candles: Minutes, how: _How) -> tuple[Any, ...]:
    """Give what the compiled loops ask for, in their order."""
    flow, rows = how.flow, (candles.minute, candles.open, candles.high, candles.low, candles.close)
    orders = [chances(each) for each in (flow.new_order, flow.unchanged, FOLLOWS)]
    return (
        np.stack([*rows, candles.count, candles.lots]),
        how.share,
        how.reach,
        _streams(stream),
        _tables(flow),
        np.array(orders),
        how.width_ms,
        flow.hesitation is not None,
    )


@lru_cache(maxsize=1024)
def _streams(stream: int) -> NDArray[np.uint64]:
    return np.array([keyed.key(stream, name) for name in _STREAMS], dtype=np.uint64)


@lru_cache(maxsize=256)
def _tables(flow: Flow) -> NDArray[np.float64]:
    hesitation = tables.EXPONENTIAL if flow.hesitation is None else flow.hesitation
    kept = (tables.EXPONENTIAL, tables.SIZE, tables.STEP, tables.RUN, flow.pace, hesitation)
    return np.stack([table.pairs for table in kept])
