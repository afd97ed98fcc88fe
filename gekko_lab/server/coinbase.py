"""The Coinbase Exchange dialect: what each request means and what it's answered with.

Endpoints, parameters, cursors and errors follow the exchange's public API documents, 2026.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import orjson

from gekko_lab.market.spans import Span
from gekko_lab.market.timeframe import END, Timeframe
from gekko_lab.server.books import Books
from gekko_lab.server.candle_pages import CandlePages
from gekko_lab.server.coinbase_prices import BOOK_LEVELS, CoinbasePrices
from gekko_lab.server.coinbase_products import currency, product, product_id
from gekko_lab.server.coinbase_rows import candle_rows, trade_rows
from gekko_lab.server.dialect import Answer, Asked, Refused, currencies, spot_markets
from gekko_lab.server.limits import TOO_MANY
from gekko_lab.server.spoiling import Layout, whole_page, whole_seconds_later

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from gekko_lab.market.rules import MarketRules
    from gekko_lab.server.dialect import Subject
    from gekko_lab.server.limits import Verdict
    from gekko_lab.server.schedule import Schedule

GRANULARITIES = {
    str((Timeframe.parse(name).milliseconds or 0) // 1000): Timeframe.parse(name)
    for name in ("1m", "5m", "15m", "1h", "6h", "1d")
}
CANDLES = 300
TRADES = 1000
BURST = 1.5  # times the requests in a second: a bucket of 15

_PAGES: dict[str, Subject] = {
    "candles": "candles",
    "trades": "trades",
    "book": "order_book",
    "ticker": "ticker",
    "stats": "ticker",
}
_MOST_ID = 2**63 - 1


def _later(time: str, by: int) -> str:
    moved = datetime.fromisoformat(time) + timedelta(milliseconds=by)
    return moved.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


_LAYOUTS: dict[Subject | None, Layout] = {
    "candles": Layout(whole_page, times=(0,), prices=(1, 2, 3, 4), later=whole_seconds_later),
    "trades": Layout(whole_page, times=("time",), prices=("price",), later=_later),
}


class CoinbaseExchange:
    """Answers requests as Coinbase Exchange does.

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
        Symbols that are offline.
    page_limit
        The most rows in an answer; by default 300 candles and 1000 trades.
    books
        The order books; by default those of the schedule's market.
    """

    nothing = b"[]"

    def __init__(
        self,
        rules: Mapping[str, MarketRules],
        schedule: Schedule,
        *,
        halted: Collection[str] = (),
        page_limit: int | None = None,
        books: Books | None = None,
    ) -> None:
        self._markets = spot_markets(rules, product_id)
        self._schedule = schedule
        self._candles = CandlePages(schedule, candle_rows)
        self._prices = CoinbasePrices(schedule, books or Books(schedule.market, schedule))
        self._halted = frozenset(halted)
        self._candle_limit = page_limit or CANDLES
        self._trade_limit = page_limit or TRADES
        self._pages: dict[str, Callable[[MarketRules, dict[str, str], int], Answer]] = {
            "candles": self._candle_page,
            "trades": self._trade_page,
            "book": self._book,
            "ticker": self._ticker,
            "stats": self._stats,
        }

    def asked(self, path: str, query: Mapping[str, str]) -> Asked:
        """Tell what a request is about."""
        del query
        match path.strip("/").split("/"):
            case ["time"]:
                return Asked("time")
            case ["currencies"] | ["products"]:
                return Asked("markets")
            case ["products", "spark-lines"]:
                return Asked("ticker")
            case ["products", name]:
                return Asked("markets", self._names(name))
            case ["products", name, page] if page in _PAGES:
                return Asked(_PAGES[page], self._names(name))
        return Asked()

    def weight(self, path: str, query: Mapping[str, str]) -> int:
        """Give what a request costs: one, whatever it is."""
        del path, query
        return 1

    def used(self, verdict: Verdict) -> Mapping[str, str]:
        """Give no headers: the exchange doesn't tell what was used."""
        del verdict
        return {}

    def prepare(self, path: str, now: int) -> Iterable[object]:
        """Find out in steps what the lines of all markets tell."""
        del path  # no other answer tells of all markets
        return (self._prices.spark_line(market, now) for market in self._markets.values())

    def answer(
        self, method: str, path: str, parameters: Sequence[tuple[str, str]], now: int
    ) -> Answer:
        """Answer a request as of `now`, milliseconds UTC."""
        if method != "GET":
            return _error(404, "NotFound")
        try:
            return self._route(path.strip("/").split("/"), dict(parameters), now)
        except Refused as error:
            return error.answer

    def refusal(self, verdict: Verdict) -> Answer:
        """Answer who asks too often, or was shut out."""
        if verdict.status == TOO_MANY:
            return _error(TOO_MANY, "Public rate limit exceeded")
        return _error(403, "Forbidden")

    def failure(self, status: int) -> Answer:
        """Give an error of the exchange itself."""
        if status == TOO_MANY:
            return _error(TOO_MANY, "Public rate limit exceeded")
        return _error(status, "Internal server error")

    def layout(self, subject: Subject | None) -> Layout | None:
        """Tell what the rows of a page hold."""
        return _LAYOUTS.get(subject)

    def _route(self, parts: list[str], query: dict[str, str], now: int) -> Answer:
        match parts:
            case ["time"]:
                iso = datetime.fromtimestamp(now / 1000, UTC).isoformat(timespec="milliseconds")
                return _json({"iso": iso.replace("+00:00", "Z"), "epoch": now / 1000})
            case ["currencies"]:
                return _json([currency(code) for code in currencies(self._markets.values())])
            case ["products"]:
                return _json([self._product(market) for market in self._markets.values()])
            case ["products", "spark-lines"]:
                return _json(
                    {
                        name: self._prices.spark_line(each, now)
                        for name, each in self._markets.items()
                    }
                )
            case ["products", name, *rest]:
                return self._product_page(self._market(name), rest, query, now)
        return _error(404, "NotFound")

    def _product_page(
        self, market: MarketRules, rest: list[str], query: dict[str, str], now: int
    ) -> Answer:
        match rest:
            case []:
                return _json(self._product(market))
            case [page] if page in _PAGES:
                return self._pages[page](market, query, now)
        return _error(404, "NotFound")

    def _candle_page(self, market: MarketRules, query: dict[str, str], now: int) -> Answer:
        timeframe = GRANULARITIES.get(query.get("granularity", "60"))
        if timeframe is None:
            raise Refused(_error(400, "Unsupported granularity"))
        start, end = _time(query, "start"), _time(query, "end")
        if start is None or end is None:  # one alone is ignored
            start, end = timeframe.shift(timeframe.floor(now), 1 - self._candle_limit), now
        if end < start:
            raise Refused(_error(400, "start must be before end"))
        buckets = timeframe.between(timeframe.ceil(start), timeframe.next(timeframe.floor(end)))
        if buckets > self._candle_limit:
            text = (
                "granularity too small for the requested time range. Count of aggregations "
                f"requested exceeds {self._candle_limit}"
            )
            raise Refused(_error(400, text))
        rows = self._candles.page(
            market, timeframe, start=start, end=end, limit=self._candle_limit, now=now
        )
        return Answer(200, rows.json_newest_first())

    def _trade_page(self, market: MarketRules, query: dict[str, str], now: int) -> Answer:
        limit = _whole(query, "limit")
        limit = self._trade_limit if limit is None else min(limit, self._trade_limit)
        after, before = _whole(query, "after"), _whole(query, "before")
        if limit < 1:
            raise Refused(_error(400, "Invalid limit"))
        if after is not None:
            trades = self._schedule.trades_before_id(market.symbol, after, limit, now)
        else:
            trades = self._schedule.last_trades(market.symbol, Span(0, now + 1), limit, now)
        if before is not None:
            trades = trades.filter(trades["id"] > before)
        headers = {}
        if len(trades):
            headers = {"CB-BEFORE": str(trades["id"][-1]), "CB-AFTER": str(trades["id"][0])}
        return Answer(200, trade_rows(trades, market), headers)

    def _book(self, market: MarketRules, query: dict[str, str], now: int) -> Answer:
        levels = BOOK_LEVELS.get(query.get("level", "1"))
        if levels is None:
            raise Refused(_error(400, "Invalid level"))
        return _json(self._prices.book(market, levels, now))

    def _ticker(self, market: MarketRules, _query: dict[str, str], now: int) -> Answer:
        return _json(self._prices.ticker(market, now))

    def _stats(self, market: MarketRules, _query: dict[str, str], now: int) -> Answer:
        return _json(self._prices.stats(market, now))

    def _product(self, market: MarketRules) -> dict[str, object]:
        return product(market, halted=market.symbol in self._halted)

    def _market(self, name: str) -> MarketRules:
        market = self._markets.get(name)
        if market is None:
            raise Refused(_error(404, "NotFound"))
        return market

    def _names(self, name: str) -> frozenset[str]:
        market = self._markets.get(name)
        return frozenset({name} if market is None else {name, market.symbol})


def _json(content: object) -> Answer:
    return Answer(200, orjson.dumps(content))


def _error(status: int, text: str) -> Answer:
    return Answer(status, orjson.dumps({"message": text}), error=True)


def _whole(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()):
        raise Refused(_error(400, f"Invalid {name}"))
    return min(int(text), _MOST_ID)


def _time(query: Mapping[str, str], name: str) -> int | None:
    """Read a time in ISO 8601 or seconds as milliseconds."""
    text = query.get(name)
    if not text:
        return None
    try:
        seconds = float(text) if text.replace(".", "", 1).isdigit() else _moment(text)
    except ValueError:
        raise Refused(_error(400, f"Invalid {name}")) from None
    return max(0, min(round(seconds * 1000), END))


def _moment(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
