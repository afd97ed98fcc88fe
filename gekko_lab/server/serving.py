"""`serve`: a market behind a real exchange's protocol."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, get_args

from gekko_lab.errors import InvalidArgument
from gekko_lab.server.books import Books
from gekko_lab.server.clock import Clock
from gekko_lab.server.control import Control
from gekko_lab.server.dialects import ExchangeId, dialect_of, meter_of
from gekko_lab.server.exchange import Exchange
from gekko_lab.server.faults import Faults
from gekko_lab.server.hub import Hub
from gekko_lab.server.running import Server
from gekko_lab.server.schedule import Schedule
from gekko_lab.server.sockets import Sockets
from gekko_lab.server.stream_names import StreamNames

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from gekko_lab.market.moments import TimeLike
    from gekko_lab.server.market import MarketData
    from gekko_lab.server.transport import Secret


def serve(
    market: MarketData,
    *,
    exchange: ExchangeId = "binance",
    clock: Callable[[], int] | None = None,
    start: TimeLike | None = None,
    speed: float = 1.0,
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
    tls: Secret | None = None,
    control_token: str | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
) -> Server:
    """Serve a market as a real exchange's public spot interface, from a thread of its own.

    REST for all exchanges, WebSocket streams for Binance.

    Parameters
    ----------
    market
        Candles, trades and rules, such as the simulated market or a `FrameMarket`. The server's
        thread is the only one that asks it.
    exchange
        Whose protocol it speaks, by ccxt's id: "binance", "coinbaseexchange" or "kraken".
    clock
        The exchange's time, milliseconds UTC, such as a `Clock`; by default one of `start` and
        `speed`. Nothing later is served, and the last candle is the one that is forming.
    start
        When the exchange's time begins, such as "2024-01-01"; by default now. Nothing is listed
        before 2010, and from 2200 on every market stands still.
    speed
        How many seconds of the exchange's time go by in a second. Limits, Retry-After and the
        request log stay in real time.
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
        Whether the quote volume and what Binance's takers bought (`taker buy volume`, in base and
        quote) are summed up from the trades, which is slower. Otherwise they are estimates from the
        candle alone, which the served trades contradict: volume times mean price where the market
        doesn't know the quote volume, and a part of both that follows from open, high, low and
        close.
    refusals_before_ban
        How many answers 429 in a minute come before a ban, which only Binance pronounces.
    limit_clock
        Seconds UTC for the weight windows and the request log.
    seed
        Decides which rows a fault loses, doubles or shuffles.
    tls
        Certificate and key, as files or as a context, to be served by https and wss.
    control_token
        What the control API, below `/_gekko_lab/`, must be shown; by default it is open to this
        machine, and off where `host` lets others in.
    host, port
        Where to listen; port 0 takes a free one.

    Returns
    -------
    Server
        Listening already; close it, or use it in a `with` block.

    Raises
    ------
    InvalidArgument
        When the exchange's protocol isn't known, `start` lies before 2010 or after 2200, or a clock
        comes with `start` or `speed`.
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
    if clock is not None and (start is not None or speed != 1):
        raise InvalidArgument("clock comes with start or speed: give Clock(start, speed=…) alone")
    schedule = Schedule(
        market,
        listed_since=listed_since,
        outages=outages,
        exact_quote_volume=exact_quote_volume,
    )
    books = Books(market, schedule)
    dialect = dialect_of(
        exchange,
        market.rules,
        schedule,
        halted=halted,
        page_limit=page_limit,
        weight_limit=weight_limit,
        hours_between=hours_between,
        books=books,
    )
    meter = meter_of(exchange, weight_limit, limit_clock, refusals_before_ban=refusals_before_ban)
    faults = Faults(seed)
    time_of = clock or Clock(start, speed=speed)
    sockets = None
    if exchange == "binance":
        names = StreamNames(market.rules, schedule, books)
        limited = weight_limit is not None
        sockets = Sockets(Hub(names, faults, time_of), dialect, limited=limited)
    handler = Exchange(
        dialect, faults, meter, clock=time_of, limit_clock=limit_clock, sockets=sockets
    )
    control = Control(market, host=host, token=control_token)
    return Server(
        handler, faults, exchange=exchange, host=host, port=port, tls=tls, control=control
    )
