"""What is written into logs: candles of twenty symbols and trades of one, as arrays in a folder."""

from __future__ import annotations

import json
import sys
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

MINUTE, DAY = 60_000, 86_400_000
SINCE = 1_672_531_200_000  # 2023-01-01
YEAR, PAGE = 525_600, 1000
FINE, COARSE = "BTC/USDT", "SOL/USDT"
_BASES = ("BTC", "ETH", "SOL", "XRP", "ADA", "DOGE", "LTC", "GAIABOLT", "GAIANUT")
SYMBOLS = tuple(
    [f"{base}/{quote}" for quote in ("USDT", "USD") for base in _BASES] + ["BTC/EUR", "ETH/EUR"]
)
CANDLES = ("timestamp", "open", "high", "low", "close", "volume")
TRADES = ("timestamp", "id", "side", "price", "amount")
TRADE_DAYS = 10
SERIES, SERIES_ROWS = 2000, 1000
ASKED_DAY = SINCE + 160 * DAY
CHANGED = 400_000  # the row from which on a thousand rows are written anew
_COARSE_STEPS = 10_000

Arrays = dict[str, "NDArray[Any]"]


def candles(folder: str, symbol: str) -> Arrays:
    """Give a year of minutes, times in milliseconds."""
    matrix = np.load(Path(folder, f"candles {symbol.replace('/', ' ')}.npy"))
    times = SINCE + MINUTE * np.arange(YEAR)
    return {"timestamp": times, **dict(zip(CANDLES[1:], matrix, strict=True))}


def changed(folder: str) -> Arrays:
    """Give a thousand of them with another volume."""
    part = {
        name: values[CHANGED : CHANGED + PAGE] for name, values in candles(folder, COARSE).items()
    }
    return part | {"volume": part["volume"] + 1}


def trades(folder: str) -> Iterator[Arrays]:
    """Give trades day by day; ids are numbers, sides are 1 for sellers."""
    columns = {name: np.load(Path(folder, f"trades {name}.npy")) for name in TRADES}
    days = columns["timestamp"] // DAY
    cuts = [0, *(np.flatnonzero(np.diff(days)) + 1), len(days)]
    for start, end in pairwise(cuts):
        yield {name: values[start:end] for name, values in columns.items()}


def main() -> None:
    """Write them all; one symbol has fine ticks, the others those of most real markets."""
    from gekko_lab.market.timeframe import Timeframe
    from gekko_lab.simulation import SimulatedMarket
    from gekko_lab.simulation.presets import choose

    folder, width = sys.argv[1], Timeframe.parse("1m")
    fine = SimulatedMarket(choose("liquid", {}))
    coarse = SimulatedMarket(choose("liquid", {"price_steps": _COARSE_STEPS}))
    for symbol in SYMBOLS:
        market = fine if symbol == FINE else coarse
        frame = market.candles(symbol, width, SINCE, SINCE + YEAR * MINUTE)
        matrix = np.stack([frame[name].to_numpy() for name in CANDLES[1:]])
        np.save(Path(folder, f"candles {symbol.replace('/', ' ')}.npy"), matrix)
    frame = fine.trades(FINE, SINCE, SINCE + TRADE_DAYS * DAY)
    columns = {name: frame[name].to_physical().to_numpy() for name in TRADES}
    columns["timestamp"] = columns["timestamp"] // 1000
    for name, values in columns.items():
        np.save(Path(folder, f"trades {name}.npy"), values)
    print(json.dumps({"trades": len(frame)}))


if __name__ == "__main__":
    main()
