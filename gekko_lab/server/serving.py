"""The server: a thread with its own event loop, faults and a log of requests."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web

from gekko_lab.server.addresses import ccxt_config, ccxt_urls
from gekko_lab.server.binance import BinanceSpot
from gekko_lab.server.exchange import Exchange, Request
from gekko_lab.server.faults import Faults
from gekko_lab.server.limits import OFFICIAL_LIMIT, Counter
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
    url : str
        Where it listens, such as `http://127.0.0.1:40123`.
    faults : Faults
        Failures to commit.
    """

    def __init__(
        self,
        exchange: Exchange,
        faults: Faults,
        *,
        host: str,
        port: int,
    ) -> None:
        self.faults = faults
        self._exchange = exchange
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
        """Give the `urls` for ccxt's `binance`, so that no section reaches the real exchange."""
        return ccxt_urls(self.url)

    def ccxt_config(self) -> dict[str, Any]:
        """Give the constructor's configuration for ccxt's `binance`: addresses and options."""
        return ccxt_config(self.url)

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
        return f"<Server {self.url} {state}>"

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
    clock: Callable[[], int] | None = None,
    weight_limit: int | None = None,
    listed_since: Mapping[str, int] | None = None,
    outages: Iterable[tuple[int, int]] = (),
    halted: Collection[str] = (),
    page_limit: int = 1000,
    hours_between: int | None = None,
    exact_quote_volume: bool = False,
    refusals_before_ban: int = 10,
    limit_clock: Callable[[], float] = time.time,
    seed: int = 0,
    host: str = "127.0.0.1",
    port: int = 0,
) -> Server:
    """Serve a market as Binance's spot REST interface, from a thread of its own.

    Parameters
    ----------
    market
        Candles, trades and rules, such as the simulated market or a `FrameMarket`. The server's
        thread is the only one that asks it.
    clock
        The exchange's time, milliseconds UTC; the wall clock by default. Nothing later is served,
        and the last candle is the one that is forming.
    weight_limit
        Request weight that an address may use in a minute (Binance: 6000); more is answered with
        429, then 418. None counts without refusing.
    listed_since
        First moment of a symbol, milliseconds UTC; there are no data before.
    outages
        Ranges (since, until) of milliseconds without any candle or trade.
    halted
        Symbols whose status is BREAK.
    page_limit
        The most rows in an answer.
    hours_between
        The longest time between startTime and endTime of aggTrades; None for any.
    exact_quote_volume
        Whether the quote volume comes from the trades, which is slower; otherwise it is about
        volume times mean price where the market doesn't know it.
    refusals_before_ban
        How many answers 429 in a minute come before a ban.
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
    OSError
        When the port is taken.

    References
    ----------
    Binance spot API documents, 2026-07.
    """
    schedule = Schedule(
        market,
        listed_since=listed_since,
        outages=outages,
        exact_quote_volume=exact_quote_volume,
    )
    dialect = BinanceSpot(
        market.rules,
        schedule,
        halted=halted,
        page_limit=page_limit,
        weight_limit=weight_limit or OFFICIAL_LIMIT,
        hours_between=hours_between,
    )
    counter = Counter(weight_limit, limit_clock, refusals_before_ban=refusals_before_ban)
    faults = Faults(seed)
    exchange = Exchange(
        dialect, faults, counter, clock=clock or _wall_clock, limit_clock=limit_clock
    )
    return Server(exchange, faults, host=host, port=port)


def _wall_clock() -> int:
    return time.time_ns() // 1_000_000
