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


@dataclass(frozen=True, slots=True)
class Tops:
    """The best quotes at some moments, and the usual spread there, in ticks and lots."""

    bids: NDArray[np.int64]
    asks: NDArray[np.int64]
    bid_lots: NDArray[np.int64]
    ask_lots: NDArray[np.int64]
    spread: NDArray[np.int64]


def book(market: Market, around: Around, depth: int) -> Book:
    """Make the book of a moment, with up to `depth` levels a side; none is below one tick."""
    state = max(around.place, 0)
    top = tops(market, around, np.array([state]))
    cell = max(1, 1 << max(0, (int(top.spread[0]) // _CELLS).bit_length() - 1))
    usual = _usual(market, around.tape.ticks[state : state + 1])
    bests = ((int(top.bids[0]), top.bid_lots, -cell), (int(top.asks[0]), top.ask_lots, cell))
    sides = []
    for best, best_lots, step in bests:
        ticks, weights = _levels(market, around.time, best, step, depth)
        lots = _lots(weights, usual)
        lots[:1] = best_lots
        sides += [ticks[ticks > 0], lots[ticks > 0]]
    return Book(*sides)


def tops(market: Market, around: Around, states: NDArray[np.int64]) -> Tops:
    """Give the best quotes after some of the trades, or before the first of all."""
    after, known = around.tape.ticks.size - 1, int(around.place >= 0)
    ahead = np.minimum(states[:, None] + np.arange(AHEAD), after)
    bids, asks, spread = _quotes(market, around, ahead, np.minimum(ahead + known, after))
    lean = _LEANS * _next_moves(bids + asks).astype(np.float64)
    weights = _top(market, around.tape.id[states] + (known - 1), lean)
    usual = _usual(market, around.tape.ticks[states])
    bid_lots, ask_lots = (_lots(weight, usual) for weight in weights)
    return Tops(bids[:, 0], asks[:, 0], bid_lots, ask_lots, spread[:, 0])


def _usual(market: Market, ticks: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give the mean trade at a price, in lots."""
    return market.cost * float(10 ** (market.price_decimals + market.amount_decimals)) / ticks


def _lots(weights: NDArray[np.float64], usual: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.maximum(np.floor(weights * usual + 0.5), 1.0).astype(np.int64)


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


def _next_moves(middles: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give the sign of the first change along each row, 0 where there is none."""
    moves: NDArray[np.int64] = np.sign(middles - middles[:, :1])
    first = np.argmax(moves != 0, axis=1)
    found: NDArray[np.int64] = moves[np.arange(first.size), first]
    return found


def _top(
    market: Market, trades: NDArray[np.int64], lean: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the amounts at bid and ask after trades, in usual trades."""
    size, wavers = (keyed.normal(market.key("book top"), 2 * trades + one) for one in (0, 1))
    lean = np.minimum(np.maximum(lean + _WAVERS * wavers, -0.95), 0.95)
    whole = _TOP * exact.exp(0.8 * size)
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
