"""What became of a request for candles, before anyone is told."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gekko_lab.errors import InvalidArgument, LogError, SourceError
from gekko_lab.fetching.completion import Series
from gekko_lab.fetching.defaults import check_jobs, check_log, held_at, is_logged, resumable
from gekko_lab.fetching.fetched import Extent, Fetched
from gekko_lab.fetching.missing import explain, warn_of_log
from gekko_lab.fetching.progress import Progress
from gekko_lab.fetching.request import read_candle_request
from gekko_lab.fetching.supply import Supply, check_way
from gekko_lab.fetching.tally import counting
from gekko_lab.fetching.watching import Watch, both
from gekko_lab.frames.schemas import CANDLES
from gekko_lab.market.moments import show_time
from gekko_lab.sources.source import REPLAY

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

    from gekko_lab.fetching.asked import Asked
    from gekko_lab.fetching.request import Request
    from gekko_lab.fetching.walk import Collection
    from gekko_lab.market.timeframe import Timeframe
    from gekko_lab.settings import ProgressKind


def fetched(asked: Asked, shown: ProgressKind = "off", *, rows: bool = True) -> Fetched:
    """Give what `fetch` gives, without raising or warning of what is missing.

    Parameters
    ----------
    asked
        What for.
    shown
        Whether a line tells how far it is.
    rows
        Whether they are wanted; else those of a range are left in the data log.
    """
    if asked.columns not in ("base", "full"):
        raise InvalidArgument(f"columns={asked.columns!r}: choose 'base' or 'full'")
    check_way(asked.source)
    check_log(asked.log)
    check_jobs(asked.n_jobs)
    exchange = held_at(asked.exchange) if asked.source == "log" else asked.exchange
    with counting() as tally:
        request, width = read_candle_request(
            exchange,
            asked.symbol,
            asked.timeframe,
            since=asked.since,
            until=asked.until,
            limit=asked.limit,
        )
        what = f"{request.source.exchange} {request.symbol} {asked.timeframe}"
        total = request.limit or width.between(*request.span)
        watch = Watch(*asked.label, total)
        with (
            Progress(what, total, shown) as line,
            watch.waits(),
            resumable(logged=is_logged(request.source, asked.log)),
        ):
            found, gaps, extent = _collected(asked, request, width, both(line, watch), rows=rows)
    done = Fetched(
        found.frame,
        gaps,
        extent,
        found.failures,
        f"{what} {_shown(request)}",
        tally,
    )
    watch.ended(done.status)
    return done


def _collected(
    asked: Asked,
    request: Request,
    width: Timeframe,
    report: Callable[[int], None],
    *,
    rows: bool,
) -> tuple[Collection, pl.DataFrame, Extent]:
    # The data log is loaded only where it is used.
    if request.source.exchange.startswith(REPLAY):
        from gekko_lab.fetching.held import collect_held

        found, gaps = collect_held(request, width, open_end=asked.until is None)
        return found, gaps, Extent.of(found.frame)
    log = is_logged(request.source, asked.log)
    full = log or asked.columns == "full"
    series = Series(request.source, request.symbol, width, full=full)
    supply = Supply(series, asked.source, asked.n_jobs, logged=log)
    if log:
        from gekko_lab.fetching.logged import collect_logged

        try:
            kept = collect_logged(
                supply,
                request,
                report=report,
                must=asked.log is True,
                rows=rows,
                columns=None if asked.columns == "full" else CANDLES.names(),
            )
        except (LogError, OSError) as error:
            if asked.log or isinstance(error, SourceError):
                raise
            warn_of_log(error)  # it can't be read; the exchange still can be asked
            supply = replace(supply, logged=False)
        else:
            return kept.collection, kept.gaps, kept.extent
    if request.limit is None:
        found = supply.ranges([request.span], report=report)[0]
    else:
        found = supply.some(
            request.span, request.limit, newest_first=request.newest_first, report=report
        )
    return found, explain(series, found), Extent.of(found.frame)


def _shown(request: Request) -> str:
    if request.limit is None:
        return f"from {show_time(request.span.since)} to {show_time(request.span.until)}"
    if request.newest_first:
        return f"last {request.limit} to {show_time(request.span.until)}"
    return f"first {request.limit} from {show_time(request.span.since)}"
