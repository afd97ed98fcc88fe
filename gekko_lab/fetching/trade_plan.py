"""Where the trades of a range will come from, and how many there may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gekko_lab.fetching.archived_trades import END_REQUESTS, trade_days
from gekko_lab.fetching.asking import ask
from gekko_lab.fetching.defaults import is_logged, origin
from gekko_lab.fetching.planned import SENT, Planned, cost, known
from gekko_lab.frames.checks import times_of
from gekko_lab.market.spans import Span, merge, subtract
from gekko_lab.market.timeframe import DAY
from gekko_lab.sources.source import Archived, TradeCursor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gekko_lab.fetching.request import Request
    from gekko_lab.fetching.supply import Way
    from gekko_lab.sources.source import Source

_SAMPLE_MS = 600_000
_DOWNLOADS = 2  # a checksum and its file
_ZIPPED = 15  # bytes of a trade in a file, measured on simulated ones


class _Pace(NamedTuple):
    """How many trades there were of late, and how many came with a page."""

    per_ms: float | None
    page: int

    def rows(self, span: Span) -> int | None:
        """Give how many are expected in a range."""
        return None if self.per_ms is None else round(self.per_ms * (span.until - span.since))


def plan_trades(request: Request, way: Way) -> list[Planned]:
    """Give the parts of a range of trades, in the order of time.

    Parameters
    ----------
    request
        The range.
    way
        As in `fetch_trades`: days from the archive come only into the data log.
    """
    source, lacking, parts = request.source, [request.span], []
    logged = is_logged(source, None)
    if logged or way == "log":
        held, lacking = known("trades", request, None)
        parts = [Planned("log", each, None, 0, 0, None, 0) for each in held]
    if way != "log" and lacking:
        parts += plan_lacking(source, request.symbol, lacking, way if logged else "rest")
    return sorted(parts, key=lambda part: part.span)


def plan_lacking(source: Source, symbol: str, lacking: Sequence[Span], way: Way) -> list[Planned]:
    """Give where trades that are not held come from; one page is asked for, for their pace."""
    pace = _pace_of(source, symbol)
    days = _days(source, symbol, lacking) if way in ("auto", "archive") else []
    left = [] if way == "archive" else subtract(lacking, days)
    return [
        *(_of_files(source, symbol, part, pace) for part in merge(days)),
        *(_of_pages(source, symbol, part, pace) for part in left),
    ]


def _days(source: Source, symbol: str, lacking: Sequence[Span]) -> list[Span]:
    archive = source.archive(symbol) if isinstance(source, Archived) else None
    if archive is None:
        return []
    return [
        day
        for part in lacking
        for day in trade_days(source, archive, part)
        if part.since <= day.since and day.until <= part.until
    ]


def _pace_of(source: Source, symbol: str) -> _Pace:
    now = source.now()
    cursor = TradeCursor(now - _SAMPLE_MS)
    times = times_of(ask(lambda: source.trades(symbol, cursor, now)).frame)
    if len(times) < 2:  # noqa: PLR2004 (a pace needs two)
        return _Pace(None, len(times))
    return _Pace(len(times) / max(1, times[-1] - times[0]), len(times))


def _of_files(source: Source, symbol: str, span: Span, pace: _Pace) -> Planned:
    weight, per_second = cost(source, symbol, "trades")
    rows, days = pace.rows(span), (span.until - span.since) // DAY
    asked = days * END_REQUESTS
    sent = None if rows is None else rows * _ZIPPED
    calls = asked + days * _DOWNLOADS
    return Planned("archive", span, rows, calls, asked * weight, per_second, sent)


def _of_pages(source: Source, symbol: str, span: Span, pace: _Pace) -> Planned:
    weight, per_second = cost(source, symbol, "trades")
    rows, name = pace.rows(span), origin(source, "trades")
    if rows is None:
        return Planned(name, span, None, 1, weight, per_second, None)
    calls = -(-rows // pace.page)
    return Planned(name, span, rows, calls, calls * weight, per_second, rows * SENT["trades"])
