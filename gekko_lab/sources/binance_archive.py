"""Binance's public archive: a file for each day and month of candles and aggregate trades.

Layout, file names and CHECKSUM files: github.com/binance/binance-public-data, README. Daily files
come on the next day, monthly ones on the first Monday of the next month or later. Files may be
missing, late, or replaced one day, so nothing of them is believed unseen.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from gekko_lab.errors import BadResponse, DataError, InvalidArgument
from gekko_lab.frames.checks import check_candles, check_trades
from gekko_lab.market.spans import Span
from gekko_lab.market.timeframe import DAY, Timeframe
from gekko_lab.sources import archive_rows
from gekko_lab.sources.archive_zip import blocks_of, checksum_of
from gekko_lab.sources.source import ArchiveFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from gekko_lab.sources.downloads import Downloads

Period = Literal["daily", "monthly"]

_MONTH = Timeframe(1, "M")
_WEEK = Timeframe(1, "w")
_PERIODS: dict[Period, tuple[Timeframe, str]] = {
    "monthly": (_MONTH, "%Y-%m"),
    "daily": (Timeframe(1, "d"), "%Y-%m-%d"),
}
_MINUTES = ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d")
_NAMES = {**{name: name for name in (*_MINUTES, "3d", "1w")}, "1M": "1mo"}

_MOST_ROWS = 250_000  # in one file of candles; a month of seconds would not fit small memories
_ROW_TEXT = 400  # bytes of a row of candles, twice what the longest need
_SLACK = 1 << 16
_MOST_TRADE_TEXT = 1 << 32
_CHECKSUM_BYTES = 1024
_CHECKSUM_S = 20.0
_FILE_S = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """How long after their end files are there.

    Attributes
    ----------
    daily_ms : int
        After the end of the day.
    monthly_ms : int
        After the first Monday of the next month.
    """

    daily_ms: int = DAY
    monthly_ms: int = DAY

    def due(self, period: Period, end: int) -> int:
        """Give the time by which a file should be there whose period ends then."""
        if period == "daily":
            return end + self.daily_ms
        return _WEEK.ceil(end) + self.monthly_ms


def find_archive(
    address: str, market: Mapping[str, Any], downloads: Downloads
) -> BinanceArchive | None:
    """Give the files of one of ccxt's markets; None where there are none, or in contracts."""
    if market.get("spot"):
        return BinanceArchive(address, "spot", str(market["id"]), downloads)
    if market.get("linear") and not market.get("option"):
        return BinanceArchive(address, "futures/um", str(market["id"]), downloads)
    return None


class BinanceArchive:
    """The files of one market.

    Parameters
    ----------
    address
        Of the archive or a copy of it.
    folder
        "spot" or "futures/um".
    market_id
        Binance's name of the market.
    downloads
        Fetches the files.
    publication
        When files are there.
    """

    bytes_a_row = 48.0  # a month of minutes, zipped, measured on simulated candles

    def __init__(
        self,
        address: str,
        folder: str,
        market_id: str,
        downloads: Downloads,
        *,
        publication: Publication | None = None,
    ) -> None:
        self._root = f"{address}/data/{folder}"
        self._id = market_id
        self._downloads = downloads
        self._publication = publication or Publication()
        self._names = {"1s": "1s", **_NAMES} if folder == "spot" else _NAMES

    def files(self, timeframe: Timeframe, span: Span, *, now: int) -> list[ArchiveFile]:
        """Give the files with candles of a span that should be published; days lie in months."""
        name = self._names.get(str(timeframe))
        if name is None:
            return []
        found = []
        for period, (calendar, _) in _PERIODS.items():
            if period == "daily" and calendar.shortest < timeframe.shortest:
                continue
            for whole in self._due(period, span, now):
                opens = Span(timeframe.ceil(whole.since), timeframe.ceil(whole.until))
                if 0 < timeframe.between(*opens) <= _MOST_ROWS:
                    url = self._url(period, "klines", name, whole.since)
                    found.append(ArchiveFile(url, opens, timeframe))
        return found

    def candles(self, file: ArchiveFile) -> pl.DataFrame | None:
        """Give the candles of a file, or None when it or its checksum isn't there.

        Raises
        ------
        SourceError
            When it can't be had, or isn't what its name and checksum say.
        """
        width = file.timeframe
        if width is None:
            raise InvalidArgument(f"{file.url} holds trades, no candles")
        most = width.between(*file.span) * _ROW_TEXT + _SLACK

        def read(blocks: Iterable[bytes]) -> pl.DataFrame:
            since, until = file.span
            return check_candles(archive_rows.candles(blocks), width, since=since, until=until)

        return self._read(file, most, read)

    def trade_days(self, span: Span, *, now: int) -> list[ArchiveFile]:
        """Give the files with aggregate trades of the days of a span that should be published."""
        return [
            ArchiveFile(self._url("daily", "aggTrades", None, whole.since), whole)
            for whole in self._due("daily", span, now)
        ]

    def trades(self, file: ArchiveFile) -> pl.DataFrame | None:
        """Give the trades of a day, or None when the file or its checksum isn't there.

        Raises
        ------
        SourceError
            When it can't be had, or isn't what its name and checksum say.
        """

        def read(blocks: Iterable[bytes]) -> pl.DataFrame:
            since, until = file.span
            return check_trades(archive_rows.trades(blocks), since=since, until=until)

        return self._read(file, _MOST_TRADE_TEXT, read)

    def _due(self, period: Period, span: Span, now: int) -> Iterator[Span]:
        calendar, _ = _PERIODS[period]
        for begin in calendar.opens(calendar.floor(span.since), min(span.until, now)):
            end = calendar.next(begin)
            if self._publication.due(period, end) <= now:
                yield Span(begin, end)

    def _url(self, period: Period, kind: str, timeframe: str | None, begin: int) -> str:
        day = datetime.fromtimestamp(begin // 1000, UTC).strftime(_PERIODS[period][1])
        folders = [self._root, period, kind, self._id, *([timeframe] if timeframe else [])]
        return "/".join([*folders, f"{self._id}-{timeframe or kind}-{day}.zip"])

    def _read(
        self, file: ArchiveFile, most: int, read: Callable[[Iterable[bytes]], pl.DataFrame]
    ) -> pl.DataFrame | None:
        body = self._body(file, most)
        if body is None:
            return None
        name = file.url.rpartition("/")[2].removesuffix(".zip")
        try:
            return read(blocks_of(body, f"{name}.csv", most=most))
        except (DataError, pl.exceptions.PolarsError) as error:
            raise BadResponse(f"{file.url} holds unsound rows: {error}") from error

    def _body(self, file: ArchiveFile, most: int) -> bytes | None:
        """Give the zip that its CHECKSUM vouches for; without one nothing is asked for."""
        told = self._downloads.get(
            f"{file.url}.CHECKSUM", most=_CHECKSUM_BYTES, deadline_s=_CHECKSUM_S
        )
        if told is None:
            return None
        checksum = checksum_of(told, file.url.rpartition("/")[2])
        body = self._downloads.get(file.url, most=most, deadline_s=_FILE_S)
        if body is not None and hashlib.sha256(body).hexdigest() != checksum:
            raise BadResponse(f"{file.url} isn't what its checksum says: damaged, or just replaced")
        return body
