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
from gekko_lab.server.transport import secured

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from gekko_lab.server.connections import Connected
    from gekko_lab.server.control import Control
    from gekko_lab.server.exchange import Exchange, Request
    from gekko_lab.server.faults import Faults
    from gekko_lab.server.hub import Hub
    from gekko_lab.server.request_log import RequestLog
    from gekko_lab.server.transport import Secret

_LOOK_S = 0.2
_BACKLOG = 128
_ACCEPTING = 4  # turns of asyncio's loop from an accepted socket to its protocol


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
        tls: Secret | None = None,
        control: Control | None = None,
    ) -> None:
        self.exchange = exchange
        self.faults = faults
        self._exchange = handler
        self._control = control
        self._tls = secured(tls)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        self._turn: asyncio.Event | None = None  # ends what the server does now
        self._down_s = 0.0
        self._waiting: list[Future[str]] = []  # who wants to know when it listens again
        started: Future[str] = Future()
        self._waiting.append(started)
        self._thread = threading.Thread(
            target=self._run, args=(host, port, started), name="gekko-lab-server", daemon=True
        )
        self._thread.start()
        self.url = started.result()

    @property
    def ws_url(self) -> str:
        """Where WebSocket connections begin: before `/ws`, `/stream` and `/ws-api/v3`."""
        return "ws" + self.url.removeprefix("http")

    @property
    def clock(self) -> Callable[[], int]:
        """The exchange's time; a `Clock` unless another was given."""
        return self._exchange.clock

    @property
    def log(self) -> RequestLog:
        """The requests so far, by cursors."""
        return self._exchange.log

    @property
    def requests(self) -> list[Request]:
        """The requests so far, in the order in which they were answered."""
        return self._exchange.requests

    @property
    def connections(self) -> list[Connected]:
        """The open WebSocket connections and what they are subscribed to."""
        hub = self._hub
        return [] if hub is None else hub.connections

    @property
    def streamed_until(self) -> int | None:
        """Up to when all streams have told what happened, milliseconds UTC; None without streams.

        It is behind the clock where that is too fast for this machine.
        """
        hub = self._hub
        return None if hub is None else hub.told

    def ccxt_urls(self) -> dict[str, Any]:
        """Give the `urls` for ccxt's class, so that no section reaches the real exchange."""
        return ccxt_urls(self.url, self.exchange)

    def ccxt_config(self) -> dict[str, Any]:
        """Give the constructor's configuration for ccxt's class: addresses and options."""
        return ccxt_config(self.url, self.exchange)

    def wait(self) -> bool:
        """Block until the server is closed or Ctrl-C is pressed, which closes it.

        Returns
        -------
        bool
            Whether Ctrl-C was pressed.
        """
        with self, contextlib.suppress(KeyboardInterrupt):
            while self._thread.is_alive():
                time.sleep(_LOOK_S)  # unlike a lock, it leaves nothing held when interrupted
            return False
        return True

    def restart(
        self, *, down_s: float = 0.0, notice_s: float | None = None, wait: bool = True
    ) -> None:
        """Stop as a server that dies, and listen again on the same port.

        Market, clock, faults and log stay, and with them trade ids and the numbers of updates.

        Parameters
        ----------
        down_s
            Seconds for which nobody listens.
        notice_s
            Seconds before, when WebSocket connections are told by a serverShutdown event; None
            cuts them without a word.
        wait
            Whether to wait until it listens again; don't from the server's own thread.

        Raises
        ------
        RuntimeError
            When the server is closed.
        """
        done: Future[str] = Future()
        if self._loop is None or self._closed or not self._thread.is_alive():
            raise RuntimeError(f"{self!r} can't start again: serve the market anew")
        self._loop.call_soon_threadsafe(self._begin_restart, down_s, notice_s, done)
        if wait:
            done.result()

    def close(self) -> None:
        """Stop listening and end all connections; once is enough, twice does no harm."""
        self.end()
        self._thread.join()

    def end(self) -> None:
        """Begin to close, without waiting for it."""
        self._closed = True
        if self._loop is not None and self._thread.is_alive():
            with contextlib.suppress(RuntimeError):  # the loop may close in between
                self._loop.call_soon_threadsafe(self._end_turn)

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

    @property
    def _hub(self) -> Hub | None:
        sockets = self._exchange.sockets
        return None if sockets is None else sockets.hub

    def _run(self, host: str, port: int, started: Future[str]) -> None:
        try:
            asyncio.run(self._main(host, port))
        except Exception as error:
            if started.done():
                raise
            started.set_exception(error)  # such as a port that is taken: raised where it's awaited
        finally:
            for each in self._waiting:
                if not each.done():
                    each.set_exception(RuntimeError("the server was closed"))

    async def _main(self, host: str, port: int) -> None:
        self._loop = asyncio.get_running_loop()
        producer = None
        if self._hub is not None:
            self._hub.on_restart = lambda down_s: self._begin_restart(down_s, None, Future())
            producer = asyncio.create_task(self._hub.run())
        try:
            while not self._closed:
                self._turn = asyncio.Event()
                port = await self._listen(host, port, self._turn)
                down_s, self._down_s = self._down_s, 0.0
                if down_s and not self._closed:
                    self._turn = asyncio.Event()
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._turn.wait(), down_s)
        finally:
            if producer is not None:
                producer.cancel()

    async def _listen(self, host: str, port: int, turn: asyncio.Event) -> int:
        """Serve until the turn is over; give the port."""

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            if self._control is not None and self._control.wanted(request):
                return await self._control.handle(request, self)
            return await self._exchange.handle(request, turn)

        server = web.Server(handle, handler_cancellation=True, access_log=None)
        runner = web.ServerRunner(server, shutdown_timeout=0.2)
        await runner.setup()
        door: asyncio.Server | None = None
        try:
            door = await asyncio.get_running_loop().create_server(
                server, host, port, ssl=self._tls, backlog=_BACKLOG
            )
            bound = int(door.sockets[0].getsockname()[1])
            scheme = "http" if self._tls is None else "https"
            told, self._waiting = self._waiting, []
            for each in told:
                name = f"[{host}]" if ":" in host else host
                each.set_result(f"{scheme}://{name}:{bound}")
            if not self._closed:
                await turn.wait()
        finally:
            if self._hub is not None:
                self._hub.close(abruptly=not self._closed)
            if door is not None:
                await _shut(door)
            await runner.cleanup()
        return bound

    def _begin_restart(self, down_s: float, notice_s: float | None, done: Future[str]) -> None:
        self._waiting.append(done)
        self._down_s = down_s
        if notice_s is None:
            self._end_turn()
            return
        if self._hub is not None:
            self._hub.announce(notice_s)
        asyncio.get_running_loop().call_later(notice_s, self._end_turn)

    def _end_turn(self) -> None:
        if self._turn is not None:
            self._turn.set()


async def _shut(door: asyncio.Server) -> None:
    """Accept nothing more; what was just accepted becomes a connection that can be closed.

    A server that is closed first lets the sockets leak that asyncio has accepted in the same turn
    (CPython 3.11, `Server._attach`).
    """
    loop = asyncio.get_running_loop()
    with contextlib.suppress(NotImplementedError):  # the loop of Windows
        for each in door.sockets:
            loop.remove_reader(each.fileno())
    for _ in range(_ACCEPTING):
        await asyncio.sleep(0)
    door.close()
