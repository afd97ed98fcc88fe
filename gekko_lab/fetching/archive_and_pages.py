"""The candles of a range from an archive's files and, where these don't serve, from pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from gekko_lab.fetching.archived import collect_archived
from gekko_lab.fetching.collection import collect_ranges
from gekko_lab.fetching.tally import used
from gekko_lab.fetching.walk import Collection
from gekko_lab.frames.checks import times_of
from gekko_lab.market.spans import merge

if TYPE_CHECKING:
    from collections.abc import Callable

    from gekko_lab.fetching.completion import Outcome, Series
    from gekko_lab.fetching.walk import Keep
    from gekko_lab.market.spans import Span
    from gekko_lab.sources.source import Archive


def collect_with_archive(
    series: Series,
    archive: Archive,
    span: Span,
    *,
    report: Callable[[int], None],
    keep: Keep | None = None,
    n_jobs: int = 8,
) -> Collection:
    """Give what `collect` gives for a range, from files where they serve, else from pages.

    Parameters
    ----------
    series, archive, span, n_jobs
        As in `collect_archived`.
    report, keep
        As in `collect`.
    """
    frames: list[pl.DataFrame] = []
    latest: list[int] = []

    def take(part: Span, outcome: Outcome) -> bool:
        if len(outcome.frame):
            latest.append(int(times_of(outcome.frame)[-1]))
        kept = keep is not None and keep(part, outcome)
        if not kept:
            frames.append(outcome.frame)
        return kept

    files = collect_archived(series, archive, span, report=report, keep=take, n_jobs=n_jobs)
    found = Collection(span)
    if files.rows:
        used("archive")
    if files.left:
        used("rest")
        told = _on_top(report, files.rows)
        pages = collect_ranges(series, files.left, report=told, keep=keep, n_jobs=n_jobs)
        frames += [page.frame for page in pages]
        latest += [page.latest for page in pages if page.latest is not None]
        found.holes = merge(hole for page in pages for hole in page.holes)
        found.failures = [failure for page in pages for failure in page.failures]
        found.ends = [end for page in pages for end in page.ends]
        found.doubted = [part for page in pages for part in page.doubted]
    if frames:
        # a file and the page for its hole tell of the same part, but never of the same candle
        found.frame = pl.concat(frames).sort("timestamp")
    found.latest = max(latest, default=None)
    return found


def _on_top(report: Callable[[int], None], rows: int) -> Callable[[int], None]:
    """Report the rows of a part on top of those before it."""
    return lambda count: report(rows + count)
