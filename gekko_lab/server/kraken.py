"""The Kraken spot dialect: what each request means and what it's answered with.

Endpoints, parameters, cursors and errors follow Kraken's public API documents, 2026.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import polars as pl

from gekko_lab.market.spans import Span
from gekko_lab.market.timeframe import Timeframe
from gekko_lab.server.books import Books
from gekko_lab.server.candle_pages import CandlePages
from gekko_lab.server.dialect import Answer, Asked, Refused, currencies, spot_markets
from gekko_lab.server.kraken_pairs import Pair, asset, asset_id, asset_pair, pair_id
from gekko_lab.server.kraken_prices import LEVELS, MOST_LEVELS, KrakenPrices
from gekko_lab.server.kraken_rows import STAMP, candle_rows, stamped, trade_rows
from gekko_lab.server.limits import TOO_MANY
from gekko_lab.server.spoiling import Layout, whole_seconds_later

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from gekko_lab.market.rules import MarketRules
    from gekko_lab.server.dialect import Subject
    from gekko_lab.server.limits import Verdict
    from gekko_lab.server.schedule import Schedule

INTERVALS = {
    str((timeframe.milliseconds or 0) // 60_000): timeframe
    for timeframe in (
        *(Timeframe.parse(name) for name in ("1m", "5m", "15m", "30m", "1h", "4h", "1d")),
        Timeframe(1, "w", anchor=0),  # from the epoch, which was a Thursday
        Timeframe.parse("15d"),
    )
}
CANDLES = 720
TRADES = 1000
BURST = 3.0  # times the requests in a second

_PUBLIC = "/0/public/"
_MILLION = 1_000_000
_LATEST = 2**63 - _MILLION  # nanoseconds: the year 2262
_NANOSECONDS_FROM = 10**14  # as seconds it would be far beyond the year 10000
_SUBJECTS: dict[str, Subject] = {
    "OHLC": "candles",
    "Trades": "trades",
    "Depth": "order_book",
    "Ticker": "ticker",
    "Spread": "ticker",
    "AssetPairs": "markets",
    "Assets": "markets",
    "Time": "time",
}
_TOO_OFTEN = "EGeneral:Too many requests"


def _rows(page: Any) -> list[Any] | None:  # noqa: ANN401 (decoded JSON)
    if not isinstance(page, dict):
        return None
    lists = (value for value in page.get("result", {}).values() if isinstance(value, list))
    return next(lists, None)


def _later(time: float, by: int) -> float:
    return time + by / 1000


_LAYOUTS: dict[Subject | None, Layout] = {
    "candles": Layout(_rows, times=(0,), prices=(1, 2, 3, 4), later=whole_seconds_later),
    "trades": Layout(_rows, times=(2,), prices=(0,), later=_later),
}


class KrakenSpot:
    """Answers requests as Kraken's spot exchange does: errors too come with status 200.

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
        Symbols whose orders can only be canceled.
    page_limit
        The most rows in an answer; by default 720 candles and 1000 trades.
    books
        The order books; by default those of the schedule's market.
    """

    nothing = b'{"error":[],"result":{}}'

    def __init__(
        self,
        rules: Mapping[str, MarketRules],
        schedule: Schedule,
        *,
        halted: Collection[str] = (),
        page_limit: int | None = None,
        books: Books | None = None,
    ) -> None:
        self._markets = spot_markets(rules, pair_id)
        pairs = {name: Pair.of(market) for name, market in self._markets.items()}
        self._pairs = {name: pair for pair in pairs.values() for name in pair.names}
        self._schedule = schedule
        self._candles = CandlePages(schedule, candle_rows)
        self._prices = KrakenPrices(schedule, books or Books(schedule.market, schedule))
        self._halted = frozenset(halted)
        self._candle_limit = page_limit or CANDLES
        self._trade_limit = page_limit or TRADES
        self._routes: dict[str, Callable[[dict[str, str], int], bytes]] = {
            "Time": self._time,
            "SystemStatus": self._status,
            "Assets": self._assets,
            "AssetPairs": self._asset_pairs,
            "OHLC": self._candle_page,
            "Trades": self._trade_page,
            "Depth": self._depth,
            "Ticker": self._ticker,
            "Spread": self._spread,
        }

    def asked(self, path: str, query: Mapping[str, str]) -> Asked:
        """Tell what a request is about."""
        subject = _SUBJECTS.get(path.removeprefix(_PUBLIC))
        sent = query["pair"].split(",") if "pair" in query else []
        known = [self._pairs[name] for name in sent if name in self._pairs]
        names = (pair.names | {pair.symbol} for pair in known)
        return Asked(subject, frozenset(sent).union(*names))

    def weight(self, path: str, query: Mapping[str, str]) -> int:
        """Give what a request costs: one, whatever it is."""
        del path, query
        return 1

    def used(self, verdict: Verdict) -> Mapping[str, str]:
        """Give no headers: the exchange doesn't tell what was used."""
        del verdict
        return {}

    def prepare(self, path: str, now: int) -> Iterable[object]:
        """Find out in steps what tickers tell."""
        del path  # no other answer tells of all markets
        return (self._prices.ticker(market, now) for market in self._markets.values())

    def answer(
        self, method: str, path: str, parameters: Sequence[tuple[str, str]], now: int
    ) -> Answer:
        """Answer a request as of `now`, milliseconds UTC."""
        route = self._routes.get(path.removeprefix(_PUBLIC))
        if route is None or method != "GET" or not path.startswith(_PUBLIC):
            return _error("EGeneral:Unknown method", status=404)
        try:
            result = route(dict(parameters), now)
        except Refused as error:
            return error.answer
        return Answer(200, b'{"error":[],"result":' + result + b"}")

    def refusal(self, verdict: Verdict) -> Answer:
        """Answer who asks too often, or was locked out; the status is 200."""
        locked = verdict.status != TOO_MANY
        return _error("EGeneral:Temporary lockout" if locked else _TOO_OFTEN)

    def failure(self, status: int) -> Answer:
        """Give an error of the exchange itself."""
        if status == TOO_MANY:
            return _error(_TOO_OFTEN, status=status)
        text = "EService:Unavailable" if status == 503 else "EGeneral:Internal error"  # noqa: PLR2004 (HTTP's)
        return _error(text, status=status)

    def layout(self, subject: Subject | None) -> Layout | None:
        """Tell what the rows of a page hold."""
        return _LAYOUTS.get(subject)

    def _time(self, _query: dict[str, str], now: int) -> bytes:
        moment = datetime.fromtimestamp(now // 1000, UTC)
        text = f"{moment:%a, %d %b %y %H:%M:%S +0000}"
        return orjson.dumps({"unixtime": now // 1000, "rfc1123": text})

    def _status(self, _query: dict[str, str], now: int) -> bytes:
        moment = datetime.fromtimestamp(now // 1000, UTC)
        return orjson.dumps({"status": "online", "timestamp": f"{moment:%Y-%m-%dT%H:%M:%SZ}"})

    def _assets(self, query: dict[str, str], _now: int) -> bytes:
        codes = {asset_id(code): asset(code) for code in currencies(self._markets.values())}
        if "asset" not in query:
            return orjson.dumps(codes)
        by_name = {name: key for key, told in codes.items() for name in (key, told["altname"])}
        wanted = [by_name.get(name) for name in query["asset"].split(",")]
        if None in wanted:
            raise Refused(_error("EQuery:Unknown asset"))
        return orjson.dumps({key: codes[key] for key in wanted if key})

    def _asset_pairs(self, query: dict[str, str], _now: int) -> bytes:
        wanted = list(self._markets)
        if "pair" in query:
            wanted = [self._pair(name).id for name in query["pair"].split(",")]
        return orjson.dumps({name: self._asset_pair(self._markets[name]) for name in wanted})

    def _asset_pair(self, market: MarketRules) -> dict[str, Any]:
        return asset_pair(market, halted=market.symbol in self._halted)

    def _candle_page(self, query: dict[str, str], now: int) -> bytes:
        pair = self._pair(query.get("pair", ""))
        timeframe = INTERVALS.get(query.get("interval", "1"))
        if timeframe is None:
            raise Refused(_error("EGeneral:Invalid arguments"))
        since = _nanoseconds(query) // _MILLION
        rows = self._candles.page(
            self._markets[pair.id],
            timeframe,
            start=None,
            end=None,
            limit=self._candle_limit,
            now=now,
        )
        closed = rows.keys[rows.keys < timeframe.floor(now)]
        last = int(closed[-1]) if len(closed) else since
        first = int(np.searchsorted(rows.keys, since, side="right"))
        return _page(pair.id, rows.cut(first, len(rows.keys)).json(), str(last // 1000))

    def _trade_page(self, query: dict[str, str], now: int) -> bytes:
        pair = self._pair(query.get("pair", ""))
        count = query.get("count", str(self._trade_limit))
        if not (count.isascii() and count.isdigit() and int(count)):
            raise Refused(_error("EGeneral:Invalid arguments"))
        limit = min(int(count), self._trade_limit)
        since = _nanoseconds(query)
        if "since" in query:
            trades = self._trades_after(pair.symbol, since, limit, now)
        else:
            trades = self._newest_trades(pair.symbol, limit, now)
        last = str(trades[STAMP][-1]) if len(trades) else str(since)
        return _page(pair.id, trade_rows(trades, self._markets[pair.id]), f'"{last}"')

    def _depth(self, query: dict[str, str], now: int) -> bytes:
        pair = self._pair(query.get("pair", ""))
        count = query.get("count", str(LEVELS))
        if not (count.isascii() and count.isdigit() and 1 <= int(count) <= MOST_LEVELS):
            raise Refused(_error("EGeneral:Invalid arguments:count"))
        return orjson.dumps({pair.id: self._prices.book(self._markets[pair.id], int(count), now)})

    def _ticker(self, query: dict[str, str], now: int) -> bytes:
        wanted = list(self._markets)
        if "pair" in query:
            wanted = [self._pair(name).id for name in query["pair"].split(",")]
        told = {name: self._prices.ticker(self._markets[name], now) for name in wanted}
        return orjson.dumps({name: ticker for name, ticker in told.items() if ticker})

    def _spread(self, query: dict[str, str], now: int) -> bytes:
        pair = self._pair(query.get("pair", ""))
        since = _nanoseconds(query) // (1000 * _MILLION)
        rows = self._prices.spreads(self._markets[pair.id], since, now)
        last = rows[-1][0] if rows else since
        return orjson.dumps({pair.id: rows, "last": last})

    def _trades_after(self, symbol: str, since: int, limit: int, now: int) -> pl.DataFrame:
        # Others may share the cursor's millisecond, which has to be read from its begin.
        start = since // _MILLION
        same = stamped(self._schedule.trades(symbol, Span(start, start + 1), now))
        passed = int((same[STAMP] <= since).sum())
        found = self._schedule.first_trades(symbol, Span(start, now + 1), limit + passed, now)
        return stamped(found).slice(passed)

    def _newest_trades(self, symbol: str, limit: int, now: int) -> pl.DataFrame:
        found = self._schedule.last_trades(symbol, Span(0, now + 1), limit, now)
        if found.is_empty():
            return stamped(found)
        start = int(found["timestamp"].dt.epoch("ms")[0])
        same = self._schedule.trades(symbol, Span(start, start + 1), now)
        later = found.filter(pl.col("timestamp").dt.epoch("ms") > start)
        return stamped(pl.concat([same, later])).tail(limit)

    def _pair(self, name: str) -> Pair:
        pair = self._pairs.get(name)
        if pair is None:
            missing = "EQuery:Unknown asset pair" if name else "EGeneral:Invalid arguments"
            raise Refused(_error(missing))
        return pair


def _page(name: str, rows: bytes, last: str) -> bytes:
    return f'{{"{name}":'.encode() + rows + f',"last":{last}}}'.encode()


def _error(text: str, *, status: int = 200) -> Answer:
    return Answer(status, orjson.dumps({"error": [text]}), error=True)


def _nanoseconds(query: Mapping[str, str]) -> int:
    """Read `since`, which is told in seconds or in nanoseconds, as large as it is."""
    try:
        value = Decimal(query.get("since") or 0)
    except InvalidOperation:
        raise Refused(_error("EGeneral:Invalid arguments")) from None
    if not value.is_finite():
        raise Refused(_error("EGeneral:Invalid arguments"))
    nanoseconds = value if value >= _NANOSECONDS_FROM else value * 1000 * _MILLION
    return int(max(Decimal(0), min(nanoseconds, Decimal(_LATEST))))
