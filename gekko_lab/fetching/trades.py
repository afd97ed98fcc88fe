"""`fetch_trades`: public trades of any exchange, page after page without loss."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from gekko_lab.errors import BadResponse, DataError, SourceError
from gekko_lab.fetching.asking import ask
from gekko_lab.fetching.completion import Failure
from gekko_lab.fetching.missing import tell
from gekko_lab.fetching.progress import Progress
from gekko_lab.fetching.request import read_trade_request
from gekko_lab.frames.checks import check_trades, milliseconds
from gekko_lab.frames.convert import to_frame
from gekko_lab.frames.resample import gap_frame
from gekko_lab.frames.schemas import TRADES, empty
from gekko_lab.market.moments import show_time
from gekko_lab.market.spans import Span
from gekko_lab.settings import reads_as
from gekko_lab.sources.source import TradeCursor

if TYPE_CHECKING:
    from gekko_lab.fetching.request import Request
    from gekko_lab.market.moments import TimeLike
    from gekko_lab.settings import FrameKind, ProgressKind
    from gekko_lab.sources.source import Source, TradePage

_FIRST_WINDOW = 60_000
_WIDEST_WINDOW = 30 * 86_400_000


def fetch_trades(
    exchange: str | Source,
    symbol: str,
    *,
    since: TimeLike | None = None,
    until: TimeLike | None = None,
    limit: int | None = None,
    frame: FrameKind | None = None,
    progress: ProgressKind | None = None,
) -> Any:  # noqa: ANN401 (the frame option decides)
    """Give the public trades of a market, real or simulated.

    Without since, until and limit: the last 500. `limit` alone or with `until` means the last
    so many, with `since` the first so many; all three are an error. Binance's are its aggregate
    trades: fills of one order at one price count as one.

    Parameters
    ----------
    exchange
        A name from `exchanges()`, or a source such as `ExchangeSimulator(seed=7)`.
    symbol
        A name from `symbols(exchange)`, such as "BTC/USDT".
    since, until
        Times of the trades, since inclusive and until exclusive, as `fetch` reads them.
    limit
        How many trades.
    frame
        "polars" or "pandas"; by default `options.frame`.
    progress
        "auto", "on" or "off"; by default `options.progress`.

    Returns
    -------
    polars.DataFrame or pandas.DataFrame
        One row a trade, in order. Columns: timestamp (exchange time, UTC, microseconds; the index
        in pandas), id (text), side (the taker's, "buy" or "sell"; null where unknown), price
        (float, quote per base), amount (float, base). The same columns without rows.

    Raises
    ------
    RequestError
        When the request can't be answered; raised before any trade is asked for.
    SourceError
        When nothing could be had.
    IncompleteData
        When a part could not be had; its `frame` holds the rest, its `report` what is missing.

    Warns
    -----
    GapWarning
        When the exchange doesn't serve trades that old; says from when on it does.

    Examples
    --------
    >>> import gekko_lab
    >>> trades = gekko_lab.fetch_trades("simulator", "BTC/USDT", since="2024-01-01", limit=100)
    >>> trades["id"].is_duplicated().any()
    False
    """
    kind = reads_as("frame", frame)
    shown = reads_as("progress", progress)
    request = read_trade_request(exchange, symbol, since=since, until=until, limit=limit)
    what = f"{request.source.exchange} {symbol} trades"
    with Progress(what, request.limit, shown) as report:
        if request.newest_first:
            found = _last(request, report)
        else:
            found = _Tape(request.source, symbol, report).run(request.span, request.limit)
    result = to_frame(found.frame, kind)
    tell(_gaps(found), result, what=f"{what} {_shown(request)}", failures=found.failures)
    return result


@dataclass(slots=True)
class _Found:
    frame: pl.DataFrame
    failures: list[Failure] = field(default_factory=list)
    unserved: Span | None = None
    quiet: Span | None = None


class _Tape:
    """Trades in order of time, joined from pages that may overlap."""

    def __init__(self, source: Source, symbol: str, report: Progress) -> None:
        self.source = source
        self.symbol = symbol
        self.report = report

    def run(self, span: Span, limit: int | None) -> _Found:
        """Give the trades of the span, or the first `limit` of them."""
        frames = [empty(TRADES)]
        found = _Found(frames[0])
        cursor: TradeCursor | None = TradeCursor(span.since)
        rows = 0
        last = frames[0]
        while cursor is not None and cursor.time < span.until and (limit is None or rows < limit):
            try:
                page = self._page(cursor, span.until, last)
                if page.following is None and page.frame.is_empty():  # believed when told twice
                    page = self._page(cursor, span.until, last)
            except SourceError as error:
                found.failures.append(Failure(Span(cursor.time, span.until), error))
                break
            new = _unseen(page.frame, last).filter(milliseconds() < span.until)
            if len(page.frame):
                last = page.frame
            frames.append(new)
            rows += len(new)
            self.report(rows)
            cursor = page.following
        found.frame = pl.concat(frames)
        if limit is not None:
            found.frame = found.frame.head(limit)
        if not found.failures:
            self._check_begin(found, span)
        return found

    def _page(self, cursor: TradeCursor, until: int, last: pl.DataFrame) -> TradePage:
        def question() -> TradePage:
            page = self.source.trades(self.symbol, cursor, until)
            try:
                check_trades(page.frame, since=cursor.time)
            except DataError as error:
                raise BadResponse(
                    f"{self.source.exchange} sent unsound trades of {self.symbol}: {error}"
                ) from error
            if not _goes_on(page, cursor, last):
                raise BadResponse(
                    f"{self.source.exchange} leads from the trades of {self.symbol} at "
                    f"{show_time(cursor.time)} back to trades that came already"
                )
            return page

        return ask(question)

    def _check_begin(self, found: _Found, span: Span) -> None:
        """Find what lies before the first trade that is served, where that matters."""
        first = _first(found.frame, span.until)
        if first <= span.since:
            return
        try:
            oldest = ask(lambda: self.source.oldest_trade(self.symbol, span.since))
        except SourceError:  # what came stays; its begin is not confirmed
            found.quiet = Span(span.since, first)
            return
        if oldest is not None:
            found.unserved = Span(span.since, min(oldest, first))


def _last(request: Request, report: Progress) -> _Found:
    """Walk back in ever wider windows until enough trades are there."""
    limit = request.limit or 0
    tape = _Tape(request.source, request.symbol, report)
    end, width = request.span.until, _FIRST_WINDOW
    found = _Found(empty(TRADES))
    while end > 0 and len(found.frame) < limit:
        start = max(0, end - width)
        older = tape.run(Span(start, end), None)
        found.frame = pl.concat([older.frame, found.frame])
        found.failures += older.failures
        found.quiet = older.quiet
        if found.failures or found.quiet is not None:
            break
        if older.unserved is not None:
            found.unserved = older.unserved if len(found.frame) < limit else None
            break
        if older.frame.is_empty() and width >= _WIDEST_WINDOW:
            found.quiet = Span(start, _first(found.frame, request.span.until))
            break
        end, width = start, min(2 * width, _WIDEST_WINDOW)
    found.frame = found.frame.tail(limit)
    return found


def _first(frame: pl.DataFrame, default: int) -> int:
    return frame.select(milliseconds().first()).item() if len(frame) else default


def _goes_on(page: TradePage, cursor: TradeCursor, last: pl.DataFrame) -> bool:
    """Tell whether the next page lies behind this one, so that the walk ends."""
    following = page.following
    if following is None or following.time > cursor.time:
        return True
    same_time = following.time == cursor.time and following.id != cursor.id
    return same_time and not _unseen(page.frame, last).is_empty()


def _unseen(page: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """Leave out what the page before ended with, by id, or by the whole row without ids."""
    if before.is_empty() or page.is_empty():
        return page
    seam = before.filter(pl.col("timestamp") >= page["timestamp"][0])
    if seam.is_empty():
        return page
    if seam["id"].null_count():
        return _without_common(page, seam)
    return page.filter(~pl.col("id").is_in(seam["id"].implode()))


def _without_common(page: pl.DataFrame, seam: pl.DataFrame) -> pl.DataFrame:
    """Leave out as many equal rows as the seam has: equal trades without ids do happen."""
    keys = ["timestamp", "side", "price", "amount"]
    counted = page.with_columns(_turn=pl.int_range(pl.len()).over(keys))
    seen = seam.with_columns(_turn=pl.int_range(pl.len()).over(keys))
    left = counted.join(seen, on=[*keys, "_turn"], how="anti", nulls_equal=True)
    return left.select(page.columns)


def _gaps(found: _Found) -> pl.DataFrame:
    rows: list[tuple[Span, None, str, str | None]] = [
        (failure.span, None, "failed", str(failure.error)) for failure in found.failures
    ]
    if found.unserved is not None and found.unserved.since < found.unserved.until:
        rows.append((found.unserved, None, "not_served", None))
    if found.quiet is not None:
        rows.append((found.quiet, None, "unknown", None))
    return gap_frame(rows)


def _shown(request: Request) -> str:
    if request.newest_first:
        return f"last {request.limit}"
    return f"from {show_time(request.span.since)} to {show_time(request.span.until)}"
