"""The rules that every source keeps, as a check that its tests can run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gekko_lab.errors import DataError, UnknownSymbol
from gekko_lab.frames.checks import check_candles, check_trades
from gekko_lab.frames.schemas import CANDLES_FULL, TRADES
from gekko_lab.market.timeframe import Timeframe
from gekko_lab.sources.source import Source, TradeCursor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CANDLES = 5
_TRADES_MS = 60_000
_MOST_PAGES = 1000
_LEAST_TIME = 1_230_768_000_000  # 2009: before it there was nothing to trade


def check_source(source: Source, symbol: str, timeframe: str) -> None:
    """Raise when a source breaks the rules that `fetch` stands on, naming all that it breaks.

    It is asked for a few candles and trades, so the market must have some of late.

    Parameters
    ----------
    source
        What a plugin offers under the entry point group `gekko_lab.sources`.
    symbol
        One of its markets.
    timeframe
        One of its candle widths.

    Raises
    ------
    AssertionError
        One line for each rule that is broken.

    Examples
    --------
    >>> import gekko_lab
    >>> check_source(gekko_lab.ExchangeSimulator(), "BTC/USDT", "1m")
    """
    broken = [
        f"{rule.__name__.lstrip('_').replace('_', ' ')}: {fault}"
        for rule in _RULES
        for fault in _faults(rule, source, symbol, timeframe)
    ]
    if broken:
        raise AssertionError("\n".join([f"{source!r} breaks the rules of a source:", *broken]))


def _faults(
    rule: Callable[[Source, str, str], Iterator[str]], source: Source, symbol: str, timeframe: str
) -> list[str]:
    try:
        return list(rule(source, symbol, timeframe))
    except Exception as error:  # noqa: BLE001 (whatever a plugin raises is a finding)
        return [f"raised {type(error).__name__}: {error}"]


def _shape(source: Source, symbol: str, timeframe: str) -> Iterator[str]:
    del symbol, timeframe
    candidate: object = source
    if not isinstance(candidate, Source):
        names = [name for name in dir(Source) if not name.startswith("_")]
        yield f"lacks {', '.join(name for name in names if not hasattr(source, name))}"


def _identity(source: Source, symbol: str, timeframe: str) -> Iterator[str]:
    del symbol, timeframe
    if not source.identity.startswith(source.exchange.removeprefix("replay:")):
        yield f"{source.identity!r} doesn't begin with the exchange's name {source.exchange!r}"
    if any(letter in source.identity for letter in '/\\:*?"<>|\0'):
        yield f"{source.identity!r} can't be the name of a folder"


def _clock(source: Source, symbol: str, timeframe: str) -> Iterator[str]:
    del symbol, timeframe
    now: object = source.now()
    if not isinstance(now, int) or now < _LEAST_TIME:
        yield f"{now!r} isn't the time in milliseconds"


def _markets(source: Source, symbol: str, timeframe: str) -> Iterator[str]:
    del timeframe
    for name, rules in source.rules().items():
        if name != rules.symbol:
            yield f"{name!r} leads to the rules of {rules.symbol!r}"
    if source.market(symbol).symbol != symbol:
        yield f"{symbol!r} leads to {source.market(symbol).symbol!r}"
    try:
        source.market("NO/SUCH")
    except UnknownSymbol:
        return
    yield "an unknown symbol doesn't raise UnknownSymbol"


def _timeframes(source: Source, symbol: str, timeframe: str) -> Iterator[str]:
    del symbol
    names = list(source.timeframes())
    widths = [Timeframe.parse(name).shortest for name in names]
    if widths != sorted(widths):
        yield f"{names} aren't sorted, shortest first"
    if timeframe not in names:
        yield f"{timeframe!r} isn't among {names}"


def _candles(source: Source, symbol: str, timeframe: str) -> Iterator[str]:
    named = Timeframe.parse(timeframe)
    paging = source.paging(symbol, named)
    if paging.page_size < 1:
        yield f"page_size={paging.page_size}"
    width = Timeframe(named.count, named.unit, paging.anchor)
    until = width.shift(width.floor(source.now()), -1)
    since = width.shift(until, -_CANDLES)
    frame = source.candles(symbol, width, since, until).frame
    if frame.schema != CANDLES_FULL:
        yield f"columns are {dict(frame.schema)}, not {dict(CANDLES_FULL)}"
        return
    try:
        check_candles(frame, width, since=since, until=until)
    except DataError as error:
        yield str(error)
    middle = width.shift(since, 2)
    parts = (
        source.candles(symbol, width, *span).frame for span in ((since, middle), (middle, until))
    )
    if not frame.equals(next(parts).vstack(next(parts))):
        yield "two halves of a window aren't the whole"


def _trades(source: Source, symbol: str, timeframe: str) -> Iterator[str]:
    del timeframe
    until = source.now()
    cursor: TradeCursor | None = TradeCursor(until - _TRADES_MS)
    for _ in range(_MOST_PAGES):
        if cursor is None or cursor.time >= until:
            return
        page = source.trades(symbol, cursor, until)
        if page.frame.schema != TRADES:
            yield f"columns are {dict(page.frame.schema)}, not {dict(TRADES)}"
            return
        try:
            check_trades(page.frame, since=cursor.time)
        except DataError as error:
            yield str(error)
        if page.following == cursor:
            yield f"the page after {cursor} begins at the same place"
            return
        cursor = page.following
    yield f"a minute of trades takes more than {_MOST_PAGES} pages"


_RULES = (_shape, _identity, _clock, _markets, _timeframes, _candles, _trades)
