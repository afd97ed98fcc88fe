"""Run by cryptofeed's own interpreter: what it gets from a server over TLS, as JSON."""

from __future__ import annotations

import json
import os
import sys

from cryptofeed import FeedHandler
from cryptofeed.connection import RestEndpoint, Routes, WebsocketEndpoint
from cryptofeed.defines import CANDLES, L2_BOOK, TICKER, TRADES
from cryptofeed.exchanges import Binance

url, ws_url = sys.argv[1:]
Binance.websocket_endpoints = [WebsocketEndpoint(ws_url)]
Binance.rest_endpoints = [
    RestEndpoint(
        url,
        routes=Routes("/api/v3/exchangeInfo", l2book="/api/v3/depth?symbol={}&limit={}"),
    )
]

found = {"trades": [], "tickers": [], "candles": [], "books": []}
WANTED = {"trades": 100, "tickers": 10, "candles": 3, "books": 50}
handler = FeedHandler({"log": {"disabled": True}, "uvloop": False})


def done():
    if all(len(found[name]) >= count for name, count in WANTED.items()):
        json.dump(found, sys.stdout)
        sys.stdout.flush()
        os._exit(0)  # its loops don't end from within a callback


async def trade(told, _):
    found["trades"].append([told.id, told.side, float(told.price), float(told.amount)])
    done()


async def ticker(told, _):
    found["tickers"].append([float(told.bid), float(told.ask)])


async def candle(told, _):
    found["candles"].append([told.start, float(told.open), float(told.close), told.trades])


async def book(told, _):
    if len(found["books"]) < WANTED["books"] or told.delta is None:
        sides = [[[float(price), float(size)] for price, size in side.to_dict().items()]
                 for side in (told.book.bids, told.book.asks)]  # fmt: skip
        found["books"].append([told.sequence_number, *sides])


handler.add_feed(
    Binance(
        symbols=["BTC-USDT"],
        channels=[TRADES, TICKER, CANDLES, L2_BOOK],
        callbacks={TRADES: trade, TICKER: ticker, CANDLES: candle, L2_BOOK: book},
        candle_interval="1m",
        candle_closed_only=True,
    )
)
handler.run(install_signal_handlers=False)
