"""Contender: cryptofeed's feed handler, and its own aggregation into candles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import listening
from cryptofeed import FeedHandler
from cryptofeed.backends.aggregate import OHLCV
from cryptofeed.connection import RestEndpoint, Routes, WebsocketEndpoint
from cryptofeed.defines import TRADES
from cryptofeed.exchanges import Binance

if TYPE_CHECKING:
    from collections.abc import Mapping


def main() -> None:
    given, meter = listening.told()
    Binance.websocket_endpoints = [WebsocketEndpoint(given["ws_url"])]
    Binance.rest_endpoints = [RestEndpoint(given["url"], routes=Routes("/api/v3/exchangeInfo"))]

    async def candles(data: Mapping[str, Any]) -> None:
        for _ in data:
            meter.candle()

    joined = OHLCV(candles, window=60)

    async def trade(told: Any, receipt: float) -> None:  # noqa: ANN401 (its own type)
        meter.trade(told.timestamp * 1000)
        await joined(told, receipt)

    handler = FeedHandler({"log": {"disabled": True}, "uvloop": False})
    names = [symbol.replace("/", "-") for symbol in given["symbols"]]
    handler.add_feed(Binance(symbols=names, channels=[TRADES], callbacks={TRADES: trade}))
    handler.run(install_signal_handlers=False)


if __name__ == "__main__":
    main()
