"""Exchanges that hand out candles in another way than Binance."""

from __future__ import annotations

from datetime import UTC, datetime

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


EURO_MARKET = {
    "id": "BTC-EUR",
    "symbol": "BTC/EUR",
    "base": "BTC",
    "quote": "EUR",
    "type": "spot",
    "spot": True,
    "precision": {},
    "limits": {},
}


class TradeTape:
    """An exchange with given trades: rows of id, nanosecond, the taker's side, price and amount.

    Prices and amounts are text. `before` is called with each request for trades, and may raise.
    """

    def __init__(self, exchange, rows, now, page=1000):
        self.exchange, self.rows, self.now, self.page = exchange, rows, now, page
        self.asked = []
        self.before = lambda number: None

    def __call__(self, path, query):
        if path.lower().endswith("/time"):
            seconds = self.now / 1000
            body = {"serverTime": self.now, "epoch": seconds, "result": {"unixtime": seconds}}
            return 200, {**body, "error": []}
        self.asked.append(query)
        refused = self.before(len(self.asked))
        if refused is not None:
            return refused
        known = [row for row in self.rows if row[1] <= self.now * 1_000_000]
        return 200, getattr(self, self.exchange)(known, query)

    def kraken(self, rows, query):
        """Oldest first behind a nanosecond; `last` is that of the last row."""
        since = int(query["since"])
        rows = [row for row in rows if row[1] > since][: min(self.page, int(query["count"]))]
        lines = ",".join(
            f'["{price}","{amount}",{ns // 10**9}.{ns % 10**9:09d},"{side[0]}","m","",{id_}]'
            for id_, ns, side, price, amount in rows
        )
        last = rows[-1][1] if rows else since
        return f'{{"error":[],"result":{{"XXBTZEUR":[{lines}],"last":"{last}"}}}}'

    def coinbaseexchange(self, rows, query):
        """Newest first before an id, with the maker's side."""
        after = int(query.get("after", 10**18))
        rows = [row for row in rows if row[0] < after]
        return [
            {
                "trade_id": id_,
                "side": "sell" if side == "buy" else "buy",
                "size": amount,
                "price": price,
                "time": f"{datetime.fromtimestamp(ns // 10**9, UTC):%Y-%m-%dT%H:%M:%S}"
                f".{ns % 10**9 // 1000:06d}Z",
            }
            for id_, ns, side, price, amount in rows[::-1][: min(self.page, int(query["limit"]))]
        ]

    def binance(self, rows, query):
        """Oldest first from an id or a time on, in milliseconds."""
        first, since = int(query.get("fromId", 0)), int(query.get("startTime", 0))
        return [
            {"a": id_, "p": price, "q": amount, "T": ns // 10**6, "m": side == "sell"}
            for id_, ns, side, price, amount in rows
            if id_ >= first and ns // 10**6 >= since
        ][: min(self.page, int(query["limit"]))]

    def truth(self, since, until):
        """What a fetch of these milliseconds has to give."""
        unit = 10**6 if self.exchange == "binance" else 10**3
        return [
            (ns // unit * unit // 1000, str(id_), side, float(price), float(amount))
            for id_, ns, side, price, amount in self.rows
            if since <= ns // 10**6 < until
        ]


@pytest.fixture
def trade_tape(fake_exchange):
    """Put given trades behind an exchange's dialect, and give both."""

    def start(exchange, rows, now, page=1000):
        tape = TradeTape(exchange, rows, now, page)
        source = fake_exchange(exchange, tape)
        source._client.ccxt.set_markets([EURO_MARKET])
        return tape, source

    return start
