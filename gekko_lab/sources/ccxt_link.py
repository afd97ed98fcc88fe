"""One of ccxt.pro's connections: each frame is seen before ccxt sees it.

A frame that can't be read ends ccxt.pro's receive loop without a word, and that loop makes a task
for each burst of frames and walks through aiohttp's objects for each of them. Here frames are read
in one task as long as there are any, and whatever fails is said.
Source: ccxt 4.5.90, `async_support/base/ws/client.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any, Protocol

import ccxt
from aiohttp import WSMsgType

from gekko_lab.errors import BadResponse, GekkoLabError, NetworkFailed

if TYPE_CHECKING:
    from collections.abc import Callable

_SHUTDOWN = '"serverShutdown"'
_EARLY = 64  # where that word stands, if anywhere


class Reader(Protocol):
    """What reads some frames past ccxt."""

    def take(self, text: str) -> bool:
        """Take a frame if it is one of its own; say whether."""

    def flush(self) -> None:
        """Tell what was taken."""


class Link:
    """What is known of one connection.

    Parameters
    ----------
    client
        ccxt's, before it connects.
    reader
        Reads some frames past ccxt.
    talked
        Is called when the exchange has said its first word.
    lose
        Is called with an error that ends the stream.

    Attributes
    ----------
    heard, asked : float
        When the last frame came and the last ping went out, by the monotonic clock.
    talked : bool
        Whether the exchange has said a word.
    """

    def __init__(
        self,
        client: Any,
        reader: Reader | None,
        *,
        talked: Callable[[], None],
        lose: Callable[[GekkoLabError], None],
    ) -> None:
        self.heard = time.monotonic()
        self.asked = 0.0
        self.talked = False
        self._client, self._reader = client, reader
        self._greet, self._lose = talked, lose
        self._handle = client.handle_message
        self._receiving: asyncio.Task[None] | None = None
        self._pinging: asyncio.Future[None] | None = None
        client.handle_message = self._see
        client.receive_loop = self._begin

    def ping(self) -> None:
        """Ask for a sign of life, in the exchange's own words where it has some."""
        self._pinging = asyncio.ensure_future(self._ping())

    def flush(self) -> None:
        """Tell what came."""
        if self._reader is not None:
            self._reader.flush()

    def close(self) -> None:
        """Read nothing more."""
        if self._receiving is not None:
            self._receiving.cancel()

    def _begin(self) -> None:
        self._receiving = asyncio.ensure_future(self._receive())

    async def _receive(self) -> None:
        client, see = self._client, self._see
        try:
            while not client.closed():
                see(await client.receive())  # comes back at once as long as there are frames
        except Exception as error:  # noqa: BLE001 (whatever it is, the connection is lost by it)
            client.reject(ccxt.NetworkError(str(error)))
        else:
            client.on_close(1006)

    def _see(self, message: Any) -> None:
        self.heard = time.monotonic()
        try:
            if message.type is WSMsgType.TEXT:
                if not self.talked:
                    self._hear()
                text = message.data
                if self._reader is not None and self._reader.take(text):
                    return
                if _SHUTDOWN in text[:_EARLY]:
                    self._lose(NetworkFailed("the exchange says that it will close the connection"))
                    return
            elif message.type is WSMsgType.BINARY and not self.talked:
                self._hear()
            self._handle(message)
        except Exception as error:  # noqa: BLE001 (ccxt's loop would end in silence)
            self._lose(BadResponse(f"a frame that can't be read ({error}): {message.data!r:.80}"))

    def _hear(self) -> None:
        self.talked = True
        self._greet()

    async def _ping(self) -> None:
        client = self._client
        with contextlib.suppress(Exception):  # what is broken shows itself by silence
            if client.ping:
                await client.send(client.ping(client))
            else:
                await client.connection.ping()
