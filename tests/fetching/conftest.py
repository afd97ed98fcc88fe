"""Exchanges that hand out candles in another way than Binance."""

from __future__ import annotations

from datetime import datetime

import pytest

HOUR = 3600


@pytest.fixture
def kraken(fake_exchange, rows_of):
    """Kraken: the newest 720 candles whatever is asked for, the last one still forming."""

    def start(candles, now, size=720):
        rows = [row for row in rows_of(candles) if row[0] <= now]
        pair = {
            "altname": "XBTUSDT",
            "wsname": "XBT/USDT",
            "base": "XXBT",
            "quote": "USDT",
            "pair_decimals": 2,
            "lot_decimals": 5,
            "cost_decimals": 5,
            "tick_size": "0.01",
            "ordermin": "0.0001",
            "costmin": "0.5",
            "status": "online",
            "leverage_buy": [],
            "leverage_sell": [],
            "fees": [[0, 0.4]],
            "fees_maker": [[0, 0.25]],
        }
        answers = {
            "/0/public/AssetPairs": {"XBTUSDT": pair},
            "/0/public/Assets": {
                "XXBT": {"altname": "XBT", "decimals": 10, "status": "enabled"},
                "USDT": {"altname": "USDT", "decimals": 8, "status": "enabled"},
            },
            "/0/public/Time": {"unixtime": now},
        }

        def answer(path, query):
            if path == "/0/public/OHLC":
                newest = [
                    [t, *(str(x) for x in (o, h, low, c)), str(c), str(v), 9]
                    for t, o, h, low, c, v in rows[-size:]
                    if t > int(query.get("since", 0))
                ]
                return 200, {"error": [], "result": {"XBTUSDT": newest, "last": now}}
            return 200, {"error": [], "result": answers[path]}

        return fake_exchange("kraken", answer)

    return start


@pytest.fixture
def coinbase(fake_exchange, rows_of):
    """Coinbase Exchange: windows of at most 300 candles, newest first, empty in a gap."""

    def start(minutes, now, spoil=None):
        product = {
            "id": "BTC-USDT",
            "base_currency": "BTC",
            "quote_currency": "USDT",
            "base_increment": "0.00001",
            "quote_increment": "0.01",
            "min_market_funds": "1",
            "status": "online",
            "trading_disabled": False,
        }
        cache = {}

        def candles(query):
            width = int(query["granularity"])
            start, end = (
                datetime.fromisoformat(query[name]).timestamp() for name in ("start", "end")
            )
            if (end - start) / width > 300:
                return 400, {"message": "granularity too small for the requested time range."}
            if width not in cache:
                cache[width] = rows_of(minutes(width))
            rows = [
                [t, low, h, o, c, v]
                for t, o, h, low, c, v in reversed(cache[width])
                if start <= t <= end and t <= now
            ]
            return 200, spoil(rows) if spoil else rows

        def answer(path, query):
            if path == "/products/BTC-USDT/candles":
                return candles(query)
            if path == "/products":
                return 200, [product]
            if path == "/currencies":
                return 200, [
                    {"id": code, "name": code, "status": "online"} for code in ("BTC", "USDT")
                ]
            if path == "/time":
                return 200, {"iso": "", "epoch": now}
            return 404, {"message": "NotFound"}

        return fake_exchange("coinbaseexchange", answer)

    return start
