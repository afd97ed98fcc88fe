"""`plan`: what a fetch will ask for, and what that costs, before it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from gekko_lab.errors import NotInLog, SourceError
from gekko_lab.fetching.archive_plan import cost_of, plan_archive
from gekko_lab.fetching.asked import series_of
from gekko_lab.fetching.asking import ask
from gekko_lab.fetching.completion import Series
from gekko_lab.fetching.defaults import check_tasks, is_logged
from gekko_lab.fetching.request import read_candle_request, read_trade_request
from gekko_lab.fetching.served import check_served
from gekko_lab.fetching.supply import check_way
from gekko_lab.frames.checks import as_time
from gekko_lab.frames.convert import to_frame
from gekko_lab.frames.schemas import PLAN
from gekko_lab.market.spans import Span, intersect, subtract
from gekko_lab.settings import reads_as
from gekko_lab.sources.source import Archived, TradeCursor

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gekko_lab.fetching.archive_plan import Planned
    from gekko_lab.fetching.request import Request
    from gekko_lab.fetching.supply import Way
    from gekko_lab.market.moments import TimeLike
    from gekko_lab.market.timeframe import Timeframe
    from gekko_lab.settings import FrameKind
    from gekko_lab.sources.source import Archive, Source

LATENCY_S = 0.15
"""What a request takes there and back, where nothing else is known."""

_SENT = {"candles": 170, "trades": 110}  # bytes of a row in Binance's JSON, not compressed
_STORED = {"candles": 18, "trades": 8}  # bytes of a row in the data log
_SAMPLE_MS = 600_000


class _Part(NamedTuple):
    """What comes from one place."""

    source: str
    span: Span
    rows: int | None
    calls: int
    weight: float
    per_second: float | None
    sent: int | None


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
        Where candles come from, as in `fetch`.
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
        source     String   log (held already), archive, rest, trades or simulated
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
        parts: Iterable[_Part]
        if timeframe:
            request, width = read_candle_request(
                exchange, symbol, timeframe, since=since, until=until, limit=None
            )
            parts = _candles(request, width, source)
        else:
            request = read_trade_request(exchange, symbol, since=since, until=until, limit=None)
            parts = _trades(request, source)
        rows += [(label, symbol, timeframe, *_row(part, kind, n_jobs)) for part in parts]
    schema = pl.Schema({**dict(PLAN), "since": pl.Int64(), "until": pl.Int64()})
    table = pl.DataFrame(rows, schema=schema, orient="row")
    return to_frame(table.with_columns(as_time("since"), as_time("until")), made_as)


def _candles(request: Request, width: Timeframe, way: Way) -> Iterable[_Part]:
    source, span = request.source, request.span
    series = Series(source, request.symbol, width, full=False)
    parts: list[_Part] = []
    lacking = [span]
    if is_logged(source, None) or way == "log":
        held, lacking = _known("candles", request, width)
        parts += [_Part("log", each, width.between(*each), 0, 0, None, 0) for each in held]
    if way == "log":
        return parts
    begin = _listing(series)
    for each in (Span(max(left.since, begin), left.until) for left in lacking):
        if each.since < each.until:
            parts += _asked(series, each, way)
    return sorted(parts, key=lambda part: part.span)


def _asked(series: Series, span: Span, way: Way) -> Iterable[_Part]:
    if way == "trades":
        yield _of_trades(series.source, series.symbol, span)
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


def _of_files(series: Series, archive: Archive, files: Planned) -> _Part:
    cost = cost_of(series, archive, files)
    weight, per_second = _cost(series.source, series.symbol, "candles")
    span = Span(files[0][0].since, files[-1][0].until)
    rows = sum(series.timeframe.between(*part) for part, _ in files)
    calls = cost.downloads + cost.checks + 1  # for the first candle of the market
    return _Part(
        "archive", span, rows, calls, (cost.checks + 1) * weight, per_second, cost.download_bytes
    )


def _of_rest(series: Series, span: Span) -> _Part:
    rows = series.timeframe.between(*span)
    calls = 1 if series.paging.newest_only else -(-rows // series.paging.page_size)
    weight, per_second = _cost(series.source, series.symbol, "candles")
    name = "rest" if series.source.logged else "simulated"
    return _Part(name, span, rows, calls, calls * weight, per_second, rows * _SENT["candles"])


def _trades(request: Request, way: Way) -> Iterable[_Part]:
    lacking, parts = [request.span], []
    if is_logged(request.source, None) or way == "log":
        held, lacking = _known("trades", request, None)
        parts = [_Part("log", each, None, 0, 0, None, 0) for each in held]
    if way == "log":
        return parts
    parts += [_of_trades(request.source, request.symbol, each) for each in lacking]
    return sorted(parts, key=lambda part: part.span)


def _of_trades(source: Source, symbol: str, span: Span) -> _Part:
    now = source.now()
    cursor = TradeCursor(now - _SAMPLE_MS)
    page = ask(lambda: source.trades(symbol, cursor, now)).frame
    weight, per_second = _cost(source, symbol, "trades")
    if len(page) < 2:  # noqa: PLR2004 (a pace needs two)
        return _Part("trades", span, None, 1, weight, per_second, None)
    times = page["timestamp"].dt.epoch("ms")
    lasted = max(1, int(times[-1]) - int(times[0]))
    rows = round(len(page) * (span.until - span.since) / lasted)
    calls = -(-rows // max(len(page), 1))
    return _Part("trades", span, rows, calls, calls * weight, per_second, rows * _SENT["trades"])


def _known(kind: str, request: Request, width: Timeframe | None) -> tuple[list[Span], list[Span]]:
    """Give what of a range the log holds, and what it doesn't know."""
    from gekko_lab.datalog.finding import find_store

    try:
        store = find_store(kind, request.source, request.symbol, str(width) if width else None)
    except NotInLog:
        return [], [request.span]
    ledger = store.ledger(request.span)
    return intersect(ledger.held, [request.span]), ledger.missing(request.span)


def _listing(series: Series) -> int:
    try:
        return series.listed or 0
    except SourceError:
        return 0


def _cost(source: Source, symbol: str, kind: str) -> tuple[float, float | None]:
    known = getattr(source, "cost", None)  # simulated markets ask nobody
    if known is None:
        return 0.0, None
    cost = known(symbol, kind)
    return cost.weight, cost.per_second


def _row(part: _Part, kind: str, n_jobs: int) -> tuple[Any, ...]:
    seconds = part.calls * LATENCY_S / max(1, n_jobs)
    seconds = 0.0 if part.per_second is None else max(seconds, part.weight / part.per_second)
    stored = None if part.rows is None else part.rows * _STORED[kind]
    return (
        *(part.source, *part.span, part.rows, part.calls, round(part.weight)),
        *(round(seconds, 1), part.sent, 0 if part.source == "log" else stored),
    )
