"""`fetch_trades`: public trades of any exchange, page after page without loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

from gekko_lab.errors import InvalidArgument
from gekko_lab.fetching.asked import Asked
from gekko_lab.fetching.defaults import check_log
from gekko_lab.fetching.missing import tell
from gekko_lab.fetching.supply import check_way
from gekko_lab.fetching.tasks import Task, run
from gekko_lab.fetching.trade_requests import fetched_trades
from gekko_lab.frames.convert import to_frame
from gekko_lab.settings import options, reads_as

if TYPE_CHECKING:
    from gekko_lab.fetching.supply import Way
    from gekko_lab.market.moments import TimeLike
    from gekko_lab.settings import FrameKind, ProgressKind
    from gekko_lab.sources.source import Source

Result = Literal["frame", "report"]


def fetch_trades(
    exchange: str | Source,
    symbol: str,
    *,
    since: TimeLike | None = None,
    until: TimeLike | None = None,
    limit: int | None = None,
    log: bool | None = None,
    source: Way = "auto",
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
        every page is kept before the next one is asked for. By default `options.log`, under which
        real exchanges are logged.
    source
        Where trades come from: "rest" asks the exchange, "archive" takes the daily files that some
        publish (Binance), "log" asks nobody; "auto" takes the log, then files, then the exchange.
    result
        "frame", or "report" to leave the trades in the data log, for more than fits into memory;
        a report ends two seconds before the exchange's clock, as later trades may still come.
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
        With `result="report"` one row, as in the report of `fetch_many`: its timeframe is "", its
        status "gaps" where the exchange doesn't serve all of the range any more; rows, first and
        last are of the trades that the log holds now; missing is 0, or null, as nobody knows how
        many.

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
    check_way(source)
    check_log(log)
    kept = True if result == "report" else log
    asked = Asked(exchange, symbol, "", since, until, limit, log=kept, source=source)
    if result == "report":
        with options(progress=shown):
            return to_frame(next(run([Task(asked)], 1)).row, kind)
    found = fetched_trades(asked, shown)
    table = to_frame(found.frame, kind)
    tell(found.gaps, table, what=found.what, failures=found.failures)
    return table


def _check_result(result: str, *, log: bool | None) -> None:
    if result not in get_args(Result):
        raise InvalidArgument(f"result={result!r}: choose 'frame' or 'report'")
    if result == "report" and log is False:
        raise InvalidArgument(
            "result='report' leaves the trades in the data log: leave log=False out"
        )
