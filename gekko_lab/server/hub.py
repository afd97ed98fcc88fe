"""The one producer behind all WebSocket connections.

It looks at the exchange's clock again and again, asks each stream that somebody listens to for
what became known since, writes each message once and hands the same bytes to all who listen. Under
a clock that is too fast for the machine, streams fall behind it and stay complete.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gekko_lab.market.timeframe import HOUR, SECOND
from gekko_lab.server.channels import Prepared
from gekko_lab.server.connections import GOING_AWAY
from gekko_lab.server.framing import frame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gekko_lab.server.channels import Channel, Event
    from gekko_lab.server.connections import Connected, Connection
    from gekko_lab.server.faults import Fault, Faults
    from gekko_lab.server.stream_names import StreamNames

_LOG = logging.getLogger(__name__)

_LOOK_S = 0.01
_BREATH_S = 0.005  # of work, after which others on the loop get their turn
_FIRST_SLICE = SECOND
_SLICES = (SECOND // 10, HOUR)
_NOTICE_S = 10.0  # between the announcement of a shutdown and the end; Binance gives minutes
_INTERNAL = 1011


@dataclass(eq=False, slots=True)
class _Topic:
    name: str
    channel: Channel
    listeners: set[Connection] = field(default_factory=set)
    slow: Prepared | None = field(init=False)

    def __post_init__(self) -> None:
        # asked once: looking at a protocol is slow
        self.slow = self.channel if isinstance(self.channel, Prepared) else None


class Hub:
    """Connections, what they listen to, and what is sent to them.

    Parameters
    ----------
    names
        The streams that there are.
    faults
        What goes wrong.
    clock
        The exchange's time, milliseconds UTC.
    """

    def __init__(self, names: StreamNames, faults: Faults, clock: Callable[[], int]) -> None:
        self.clock = clock
        self.on_restart: Callable[[float], None] | None = None
        self._names = names
        self._faults = faults
        self._topics: dict[str, _Topic] = {}
        self._connections: set[Connection] = set()
        self._count = 0
        self._told = 0
        self._slice = _FIRST_SLICE
        self._wake: asyncio.Event | None = None

    @property
    def connections(self) -> list[Connected]:
        """The open connections, in the order of their beginning."""
        with contextlib.suppress(RuntimeError):  # another thread may change the set meanwhile
            return sorted(each.state for each in self._connections)
        return self.connections

    @property
    def told(self) -> int:
        """The time up to which all streams have told what happened, milliseconds UTC."""
        return self._told if self._connections else self.clock()

    def number(self) -> int:
        """Give the next connection's number."""
        self._count += 1
        return self._count

    def known(self, name: str) -> bool:
        """Tell whether there is a stream of that name."""
        return name in self._topics or self._names.find(name) is not None

    def add(self, connection: Connection) -> None:
        """Take a connection in."""
        if not self._connections:
            self._told = self.clock()
        self._connections.add(connection)
        if self._wake is not None:
            self._wake.set()

    def remove(self, connection: Connection) -> None:
        """Forget a connection that has ended."""
        self._connections.discard(connection)
        for name in list(connection.streams):
            self.unsubscribe(connection, name)

    def subscribe(self, connection: Connection, name: str) -> None:
        """Send a stream, which must be known, to a connection from now on."""
        topic = self._topics.get(name)
        if topic is None:
            make = self._names.find(name)
            if make is None:
                raise LookupError(name)
            topic = self._topics[name] = _Topic(name, make(self.clock()))
        topic.listeners.add(connection)
        connection.streams[name] = None

    def unsubscribe(self, connection: Connection, name: str) -> None:
        """Send a stream no longer; one that nobody listens to is given up."""
        connection.streams.pop(name, None)
        topic = self._topics.get(name)
        if topic is None:
            return
        topic.listeners.discard(connection)
        if not topic.listeners:
            del self._topics[name]

    def announce(self, notice_s: float) -> None:
        """Tell all connections that the server shuts down, and end them then."""
        now = self.clock()
        for connection in self._connections:
            connection.shut_down(now, now + round(1000 * notice_s))

    def close(self, *, abruptly: bool = False) -> None:
        """End all connections."""
        for connection in list(self._connections):
            if abruptly:
                connection.drop()
            else:
                connection.close(GOING_AWAY)

    async def run(self) -> None:
        """Produce until cancelled."""
        self._wake = asyncio.Event()
        while True:
            if not self._connections:
                self._wake.clear()
                await self._wake.wait()
            now = self.clock()
            await self._catch_up(now)
            for connection in list(self._connections):
                connection.beat(now)
                connection.flush(now)
            await asyncio.sleep(_LOOK_S)

    async def _catch_up(self, now: int) -> None:
        """Tell what happened up to `now`, a slice of time after the other."""
        while self._told < now:
            until = min(now, self._told + self._slice)
            began = time.perf_counter()
            await self._tell(until)
            self._told = until
            spent = time.perf_counter() - began
            shorter, longer = _SLICES
            if spent > 2 * _BREATH_S:
                self._slice = max(shorter, self._slice // 2)
            elif spent < _BREATH_S / 2:
                self._slice = min(longer, self._slice * 2)
            if until < now:
                await asyncio.sleep(0)

    async def _tell(self, until: int) -> None:
        """Send what became known up to `until`, in order of time."""
        found: list[tuple[int, _Topic, Event]] = []
        began = time.perf_counter()
        for topic in list(self._topics.values()):
            await self._prepare(topic, until)
            found += [(event.time, topic, event) for event in self._advance(topic, until)]
            if time.perf_counter() - began > _BREATH_S:
                await asyncio.sleep(0)
                began = time.perf_counter()
        found.sort(key=lambda each: each[0])  # stable, so each stream keeps its own order
        touched: set[Connection] = set()
        faulty = self._faults.streaming
        for _, topic, event in found:
            listeners = list(topic.listeners)
            touched.update(listeners)
            raw = frame(event.payload) if any(not each.combined for each in listeners) else b""
            wrapped = b"%b%b}" % (_prefix(topic.name), event.payload)
            combined = frame(wrapped) if any(each.combined for each in listeners) else b""
            for connection in listeners:
                framed = combined if connection.combined else raw
                if not faulty or self._let_through(connection, topic, event):
                    connection.push(framed)
        for connection in touched:
            connection.flush(until)

    async def _prepare(self, topic: _Topic, until: int) -> None:
        if topic.slow is None:
            return
        try:
            for _ in topic.slow.prepare(until):
                await asyncio.sleep(0)
        except Exception:  # noqa: BLE001 (whatever a market raises, other streams go on)
            self._end(topic)

    def _advance(self, topic: _Topic, until: int) -> list[Event]:
        try:
            return topic.channel.advance(until)
        except Exception:  # noqa: BLE001 (as above)
            self._end(topic)
            return []

    def _end(self, topic: _Topic) -> None:
        """Close the connections of a stream that has just failed."""
        _LOG.exception("the stream %s failed; its connections are closed", topic.name)
        for connection in list(topic.listeners):
            connection.close(_INTERNAL, "internal error")
            self.remove(connection)

    def _let_through(self, connection: Connection, topic: _Topic, event: Event) -> bool:
        """Commit the faults that a message meets; tell whether it is still to be sent."""
        whole = True
        for fault in self._met(topic):
            whole = self._commit(fault, connection, event) and whole
        return whole

    def _met(self, topic: _Topic) -> Iterator[Fault]:
        return iter(self._faults.meet_message(topic.name, topic.channel))

    def _commit(self, fault: Fault, connection: Connection, event: Event) -> bool:
        now = self._told
        if fault.kind == "stream_close":
            connection.close(round(fault.amount(GOING_AWAY)))
        elif fault.kind == "stream_abort":
            connection.abort()
        elif fault.kind == "stream_garbage":
            connection.push(frame(event.payload[: len(event.payload) // 2]))
        elif fault.kind == "stream_silence":
            connection.flush(now)
            connection.silence(now + 1000 * fault.amount(math.inf))
        elif fault.kind == "stream_shutdown":
            connection.shut_down(now, now + round(1000 * fault.amount(_NOTICE_S)))
            return True
        elif fault.kind == "stream_restart" and self.on_restart is not None:
            self.close(abruptly=True)
            self.on_restart(fault.amount(0.0))
        return False


def _prefix(name: str) -> bytes:
    return f'{{"stream":"{name}","data":'.encode()
