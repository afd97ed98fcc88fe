"""What became of a request for trades, before anyone is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gekko_lab.datalog.queries import NOT_HELD
from gekko_lab.errors import LogError, SourceError, UnsupportedBySource
from gekko_lab.fetching import logged_trades
from gekko_lab.fetching.defaults import held_at, is_logged, resumable
from gekko_lab.fetching.fetched import Extent, Fetched
from gekko_lab.fetching.missing import warn_of_log
from gekko_lab.fetching.progress import Progress
from gekko_lab.fetching.request import read_trade_request
from gekko_lab.fetching.tally import counting
from gekko_lab.fetching.trade_fetches import Fetch, Found, HeldFetch, LoggedFetch
from gekko_lab.fetching.watching import Watch, both
from gekko_lab.frames.resample import gap_frame
from gekko_lab.market.moments import show_time
from gekko_lab.sources.source import REPLAY

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

    from gekko_lab.fetching.asked import Asked
    from gekko_lab.fetching.request import Request
    from gekko_lab.market.spans import Span
    from gekko_lab.settings import ProgressKind


def fetched_trades(asked: Asked, shown: ProgressKind = "off", *, rows: bool = True) -> Fetched:
    """Give what `fetch_trades` gives, without raising or warning of what is missing.

    Parameters
    ----------
    asked
        What for.
    shown
        Whether a line tells how far it is.
    rows
        Whether they are wanted; else they are left in the data log.
    """
    with counting() as tally:
        exchange = held_at(asked.exchange) if asked.source == "log" else asked.exchange
        request = read_trade_request(
            exchange, asked.symbol, since=asked.since, until=asked.until, limit=asked.limit
        )
        what = f"{request.source.exchange} {asked.symbol} trades"
        watch = Watch(*asked.label, request.limit)
        logged = is_logged(request.source, asked.log)
        with (
            Progress(what, request.limit, shown) as line,
            watch.waits(),
            resumable(logged=logged),
        ):
            found = _found(asked, request, both(line, watch), rows=rows)
    extent = Extent.of(found.frame)
    if not rows:
        extent = Extent.between(found.rows, found.first, found.last)
    failures = found.missed.failures
    done = Fetched(found.frame, _gaps(found), extent, failures, f"{what} {_shown(request)}", tally)
    watch.ended(done.status)
    return done


def _found(asked: Asked, request: Request, report: Callable[[int], None], *, rows: bool) -> Found:
    if request.source.exchange.startswith(REPLAY):
        with logged_trades.open_log(request.source, asked.symbol) as series:
            return HeldFetch(request, report, series, open_end=asked.until is None).run()
    if asked.source == "archive" and request.limit is not None:
        raise UnsupportedBySource(
            f"source='archive' serves ranges: give since and until instead of limit={request.limit}"
        )
    if not is_logged(request.source, asked.log):
        if asked.source == "archive":
            raise UnsupportedBySource(
                "source='archive' goes through the data log: leave log=False out"
            )
        return Fetch(request, report).run()
    try:
        with logged_trades.open_log(request.source, asked.symbol) as series:
            return LoggedFetch(request, report, series, asked.source).run(rows=rows)
    except (LogError, OSError) as error:
        if isinstance(error, SourceError) or asked.log:
            raise
        warn_of_log(error)
        return Fetch(request, report).run()


def _gaps(found: Found) -> pl.DataFrame:
    rows: list[tuple[Span, None, str, str | None]] = [
        (failure.span, None, "failed", str(failure.error)) for failure in found.missed.failures
    ]
    rows += [(span, None, "not_served", None) for span in found.missed.unserved]
    rows += [(doubt.span, None, "unknown", None) for doubt in found.missed.doubts]
    rows += [(span, None, NOT_HELD, None) for span in found.held_not]
    if found.quiet is not None:
        rows.append((found.quiet, None, "unknown", None))
    return gap_frame(sorted(rows, key=lambda row: row[0]))


def _shown(request: Request) -> str:
    if request.newest_first:
        return f"last {request.limit}"
    return f"from {show_time(request.span.since)} to {show_time(request.span.until)}"
