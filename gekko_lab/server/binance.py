"""The Binance spot dialect: what each request means and what it's answered with.

Endpoints, parameters, errors and their texts follow the Binance spot API documents, 2026-07.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import orjson

from gekko_lab.market.spans import Span
from gekko_lab.market.timeframe import HOUR, Timeframe
from gekko_lab.server.binance_listing import Listing
from gekko_lab.server.binance_rows import kline_rows, print_rows, trade_rows
from gekko_lab.server.binance_tickers import Tickers
from gekko_lab.server.books import Books
from gekko_lab.server.candle_pages import CandlePages
from gekko_lab.server.dialect import Answer, Asked
from gekko_lab.server.exchange_info import exchange_info
from gekko_lab.server.limits import TOO_MANY, weight_of
from gekko_lab.server.queries import ProtocolError, Query
from gekko_lab.server.spoiling import Layout, whole_page

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from gekko_lab.market.rules import MarketRules
    from gekko_lab.server.dialect import Subject
    from gekko_lab.server.limits import Verdict
    from gekko_lab.server.schedule import Schedule

INTERVALS = {
    name: Timeframe.parse(name)
    for name in (
        *("1s", "1m", "3m", "5m", "15m", "30m"),
        *("1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M"),
    )
}

DEFAULT_LIMIT = 500
PAGE = 1000
_LISTED = re.compile(r'"([^"]*)"')
_UTC = re.compile(r"[+-]?0{1,2}(:00)?")

# What a client asks for while it loads all of Binance's markets; there are spot markets only.
_EMPTY: dict[str, bytes] = {
    "/fapi/v1/exchangeInfo": b'{"symbols":[]}',
    "/dapi/v1/exchangeInfo": b'{"symbols":[]}',
    "/eapi/v1/exchangeInfo": b'{"optionSymbols":[]}',
    "/sapi/v1/capital/config/getall": b"[]",
    "/sapi/v1/margin/allPairs": b"[]",
    "/sapi/v1/margin/isolated/allPairs": b"[]",
    "/sapi/v1/system/status": b'{"status":0,"msg":"normal"}',
}


_SUBJECTS: dict[str, Subject] = {
    "/api/v3/klines": "candles",
    "/api/v3/uiKlines": "candles",
    "/api/v3/aggTrades": "trades",
    "/api/v3/trades": "trades",
    "/api/v3/historicalTrades": "trades",
    "/api/v3/depth": "order_book",
    "/api/v3/ticker/24hr": "ticker",
    "/api/v3/ticker/price": "ticker",
    "/api/v3/ticker/bookTicker": "ticker",
    "/api/v3/avgPrice": "ticker",
    "/api/v3/exchangeInfo": "markets",
    "/api/v3/time": "time",
}


_DAYS = "/api/v3/ticker/24hr"


def _later(time: int, by: int) -> int:
    return time + by


_LAYOUTS: dict[Subject | None, Layout] = {
    "candles": Layout(whole_page, times=(0, 6), prices=(1, 2, 3, 4), later=_later),
    "trades": Layout(whole_page, times=("T", "time"), prices=("p", "price"), later=_later),
}


class BinanceSpot:
    """Answers requests as Binance's spot exchange does.

    Attributes
    ----------
    nothing : bytes
        A body without content.

    Parameters
    ----------
    rules
        The spot markets by unified symbol.
    schedule
        What happened when.
    halted
        Symbols whose status is BREAK.
    page_limit
        The most rows in an answer.
    weight_limit
        The limit that exchangeInfo and refusals tell.
    hours_between
        The longest time between startTime and endTime of aggTrades; None for any.
    books
        The order books; by default those of the schedule's market.
    """

    nothing = b"[]"

    def __init__(
        self,
        rules: Mapping[str, MarketRules],
        schedule: Schedule,
        *,
        halted: Collection[str],
        page_limit: int,
        weight_limit: int,
        hours_between: int | None,
        books: Books | None = None,
    ) -> None:
        self._listing = Listing(rules)
        self._schedule = schedule
        self._books = books or Books(schedule.market, schedule)
        self._klines = CandlePages(schedule, kline_rows)
        self._halted = frozenset(halted)
        self._page_limit = page_limit
        self._weight_limit = weight_limit
        self._hours_between = hours_between
        self._routes: dict[str, Callable[[Query, int], bytes]] = {
            "/api/v3/ping": self._ping,
            "/api/v3/time": self._time,
            "/api/v3/exchangeInfo": self._exchange_info,
            "/api/v3/klines": self._kline_page,
            "/api/v3/uiKlines": self._kline_page,
            "/api/v3/aggTrades": self._trade_page,
            "/api/v3/trades": self._newest_prints,
            "/api/v3/historicalTrades": self._print_page,
            **Tickers(self._listing, self._books).routes,
        }

    def asked(self, path: str, query: Mapping[str, str]) -> Asked:
        """Tell what a request is about."""
        sent = [query["symbol"]] if "symbol" in query else _LISTED.findall(query.get("symbols", ""))
        known = (self._listing.find(name) for name in sent)
        return Asked(_SUBJECTS.get(path), frozenset(sent) | {each.symbol for each in known if each})

    def weight(self, path: str, query: Mapping[str, str]) -> int:
        """Give what a request costs."""
        return weight_of(path, query)

    def used(self, verdict: Verdict) -> Mapping[str, str]:
        """Give the headers that tell the weight of this minute."""
        used = str(verdict.used)
        return {"X-MBX-USED-WEIGHT": used, "X-MBX-USED-WEIGHT-1M": used}

    def prepare(self, path: str, now: int) -> Iterable[object]:
        """Find out in steps what tickers tell."""
        if path.startswith(_DAYS):
            return self._books.prepare([each.symbol for each in self._listing.all()], now)
        return ()

    def answer(
        self, method: str, path: str, parameters: Sequence[tuple[str, str]], now: int
    ) -> Answer:
        """Answer a request as of `now`, milliseconds UTC."""
        route = self._routes.get(path)
        if method != "GET" or (route is None and path not in _EMPTY):
            return _error(404, -5000, f"Path {path}, Method {method} is invalid")
        if route is None:
            return Answer(200, _EMPTY[path])
        try:
            return Answer(200, route(Query(parameters), now))
        except ProtocolError as error:
            return _error(400, error.code, error.text)

    def refusal(self, verdict: Verdict) -> Answer:
        """Answer who used too much weight, or is banned."""
        if verdict.status == TOO_MANY:
            text = (
                f"Too much request weight used; current limit is {self._weight_limit} request "
                "weight per 1 MINUTE. Please use WebSocket Streams for live updates to avoid "
                "polling the API."
            )
        else:
            text = (
                f"Way too much request weight used; IP banned until {verdict.until}. Please use "
                "WebSocket Streams for live updates to avoid bans."
            )
        return _error(verdict.status, -1003, text, {"Retry-After": str(verdict.retry_after)})

    def failure(self, status: int) -> Answer:
        """Give an error of the exchange itself."""
        return _error(status, -1000, "An unknown error occurred.")

    def layout(self, subject: Subject | None) -> Layout | None:
        """Tell what the rows of a page hold."""
        return _LAYOUTS.get(subject)

    def _ping(self, query: Query, _now: int) -> bytes:
        query.done()
        return b"{}"

    def _time(self, query: Query, now: int) -> bytes:
        query.done()
        return orjson.dumps({"serverTime": now})

    def _exchange_info(self, query: Query, now: int) -> bytes:
        wanted = self._listing.some(query)
        query.text("permissions")
        query.text("showPermissionSets")
        status = query.text("symbolStatus")
        query.done()
        markets = self._listing.all() if wanted is None else wanted
        info = exchange_info(
            markets, now=now, halted=self._halted, status=status, weight_limit=self._weight_limit
        )
        return orjson.dumps(info)

    def _kline_page(self, query: Query, now: int) -> bytes:
        market = self._listing.one(query)
        name = query.needed("interval")
        start, end = query.time("startTime"), query.time("endTime")
        limit = query.limit(DEFAULT_LIMIT, self._page_limit)
        zone = query.text("timeZone")
        query.done()
        timeframe = INTERVALS.get(name)
        if timeframe is None:
            raise ProtocolError(-1120, "Invalid interval.")
        if zone is not None and not _UTC.fullmatch(zone):
            raise ProtocolError(-1130, "Data sent for parameter 'timeZone' is not valid.")
        rows = self._klines.page(market, timeframe, start=start, end=end, limit=limit, now=now)
        return rows.json()

    def _trade_page(self, query: Query, now: int) -> bytes:
        market = self._listing.one(query)
        first_id = query.integer("fromId")
        start, end = query.time("startTime"), query.time("endTime")
        limit = query.limit(DEFAULT_LIMIT, self._page_limit)
        query.done()
        if first_id is not None and (start is not None or end is not None):
            raise ProtocolError(-1128, "Combination of optional parameters invalid.")
        self._check_window(start, end)
        symbol, until = market.symbol, now + 1 if end is None else min(end, now) + 1
        if first_id is not None:
            trades = self._schedule.trades_from_id(symbol, first_id, limit, now)
        elif start is not None:
            trades = self._schedule.first_trades(symbol, Span(start, until), limit, now)
        else:
            trades = self._schedule.last_trades(symbol, Span(0, until), limit, now)
        return trade_rows(trades, market)

    def _newest_prints(self, query: Query, now: int) -> bytes:
        return self._prints(query, None, now)

    def _print_page(self, query: Query, now: int) -> bytes:
        return self._prints(query, query.integer("fromId"), now)

    def _prints(self, query: Query, first_id: int | None, now: int) -> bytes:
        market = self._listing.one(query)
        limit = query.limit(DEFAULT_LIMIT, self._page_limit)
        query.done()
        if first_id is None:
            trades = self._schedule.last_trades(market.symbol, Span(0, now + 1), limit, now)
        else:
            trades = self._schedule.trades_from_id(market.symbol, first_id, limit, now)
        return print_rows(trades, market)

    def _check_window(self, start: int | None, end: int | None) -> None:
        hours = self._hours_between
        if hours is None or start is None or end is None:
            return
        if end - start > hours * HOUR:
            text = f"More than {hours} hours between startTime and endTime."
            raise ProtocolError(-1127, text)


def _error(status: int, code: int, text: str, headers: Mapping[str, str] | None = None) -> Answer:
    body = orjson.dumps({"code": code, "msg": text})
    return Answer(status, body, headers or {}, error=True)
