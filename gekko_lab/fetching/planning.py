"""`plan`: what a fetch will ask for, and what that costs, before it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from gekko_lab.errors import SourceError
from gekko_lab.fetching.archive_plan import cost_of, plan_archive
from gekko_lab.fetching.asked import series_of
from gekko_lab.fetching.completion import Series
from gekko_lab.fetching.defaults import check_tasks, is_logged, origin
from gekko_lab.fetching.planned import SENT, Planned, cost, known
from gekko_lab.fetching.request import read_candle_request, read_trade_request
from gekko_lab.fetching.served import check_served
from gekko_lab.fetching.supply import check_way
from gekko_lab.fetching.trade_plan import plan_lacking, plan_trades
from gekko_lab.frames.checks import as_time
from gekko_lab.frames.convert import to_frame
from gekko_lab.frames.schemas import PLAN
from gekko_lab.market.spans import Span, subtract
from gekko_lab.settings import reads_as
from gekko_lab.sources.source import REPLAY, Archived

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gekko_lab.fetching.archive_plan import Files
    from gekko_lab.fetching.request import Request
    from gekko_lab.fetching.supply import Way
    from gekko_lab.market.moments import TimeLike
    from gekko_lab.market.timeframe import Timeframe
    from gekko_lab.settings import FrameKind
    from gekko_lab.sources.source import Archive, Source


def plan(
    exchanges: str | Source | Sequence[str | Source],
    symbols: str | Sequence[str],
    timeframes: str | Sequence[str] | None = None,
    *,
    since: TimeLike,
    until: TimeLike | None = None,
    kind: str = "candles",
    source: Way = "auto",
    n_jobs: int = 8,
    frame: FrameKind | None = None,
) -> Any:  # noqa: ANN401 (the frame decides)
    """Tell what fetching a range will ask for, and what that costs, without fetching it.

    Parameters
    ----------
    exchanges, symbols, timeframes
        One or several of each, as in `fetch_many`.
    since, until
        The range, as in `fetch`.
    kind
        "candles" or "trades"; trades have no timeframe.
    source
        Where they come from, as in `fetch` and `fetch_trades`.
    n_jobs
        How many requests at a time.
    frame
        "polars" or "pandas"; by default `options.frame`.

    Returns
    -------
    polars.DataFrame or pandas.DataFrame
        For each series a row for each place that its rows come from, in the order of time:

        ========== ======== ===================================================================
        exchange, symbol, timeframe  the series
        source     String   log (held already), archive, rest, trades, simulated or replay
        since, until  Datetime  from where to where, UTC
        rows       Int64    that are expected; for trades at the pace of the last ten minutes
        calls      Int64    requests; faults and gaps need some more
        weight     Int64    that they count of the exchange's limit
        seconds    Float64  at least: the weight at our share of the limit, or the round trips
        bytes      Int64    that are sent, before compression
        disk_bytes Int64    that the data log will need
        ========== ======== ===================================================================

    Notes
    -----
    Market list and clock are asked for, where a market begins, and one page of trades for their
    pace. A round trip is taken to last 150 ms; a row of candles to have 170 bytes on the way and 18
    on disk, one of trades 110 and 8 (measured on Binance's dialect).

    Examples
    --------
    >>> import gekko_lab
    >>> year = {"since": "2023-01-01", "until": "2024-01-01"}
    >>> gekko_lab.plan("simulator", "BTC/USDT", "1m", **year)["rows"].item()
    525600
    """
    made_as = reads_as("frame", frame)
    check_way(source)
    check_tasks(n_jobs)
    rows: list[tuple[Any, ...]] = []
    for exchange, symbol, timeframe in series_of(exchanges, symbols, timeframes, kind=kind):
        label = exchange if isinstance(exchange, str) else exchange.exchange
        parts: Iterable[Planned]
        if timeframe:
            request, width = read_candle_request(
                exchange, symbol, timeframe, since=since, until=until, limit=None
            )
            parts = _candles(request, width, _way(request, source))
        else:
            request = read_trade_request(exchange, symbol, since=since, until=until, limit=None)
            parts = plan_trades(request, _way(request, source))
        rows += [(label, symbol, timeframe, *part.row(kind, n_jobs)) for part in parts]
    schema = pl.Schema({**dict(PLAN), "since": pl.Int64(), "until": pl.Int64()})
    table = pl.DataFrame(rows, schema=schema, orient="row")
    return to_frame(table.with_columns(as_time("since"), as_time("until")), made_as)


def _way(request: Request, way: Way) -> Way:
    """Give the way that is left: what is replayed of the log is asked of nobody."""
    return "log" if request.source.exchange.startswith(REPLAY) else way


def _candles(request: Request, width: Timeframe, way: Way) -> Iterable[Planned]:
    source, span = request.source, request.span
    series = Series(source, request.symbol, width, full=False)
    parts: list[Planned] = []
    lacking = [span]
    if is_logged(source, None) or way == "log":
        held, lacking = known("candles", request, width)
        parts += [Planned("log", each, width.between(*each), 0, 0, None, 0) for each in held]
    if way == "log":
        return parts
    begin = _listing(series)
    for each in (Span(max(left.since, begin), left.until) for left in lacking):
        if each.since < each.until:
            parts += _asked(series, each, way)
    return sorted(parts, key=lambda part: part.span)


def _asked(series: Series, span: Span, way: Way) -> Iterable[Planned]:
    if way == "trades":
        yield from plan_lacking(series.source, series.symbol, [span], "auto")
        return
    left = [span]
    if way in ("auto", "archive") and isinstance(series.source, Archived):
        archive = series.source.archive(series.symbol)
        files = [] if archive is None else plan_archive(series, archive, span)
        if archive is not None and files:
            yield _of_files(series, archive, files)
            left = subtract(left, [part for part, _ in files])
    if way != "archive":
        for part in left:
            check_served(series, part)
        yield from (_of_rest(series, part) for part in left)


def _of_files(series: Series, archive: Archive, files: Files) -> Planned:
    files_cost = cost_of(series, archive, files)
    weight, per_second = cost(series.source, series.symbol, "candles")
    span = Span(files[0][0].since, files[-1][0].until)
    rows = sum(series.timeframe.between(*part) for part, _ in files)
    asked = files_cost.checks + 1  # for the first candle of the market
    calls = files_cost.downloads + asked
    return Planned(
        "archive", span, rows, calls, asked * weight, per_second, files_cost.download_bytes
    )


def _of_rest(series: Series, span: Span) -> Planned:
    rows = series.timeframe.between(*span)
    calls = 1 if series.paging.newest_only else -(-rows // series.paging.page_size)
    weight, per_second = cost(series.source, series.symbol, "candles")
    name = origin(series.source, "rest")
    return Planned(name, span, rows, calls, calls * weight, per_second, rows * SENT["candles"])


def _listing(series: Series) -> int:
    try:
        return series.listed or 0
    except SourceError:
        return 0
