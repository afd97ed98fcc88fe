"""The trades of candles, made by numpy: the twin of `kernels.tape`, which gives the same bytes.

Each trade's randomness hangs on its minute and its place in it, and running sums are sums of whole
numbers, so that a minute's trades don't depend on which other minutes are made along with it.

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
from gekko_lab.simulation.flow import edge_sides

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gekko_lab.simulation.flow import Flow
    from gekko_lab.simulation.minutes import Minutes

ID_BITS = 20
"""A trade's id is its minute (from 1970) · 2**20 + its place in the minute."""

PACE_SHIFTS = (2, 5)  # stretches of 4 and of 32 trades have a pace of their own
FOLLOWS = 0.75  # share of price steps in the direction of their trade's side


@dataclass(frozen=True, slots=True)
class _Rows:
    """Where each trade belongs: its minute's row, its place there, and each minute's bounds."""

    stream: int
    minute: NDArray[np.int64]
    row: NDArray[np.int64]
    place: NDArray[np.int64]
    id: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]

    def bases(self, purpose: str) -> NDArray[np.uint64]:
        """Give the random bits of each minute."""
        return keyed.bits(keyed.key(self.stream, purpose), self.minute)

    def random(self, purpose: str, places: NDArray[np.int64] | None = None) -> NDArray[np.uint64]:
        """Give the random bits of each trade, by its place in the minute."""
        bases = self.bases(purpose)[self.row]
        return keyed.within(bases, self.place if places is None else places)

    def sums(self, values: NDArray[np.int64]) -> NDArray[np.int64]:
        """Add up whole numbers along each minute."""
        total = np.cumsum(values)
        return total - (total[self.first] - values[self.first])[self.row]

    def before(self, marks: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Give the latest marked trade at or before each; each minute's first is marked."""
        return np.maximum.accumulate(np.where(marks, np.arange(marks.size), 0))


def columns(
    stream: int,
    candles: Minutes,
    *,
    share: NDArray[np.float64],
    reach: NDArray[np.float64],
    flow: Flow,
    width_ms: int,
) -> tuple[NDArray[np.int64], ...]:
    """Give id, time, side, ticks and lots of the trades of candles, each of which has some.

    `share` is the share of buys, `reach` how far trades bounce from the middle in ticks.
    """
    rows = _rows(stream, candles)
    random = rows.random("fill")
    new = keyed.chance(random, 0) < chances(flow.new_order)
    new[rows.first] = True
    side = _sides(rows, candles, rows.before(new), share)
    ticks = _prices(rows, candles, side, reach, flow)
    elapsed = rows.sums(np.where(new, _gaps(rows, random, flow), 0))
    time = candles.minute[rows.row] * width_ms + _within(rows, elapsed, width_ms)
    return rows.id, time, side, ticks, _lots(rows, candles, random)


def _rows(stream: int, candles: Minutes) -> _Rows:
    ends = np.cumsum(candles.count)
    first = ends - candles.count
    row = np.repeat(np.arange(candles.count.size), candles.count)
    place = np.arange(row.size) - first[row]
    id_ = (candles.minute << ID_BITS)[row] + place
    return _Rows(stream, candles.minute, row, place, id_, first, ends - 1)


def chances(probability: float) -> int:
    """Give a probability as a number of 65536 chances."""
    return int(probability * 65536.0 + 0.5)


def _gaps(rows: _Rows, random: NDArray[np.uint64], flow: Flow) -> NDArray[np.int64]:
    """Give the gaps between orders, which cluster; in whole units, as long as it takes."""
    gap = keyed.fine(tables.EXPONENTIAL, random, 40)
    for shift in PACE_SHIFTS:
        gap *= keyed.fine(flow.pace, rows.random(f"pace {shift}", rows.place >> shift), 40)
    if flow.hesitation is not None:
        gap *= keyed.fine(flow.hesitation, rows.random("hesitation"), 40)
    return (gap * 65536.0).astype(np.int64) + 1


def _within(rows: _Rows, elapsed: NDArray[np.int64], width_ms: int) -> NDArray[np.int64]:
    """Spread the trades over their minute, in milliseconds from its beginning."""
    rest = keyed.draw(tables.EXPONENTIAL, rows.bases("rest"))
    total = elapsed[rows.last] + (rest * 65536.0).astype(np.int64) + 1
    scale = width_ms / total.astype(np.float64)
    return np.floor(elapsed * scale[rows.row]).astype(np.int64)


def _sides(
    rows: _Rows, candles: Minutes, order: NDArray[np.int64], share: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Give sides in runs; the minute's return tilts them, its first and last are given."""
    random = rows.random("run")
    length = keyed.fine(tables.RUN, random, 40).astype(np.int64)
    start = rows.sums(length) - length
    inside = start < candles.count[rows.row]
    begins = np.zeros(rows.id.size, dtype=np.int64)
    begins[(rows.first[rows.row] + start)[inside]] = 1
    run = rows.first[rows.row] + rows.sums(begins) - 1
    wide = (candles.high - candles.low + 1).astype(np.float64)
    tilt = 0.25 + 0.5 * share + 0.26 * ((candles.close - candles.open).astype(np.float64) / wide)
    buys = keyed.chance(random, 24) * 2.0**-16 < tilt[rows.row]
    side = np.where(buys[run], 1, -1)[order]
    first, last = edge_sides(rows.stream, candles.minute, share)
    opening = order == rows.first[rows.row]
    side = np.where(opening, first[rows.row], side)
    side[rows.last] = last
    return side


def _prices(
    rows: _Rows,
    candles: Minutes,
    side: NDArray[np.int64],
    reach: NDArray[np.float64],
    flow: Flow,
) -> NDArray[np.int64]:
    """Walk from open to close, touching high and low and never leaving them."""
    moves, steps = _steps(rows, side, flow)
    clock = rows.sums(moves).astype(np.float64)
    clock *= (1.0 / np.maximum(clock[rows.last], 1.0))[rows.row]
    walk = rows.sums(steps).astype(np.float64)
    walk -= walk[rows.last][rows.row] * clock
    highest, lowest = (edge.reduceat(walk, rows.first) for edge in (np.maximum, np.minimum))
    span = (candles.high - candles.low).astype(np.float64) / np.maximum(highest - lowest, 1.0)
    start = candles.open - reach * side[rows.first]
    rise = candles.close - reach * side[rows.last] - start
    path = walk * span[rows.row] + clock * rise[rows.row]
    path += start[rows.row]
    path += reach[rows.row] * side
    return _hold(path, rows, candles)


def _steps(
    rows: _Rows, side: NDArray[np.int64], flow: Flow
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    random = rows.random("move")
    moves = keyed.chance(random, 24) >= chances(flow.unchanged)
    moves[rows.first] = False
    moves[rows.last] = True
    follows = keyed.chance(random, 0) < chances(FOLLOWS)
    size = keyed.fine(tables.STEP, random, 40) * 1024.0
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


def _lots(rows: _Rows, candles: Minutes, random: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Share out the minute's lots by heavy-tailed weights, at least one each."""
    weight = (keyed.fine(tables.SIZE, random, 16) * 1024.0).astype(np.int64) + 1
    sums = rows.sums(weight).astype(np.float64)
    spare = candles.lots - candles.count
    scale = spare.astype(np.float64) / sums[rows.last]
    given = np.floor(sums * scale[rows.row]).astype(np.int64)
    given[rows.last] = spare
    earlier = np.concatenate([np.zeros(1, dtype=np.int64), given[:-1]])
    earlier[rows.first] = 0
    lots: NDArray[np.int64] = given - earlier + 1
    return lots
