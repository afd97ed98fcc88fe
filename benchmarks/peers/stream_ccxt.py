"""Contender: the loop that everybody writes around ccxt.pro's watch_trades, and its candles."""

from __future__ import annotations

import asyncio

import ccxt.pro
import listening


async def main() -> None:
    given, meter = listening.told()
    exchange = ccxt.pro.binance({**given["config"], "cafile": given["certificate"]})
    await exchange.load_markets()

    async def watch(symbol: str) -> None:
        opened = None
        while True:
            trades = await exchange.watch_trades(symbol)
            for trade in trades:
                meter.trade(trade["timestamp"])
            candles = exchange.build_ohlcvc(trades, "1m")
            for candle in candles:
                if candle[0] != opened:
                    opened = candle[0]
                    meter.candle()

    await asyncio.gather(*(watch(symbol) for symbol in given["symbols"]))


if __name__ == "__main__":
    asyncio.run(main())
