"""Questions to a live source from the loop: in threads, with patience, and the exchange's time."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from gekko_lab.errors import BadResponse, DataError, SourceError
from gekko_lab.events.loop import in_thread
from gekko_lab.events.types import Trade
from gekko_lab.feeds.live_hub import now_us
from gekko_lab.fetching.asking import ask
from gekko_lab.frames.checks import check_trades
from gekko_lab.limits.waiting import stopped_by

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import polars as pl

    from gekko_lab.sources.source import Source, TradeCursor, TradePage

Result = TypeVar("Result")
Given = ParamSpec("Given")

_LEAST_DELAY_US = 500_000
_MOST_DELAY_US = 10_000_000
_CLOCK_S = 60.0
_PAUSE_S = 0.5
_AHEAD_MS = 86_400_000  # live sources serve what there is, whatever the end


class Asking:
    """Asks a source without blocking the loop, until it is closed."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._closed = threading.Event()

    def close(self) -> None:
        """Let what is being asked end soon."""
        self._closed.set()

    async def once(
        self, question: Callable[Given, Result], *args: Given.args, **options: Given.kwargs
    ) -> Result:
        """Give the answer; what may pass is waited out as in any fetch."""

        def work() -> Result:
            with stopped_by(self._closed):
                return ask(lambda: question(*args, **options))

        return await in_thread(work)

    async def until(
        self,
        deadline_s: float,
        question: Callable[Given, Result],
        *args: Given.args,
        **options: Given.kwargs,
    ) -> Result:
        """Give the answer; what may pass is waited out up to a moment of the monotonic clock."""
        while True:
            try:
                return await self.once(question, *args, **options)
            except SourceError as error:
                if not error.retryable or time.monotonic() > deadline_s:
                    raise
            await asyncio.sleep(_PAUSE_S)


class ExchangeTime:
    """The exchange's clock as it is known here, and how long its messages usually take.

    Parameters
    ----------
    asking
        Tells the time once a minute.
    """

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._offset_us = 0
        self._delays: deque[int] = deque([0], maxlen=64)

    async def measure(self) -> None:
        """Ask for the time."""
        theirs = await self._asking.once(self._asking.source.now)
        self._offset_us = theirs * 1000 - now_us()

    async def follow(self) -> None:
        """Ask again and again."""
        while True:
            await asyncio.sleep(_CLOCK_S)
            try:
                await self.measure()
            except SourceError:
                continue  # the offset of before is as good

    def now_us(self) -> int:
        """Give the exchange's time."""
        return now_us() + self._offset_us

    def came(self, trade: Trade) -> None:
        """Learn from how late a trade came."""
        self._delays.append(trade.received_us + self._offset_us - trade.timestamp_us)

    def settled_us(self) -> int:
        """Give the time up to which everything should have come."""
        delay = max(_LEAST_DELAY_US, min(max(self._delays), _MOST_DELAY_US))
        return self.now_us() - delay


def sound_page(source: Source, symbol: str, cursor: TradeCursor, *, counted: bool) -> TradePage:
    """Ask for a page of trades; one that isn't sound is a bad answer.

    Where ids follow each other, a page with a leap must be given twice: rows may have been lost at
    one that is too wide for the source to wonder.
    """
    page = _page(source, symbol, cursor)
    if counted and _leaps(page.frame, cursor):
        again = _page(source, symbol, cursor)
        if not again.frame["id"].head(page.frame.height).equals(page.frame["id"]):
            raise BadResponse(
                f"{source.exchange} gives other trades of {symbol} than a moment ago; try again"
            )
        return again
    return page


def _page(source: Source, symbol: str, cursor: TradeCursor) -> TradePage:
    page = source.trades(symbol, cursor, cursor.time + _AHEAD_MS)
    try:
        check_trades(page.frame)
    except DataError as error:
        raise BadResponse(f"{source.exchange} sent trades of {symbol}: {error}") from error
    return page


def _leaps(frame: pl.DataFrame, cursor: TradeCursor) -> bool:
    ids = [*([] if cursor.id is None else [int(cursor.id)]), *map(int, frame["id"].to_list())]
    return bool(ids) and ids[-1] - ids[0] > len(ids) - 1


def trades_of(frame: pl.DataFrame, exchange: str, symbol: str) -> Sequence[Trade]:
    """Give the trades of a page."""
    now = now_us()
    return [
        Trade(exchange, symbol, time, now, 0, id, side, price, amount)
        for time, id, side, price, amount in zip(  # noqa: A001 (the column's name)
            frame["timestamp"].to_physical().to_list(),
            frame["id"].to_list(),
            frame["side"].to_list(),
            frame["price"].to_list(),
            frame["amount"].to_list(),
            strict=True,
        )
    ]
