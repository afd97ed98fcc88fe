"""Run by python-binance's own interpreter: what it gets from a server, as JSON."""

from __future__ import annotations

import asyncio
import json
import sys

from binance import AsyncClient, BinanceSocketManager, Client, DepthCacheManager

url, ws_url = sys.argv[1:]
for kind in (Client, AsyncClient):
    kind.API_URL = url + "/api"
    kind.MARGIN_API_URL = url + "/sapi"
    kind.WS_API_URL = ws_url + "/ws-api/v3"
BinanceSocketManager.STREAM_URL = ws_url + "/"


def rest():
    client = Client()
    now = client.get_server_time()["serverTime"]
    return {
        "symbols": len(client.get_exchange_info()["symbols"]),
        "klines": client.get_historical_klines("BTCUSDT", "1m", now - 3 * 3_600_000, now),
        "trades": [
            trade["a"]
            for trade in client.aggregate_trade_iter("BTCUSDT", start_str=now - 600_000)
            if trade["T"] < now
        ],
        "since": now - 600_000,
        "now": now,
        "book": client.get_order_book(symbol="BTCUSDT"),
        "ticker": client.get_ticker(symbol="BTCUSDT"),
        "best": client.get_orderbook_ticker(symbol="BTCUSDT"),
        "recent": [trade["id"] for trade in client.get_recent_trades(symbol="BTCUSDT")],
    }


async def take(socket, count):
    async with socket as stream:
        return [await stream.recv() for _ in range(count)]


async def streams():
    client = await AsyncClient.create()
    manager = BinanceSocketManager(client, max_queue_size=10_000)  # a minute comes each second
    try:
        found = {
            "trade": await take(manager.trade_socket("BTCUSDT"), 50),
            "aggregate": await take(manager.aggtrade_socket("BTCUSDT"), 20),
            "kline": await take(manager.kline_socket("BTCUSDT", "1m"), 60),
            "depth": await take(manager.depth_socket("BTCUSDT", interval=100), 50),
            "top": await take(manager.depth_socket("BTCUSDT", depth="5"), 5),
            "ticker": await take(manager.symbol_ticker_socket("BTCUSDT"), 3),
            "mini": await take(manager.miniticker_socket(), 3),
            "best": await take(manager.symbol_book_ticker_socket("BTCUSDT"), 5),
            "several": await take(
                manager.multiplex_socket(["btcusdt@aggTrade", "ethusdt@aggTrade"]), 40
            ),
        }
        async with DepthCacheManager(client, "BTCUSDT", ws_interval=100) as cache:
            for _ in range(40):
                book = await cache.recv()
            found["cache"] = {
                "update": book.update_time,
                "bids": book.get_bids(),
                "asks": book.get_asks(),
            }
        return found
    finally:
        await client.close_connection()


json.dump({"rest": rest(), "streams": asyncio.run(streams())}, sys.stdout)
