"""The trades of one-minute candles, which add up to them exactly.

Each trade's randomness hangs on its minute and its place in it, and running sums are sums of whole
numbers, so that a minute's trades don't depend on which other minutes are made along with it. The
candles may come from anywhere: they need to be possible, nothing more.

Order signs come in runs with Pareto lengths [1]_.

References
----------
.. [1] Lillo, Mike and Farmer, Theory for long memory in supply and demand, Phys. Rev. E 71, 2005.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gekko_lab.simulation import keyed, tables
from gekko_lab.simulation.flow import CROWDED, buying, edge_sides

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gekko_lab.simulation.flow import Flow
    from gekko_lab.simulation.minutes import Minutes

ID_BITS = 20
"""A trade's id is its minute (from 1970) · 2**20 + its place in the minute."""

_MINUTE_MS = 60_000
_FOLLOWS = 0.75  # share of price steps in the direction of their trade's side


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
    side: NDArray[np.int64]
    ticks: NDArray[np.int64]
    lots: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Rows:
    """Where each trade belongs: its minute's row, its place there, and each minute's bounds."""

    row: NDArray[np.int64]
    place: NDArray[np.int64]
    id: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]

    def sums(self, values: NDArray[np.int64]) -> NDArray[np.int64]:
        """Add up whole numbers along each minute."""
        total = np.cumsum(values)
        return total - (total[self.first] - values[self.first])[self.row]

    def before(self, marks: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Give the latest marked trade at or before each; each minute's first is marked."""
        return np.maximum.accumulate(np.where(marks, np.arange(marks.size), 0))


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
        none = np.empty(0, dtype=np.int64)
        return Tape(none, none, none, none, none)
    rows = _rows(candles)
    order = _orders(stream, rows, flow)
    side = _sides(stream, rows, candles, order, flow)
    ticks = _prices(stream, rows, candles, side, flow)
    within = _elapsed(stream, rows, candles, _gaps(stream, rows, order, flow), width_ms)
    time = candles.minute[rows.row] * width_ms + within
    return Tape(rows.id, time, side, ticks, _lots(stream, rows, candles))


def _rows(candles: Minutes) -> _Rows:
    ends = np.cumsum(candles.count)
    first = ends - candles.count
    row = np.repeat(np.arange(candles.count.size), candles.count)
    place = np.arange(row.size) - first[row]
    return _Rows(row, place, (candles.minute << ID_BITS)[row] + place, first, ends - 1)


def _orders(stream: int, rows: _Rows, flow: Flow) -> NDArray[np.int64]:
    """Give the first trade of the order that each trade is a fill of."""
    new = keyed.uniform(keyed.key(stream, "order"), rows.id) < flow.new_order
    new[rows.first] = True
    return rows.before(new)


def _gaps(stream: int, rows: _Rows, order: NDArray[np.int64], flow: Flow) -> NDArray[np.int64]:
    """Give the gaps before each trade, which cluster; in whole units, as long as it takes."""
    key = keyed.key(stream, "gap")
    gap = keyed.draw(tables.EXPONENTIAL, keyed.bits(key, rows.id))
    base = rows.id - rows.place
    for shift in (2, 5):
        cell = base + (rows.place >> shift)
        gap *= keyed.draw(flow.pace, keyed.bits(keyed.key(stream, "pace", shift), cell))
    if flow.hesitation is not None:
        gap *= keyed.draw(flow.hesitation, keyed.bits(keyed.key(stream, "hesitation"), rows.id))
    steps: NDArray[np.int64] = (gap * 65536.0).astype(np.int64) + 1
    steps[order != np.arange(order.size)] = 0
    return steps


def _elapsed(
    stream: int, rows: _Rows, candles: Minutes, gaps: NDArray[np.int64], width_ms: int
) -> NDArray[np.int64]:
    """Spread the trades over their minute, in milliseconds from its beginning."""
    elapsed = rows.sums(gaps)
    rest = keyed.draw(tables.EXPONENTIAL, keyed.bits(keyed.key(stream, "rest"), candles.minute))
    total = elapsed[rows.last] + (rest * 65536.0).astype(np.int64) + 1
    within: NDArray[np.int64] = elapsed * width_ms // total[rows.row]
    return within


def _sides(
    stream: int, rows: _Rows, candles: Minutes, order: NDArray[np.int64], flow: Flow
) -> NDArray[np.int64]:
    """Give sides in runs; the minute's return tilts them, its first and last are given."""
    length = keyed.draw(tables.RUN, keyed.bits(keyed.key(stream, "run"), rows.id)).astype(np.int64)
    start = rows.sums(length) - length
    inside = start < candles.count[rows.row]
    begins = np.zeros(rows.id.size, dtype=bool)
    begins[(rows.first[rows.row] + start)[inside]] = True
    run = rows.before(begins)
    wide = (candles.high - candles.low + 1).astype(np.float64)
    tilt = 0.25 + 0.5 * buying(stream, candles.minute, flow, candles.pull)
    tilt += 0.26 * ((candles.close - candles.open).astype(np.float64) / wide)
    buys = keyed.uniform(keyed.key(stream, "side"), rows.id) < tilt[rows.row]
    side = np.where(buys, 1, -1)[run[order]]
    first, last = edge_sides(stream, candles.minute, flow, candles.pull)
    opening = order == rows.first[rows.row]
    side = np.where(opening, first[rows.row], side)
    side[rows.last] = last
    return side


def _prices(
    stream: int, rows: _Rows, candles: Minutes, side: NDArray[np.int64], flow: Flow
) -> NDArray[np.int64]:
    """Walk from open to close, touching high and low and never leaving them."""
    moves, steps = _steps(stream, rows, side, flow)
    clock = rows.sums(moves).astype(np.float64)
    clock /= np.maximum(clock[rows.last], 1.0)[rows.row]
    walk = rows.sums(steps).astype(np.float64)
    walk -= walk[rows.last][rows.row] * clock
    highest, lowest = (edge.reduceat(walk, rows.first) for edge in (np.maximum, np.minimum))
    span = (candles.high - candles.low).astype(np.float64) / np.maximum(highest - lowest, 1.0)
    reach = _bounce(candles, flow)
    start = candles.open - reach * side[rows.first]
    rise = candles.close - reach * side[rows.last] - start
    path = walk * span[rows.row] + clock * rise[rows.row]
    path += start[rows.row]
    path += reach[rows.row] * side
    return _hold(path, rows, candles)


def _bounce(candles: Minutes, flow: Flow) -> NDArray[np.float64]:
    """Give how far in ticks a minute's trades bounce from the middle to the quotes."""
    if candles.reach is None:
        return np.zeros(candles.open.size)
    bounce: NDArray[np.float64] = candles.open * candles.reach * flow.bounce
    return bounce


def _steps(
    stream: int, rows: _Rows, side: NDArray[np.int64], flow: Flow
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    random = keyed.bits(keyed.key(stream, "move"), rows.id)
    moves = (random >> np.uint64(40)).astype(np.float64) * 2.0**-24 >= flow.unchanged
    moves[rows.first] = False
    moves[rows.last] = True
    follows = (random & np.uint64(0xFFFFF)).astype(np.float64) * 2.0**-20 < _FOLLOWS
    size = keyed.draw(tables.STEP, keyed.bits(keyed.key(stream, "step"), rows.id)) * 1024.0
    steps = np.where(follows, side, -side) * size.astype(np.int64)
    return moves.astype(np.int64), np.where(moves, steps, 0)


def _hold(path: NDArray[np.float64], rows: _Rows, candles: Minutes) -> NDArray[np.int64]:
    """Scale what goes beyond open and close so that the extremes are high and low."""
    top = np.maximum(candles.open, candles.close)
    bottom = np.minimum(candles.open, candles.close)
    inner = np.ones(path.size, dtype=bool)
    inner[rows.first] = False
    inner[rows.last] = False
    highest = np.maximum.reduceat(np.where(inner, path, -np.inf), rows.first)
    lowest = np.minimum.reduceat(np.where(inner, path, np.inf), rows.first)
    up = _stretch(highest - top, candles.high - top)
    down = _stretch(bottom - lowest, bottom - candles.low)
    over = np.maximum(path - top[rows.row], 0.0)
    under = np.maximum(bottom[rows.row] - path, 0.0)
    held = path - over + under
    held += over * up[rows.row]
    held -= under * down[rows.row]
    ticks = np.floor(held + 0.5).astype(np.int64)
    ticks = np.minimum(np.maximum(ticks, candles.low[rows.row]), candles.high[rows.row])
    _touch(
        ticks,
        inner & (path == highest[rows.row]),
        inner & (path == lowest[rows.row]),
        rows,
        candles,
    )
    ticks[rows.first] = candles.open
    ticks[rows.last] = candles.close
    return ticks


def _stretch(reach: NDArray[np.float64], wanted: NDArray[np.int64]) -> NDArray[np.float64]:
    reached = np.isfinite(reach) & (reach > 0.0)
    return np.where(reached, wanted / np.where(reached, reach, 1.0), 0.0)


def _touch(
    ticks: NDArray[np.int64],
    high: NDArray[np.bool_],
    low: NDArray[np.bool_],
    rows: _Rows,
    candles: Minutes,
) -> None:
    """Put the first highest trade on the high and the first lowest, another one, on the low."""
    places = np.arange(ticks.size)
    at_high = np.minimum.reduceat(np.where(high, places, ticks.size), rows.first)
    at_low = np.minimum.reduceat(np.where(low, places, ticks.size), rows.first)
    above = candles.high > np.maximum(candles.open, candles.close)
    below = candles.low < np.minimum(candles.open, candles.close)
    beside = np.where(at_high + 1 < rows.last, at_high + 1, at_high - 1)
    at_low = np.where(above & below & (at_low == at_high), beside, at_low)
    ticks[at_high[above]] = candles.high[above]
    ticks[at_low[below]] = candles.low[below]


def _lots(stream: int, rows: _Rows, candles: Minutes) -> NDArray[np.int64]:
    """Share out the minute's lots by heavy-tailed weights, at least one each."""
    random = keyed.bits(keyed.key(stream, "size"), rows.id)
    weight = (keyed.draw(tables.SIZE, random) * 1024.0).astype(np.int64) + 1
    sums = rows.sums(weight).astype(np.float64)
    share = sums / sums[rows.last][rows.row]
    spare = (candles.lots - candles.count).astype(np.float64)
    given = np.floor(share * spare[rows.row]).astype(np.int64)
    earlier = np.concatenate([np.zeros(1, dtype=np.int64), given[:-1]])
    earlier[rows.first] = 0
    lots: NDArray[np.int64] = given - earlier + 1
    return lots
