"""Exchanges that hand out candles in another way than Binance, served on this machine."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

import pytest

import gekko_lab
from gekko_lab.server import FrameMarket, serve


@pytest.fixture
def served_as(market, ms):
    """Serve minutes of BTC/USDT, or a market, and give the server and a source that talks to it.

    `instead_of` ends another server and takes its address, so that the source is the same one.
    """
    opened = []

    def start(exchange, data, now, *, instead_of=None, **config):
        if not hasattr(data, "rules"):
            data = FrameMarket({"BTC/USDT": data}, {"BTC/USDT": market.rules["BTC/USDT"]})
        port = 0
        if instead_of is not None:
            instead_of.close()
            port = int(instead_of.url.rsplit(":", 1)[1])
        server = serve(data, exchange=exchange, clock=lambda: ms(now), port=port)
        settings = {"enableRateLimit": False, **server.ccxt_config(), **config}
        source = gekko_lab.CcxtMarketData(exchange, config=settings)
        opened.extend([source, server])
        return server, source

    yield start
    for each in opened:
        each.close()


@pytest.fixture
def kraken(served_as):
    """Kraken: the newest 720 candles whatever is asked for, the last one still forming."""

    return partial(served_as, "kraken")


@pytest.fixture
def coinbase(served_as):
    """Coinbase Exchange: windows of at most 300 candles, newest first, empty in a gap."""

    return partial(served_as, "coinbaseexchange")


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
