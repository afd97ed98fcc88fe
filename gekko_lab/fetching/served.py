"""What an exchange serves of the past: only its newest page, or only so far back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gekko_lab.errors import HistoryUnavailable
from gekko_lab.fetching.completion import Outcome, joined
from gekko_lab.fetching.walk import Collection, limited, most
from gekko_lab.frames.checks import times_of
from gekko_lab.frames.resample import missing
from gekko_lab.market.moments import show_time
from gekko_lab.market.spans import Span
from gekko_lab.sources.source import Page

if TYPE_CHECKING:
    from gekko_lab.fetching.completion import Series
    from gekko_lab.fetching.walk import Keep


def collect_newest(
    series: Series,
    span: Span,
    *,
    limit: int | None = None,
    newest_first: bool = False,
    keep: Keep | None = None,
) -> Collection:
    """Give candles of the one page that is served; all of that page is kept.

    Raises
    ------
    HistoryUnavailable
        When older ones are wanted.
    """
    page = _newest_page(series, span)
    width = series.timeframe
    if keep is not None:
        _keep(series, page, span if limit is None else None, span.until, keep)
    frame = page.frame if limit is None else most(page.frame, limit, newest_first=newest_first)
    counted = limit is not None and newest_first
    if page.oldest is not None and (
        len(frame) < (limit or 0) if counted else span.since < page.oldest
    ):
        asked = f"{limit} candles" if counted else f"candles since {show_time(span.since)}"
        raise _too_old(series, series.paging.page_size, page.oldest, asked)
    if limit is not None:
        span = limited(frame, span, width, limit, newest_first=newest_first)
    opens = times_of(frame)
    found = Collection(span, frame, missing(opens, width, span))
    found.latest = int(opens[-1]) if len(opens) else None
    return found


def _keep(series: Series, page: Page, asked: Span | None, until: int, keep: Keep) -> None:
    opens = times_of(page.frame)
    if page.oldest is not None or asked is None:
        if not len(opens):
            return
        asked = Span(int(opens[0]), until)
    keep(asked, Outcome(page.frame, missing(opens, series.timeframe, asked)))


def _newest_page(series: Series, span: Span) -> Page:
    """Give the newest page, with what a second answer adds where it lacks candles of its range."""
    page = series.page(span)
    if not _lacks(series, page, span):
        return page
    again = series.page(span)
    told = [answer.oldest for answer in (page, again) if answer.oldest is not None]
    return Page(joined(page.frame, again.frame), oldest=min(told, default=None))


def _lacks(series: Series, page: Page, span: Span) -> bool:
    since = span.since if page.oldest is None else max(span.since, page.oldest)
    return since < span.until and bool(
        missing(times_of(page.frame), series.timeframe, Span(since, span.until))
    )


def check_reach(series: Series, span: Span, last: int | None) -> None:
    """Raise `HistoryUnavailable` when a range, or its last so many candles, begin too early."""
    reach = series.paging.reach
    if reach is None:
        return
    width = series.timeframe
    earliest = width.shift(width.floor(series.source.now()), 1 - reach)
    since = span.since
    if last is not None and last < width.between(*span):
        since = width.shift(span.until, -last)
    if since < earliest:
        raise _too_old(series, reach, earliest, f"candles since {show_time(since)}")


def check_served(series: Series, span: Span) -> None:
    """Raise `HistoryUnavailable` when a range begins before what is served, without asking."""
    check_reach(series, span, None)
    size, width = series.paging.page_size, series.timeframe
    if series.paging.newest_only:
        earliest = width.shift(width.floor(series.source.now()), 1 - size)
        if span.since < earliest:
            asked = f"candles since {show_time(span.since)}"
            raise _too_old(series, size, earliest, asked)


def _too_old(series: Series, served: int, earliest: int, asked: str) -> HistoryUnavailable:
    return HistoryUnavailable(
        f"{series.source.exchange} serves only its newest {served} candles of {series.symbol} "
        f"{series.timeframe}, from {show_time(earliest)} on, and {asked} were asked for: ask for a "
        "later since, fewer candles or a longer timeframe; source='trades' makes older candles of "
        "the trades, where these go further back",
        earliest=earliest,
    )
