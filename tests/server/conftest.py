"""A small known market, a server for it and clients that stay on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from types import SimpleNamespace

import aiohttp
import ccxt
import polars as pl
import pytest
import requests

from gekko_lab.frames.schemas import CANDLES, TIME
from gekko_lab.market.rules import MarketRules
from gekko_lab.server import FrameMarket, serve
from gekko_lab.simulation import Parameters, SimulatedMarket

collect_ignore = ["judges"]  # they run in environments of their own

MINUTE = 60_000
START = 1_704_067_200_000  # 2024-01-01
COUNT = 3000


def make_rules(symbol, **changes):
    base, quote = symbol.split("/")
    steps = {"tick_size": 0.01, "step_size": 0.001, "min_amount": 0.001, "min_cost": 5.0}
    return MarketRules(
        symbol=symbol, market_id=base + quote, base=base, quote=quote, **{**steps, **changes}
    )


def minute_rows(count=COUNT, start=START):
    """Candles whose numbers can be told from their place."""
    rows = []
    for place in range(count):
        middle = 10_000 + (place * 37) % 501  # in cents
        rise = (place * 13) % 41 - 20
        rows.append(
            (
                start + place * MINUTE,
                middle / 100,
                (max(middle, middle + rise) + place % 7) / 100,
                (min(middle, middle + rise) - place % 5) / 100,
                (middle + rise) / 100,
                (place % 23) / 8,  # some minutes without volume
            )
        )
    return rows


def candle_frame(rows):
    frame = pl.DataFrame(rows, schema=list(CANDLES), orient="row")
    return frame.with_columns((pl.col("timestamp") * 1000).cast(TIME))


@pytest.fixture(scope="session")
def truth():
    """Rows of the market BTC/USDT, two hundred of them missing."""
    return [row for place, row in enumerate(minute_rows()) if not 1000 <= place < 1200]


@pytest.fixture(scope="session")
def market(truth):
    frames = {"BTC/USDT": candle_frame(truth), "ETH/BTC": candle_frame(minute_rows(200))}
    return FrameMarket(
        frames,
        {
            "BTC/USDT": make_rules("BTC/USDT"),
            "ETH/BTC": make_rules("ETH/BTC", tick_size=1e-7, step_size=1e-4),
        },
    )


@pytest.fixture
def clock():
    """Two thirds into the last of the minutes."""
    return SimpleNamespace(now=START + COUNT * MINUTE - 20_000)


@pytest.fixture
def server(market, clock):
    with serve(market, clock=lambda: clock.now) as running:
        yield running


@pytest.fixture
def get(server):
    """Ask the server; gives the response."""
    with requests.Session() as session:
        session.trust_env = False

        def ask(path, **parameters):
            timeout = parameters.pop("timeout", 10)
            return session.get(f"{server.url}/api/v3/{path}", params=parameters, timeout=timeout)

        yield ask


@pytest.fixture
def served_as(market, clock):
    """Serve as a given exchange; the servers are closed in the end."""
    with contextlib.ExitStack() as stack:

        def start(exchange, data=None, **options):
            options = {"clock": lambda: clock.now, **options}
            return stack.enter_context(serve(data or market, exchange=exchange, **options))

        yield start


@pytest.fixture
def ask():
    """Ask any server for a path; gives the response."""
    with requests.Session() as session:
        session.trust_env = False

        def get(server, path, **parameters):
            timeout = parameters.pop("timeout", 10)
            return session.get(server.url + path, params=parameters, timeout=timeout)

        yield get


@pytest.fixture
def ccxt_for():
    """Make ccxt clients for a server; their connections are closed in the end."""
    with contextlib.ExitStack() as stack:

        def make(server, **config):
            settings = {**server.ccxt_config(), "enableRateLimit": False, **config}
            exchange = getattr(ccxt, server.exchange)(settings)
            exchange.session.trust_env = False
            stack.callback(exchange.session.close)
            return exchange

        yield make


@pytest.fixture
def exchange(server, ccxt_for):
    return ccxt_for(server)


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch):
    connect = socket.socket.connect

    def checked(self, address):
        if isinstance(address, tuple) and address[0] != "127.0.0.1":
            pytest.fail(f"a client tried {address}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", checked)


class Listener:
    """A WebSocket client that understands nothing but JSON."""

    def __init__(self, socket):
        self.socket = socket

    async def say(self, method, *params, **more):
        message = {
            "method": method,
            "id": 1,
            **({"params": list(params)} if params else {}),
            **more,
        }
        await self.socket.send_str(json.dumps(message))

    async def ask(self, method, *params, **more):
        """Give the answer, which has an id; other messages before it are lost."""
        await self.say(method, *params, **more)
        while "id" not in (message := await self.next()):
            pass
        return message

    async def frame(self):
        return await asyncio.wait_for(self.socket.receive(), 10)

    async def next(self):
        found = await self.frame()
        assert found.type == aiohttp.WSMsgType.TEXT, found
        return json.loads(found.data)

    async def take(self, count):
        return [await self.next() for _ in range(count)]

    async def until(self, ready):
        """Give all messages up to the first that is the one looked for."""
        found = [await self.next()]
        while not ready(found[-1]):
            found.append(await self.next())
        return found


@pytest.fixture
def listening():
    """Connect to a path of a server, as an asynchronous context."""

    @contextlib.asynccontextmanager
    async def connect(server, path="/ws", **options):
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(server.ws_url + path, **options) as socket,
        ):
            yield Listener(socket)
        if "ssl" in options:
            await asyncio.sleep(0.1)  # aiohttp doesn't wait until the transport under TLS is closed

    return connect


@pytest.fixture
def eventually():
    """Wait for what another thread does."""

    async def wait(ready):
        while not ready():  # noqa: ASYNC110 (threads set no events of this loop)
            await asyncio.sleep(0.01)

    return wait


@pytest.fixture(scope="session")
def simulated():
    """The simulated market, which has an order book."""
    return SimulatedMarket(Parameters())
