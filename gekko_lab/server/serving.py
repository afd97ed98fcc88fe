"""The server: a thread with its own event loop, faults and a log of requests."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Self, get_args

from aiohttp import web

from gekko_lab.errors import InvalidArgument
from gekko_lab.server.addresses import ccxt_config, ccxt_urls
from gekko_lab.server.books import Books
from gekko_lab.server.dialects import ExchangeId, dialect_of, meter_of
from gekko_lab.server.exchange import Exchange, Request
from gekko_lab.server.faults import Faults
from gekko_lab.server.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from types import TracebackType

    from gekko_lab.server.market import MarketData

_LOOK_S = 0.2


class Server:
    """A served market; made by `serve`.

    Attributes
    ----------
    exchange : str
        The exchange whose protocol it speaks, by ccxt's id.
    url : str
        Where it listens, such as `http://127.0.0.1:40123`.
    faults : Faults
        Failures to commit.
    """

    def __init__(
        self,
        handler: Exchange,
        faults: Faults,
        *,
        exchange: str,
        host: str,
        port: int,
    ) -> None:
        self.exchange = exchange
        self.faults = faults
        self._exchange = handler
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        started: Future[str] = Future()
        self._thread = threading.Thread(
            target=self._run, args=(host, port, started), name="gekko-lab-server", daemon=True
        )
        self._thread.start()
        self.url = started.result()

    @property
    def requests(self) -> list[Request]:
        """The requests so far, in the order in which they were answered."""
        return self._exchange.requests

    def ccxt_urls(self) -> dict[str, Any]:
        """Give the `urls` for ccxt's class, so that no section reaches the real exchange."""
        return ccxt_urls(self.url, self.exchange)

    def ccxt_config(self) -> dict[str, Any]:
        """Give the constructor's configuration for ccxt's class: addresses and options."""
        return ccxt_config(self.url, self.exchange)

    def wait(self) -> None:
        """Block until the server is closed or Ctrl-C is pressed, which closes it."""
        with self, contextlib.suppress(KeyboardInterrupt):
            while self._thread.is_alive():
                time.sleep(_LOOK_S)  # unlike a lock, it leaves nothing held when interrupted

    def close(self) -> None:
        """Stop listening and end all connections; once is enough, twice does no harm."""
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            with contextlib.suppress(RuntimeError):  # the loop may close in between
                self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "running" if self._thread.is_alive() else "closed"
        return f"<Server {self.exchange} {self.url} {state}>"

    def _run(self, host: str, port: int, started: Future[str]) -> None:
        try:
            asyncio.run(self._main(host, port, started))
        except Exception as error:
            if started.done():
                raise
            started.set_exception(error)  # such as a port that is taken: raised where it's awaited

    async def _main(self, host: str, port: int, started: Future[str]) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = closing = asyncio.Event()

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            return await self._exchange.handle(request, closing)

        server = web.Server(handle, handler_cancellation=True, access_log=None)
        runner = web.ServerRunner(server, shutdown_timeout=0.2)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
            bound = runner.addresses[0][1]
            started.set_result(f"http://{host}:{bound}")
            await closing.wait()
        finally:
            await runner.cleanup()


def serve(
    market: MarketData,
    *,
    exchange: ExchangeId = "binance",
    clock: Callable[[], int] | None = None,
    weight_limit: float | None = None,
    listed_since: Mapping[str, int] | None = None,
    outages: Iterable[tuple[int, int]] = (),
    halted: Collection[str] = (),
    page_limit: int | None = None,
    hours_between: int | None = None,
    exact_quote_volume: bool = False,
    refusals_before_ban: int = 10,
    limit_clock: Callable[[], float] = time.time,
    seed: int = 0,
    host: str = "127.0.0.1",
    port: int = 0,
) -> Server:
    """Serve a market as a real exchange's public spot REST interface, from a thread of its own.

    Parameters
    ----------
    market
        Candles, trades and rules, such as the simulated market or a `FrameMarket`. The server's
        thread is the only one that asks it.
    exchange
        Whose protocol it speaks, by ccxt's id: "binance", "coinbaseexchange" or "kraken".
    clock
        The exchange's time, milliseconds UTC; the wall clock by default. Nothing later is served,
        and the last candle is the one that is forming.
    weight_limit
        What an address may use; None counts without refusing. Binance: request weight in a minute
        (officially 6000); more is answered with 429, then 418. Coinbase Exchange: requests in a
        second (10), after a burst of half as many again; more is answered with 429. Kraken:
        requests in a second (1), after a burst of three times as many; more is answered with
        status 200 and an error.
    listed_since
        First moment of a symbol, milliseconds UTC; there are no data before.
    outages
        Ranges (since, until) of milliseconds without any candle or trade.
    halted
        Symbols that are listed and don't trade.
    page_limit
        The most rows in an answer; by default the exchange's own: 1000, on Coinbase Exchange 300
        candles, on Kraken 720.
    hours_between
        The longest time between startTime and endTime of Binance's aggTrades; None for any.
    exact_quote_volume
        Whether the quote volume comes from the trades, which is slower; otherwise it is about
        volume times mean price where the market doesn't know it.
    refusals_before_ban
        How many answers 429 in a minute come before a ban, which only Binance pronounces.
    limit_clock
        Seconds UTC for the weight windows and the request log.
    seed
        Decides which rows a fault loses, doubles or shuffles.
    host, port
        Where to listen; port 0 takes a free one.

    Returns
    -------
    Server
        Listening already; close it, or use it in a `with` block.

    Raises
    ------
    InvalidArgument
        When the exchange's protocol isn't known.
    OSError
        When the port is taken.

    References
    ----------
    Binance spot API documents, 2026-07; public API documents of Coinbase Exchange and Kraken, 2026.
    """
    if exchange not in get_args(ExchangeId):
        raise InvalidArgument(
            f"exchange={exchange!r} can't be served: choose one of {get_args(ExchangeId)}"
        )
    schedule = Schedule(
        market,
        listed_since=listed_since,
        outages=outages,
        exact_quote_volume=exact_quote_volume,
    )
    dialect = dialect_of(
        exchange,
        market.rules,
        schedule,
        halted=halted,
        page_limit=page_limit,
        weight_limit=weight_limit,
        hours_between=hours_between,
        books=Books(market, schedule),
    )
    meter = meter_of(exchange, weight_limit, limit_clock, refusals_before_ban=refusals_before_ban)
    faults = Faults(seed)
    handler = Exchange(dialect, faults, meter, clock=clock or _wall_clock, limit_clock=limit_clock)
    return Server(handler, faults, exchange=exchange, host=host, port=port)


def _wall_clock() -> int:
    return time.time_ns() // 1_000_000
