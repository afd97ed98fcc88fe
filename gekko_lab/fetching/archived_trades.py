"""Old trades from an exchange's archive: whole days, or nothing."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from gekko_lab.errors import BadResponse, SourceError
from gekko_lab.fetching.archive_reading import read_file
from gekko_lab.fetching.asking import ask
from gekko_lab.frames.checks import milliseconds
from gekko_lab.sources.source import TradeCursor

if TYPE_CHECKING:
    from gekko_lab.market.spans import Span
    from gekko_lab.sources.source import Archive, ArchiveFile, Source, TradePage

END_REQUESTS = 2
"""What the exchange is asked for each day: its first trades and its last."""

_log = logging.getLogger("gekko_lab")


def trade_days(source: Source, archive: Archive, span: Span) -> list[Span]:
    """Give the days of a range whose trades should be published by now; nothing is asked."""
    return [file.span for file in archive.trade_days(span, now=source.now())]


def archived_trades(
    source: Source, symbol: str, day: Span, *, archive: Archive
) -> pl.DataFrame | None:
    """Give all trades of a day from its file, or None where it isn't there or can't be trusted.

    Ids that follow each other show that the file lacks nothing inside; its first and last trades
    are compared with the exchange's, which also tells the ones before and after the day, so that
    it lacks nothing at its ends. The memory that this takes is that of one day.

    Parameters
    ----------
    source, symbol
        Who is asked for the trades at both ends of the day.
    day
        One of `trade_days`.
    archive
        The files of the market.
    """
    files = [file for file in archive.trade_days(day, now=source.now()) if file.span == day]
    if not files:
        return None
    try:
        frame = read_file(partial(archive.trades, files[0]))
        if frame is None or frame.is_empty():
            _log.info("%s isn't there: asking elsewhere", files[0].url)
            return None
        _check_ends(source, symbol, files[0], frame)
    except SourceError as error:
        _log.warning("trades of %s are asked of %s: %s", symbol, source.exchange, error)
        return None
    return frame


def _check_ends(source: Source, symbol: str, file: ArchiveFile, frame: pl.DataFrame) -> None:
    since, until = file.span
    ends = frame.select(milliseconds(), "id")
    (first_time, first), (last_time, last) = ends.row(0), ends.row(-1)
    before = max(0, int(first) - 1)
    for cursor in (TradeCursor(first_time, str(before)), TradeCursor(last_time, last)):
        page: TradePage = ask(partial(source.trades, symbol, cursor, until + 1))
        inside = page.frame.filter((milliseconds() >= since) & (milliseconds() < until))
        ours = frame.filter(pl.col("id").is_in(page.frame["id"].implode()))
        if inside.is_empty() or not inside.equals(ours):
            raise BadResponse(
                f"{file.url} differs from {source.exchange} at trade {cursor.id} or shortly after"
            )
