"""A leg of a live channel: the stream of one kind, with reconnects of its own, or REST instead.

Where no stream can be had although REST answers, such as behind a proxy that knows no WebSocket,
REST is asked again and again, and the stream tried beside that ever more rarely.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Protocol

from gekko_lab.errors import NetworkFailed, SourceError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from gekko_lab.events.types import MarketEvent
    from gekko_lab.feeds.live_hub import Hub, Patience
    from gekko_lab.sources.live import LiveSource, Stream, StreamKind

_log = logging.getLogger("gekko_lab")


class Desk(Protocol):
    """What is done with the events of one kind."""

    def reset(self) -> None:
        """Get ready for a new connection."""

    def take(self, events: Sequence[MarketEvent]) -> None:
        """Take events of the stream that came together."""

    async def catch_up(self) -> None:
        """Do what is to be done once the stream flows."""

    async def poll(self) -> None:
        """Ask once for what is new."""

    async def listen_for_silence(self) -> None:
        """Come back when something shows that the stream leaves things out."""


class Leg:
    """Runs the stream of one kind, or polls, and begins anew whenever that fails.

    Parameters
    ----------
    source
        Who has the streams.
    kind, symbols, depth
        What to tell of which markets.
    desk
        Takes what comes.
    hub
        Is told of losses.
    patience
        How long to wait for what.
    streams, polls
        Whether to take the stream, and whether to ask by REST: both for REST only while the stream
        can't be reached.

    Attributes
    ----------
    up : bool
        Whether data flow.
    polled : bool
        Whether they are asked for just now.
    """

    def __init__(
        self,
        source: LiveSource,
        kind: StreamKind,
        symbols: Sequence[str],
        desk: Desk,
        hub: Hub,
        *,
        depth: int,
        patience: Patience,
        streams: bool,
        polls: bool,
    ) -> None:
        self.up, self.polled = False, not streams
        self._source, self._kind, self._symbols, self._depth = source, kind, symbols, depth
        self._desk, self._hub, self._patience = desk, hub, patience
        self._streams, self._polls = streams, polls
        self._failures = self._unreached = 0
        self._leaving: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Go on until cancelled; raise what another try can't mend."""
        try:
            while True:
                try:
                    await self._flow()
                except SourceError as error:
                    if not error.retryable:
                        raise
                    self._fell(str(error))
                await asyncio.sleep(self._patience.wait_s(self._failures))
        finally:
            if self._leaving:
                await asyncio.wait(self._leaving)

    async def _flow(self) -> None:
        if not self._streams:
            await self._poll("")
        if self._polls and self._unreached >= self._patience.stream_tries:
            await self._stand_in()
        try:
            await self._stream()
        except SourceError as error:
            if self._polls and self._unreached and not error.retryable:
                self._unreached = self._patience.stream_tries
                raise NetworkFailed(str(error)) from error  # REST may know better
            raise

    async def _poll(self, reason: str) -> None:
        self._desk.reset()
        await self._desk.catch_up()
        while True:
            await self._desk.poll()
            self._rose(reason)
            await asyncio.sleep(self._patience.poll_s)

    async def _stand_in(self) -> None:
        """Poll until a stream can be reached."""
        reason = f"asks by REST, as its stream of {self._kind}s can't be reached"
        tasks = [asyncio.ensure_future(work) for work in (self._poll(reason), self._reach())]
        self.polled = True
        try:
            await _first(tasks)
        finally:
            self.polled = self.up = False  # until the stream has caught up

    async def _reach(self) -> None:
        """Come back when the exchange has answered on a stream of its own."""
        tries = 0
        while True:
            tries += 1
            await asyncio.sleep(self._patience.reach_s(tries))
            with contextlib.suppress(SourceError):
                async with self._opened(lambda _: None) as stream:
                    await _first(
                        [asyncio.ensure_future(w) for w in (stream.run(), stream.wait_ready())]
                    )
                return

    async def _stream(self) -> None:
        self._unreached += 1
        self._desk.reset()
        async with self._opened(self._desk.take) as stream:
            await _first([asyncio.ensure_future(w) for w in (stream.run(), self._follow(stream))])

    @contextlib.asynccontextmanager
    async def _opened(self, tell: Callable[[Sequence[MarketEvent]], None]) -> AsyncIterator[Stream]:
        alertness = self._patience.alertness
        stream = self._source.open_stream(
            self._kind, self._symbols, tell, depth=self._depth, alertness=alertness
        )
        try:
            yield stream
        finally:
            leaving = asyncio.ensure_future(stream.close())
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)

    async def _follow(self, stream: Stream) -> None:
        await stream.wait_ready()
        self._unreached = 0
        await self._desk.catch_up()
        self._rose("")
        await self._desk.listen_for_silence()
        raise NetworkFailed(
            f"{self._hub.exchange} has {self._kind}s of which its stream tells nothing"
        )

    def _rose(self, reason: str) -> None:
        if reason and not self.up:
            _log.warning("%s: %s", self._hub.exchange, reason)
        self._failures = 0
        self.up = True
        self._hub.up(self, reason)

    def _fell(self, reason: str) -> None:
        self._failures += 1
        if self.up or self._failures == 1:
            self._hub.down(self, reason)
        self.up = False


async def _first(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Wait for the first that ends, end the others, and raise what it raised."""
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
