"""A plain order book for markets that have candles and trades only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gekko_lab.server.rendering import PLACES, decimals

if TYPE_CHECKING:
    from gekko_lab.market.rules import MarketRules
    from gekko_lab.server.tapes import Print

Side = tuple[list[float], list[float]]


def ladder(last: Print, rules: MarketRules, levels: int) -> tuple[Side, Side]:
    """Give prices and amounts of bids and asks, one level a tick.

    The last trade was at the best ask where the taker bought, else at the best bid; the other side
    is a tick away. At the n-th level n times the last trade's amount waits. Prices below one tick
    are left out.
    """
    tick_decimals = decimals(rules.tick_size)
    tick = rules.tick_size or 10.0**-PLACES
    step_decimals = decimals(rules.step_size)
    ticks = round(last.price / tick)
    bid = ticks if last.sell else ticks - 1
    count = np.arange(levels)
    amounts = np.round(last.amount * (count + 1), step_decimals).tolist()
    sides = []
    for places in (bid - count, bid + 1 + count):
        prices = np.round(places[places > 0] * tick, tick_decimals).tolist()
        sides.append((prices, amounts[: len(prices)]))
    return sides[0], sides[1]
