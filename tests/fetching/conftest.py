"""Exchanges that hand out candles in another way than Binance, served on this machine."""

from __future__ import annotations

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
