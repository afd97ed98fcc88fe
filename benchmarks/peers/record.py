"""Write a tape of simulated trades, and the candles of their minutes, into a folder."""

from __future__ import annotations

import json
import sys

import making
import polars as pl
import tape

from gekko_lab.market.timeframe import Timeframe
from gekko_lab.simulation import SimulatedMarket
from gekko_lab.simulation.presets import choose

_BLOCK = 10 * 86_400_000
_SYMBOL = "BTC/USDT"


def main() -> None:
    """Do what the command line says, some days at a time; print the rows."""
    task = making.Task(**json.loads(sys.argv[1]))
    market = SimulatedMarket(choose("liquid", {}))
    starts = range(task.since, task.until, _BLOCK)
    trades = pl.concat(
        market.trades(_SYMBOL, start, min(task.until, start + _BLOCK)).select(tape.TRADES)
        for start in starts
    )
    width = Timeframe.parse("1m")
    candles = market.candles(_SYMBOL, width, task.since, task.until)
    candles = candles.filter(pl.col("trade_count") > 0)
    for kind, table, names in (("trade", trades, tape.TRADES), ("candle", candles, tape.CANDLES)):
        plain = table.with_columns(pl.col("timestamp").to_physical())
        tape.write(task.folder, kind, {name: plain[name].to_numpy() for name in names})
    print(json.dumps({"rows": trades.height}))


if __name__ == "__main__":
    main()
