"""Which files of an archive a range is worth, and what they cost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gekko_lab.market.spans import Span, intersect, subtract

if TYPE_CHECKING:
    from gekko_lab.fetching.completion import Series
    from gekko_lab.sources.source import Archive, ArchiveFile

_FILE_REQUESTS = 2  # its checksum and itself
_BORDER_REQUESTS = 1  # of the exchange, for a few candles where it meets the next
_NEARLY = 1 / 3  # a row of JSON is as long as three in a zip, so less of a file is better asked for

Files = list[tuple[Span, "ArchiveFile"]]


@dataclass(frozen=True, slots=True)
class Cost:
    """What a plan takes.

    Attributes
    ----------
    files : int
        Of the archive.
    downloads : int
        Requests to the archive.
    checks : int
        Requests to the exchange, of a few candles each.
    download_bytes : int
        About how much is downloaded.
    pages : int
        Requests to the exchange that the same candles would take without the archive.
    """

    files: int
    downloads: int
    checks: int
    download_bytes: int
    pages: int


def plan_archive(
    series: Series,
    archive: Archive,
    span: Span,
    *,
    now: int | None = None,
    smaller_than: int | None = None,
) -> Files:
    """Give the parts of a range that files are used for, in order, each with its file.

    Nothing is asked of the archive. A file is used where it takes fewer requests than pages would,
    and a good part of it is wanted; the largest first. What no part covers is left to pages.

    Parameters
    ----------
    series
        What is wanted.
    archive
        The files of its market.
    span
        Where the candles open, on the timeframe's grid.
    now
        What is published by then counts; by default the exchange's clock.
    smaller_than
        Use only files that span less, in milliseconds: in place of one that is missing.
    """
    if series.paging.newest_only:
        return []  # the exchange has nothing to compare old files with
    now = series.source.now() if now is None else now
    width = series.timeframe
    files = [
        file
        for file in archive.files(width, span, now=now)
        if smaller_than is None or file.span.until - file.span.since < smaller_than
    ]
    left, planned = [span], []
    for file in sorted(files, key=lambda file: (file.span.since - file.span.until, file.span)):
        for part in intersect(left, [file.span]):
            if _pays(series, part, file):
                planned.append((part, file))
                left = subtract(left, [part])
    return sorted(planned, key=lambda one: one[0])


def cost_of(series: Series, archive: Archive, plan: Files) -> Cost:
    """Tell what a plan takes, for a user who wants to know before it is carried out."""
    width = series.timeframe
    rows = sum(width.between(*file.span) for _, file in plan)
    wanted = sum(width.between(*part) for part, _ in plan)
    borders = {edge for part, _ in plan for edge in part}
    return Cost(
        files=len(plan),
        downloads=_FILE_REQUESTS * len(plan),
        checks=_BORDER_REQUESTS * len(borders),
        download_bytes=round(rows * archive.bytes_a_row),
        pages=math.ceil(wanted / series.paging.page_size),
    )


def _pays(series: Series, part: Span, file: ArchiveFile) -> bool:
    wanted = series.timeframe.between(*part)
    if wanted < _NEARLY * series.timeframe.between(*file.span):
        return False
    return wanted / series.paging.page_size > _FILE_REQUESTS + _BORDER_REQUESTS
