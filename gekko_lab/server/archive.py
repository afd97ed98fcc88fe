"""A copy of Binance's public archive on this machine, made from any market as it is asked for."""

from __future__ import annotations

import hashlib
import re
import time
from calendar import timegm
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from gekko_lab.errors import InvalidArgument
from gekko_lab.market.spans import Span
from gekko_lab.market.timeframe import Timeframe
from gekko_lab.server.archive_faults import FileFault, FileFaults, FileKind
from gekko_lab.server.archive_files import File, damaged, lines_of, zip_of
from gekko_lab.server.binance import INTERVALS
from gekko_lab.server.dialect import Answer, Asked
from gekko_lab.server.exchange import Exchange
from gekko_lab.server.exchange_info import market_id
from gekko_lab.server.faults import Faults
from gekko_lab.server.limits import Counter
from gekko_lab.server.running import Server
from gekko_lab.server.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from gekko_lab.market.rules import MarketRules
    from gekko_lab.server.dialect import Subject
    from gekko_lab.server.limits import Verdict
    from gekko_lab.server.market import MarketData
    from gekko_lab.server.spoiling import Layout

__all__ = ["ArchiveServer", "FileFault", "FileFaults", "serve_archive"]

Folder = Literal["spot", "futures/um"]

MICROSECONDS_SINCE = 1_735_689_600_000
"""2025-01-01: from then on the times in spot files are microseconds."""

_PATH = re.compile(
    r"/data/(?P<folder>spot|futures/um)/(?P<period>daily|monthly)/"
    r"(?:klines/(?P<id>\w+)/(?P<width>\w+)|aggTrades/(?P<trades>\w+))/"
    r"(?P<name>\w+-\w+-\d{4}-\d\d(?:-\d\d)?)\.zip(?P<checksum>\.CHECKSUM)?"
)
_CALENDARS = {"daily": Timeframe(1, "d"), "monthly": Timeframe(1, "M")}
_TYPE = {"Content-Type": "application/octet-stream"}
_KEPT = 128


class ArchiveServer(Server):
    """A served archive; made by `serve_archive`.

    Attributes
    ----------
    url : str
        Where it listens, such as `http://127.0.0.1:40123`.
    faults : Faults
        Failures of the transport to commit; give a path such as "/data".
    files : FileFaults
        What is wrong with files.
    """

    def __init__(
        self, handler: Exchange, faults: Faults, files: FileFaults, *, host: str, port: int
    ) -> None:
        self.files = files
        super().__init__(handler, faults, exchange="binance", host=host, port=port)


class _Archive:
    """Answers requests for files: the dialect of an archive, which knows no weight and no JSON."""

    nothing = b""

    def __init__(
        self,
        rules: Mapping[str, MarketRules],
        schedule: Schedule,
        faults: FileFaults,
        *,
        folder: Folder,
        published_until: int | None,
        microseconds_since: int | None,
        header: bool,
    ) -> None:
        self._markets = {market_id(market): market for market in rules.values()}
        self._schedule = schedule
        self._faults = faults
        self._folder = folder
        self._published_until = published_until
        self._micro_since = microseconds_since
        self._header = header
        # a file is asked for twice, and its bytes never change
        self._made = lru_cache(maxsize=_KEPT)(self._make)

    def asked(self, path: str, query: Mapping[str, str]) -> Asked:
        """Tell what a request is about: a path, as faults know it."""
        del path, query
        return Asked()

    def weight(self, path: str, query: Mapping[str, str]) -> int:
        """Give what a request costs: nothing."""
        del path, query
        return 0

    def used(self, verdict: Verdict) -> Mapping[str, str]:
        """Give the headers of every answer."""
        del verdict
        return _TYPE

    def refusal(self, verdict: Verdict) -> Answer:
        """Answer who asks too often."""
        wait = {"Retry-After": str(verdict.retry_after)}
        return Answer(verdict.status, _error("SlowDown"), wait, error=True)

    def failure(self, status: int) -> Answer:
        """Give an error of the archive itself with that status."""
        return Answer(status, _error("InternalError"), error=True)

    def layout(self, subject: Subject | None) -> Layout | None:
        """Tell that files have no rows that a fault of pages could reach."""
        del subject
        return None

    def prepare(self, path: str, now: int) -> Iterable[object]:
        """Nothing: it has no tickers."""
        del path, now
        return ()

    def answer(
        self, method: str, path: str, parameters: Sequence[tuple[str, str]], now: int
    ) -> Answer:
        """Answer a request as of `now`, milliseconds UTC."""
        del parameters
        match = _PATH.fullmatch(path)
        if method != "GET" or match is None:
            return _ABSENT
        file = self._find(match)
        published = now if self._published_until is None else min(now, self._published_until)
        if file is None or file.span.until > published or self._faults.lacks(file.name):
            return _ABSENT
        faults = self._faults.of(file.name)
        body = self._made(file, faults)
        if body is None:
            return _ABSENT
        kinds = {fault.kind for fault in faults}
        if match["checksum"]:
            return self._checksum(file, body, kinds)
        return Answer(200, damaged(body) if "damaged" in kinds else body)

    def _checksum(self, file: File, body: bytes, kinds: set[FileKind]) -> Answer:
        if "no_checksum" in kinds:
            return _ABSENT
        told = b"another file" if "wrong_checksum" in kinds else body
        line = f"{hashlib.sha256(told).hexdigest()}  {file.name}.zip\n"
        return Answer(200, b"nothing" if "odd_checksum" in kinds else line.encode())

    def _find(self, match: re.Match[str]) -> File | None:
        """Give the file of that path, or None where there is none."""
        market = self._markets.get(match["id"] or match["trades"])
        width = _width(match["width"])
        calendar = _CALENDARS[match["period"]]
        if market is None or match["folder"] != self._folder or (match["width"] and width is None):
            return None
        if width is not None and width.shortest > calendar.shortest:
            return None
        form = "%Y-%m-%d" if match["period"] == "daily" else "%Y-%m"
        kind = match["width"] or "aggTrades"
        begin = _begin(match["name"].removeprefix(f"{market_id(market)}-{kind}-"), form)
        if begin is None:
            return None
        return File(
            match["name"],
            market,
            width,
            Span(begin, calendar.next(begin)),
            micro=self._micro_since is not None and begin >= self._micro_since,
            header=self._header,
            spot=self._folder == "spot",
        )

    def _make(self, file: File, faults: tuple[FileFault, ...]) -> bytes | None:
        lines = lines_of(self._schedule, file)
        return zip_of(file, lines, faults) if lines else None


def serve_archive(
    market: MarketData,
    *,
    clock: Callable[[], int] | None = None,
    listed_since: Mapping[str, int] | None = None,
    outages: Iterable[tuple[int, int]] = (),
    exact_quote_volume: bool = False,
    published_until: int | None = None,
    microseconds_since: int | None = MICROSECONDS_SINCE,
    folder: Folder = "spot",
    header: bool | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
) -> ArchiveServer:
    """Serve a market's old candles and aggregate trades as the files of Binance's archive.

    They hold the rows that `serve` gives for the same market, each day and month with a CHECKSUM.

    Parameters
    ----------
    market
        Candles, trades and rules, as for `serve`.
    clock
        The time, milliseconds UTC; the wall clock by default. Files of what isn't over are not
        there yet.
    listed_since, outages, exact_quote_volume
        As for `serve`.
    published_until
        Days and months that end later have no file yet; by default all that are over have one.
    microseconds_since
        From when on times are microseconds; None for never. Those of futures never are.
    folder
        "spot" or "futures/um": where the files lie.
    header
        Whether files begin with the names of the columns; by default those of futures do.
    host, port
        Where to listen; port 0 takes a free one.

    Returns
    -------
    ArchiveServer
        Listening already; close it, or use it in a `with` block.

    Raises
    ------
    InvalidArgument
        When there is no such folder.
    OSError
        When the port is taken.

    References
    ----------
    github.com/binance/binance-public-data, README.
    """
    if folder not in ("spot", "futures/um"):
        raise InvalidArgument(f"folder={folder!r}: choose 'spot' or 'futures/um'")
    schedule = Schedule(
        market,
        listed_since=listed_since,
        outages=outages,
        exact_quote_volume=exact_quote_volume,
    )
    files = FileFaults()
    dialect = _Archive(
        market.rules,
        schedule,
        files,
        folder=folder,
        published_until=published_until,
        microseconds_since=microseconds_since if folder == "spot" else None,
        header=folder != "spot" if header is None else header,
    )
    faults = Faults()
    handler = Exchange(
        dialect,
        faults,
        Counter(None, time.time),
        clock=clock or _wall_clock,
        limit_clock=time.time,
    )
    return ArchiveServer(handler, faults, files, host=host, port=port)


def _error(code: str) -> bytes:
    return f"<Error><Code>{code}</Code></Error>".encode()


_ABSENT = Answer(404, _error("NoSuchKey"), error=True)


def _width(name: str | None) -> Timeframe | None:
    if name == "1mo":
        return INTERVALS["1M"]
    return None if name == "1M" else INTERVALS.get(name or "")


def _begin(text: str, form: str) -> int | None:
    try:
        moment = time.strptime(text, form)
    except ValueError:
        return None
    return timegm(moment) * 1000


def _wall_clock() -> int:
    return time.time_ns() // 1_000_000
