"""One WebSocket connection: what is written to it, and how it ends."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import orjson

from gekko_lab.market.timeframe import DAY, MINUTE, SECOND
from gekko_lab.server.framing import CLOSE, PING, frame
from gekko_lab.server.transport import reset

if TYPE_CHECKING:
    from aiohttp import web

PING_EVERY = 20 * SECOND
PONG_WITHIN = MINUTE
LIFE = DAY
MOST_WAITING = 4 << 20
"""Bytes that wait for a client that doesn't read; with more it is cut."""

_FAREWELL_S = 1.0
_PATIENCE_S = 5.0  # of real time, however fast the clock is
NORMAL = 1000
GOING_AWAY = 1001
POLICY = 1008


class Connected(NamedTuple):
    """An open connection as the server sees it.

    Attributes
    ----------
    number : int
        Counted from 1.
    path : str
        What was asked for.
    since : int
        When it began, milliseconds UTC of the exchange's clock.
    streams : tuple of str
        What it is subscribed to, in order.
    """

    number: int
    path: str
    since: int
    streams: tuple[str, ...]


@dataclass(slots=True)
class _Pulse:
    pinged: int
    unanswered: int | None = None  # the clock's time of the oldest ping without a pong
    seen_s: float = 0.0


class Connection:
    """A client's connection.

    What is pushed waits until `flush` writes all of it at once. Writing never waits: what the
    client doesn't read piles up, and too much of it ends the connection.

    Parameters
    ----------
    request
        The request that began it.
    number
        Its number.
    now
        When it began, milliseconds UTC.
    combined
        Whether messages name their stream.
    """

    def __init__(
        self,
        request: web.BaseRequest,
        *,
        number: int,
        now: int,
        combined: bool,
    ) -> None:
        self.path = request.path
        self.number = number
        self.since = now
        self.combined = combined
        self.streams: dict[str, None] = {}
        self.ended = False
        self.ready = False  # until the handshake is answered, messages wait
        self._request = request
        self._waiting: list[bytes] = []
        self._silent_until: float = 0.0
        self._ends_at: int | None = None
        self._pulse = _Pulse(now)

    @property
    def state(self) -> Connected:
        """What others may know of it."""
        return Connected(self.number, self.path, self.since, tuple(self.streams))

    def push(self, framed: bytes) -> None:
        """Let a frame wait for the next flush; after the end nothing is sent."""
        if not self.ended:
            self._waiting.append(framed)

    def flush(self, now: int) -> None:
        """Write what waits; cut a client that reads too slowly."""
        if not self._waiting or not self.ready:
            return
        waiting, self._waiting = self._waiting, []
        transport = self._request.transport
        if transport is None or transport.is_closing() or self.ended:
            return
        if now < self._silent_until:
            return
        transport.write(b"".join(waiting))
        if transport.get_write_buffer_size() > MOST_WAITING:
            self.abort()

    def answer(self, document: object, now: int) -> None:
        """Send a reply at once."""
        self.push(frame(orjson.dumps(document)))
        self.flush(now)

    def silence(self, until: float) -> None:
        """Stay open and send nothing until that time; infinity is for ever."""
        self._silent_until = until

    def shut_down(self, now: int, end: int) -> None:
        """Announce the end, and end then."""
        self.push(frame(orjson.dumps({"e": "serverShutdown", "E": now})))
        self._ends_at = end if self._ends_at is None else min(self._ends_at, end)

    def ponged(self) -> None:
        """Note an answer to a ping."""
        self._pulse.unanswered = None

    def beat(self, now: int) -> None:
        """Send a ping when one is due; end a connection that is too old or doesn't answer."""
        if self.ended:
            return
        pulse = self._pulse
        if now >= self.since + LIFE or (self._ends_at is not None and now >= self._ends_at):
            self.close(GOING_AWAY)
        elif now < self._silent_until:
            pulse.unanswered = None
        elif (
            pulse.unanswered is not None
            and now - pulse.unanswered >= PONG_WITHIN
            and time.monotonic() - pulse.seen_s >= _PATIENCE_S
        ):
            self.abort()
        elif now - pulse.pinged >= PING_EVERY:
            pulse.pinged = now
            if pulse.unanswered is None:
                pulse.unanswered, pulse.seen_s = now, time.monotonic()
            self.push(frame(str(now).encode(), PING))

    def close(self, code: int, reason: str = "") -> None:
        """End it in good order: what waits, a close frame, and time for the client's own."""
        if not self.ready:
            self.drop()
        if self.ended:
            return
        self.push(frame(code.to_bytes(2) + reason.encode(), CLOSE))
        self.flush(self.since)
        self.ended = True
        asyncio.get_running_loop().call_later(_FAREWELL_S, self._expire)

    def _expire(self) -> None:
        """Cut a client that neither says goodbye nor reads."""
        if self._request.transport is not None:
            self._request.transport.abort()

    def drop(self) -> None:
        """End it without a word, as when the server dies."""
        if self.ended:
            return
        self.flush(self.since)
        self.cut()

    def cut(self) -> None:
        """Close the transport, after what was written."""
        self.ended = True
        transport = self._request.transport
        if transport is not None:
            transport.close()

    def abort(self) -> None:
        """End it by a reset."""
        self.ended = True
        self._waiting.clear()
        reset(self._request)
