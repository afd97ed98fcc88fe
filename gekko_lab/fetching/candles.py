"""`fetch`: candles of any exchange, complete or with what is missing by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

from gekko_lab.fetching.asked import Asked, Columns
from gekko_lab.fetching.candle_requests import fetched
from gekko_lab.fetching.missing import tell
from gekko_lab.frames.convert import to_frame
from gekko_lab.frames.schemas import CANDLES, CANDLES_FULL
from gekko_lab.settings import reads_as

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    from gekko_lab.fetching.supply import Way
    from gekko_lab.market.moments import TimeLike
    from gekko_lab.settings import FrameKind, ProgressKind
    from gekko_lab.sources.source import Source


@overload
def fetch(
    exchange: str | Source,
    symbol: str,
    timeframe: str = "1h",
    *,
    since: TimeLike | None = None,
    until: TimeLike | None = None,
    limit: int | None = None,
    frame: Literal["polars"],
    columns: Columns = "base",
    log: bool | None = None,
    source: Way = "auto",
    n_jobs: int = 8,
    progress: ProgressKind | None = None,
) -> pl.DataFrame: ...
@overload
def fetch(
    exchange: str | Source,
    symbol: str,
    timeframe: str = "1h",
    *,
    since: TimeLike | None = None,
    until: TimeLike | None = None,
    limit: int | None = None,
    frame: Literal["pandas"],
    columns: Columns = "base",
    log: bool | None = None,
    source: Way = "auto",
    n_jobs: int = 8,
    progress: ProgressKind | None = None,
) -> pd.DataFrame: ...
@overload
def fetch(
    exchange: str | Source,
    symbol: str,
    timeframe: str = "1h",
    *,
    since: TimeLike | None = None,
    until: TimeLike | None = None,
    limit: int | None = None,
    frame: None = None,
    columns: Columns = "base",
    log: bool | None = None,
    source: Way = "auto",
    n_jobs: int = 8,
    progress: ProgressKind | None = None,
) -> Any: ...  # noqa: ANN401 (only the option knows)
def fetch(
    exchange: str | Source,
    symbol: str,
    timeframe: str = "1h",
    *,
    since: TimeLike | None = None,
    until: TimeLike | None = None,
    limit: int | None = None,
    frame: FrameKind | None = None,
    columns: Columns = "base",
    log: bool | None = None,
    source: Way = "auto",
    n_jobs: int = 8,
    progress: ProgressKind | None = None,
) -> Any:
    """Give the closed candles of a market, real or simulated.

    Without since, until and limit: the last 500. `limit` alone or with `until` means the last
    so many, with `since` the first so many; all three are an error.

    Parameters
    ----------
    exchange
        A name from `exchanges()`, such as "binance" or "simulator", or a source such as
        `ExchangeSimulator(seed=7)`.
    symbol
        A name from `symbols(exchange)`, such as "BTC/USDT".
    timeframe
        The candles' width, a name from `timeframes(exchange)`: "1m" is a minute, "1M" a month.
    since, until
        The candles' open times, since inclusive and until exclusive: ISO text, dates, datetimes,
        milliseconds, or spans back from now such as "30d". Times without a zone are UTC. An `until`
        after the exchange's clock means now; only the simulator has a future to give.
    limit
        How many candles.
    frame
        "polars" or "pandas"; by default `options.frame`.
    columns
        "full" adds quote_volume and trade_count.
    log
        Whether to go through the data log: what it holds is read from there, only the rest is asked
        for, and each page is kept at once, so that no fetch loses what came. `gekko_lab.datalog`
        reads it later. By default `options.log`, under which real exchanges are logged.
    source
        Where candles come from: "rest" asks the exchange, "archive" takes the files that some
        publish (Binance), "trades" makes candles of the exchange's trades where its own don't go
        back so far (Kraken), "log" asks nobody and gives what the data log holds. "auto" takes the
        log, then the archive for what is old and long, then REST.
    n_jobs
        How many pages to ask for at a time; they share the exchange's budget.
    progress
        "auto", "on" or "off"; by default `options.progress`.

    Returns
    -------
    polars.DataFrame or pandas.DataFrame
        One row a candle, in order. Columns: timestamp (open time, UTC, microseconds; the index in
        pandas), open, high, low, close (float, quote per base), volume (float, base); with
        `columns="full"` also quote_volume (float, quote) and trade_count (integer), null where
        unknown. The same columns without rows.

    Raises
    ------
    RequestError
        When the request can't be answered; raised before any candle is asked for.
    HistoryUnavailable
        When the exchange doesn't serve candles that old; says from when on it does.
    SourceError
        When nothing could be had.
    IncompleteData
        When a part could not be had; its `frame` holds the rest, its `report` what is missing.

    Warns
    -----
    GapWarning
        When candles don't exist at the exchange; names them and why.

    Examples
    --------
    >>> import gekko_lab
    >>> candles = gekko_lab.fetch(
    ...     "simulator", "BTC/USDT", "1d", since="2024-01-01", until="2024-03"
    ... )
    >>> candles.shape
    (60, 6)
    """
    kind = reads_as("frame", frame)
    shown = reads_as("progress", progress)
    asked = Asked(exchange, symbol, timeframe, since, until, limit, columns, log, source, n_jobs)
    found = fetched(asked, shown)
    names = CANDLES_FULL.names() if columns == "full" else CANDLES.names()
    result = to_frame(found.frame[names], kind)
    tell(found.gaps, result, what=found.what, failures=found.failures)
    return result
