"""The order book of a market at any moment, made from the trades around it and nothing else.

The best quotes follow from the last trade and the next: a next buy prints at the ask, a next sell
at the bid. The other side is where the last trade was, if it was on that side and near, otherwise
the usual spread away, now and then a half more. So quotes change with trades only, and two books
between the same two trades have the same best prices and amounts.

Deeper levels lie one in each cell of a grid of prices; where in its cell a level is, and how much
waits there, is keyed to the cell and drawn anew after a lifetime that grows with the distance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gekko_lab.simulation import exact, keyed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gekko_lab.simulation.minutes import Market
    from gekko_lab.simulation.tape import Tape

AHEAD = 6
"""Trades after the moment that are looked at for the next move of the middle."""

_NEAR = 3  # spreads up to which the other side's last trade still is its best price
_CELLS = 4  # cells of the grid in a spread, at the least
_HOLLOW = 0.07  # share of moments in which the other side is half a spread further away
_LIFETIME = 500  # milliseconds of a level beside the best
_STEPS = np.array([2, 4, 8, 16, 32, 64, 128, 256, 512])
_TOP = 3.0  # usual amount at the best price, in mean trades
_DEEP = 4.0  # and beside it; it grows with the distance
_LEANS = 0.5  # how much the top leans to the next move
_WAVERS = 0.4


@dataclass(frozen=True, slots=True)
class Book:
    """Prices in ticks and amounts in lots, the best first."""

    bids: NDArray[np.int64]
    bid_lots: NDArray[np.int64]
    asks: NDArray[np.int64]
    ask_lots: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Around:
    """The trades around a moment.

    Attributes
    ----------
    time : int
        The moment, in milliseconds UTC.
    tape : Tape
        Some trades before it and after it.
    place : int
        The last trade's place; -1 before the first of all.
    reach : ndarray
        Half the spread in the minute of each trade, as a fraction of the price.
    """

    time: int
    tape: Tape
    place: int
    reach: NDArray[np.float64]


def book(market: Market, around: Around, depth: int) -> Book:
    """Make the book of a moment, with up to `depth` levels a side; none is below one tick."""
    last, after = max(around.place, 0), around.tape.ticks.size - 1
    states = np.minimum(np.arange(last, last + AHEAD), after)
    following = np.minimum(states + (around.place >= 0), after)
    bids, asks, spread = _quotes(market, around, states, following)
    lean = _LEANS * _next_move(bids + asks)
    top = _top(market, int(around.tape.id[last]) + min(around.place, 0), lean)
    usual = market.cost * float(10 ** (market.price_decimals + market.amount_decimals))
    usual /= float(around.tape.ticks[last])
    cell = max(1, 1 << max(0, (int(spread[0]) // _CELLS).bit_length() - 1))
    sides = []
    for place, (best, sign) in enumerate(((int(bids[0]), -1), (int(asks[0]), 1))):
        ticks, weights = _levels(market, around.time, best, sign * cell, depth)
        weights[:1] = top[place]
        lots = np.maximum(np.floor(weights * usual + 0.5), 1.0).astype(np.int64)
        sides += [ticks[ticks > 0], lots[ticks > 0]]
    return Book(*sides)


def _quotes(
    market: Market, around: Around, states: NDArray[np.int64], following: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Give bid, ask and usual spread in ticks after each of some trades."""
    tape = around.tape
    now, then, buys = tape.ticks[states], tape.ticks[following], tape.side[following] > 0
    spread = np.maximum(np.floor(2.0 * around.reach[states] * now + 0.5), 1.0).astype(np.int64)
    gap = np.where(buys, then - now, now - then)
    other = (tape.side[states] != tape.side[following]) & (gap > 0) & (gap <= _NEAR * spread)
    hollow = keyed.uniform(market.key("hollow"), tape.id[states]) < _HOLLOW
    gap = np.where(other, gap, spread + np.where(hollow, (spread + 1) // 2, 0))
    return np.where(buys, then - gap, then), np.where(buys, then, then + gap), spread


def _next_move(middles: NDArray[np.int64]) -> int:
    moves = np.sign(middles - middles[0])
    found = np.flatnonzero(moves)
    return int(moves[found[0]]) if found.size else 0


def _top(market: Market, trade: int, lean: float) -> tuple[float, float]:
    """Give the amounts at bid and ask after a trade, in usual trades."""
    cells = np.array([2 * trade, 2 * trade + 1], dtype=np.int64)
    size, wavers = keyed.normal(market.key("book top"), cells).tolist()
    lean = min(max(lean + _WAVERS * wavers, -0.95), 0.95)
    whole = _TOP * float(exact.exp(np.array([0.8 * size]))[0])
    return whole * (1.0 + lean), whole * (1.0 - lean)


def _levels(
    market: Market, time: int, best: int, cell: int, depth: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Give prices and amounts (in usual trades) from the best price outwards."""
    distance = np.arange(depth, dtype=np.int64)
    sign, width = (1, cell) if cell > 0 else (-1, -cell)
    cells = best // width + sign * distance
    lifetime = _LIFETIME << np.searchsorted(_STEPS, distance, "right")
    name = f"book {'asks' if sign > 0 else 'bids'} {width}"
    phase = keyed.bits(market.key(name), cells) >> np.uint64(40)
    epoch = (time + phase.astype(np.int64)) // lifetime
    rows = [
        keyed.key(market.stream, name, one, age)
        for one, age in zip(cells.tolist(), epoch.tolist(), strict=True)
    ]
    random = np.array(rows, dtype=np.uint64)
    inside = ((random >> np.uint64(32)) % np.uint64(width)).astype(np.int64)
    ticks = cells * width + inside
    ticks[:1] = best
    size = exact.exp(0.9 * keyed.normal(market.key("book size"), random.view(np.int64)))
    return ticks, size * (_DEEP + 0.25 * distance)
