"""What was asked for, read and checked before any market data are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gekko_lab.errors import (
    InvalidArgument,
    InvalidRange,
    InvalidType,
    UnknownTimeframe,
    UnsupportedBySource,
)
from gekko_lab.fetching.asking import ask
from gekko_lab.market.moments import TimeLike, check_order, read_time, show_time
from gekko_lab.market.spans import Span
from gekko_lab.market.timeframe import Timeframe
from gekko_lab.sources.registry import find_source

if TYPE_CHECKING:
    from gekko_lab.sources.source import Source

DEFAULT_LIMIT = 500

_MOST_ROWS = 10**12


@dataclass(frozen=True, slots=True)
class Request:
    """A range or a number of rows of one market.

    Attributes
    ----------
    source, symbol : Source, str
        Who is asked for which market.
    span : Span
        The range of times; its since is 0 where only the last `limit` rows are wanted.
    limit : int or None
        How many rows are wanted; None for all.
    newest_first : bool
        Whether `limit` means the last rows.
    """

    source: Source
    symbol: str
    span: Span
    limit: int | None
    newest_first: bool


def read_candle_request(
    exchange: str | Source,
    symbol: str,
    timeframe: str,
    *,
    since: TimeLike | None,
    until: TimeLike | None,
    limit: int | None,
) -> tuple[Request, Timeframe]:
    """Read a request for candles; its span is on the timeframe's grid and closed."""
    width = Timeframe.parse(timeframe)
    _check_bounds(since, until, limit)
    source = _find_market(exchange, symbol)
    names = ask(source.timeframes)
    if timeframe not in names:
        raise UnknownTimeframe(
            f"{source.exchange} has no candles of {timeframe!r}: choose one of {', '.join(names)}; "
            "gekko_lab.resample makes longer ones of shorter ones"
        )
    paging = ask(lambda: source.paging(symbol, width))
    width = Timeframe(width.count, width.unit, paging.anchor)
    now = ask(source.now)
    closed = width.floor(max(0, now - paging.settles_ms))
    span = _read_span(source, since, until, now=now, closed=closed)
    span = Span(width.ceil(span.since), width.ceil(span.until))
    # An end beyond the forming candle asks for the future; one inside of it is "until now".
    if not (source.foresees and until is not None and span.until > width.next(width.floor(now))):
        span = Span(span.since, min(span.until, closed))
    return _limited(source, symbol, span, limit, first=since is not None), width


def read_trade_request(
    exchange: str | Source,
    symbol: str,
    *,
    since: TimeLike | None,
    until: TimeLike | None,
    limit: int | None,
) -> Request:
    """Read a request for trades."""
    _check_bounds(since, until, limit)
    source = _find_market(exchange, symbol)
    now = ask(source.now)
    span = _read_span(source, since, until, now=now, closed=now)
    if not (source.foresees and until is not None):
        span = Span(span.since, min(span.until, now))
    return _limited(source, symbol, span, limit, first=since is not None)


def _check_bounds(since: object, until: object, limit: object) -> None:
    if limit is not None:
        if isinstance(limit, bool) or not hasattr(limit, "__index__"):
            raise InvalidType(f"limit={limit!r} is a {type(limit).__name__}; give a whole number")
        if limit.__index__() < 1:
            raise InvalidArgument(f"limit={limit!r}: ask for at least one row")
        if limit.__index__() > _MOST_ROWS:
            raise InvalidArgument(f"limit={limit!r}: no market has so many rows; leave limit out")
    if since is not None and until is not None and limit is not None:
        raise InvalidRange(
            "since, until and limit contradict each other: give since and until for a range, since "
            "and limit for the first rows, or until and limit for the last ones"
        )


def _find_market(exchange: str | Source, symbol: str) -> Source:
    source = find_source(exchange)
    if not isinstance(symbol, str):
        raise InvalidType(
            f"symbol={symbol!r} is a {type(symbol).__name__}; give text such as 'BTC/USDT'"
        )
    market = ask(lambda: source.market(symbol))
    if market.symbol != symbol:
        raise UnsupportedBySource(f"{source.exchange} answers {symbol!r} with {market.symbol!r}")
    return source


def _read_span(
    source: Source, since: TimeLike | None, until: TimeLike | None, *, now: int, closed: int
) -> Span:
    start = 0 if since is None else read_time(since, now=now)
    end = closed if until is None else read_time(until, now=now, name="until")
    if until is not None:
        check_order(start, end)
    if start > now and not (source.foresees and until is not None):
        hint = "; to see the future of a simulation, give until as well" if source.foresees else ""
        raise InvalidRange(
            f"since ({show_time(start)}) lies after {source.exchange}'s clock "
            f"({show_time(now)}){hint}"
        )
    return Span(start, max(start, end))


def _limited(source: Source, symbol: str, span: Span, limit: int | None, *, first: bool) -> Request:
    if limit is None and not first:
        limit = DEFAULT_LIMIT
    span = Span(min(span.since, span.until), span.until)
    wanted = None if limit is None else limit.__index__()
    return Request(source, symbol, span, wanted, newest_first=not first)
