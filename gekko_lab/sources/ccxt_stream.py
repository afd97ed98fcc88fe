"""Streams of trades, order books and tickers through ccxt.pro, made to fail loudly.

A frame that can't be read ends ccxt.pro's receive loop without a word, a server that is silent is
noticed after three times `keepAlive` (nine minutes on Binance), and ccxt connects again without
telling. Here each of these ends the stream by an error, and whoever runs it makes a new one.
Sources: ccxt 4.5.90, `async_support/base/ws/client.py`, `pro/binance.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

import ccxt
import ccxt.pro

from gekko_lab.errors import BadResponse, GekkoLabError, NetworkFailed
from gekko_lab.events.types import Gap, OrderBook, Ticker, Trade
from gekko_lab.sources.binance_prints import Prints
from gekko_lab.sources.ccxt_errors import translate
from gekko_lab.sources.ccxt_link import Link
from gekko_lab.sources.ccxt_quotes import check_sides, levels, ticker_values
from gekko_lab.sources.ccxt_streaming import streaming_class

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence

    from gekko_lab.events.types import MarketEvent
    from gekko_lab.limits.budget import Budget
    from gekko_lab.sources.live import Alertness, StreamKind

METHODS: Mapping[StreamKind, tuple[tuple[str, str], ...]] = {
    "trade": (("watchTrades", "watch_trades"),),
    "order_book": (("watchOrderBook", "watch_order_book"),),
    "ticker": (("watchTicker", "watch_ticker"), ("watchBidsAsks", "watch_bids_asks")),
}
"""What ccxt calls a stream of that kind, in `has` and as a method; the first that there is."""

AGGREGATED = ("binance", "binanceus", "binanceusdm")
"""Where the ids of REST's aggTrades are those of the stream of the same name, and no other's."""

_CONNECTIONS = 4  # Binance allows 1024 streams on one, and 300 connections in five minutes
_TOGETHER = 200  # markets that ccxt asks for in one message, and allows on one connection
_APART_S = 0.06  # five messages a second are allowed on each of them
_LEAVE_S = 1.0
_LOOKS = 20.0


def has_stream(exchange: str, kind: StreamKind) -> bool:
    """Tell whether ccxt.pro has a stream of that kind."""
    found = getattr(ccxt.pro, exchange, None)
    return found is not None and _method(found(), kind) is not None


def _method(exchange: Any, kind: StreamKind) -> str | None:
    return next((name for told, name in METHODS[kind] if exchange.has.get(told)), None)


class CcxtStream:
    """The streams of one kind of some symbols, from the first connection to the first loss.

    Parameters
    ----------
    exchange, config
        As for ccxt's class.
    markets
        ccxt's markets, so that none are asked for.
    budget
        What REST requests wait for, such as those for the first state of a book.
    kind, symbols, depth
        What to tell of which markets, and how many levels of a book.
    tell
        Is called with the events that came together, in the loop; their sequence is 0.
    alertness
        How soon the loss of a connection is noticed.
    """

    def __init__(
        self,
        exchange: str,
        config: Mapping[str, Any],
        *,
        markets: Sequence[Any],
        budget: Budget | None,
        kind: StreamKind,
        symbols: Sequence[str],
        depth: int,
        tell: Callable[[Sequence[MarketEvent]], None],
        alertness: Alertness,
    ) -> None:
        self._exchange, self._kind, self._symbols = exchange, kind, tuple(symbols)
        self._depth, self._tell, self._alertness = depth, tell, alertness
        self._told: asyncio.Future[NoReturn] = asyncio.get_running_loop().create_future()
        self._told.add_done_callback(_looked_at)
        self._ready = asyncio.Event()
        self._subscribed = False
        self._links: dict[str, Link] = {}
        base = streaming_class(getattr(ccxt.pro, exchange), budget, self._watch_client)
        settings: dict[str, Any] = {**config, "timeout_on_exit": 0}
        settings.pop("session", None)  # that of the synchronous client
        settings["options"] = {"maxRetriesOnFailure": 0, **settings.get("options", {})}
        self._ccxt = base(settings)
        self._ccxt.set_markets(markets)
        options = self._ccxt.options
        options["tradesLimit"] = 10_000  # more than come before we look
        options["streamLimits"] = dict.fromkeys(options.get("streamLimits") or {}, _CONNECTIONS)
        self._ccxt.streaming = {
            **(self._ccxt.streaming or {}),
            "keepAlive": round(alertness.keep_alive_s * 1000),
        }
        self._method: str = _method(self._ccxt, kind) or ""

    async def run(self) -> None:
        """Tell what comes; raise one of our errors when the connection is lost."""
        tasks = [asyncio.ensure_future(self._watchdog())]
        works = self._works()
        try:
            for work in works:
                tasks.append(asyncio.ensure_future(work()))
                await asyncio.sleep(0 if len(works) <= _CONNECTIONS else _APART_S)
            self._subscribed = True
            self._look_ready()
            ends: list[asyncio.Future[Any]] = [self._told, *tasks]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for end in ends:
                if end.done():
                    end.result()
        except GekkoLabError:
            raise
        except Exception as error:
            raise translate(
                error, exchange=self._exchange, asked=self._asked, status=None, headers={}
            ) from error
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for link in self._links.values():
                link.flush()

    def _works(self) -> list[Callable[[], Coroutine[Any, Any, None]]]:
        """Give what is to be done for each market, or for many of them that share a connection."""
        if self._reads_trades:
            return [partial(self._trades, *group) for group in self._groups()]
        works: dict[StreamKind, Callable[[str], Coroutine[Any, Any, None]]] = {
            "trade": self._trades,
            "order_book": self._books,
            "ticker": self._tickers,
        }
        return [partial(works[self._kind], symbol) for symbol in self._symbols]

    def _groups(self) -> list[list[str]]:
        """Give symbols of one kind of market together, as many as ccxt takes."""
        kinds: dict[tuple[bool, ...], list[str]] = {}
        for symbol in self._symbols:
            market = self._ccxt.market(symbol)
            kind = tuple(bool(market.get(name)) for name in ("spot", "linear", "option"))
            kinds.setdefault(kind, []).append(symbol)
        return [
            each[first : first + _TOGETHER]
            for each in kinds.values()
            for first in range(0, len(each), _TOGETHER)
        ]

    async def wait_ready(self) -> None:
        """Come back when the exchange has answered on every connection."""
        await self._ready.wait()

    async def close(self) -> None:
        """Close the connections, without waiting long for a server that says nothing."""
        with contextlib.suppress(Exception):  # whatever a broken connection raises, it is left
            await asyncio.wait_for(self._ccxt.close(), _LEAVE_S)
        for link in self._links.values():
            link.close()
        session, self._ccxt.session = self._ccxt.session, None
        if session is not None:
            await session.close()
        await self._ccxt.close_connector()

    @property
    def _asked(self) -> str:
        return f"its stream of {self._kind}s"

    @property
    def _reads_trades(self) -> bool:
        return self._kind == "trade" and self._exchange in AGGREGATED

    def _lose(self, error: Exception) -> None:
        if not self._told.done():
            known = isinstance(error, GekkoLabError)
            self._told.set_exception(type(error)(f"{self._exchange}: {error}") if known else error)

    def _look_ready(self) -> None:
        if self._subscribed and self._links and all(link.talked for link in self._links.values()):
            self._ready.set()

    def _watch_client(self, client: Any) -> None:
        self._links[client.url] = Link(
            client, self._reader(client), talked=self._look_ready, lose=self._lose
        )

    def _reader(self, client: Any) -> Prints | None:
        if not self._reads_trades:
            return None
        spot = bool(self._ccxt.is_spot_url(client))
        markets = (self._ccxt.markets[symbol] for symbol in self._symbols)
        names = {each["id"]: each["symbol"] for each in markets if bool(each["spot"]) == spot}
        return Prints(self._exchange, names, self._tell, self._lose)

    async def _watchdog(self) -> None:
        """Ping connections that say nothing, and end with one that stays silent."""
        alert = self._alertness
        step = min(alert.ask_s, alert.silence_s) / _LOOKS
        began = now = time.monotonic()
        while True:
            due = now + step
            await asyncio.sleep(step)
            now = time.monotonic()
            if now - due > step:  # we were the ones who didn't listen
                for link in self._links.values():
                    link.heard += now - due
            if not self._ready.is_set() and now - began > alert.ready_s + _APART_S * len(
                self._symbols
            ):
                raise NetworkFailed(
                    f"{self._exchange} didn't answer on its streams within {alert.ready_s:g} s"
                )
            for link in self._links.values():
                quiet = now - link.heard
                if link.talked and quiet > alert.silence_s:
                    raise NetworkFailed(
                        f"{self._exchange} sent nothing for {quiet:.1f} s, no answer to a ping "
                        "either"
                    )
                if link.talked and quiet > alert.ask_s and link.asked < link.heard:
                    link.asked = now
                    link.ping()

    async def _trades(self, *symbols: str) -> None:
        ask = partial(self._ccxt.watch_trades, symbols[0], None, None, {})
        if self._reads_trades:  # in one message, and past ccxt as long as it knows the frames
            params = {"name": "aggTrade"}
            ask = partial(self._ccxt.watch_trades_for_symbols, list(symbols), None, None, params)
        while True:
            rows = await ask()
            now = time.time_ns() // 1000
            self._tell([_trade(self._exchange, row["symbol"], row, now) for row in rows])

    async def _books(self, symbol: str) -> None:
        last: OrderBook | None = None
        while True:
            try:
                book = await self._ccxt.watch_order_book(symbol)
            except ccxt.ChecksumError:
                now = time.time_ns() // 1000
                since = now if last is None else last.timestamp_us
                gap = (since, max(now, since + 1), "resync")
                await self._again(symbol, gap)
                last = None
                continue
            event = self._book(symbol, book)
            if last is None or (event.nonce, event.bids, event.asks) != (
                last.nonce,
                last.bids,
                last.asks,
            ):
                self._tell([event])
                last = event

    async def _again(self, symbol: str, gap: tuple[int, int, str]) -> None:
        """Get a new state of a book whose changes didn't fit, then tell of it."""
        book = await self._ccxt.watch_order_book(symbol)
        event = self._book(symbol, book)
        since, until, reason = gap
        until = max(until, event.timestamp_us)
        gap_event = Gap(
            self._exchange,
            symbol,
            since,
            event.received_us,
            0,
            subject="order_book",
            since_us=since,
            until_us=until,
            reason=reason,
        )
        self._tell([gap_event, event])

    def _book(self, symbol: str, book: Any) -> OrderBook:
        now = time.time_ns() // 1000
        bids, asks = levels(book["bids"], self._depth), levels(book["asks"], self._depth)
        check_sides(bids, asks, f"{self._exchange}'s order book of {symbol}")
        told = book.get("timestamp")
        nonce = book.get("nonce")
        return OrderBook(
            self._exchange,
            symbol,
            now if told is None else int(told) * 1000,
            now,
            0,
            bids,
            asks,
            nonce if isinstance(nonce, int) else None,
        )

    async def _tickers(self, symbol: str) -> None:
        watch: Callable[..., Awaitable[Any]] = getattr(self._ccxt, self._method)
        single = self._method == "watch_ticker"
        # the other name, which ccxt takes by default, has no bids and asks
        params = {"name": "ticker"} if single and self._exchange in AGGREGATED else {}
        while True:
            found = await (watch(symbol, params) if single else watch([symbol]))
            row = found if single else found.get(symbol)
            if not row:
                continue
            now = time.time_ns() // 1000
            told = row.get("timestamp")
            moment = now if told is None else int(told) * 1000
            self._tell([Ticker(self._exchange, symbol, moment, now, 0, *ticker_values(row))])


def _trade(exchange: str, symbol: str, row: dict[str, Any], now: int) -> Trade:
    moment, price, amount = row.get("timestamp"), row.get("price"), row.get("amount")
    if moment is None or price is None or amount is None:
        raise BadResponse(f"{exchange} streams trades without time, price or amount: {row}")
    side, found = row.get("side"), row.get("id")
    return Trade(
        exchange,
        symbol,
        int(moment) * 1000,
        now,
        0,
        None if found is None else str(found),
        side if side in ("buy", "sell") else None,
        float(price),
        float(amount),
    )


def _looked_at(future: asyncio.Future[NoReturn]) -> None:
    if not future.cancelled():
        future.exception()
