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
from gekko_lab.simulation import keyed, tables, tape_numpy
from gekko_lab.simulation.flow import CROWDED, EDGES, buying
from gekko_lab.simulation.tape_numpy import FOLLOWS, ID_BITS, chances

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gekko_lab.simulation.flow import Flow
    from gekko_lab.simulation.minutes import Minutes

__all__ = ["ID_BITS", "Tape", "tape"]

_MINUTE_MS = 60_000
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
    traded = candles.count > 0
    if not traded.any():
        return Tape.blank(0)
    if not traded.all():
        candles = candles[traded]
    share = buying(stream, candles.minute, flow) if candles.share is None else candles.share
    how: Any = {"share": share, "reach": _bounce(candles, flow), "flow": flow, "width_ms": width_ms}
    if kernels.wanted(int(candles.count.sum()) * _NUMPY_S):
        return _compiled(stream, candles, **how)
    id_, time, side, ticks, lots = tape_numpy.columns(stream, candles, **how)
    return Tape(id_, time, side.astype(np.int8), ticks, lots)


def _bounce(candles: Minutes, flow: Flow) -> NDArray[np.float64]:
    """Give how far in ticks a minute's trades bounce from the middle to the quotes."""
    if candles.reach is None:
        return np.zeros(candles.open.size)
    bounce: NDArray[np.float64] = candles.open * candles.reach * flow.bounce
    return bounce


def _compiled(
    stream: int,
    candles: Minutes,
    *,
    share: NDArray[np.float64],
    reach: NDArray[np.float64],
    flow: Flow,
    width_ms: int,
) -> Tape:
    from gekko_lab.kernels import tape as loops

    made = Tape.blank(int(candles.count.sum()))
    rows = (candles.minute, candles.open, candles.high, candles.low, candles.close)
    loops.fill(
        np.stack([*rows, candles.count, candles.lots]),
        share,
        reach,
        _streams(stream),
        _tables(flow),
        np.array([chances(each) for each in (flow.new_order, flow.unchanged, FOLLOWS)]),
        width_ms,
        flow.hesitation is not None,
        made.id,
        made.time,
        made.side,
        made.ticks,
        made.lots,
    )
    return made


@lru_cache(maxsize=1024)
def _streams(stream: int) -> NDArray[np.uint64]:
    return np.array([keyed.key(stream, name) for name in _STREAMS], dtype=np.uint64)


@lru_cache(maxsize=256)
def _tables(flow: Flow) -> NDArray[np.float64]:
    hesitation = tables.EXPONENTIAL if flow.hesitation is None else flow.hesitation
    kept = (tables.EXPONENTIAL, tables.SIZE, tables.STEP, tables.RUN, flow.pace, hesitation)
    return np.stack([table.pairs for table in kept])
