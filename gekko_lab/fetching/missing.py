"""What a fetch lacks: named by its cause, told once, never passed over."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from gekko_lab.errors import GapWarning, IncompleteData, LogWarning, SourceError
from gekko_lab.fetching.asking import ask
from gekko_lab.fetching.probing import probe
from gekko_lab.frames.checks import milliseconds
from gekko_lab.frames.resample import gap_frame
from gekko_lab.market.moments import show_time
from gekko_lab.market.spans import Span, intersect, merge, subtract

if TYPE_CHECKING:
    import polars as pl

    from gekko_lab.fetching.completion import Failure, Series
    from gekko_lab.fetching.walk import Collection
    from gekko_lab.market.timeframe import Timeframe

Row = tuple[Span, "Timeframe | None", "str | None", "str | None"]

_PACKAGE = str(Path(__file__).parents[1])
_PROBED = 32 * 86_400_000
_SHOWN = 3

REASONS = {
    "before_listing": "before the market was listed",
    "outage": "in an outage of the exchange, between candles that exist",
    "ended": "after the market's last candle",
    "no_trades": "in which nothing was traded",
    "not_served": "older than what the exchange serves",
    "unknown": "that the exchange doesn't give, asked twice",
    "failed": "that could not be had",
    "not_held": "that the data log doesn't hold",
}


def explain(series: Series, found: Collection) -> pl.DataFrame:
    """Give the table of what a collection lacks, each range with its reason.

    Reasons are the keys of `REASONS`.
    """
    failed = merge(failure.span for failure in found.failures)
    rows: list[Row] = []
    for hole in subtract(found.holes, failed):
        rows += [
            (part, series.timeframe, reason, None) for part, reason in _class(series, found, hole)
        ]
    rows += [(hole, series.timeframe, "no_trades", None) for hole in found.quiet]
    rows += [
        (failure.span, series.timeframe, "failed", str(failure.error))
        for failure in _joined(found.failures)
    ]
    return gap_frame(sorted(rows, key=lambda row: row[0]))


def tell(gaps: pl.DataFrame, frame: object, *, what: str, failures: list[Failure]) -> None:
    """Raise what a failure left incomplete; warn of what doesn't exist.

    Parameters
    ----------
    gaps
        What is missing, by `explain`.
    frame
        What was had, as the user wants it.
    what
        What was asked for, for the message.
    failures
        Those behind the gaps.
    """
    if failures:
        if len(frame) == 0:  # type: ignore[arg-type]
            raise failures[0].error
        lost = gaps.filter(reason="failed")
        raise IncompleteData(
            f"{what}: {len(frame)} rows came, "  # type: ignore[arg-type]
            f"{_count(lost)} could not be had ({_ranges(lost)}): {failures[0].error} "
            "The error's .frame holds what came, .report what is missing",
            frame=frame,
            report=gaps,
        ) from failures[0].error
    if len(gaps):
        parts = [
            f"{_count(part)} {REASONS[str(reason)]} ({_ranges(part)})"
            for (reason,), part in gaps.group_by("reason", maintain_order=True)
        ]
        warnings.warn(
            GapWarning(f"{what} lacks {'; '.join(parts)}", report=gaps),
            stacklevel=users_level(),
        )


def _class(series: Series, found: Collection, hole: Span) -> list[tuple[Span, str]]:
    inside = "outage" if series.paging.dense else "no_trades"
    if not series.paging.exact:
        inside = "unknown"
    # Answers that say that nothing follows make neither a listing nor an outage certain.
    for told, reason in ((found.ends, "ended"), (found.doubted, "unknown")):
        if known := intersect([hole], told):
            rest = [
                each for part in subtract([hole], known) for each in _class(series, found, part)
            ]
            return [*rest, *((part, reason) for part in known)]
    parts = []
    if hole.since == found.span.since:
        listed = min(hole.until, max(hole.since, _listing(series, hole)))
        parts.append((Span(hole.since, listed), "before_listing"))
        hole = Span(listed, hole.until)
    if hole.since < hole.until:
        last = hole.until == found.span.until and series.paging.dense and not series.paging.jumps
        parts.append((hole, "ended" if last and _has_ended(series, hole) else inside))
    return [(part, reason) for part, reason in parts if part.since < part.until]


def _listing(series: Series, hole: Span) -> int:
    """Find the open time from which the market has candles, as far as the hole is concerned."""
    try:
        if series.paging.jumps:
            return hole.until if series.listed is None else series.listed
        earlier = probe(series, hole.since, backward=True, bound=max(0, hole.since - _PROBED))
    except SourceError:
        return hole.since
    return hole.until if earlier is None else hole.since


def _has_ended(series: Series, hole: Span) -> bool:
    """Tell whether no candle follows, so that this is no outage between candles."""
    width = series.timeframe
    try:
        page = ask(
            lambda: series.source.candles(series.symbol, width, hole.since, width.next(hole.since))
        )
    except SourceError:
        return False
    return page.resumes_at is None and page.frame.is_empty()


def _joined(failures: list[Failure]) -> list[Failure]:
    """Make one of failures that touch and say the same."""
    joined: list[Failure] = []
    for failure in sorted(failures, key=lambda failure: failure.span):
        last = joined[-1] if joined else None
        if last and last.span.until == failure.span.since and str(last.error) == str(failure.error):
            joined[-1] = type(failure)(Span(last.span.since, failure.span.until), last.error)
        else:
            joined.append(failure)
    return joined


def _count(gaps: pl.DataFrame) -> str:
    total = gaps["missing"].sum()
    if gaps["missing"].null_count():
        return "trades"
    return f"{total} candle{'' if total == 1 else 's'}"


def _ranges(gaps: pl.DataFrame) -> str:
    shown = [
        f"{show_time(since)} to {show_time(until)}"
        for since, until in gaps.head(_SHOWN)
        .select(milliseconds(name) for name in ("since", "until"))
        .iter_rows()
    ]
    more = len(gaps) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def warn_of_log(error: Exception) -> None:
    """Warn that the data log couldn't keep what came, where the caller didn't insist on it."""
    warnings.warn(
        LogWarning(
            f"the data log can't keep what came ({error}); it is returned all the same. "
            "gekko_lab.options.data_dir says where the log lies, log=False leaves it out"
        ),
        stacklevel=users_level(),
    )


def users_level() -> int:
    """Give the stack level of the first caller outside this package."""
    level = 1
    frame = sys._getframe(1)  # noqa: SLF001 (warnings' own way to skip a package needs 3.12)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
        level += 1
    return level
