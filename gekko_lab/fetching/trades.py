"""`fetch_trades`: public trades of any exchange, page after page without loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

import polars as pl

from gekko_lab.errors import InvalidArgument
from gekko_lab.fetching import logged_trades
from gekko_lab.fetching.missing import tell
from gekko_lab.fetching.progress import Progress
from gekko_lab.fetching.request import read_trade_request
from gekko_lab.fetching.trade_fetches import Fetch, Found, LoggedFetch
from gekko_lab.frames.convert import to_frame
from gekko_lab.frames.resample import gap_frame
from gekko_lab.frames.schemas import TIME
from gekko_lab.market.moments import show_time
from gekko_lab.settings import reads_as

if TYPE_CHECKING:
    from gekko_lab.fetching.request import Request
    from gekko_lab.market.moments import TimeLike
    from gekko_lab.market.spans import Span
    from gekko_lab.settings import FrameKind, ProgressKind
    from gekko_lab.sources.source import Source

Result = Literal["frame", "report"]

TRADES_REPORT = pl.Schema(
    {
        "exchange": pl.String(),
        "symbol": pl.String(),
        "status": pl.String(),
        "rows": pl.Int64(),
        "first": TIME,
        "last": TIME,
        "missing": pl.Int64(),
        "error": pl.String(),
    }
)


def fetch_trades(
    exchange: str | Source,
    symbol: str,
    *,
    since: TimeLike | None = None,
    until: TimeLike | None = None,
    limit: int | None = None,
    log: bool = False,
    result: Result = "frame",
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
    log
        Whether to go through the data log: what it holds is read, only the rest is asked for, and
        every page is kept before the next one is asked for.
    result
        "frame", or "report" to leave the trades in the data log, for more than fits into memory.
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
        With `result="report"` one row: exchange and symbol; status (complete, gaps where the
        exchange doesn't serve all of the range any more, incomplete, or failed); rows, first and
        last (time, UTC) of the trades that the log holds now; missing (0, or null, as nobody knows
        how many); error.

    Raises
    ------
    RequestError
        When the request can't be answered; raised before any trade is asked for.
    LogError
        When the data log can't keep what came.
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
    _check_result(result, log=log)
    request = read_trade_request(exchange, symbol, since=since, until=until, limit=limit)
    what = f"{request.source.exchange} {symbol} trades"
    with Progress(what, request.limit, shown) as report:
        if not log:
            found = Fetch(request, report).run()
        else:
            with logged_trades.open_log(request.source, symbol) as series:
                found = LoggedFetch(request, report, series).run(rows=result == "frame")
    if result == "report":
        return to_frame(_report(request, found), kind)
    table = to_frame(found.frame, kind)
    tell(_gaps(found), table, what=f"{what} {_shown(request)}", failures=found.missed.failures)
    return table


def _check_result(result: str, *, log: bool) -> None:
    if result not in get_args(Result):
        raise InvalidArgument(f"result={result!r}: choose 'frame' or 'report'")
    if result == "report" and not log:
        raise InvalidArgument("result='report' leaves the trades in the data log: say log=True")


def _gaps(found: Found) -> pl.DataFrame:
    rows: list[tuple[Span, None, str, str | None]] = [
        (failure.span, None, "failed", str(failure.error)) for failure in found.missed.failures
    ]
    rows += [(span, None, "not_served", None) for span in found.missed.unserved]
    rows += [(doubt.span, None, "unknown", None) for doubt in found.missed.doubts]
    if found.quiet is not None:
        rows.append((found.quiet, None, "unknown", None))
    return gap_frame(rows)


def _report(request: Request, found: Found) -> pl.DataFrame:
    errors = [*found.missed.failures, *found.missed.doubts]
    status = "complete"
    if found.missed.failures:
        status = "incomplete" if found.rows else "failed"
    elif len(_gaps(found)):
        status = "gaps"
    row = {
        "exchange": request.source.exchange,
        "symbol": request.symbol,
        "status": status,
        "rows": found.rows,
        "first": found.first,
        "last": found.last,
        "missing": 0 if status == "complete" else None,
        "error": str(errors[0].error) if errors else None,
    }
    plain = pl.Schema({**TRADES_REPORT, "first": pl.Int64(), "last": pl.Int64()})
    return pl.DataFrame([row], schema=plain).cast(TRADES_REPORT)


def _shown(request: Request) -> str:
    if request.newest_first:
        return f"last {request.limit}"
    return f"from {show_time(request.span.since)} to {show_time(request.span.until)}"
