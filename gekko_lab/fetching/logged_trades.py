"""Trades through the data log: each page is kept, with the range it answers, before the next.

A range counts as answered from the first millisecond that is whole up to the last one. Behind the
newest trade nothing does: it isn't known to be quiet before another trade follows. What the
exchange doesn't serve any more is told, and never taken for empty.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from gekko_lab import datalog
from gekko_lab.errors import BadResponse, RequestRefused, UnsupportedBySource
from gekko_lab.fetching.archived_trades import archived_trades, trade_days
from gekko_lab.fetching.asking import ask
from gekko_lab.fetching.completion import Failure
from gekko_lab.fetching.tally import count, used
from gekko_lab.fetching.tape import Tape, places
from gekko_lab.frames.schemas import TRADES, empty
from gekko_lab.market.spans import Span
from gekko_lab.sources.source import Archived

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import polars as pl

    from gekko_lab.fetching.supply import Way
    from gekko_lab.sources.source import Source

_GRACE_MS = 2000  # in which trades may still come late


@dataclass(slots=True)
class TradesFound:
    """What became of a range of trades.

    Attributes
    ----------
    failures : list of Failure
        What could not be had.
    unserved : list of Span
        What the exchange doesn't serve any more.
    doubts : list of Failure
        Begins of which nobody could say whether they are served.
    rows : int
        How many trades came, without those that were in the log.
    loose : list of polars.DataFrame
        Trades that came but that the log can't take: of the last two seconds, and of milliseconds
        that may have had more.
    """

    failures: list[Failure] = field(default_factory=list)
    unserved: list[Span] = field(default_factory=list)
    doubts: list[Failure] = field(default_factory=list)
    rows: int = 0
    loose: list[pl.DataFrame] = field(default_factory=list)

    def add(self, tape: Tape) -> None:
        """Take over what a tape lacked."""
        self.failures += tape.failures
        self.doubts += [] if tape.doubt is None else [tape.doubt]
        self.unserved += [] if tape.unserved is None else [tape.unserved]


def open_log(source: Source, symbol: str) -> datalog.Series:
    """Give the series of the data log that holds these trades."""
    return datalog.Series("trades", source, symbol)


@contextmanager
def passing_log(source: Source, symbol: str) -> Iterator[datalog.Series]:
    """Give a series for these trades that lies in a folder of its own, and is gone afterwards."""
    with (
        TemporaryDirectory(prefix="gekko-lab-", ignore_cleanup_errors=True) as folder,
        datalog.Series("trades", source, symbol, data_dir=folder) as series,
    ):
        yield series


def closed_until(source: Source) -> int | None:
    """Give the time before which trades don't change any more; None where they never do."""
    return source.now() - _GRACE_MS if source.logged else None


def collect_logged_trades(
    source: Source,
    symbol: str,
    span: Span,
    *,
    report: Callable[[int, int], None],
    log_series: datalog.Series,
    way: Way = "auto",
) -> TradesFound:
    """See to it that the log holds the trades of a range, in memory that doesn't grow with it.

    Parameters
    ----------
    source, symbol
        Who is asked, where the log lacks something.
    span
        Which trades.
    report
        Is told after each page how many trades came, and the time up to which all are there.
    log_series
        Where they are kept, by `open_log`.
    way
        "auto" takes whole days from the exchange's archive, where it has one; "rest" doesn't;
        "archive" takes nothing else.
    """
    found = TradesFound()
    closed = closed_until(source)
    if way in ("auto", "archive"):
        must = way == "archive"
        _keep_days(source, symbol, span, log_series, found=found, report=report, must=must)
    parts = log_series.missing(span)
    if way == "archive":
        found.failures += [Failure(part, _not_in_archive(source, symbol)) for part in parts]
        return found
    for place, part in enumerate(parts):
        tape = Tape(source, symbol, part)
        for frame, reached in kept_pieces(tape, log_series, closed, found):
            found.rows += len(frame)
            report(found.rows, reached)
        keep_failures(tape, log_series, closed)
        found.add(tape)
        if tape.failures and not isinstance(tape.failures[-1].error, BadResponse):
            # What lies behind would fail alike; it is told of, unasked.
            found.failures += [
                Failure(rest, tape.failures[-1].error) for rest in parts[place + 1 :]
            ]
            break
    return found


def _keep_days(
    source: Source,
    symbol: str,
    span: Span,
    log: datalog.Series,
    *,
    found: TradesFound,
    report: Callable[[int, int], None],
    must: bool,
) -> None:
    """Keep the days that an archive has, as far as whole days are missing."""
    archive = ask(lambda: source.archive(symbol)) if isinstance(source, Archived) else None
    if archive is None:
        if must:
            raise UnsupportedBySource(
                f"{source.exchange} has no archive of trades of {symbol} that is known here"
            )
        return
    missing = log.missing(span)
    for day in trade_days(source, archive, span):
        if not any(part.since <= day.since and day.until <= part.until for part in missing):
            continue
        frame = archived_trades(source, symbol, day, archive=archive)
        if frame is not None:
            log.append(frame, day, closed_until=day.until)
            used("archive")
            count(pages=1)
            found.rows += len(frame)
            report(found.rows, day.until)


def _not_in_archive(source: Source, symbol: str) -> RequestRefused:
    return RequestRefused(
        f"the archive of {source.exchange} has no file with these trades of {symbol}: leave source "
        "out, so that the exchange is asked"
    )


def kept_pieces(
    tape: Tape, log: datalog.Series, closed: int | None, found: TradesFound
) -> Iterator[tuple[pl.DataFrame, int]]:
    """Walk over a tape and keep each piece; gives its trades and the time that is reached.

    What the log can't take is added to `found.loose`.
    """
    position = end = tape.span.since
    for piece in tape:
        if tape.begun:
            position = max(position, _first_whole(tape))
            end = piece.until if closed is None else min(piece.until, piece.seen, closed)
            _append(log, piece.frame, Span(position, end))
            _add_loose(found, piece.frame, Span(position, max(position, end)))
            position = max(position, end)
        yield piece.frame, piece.until
    if closed is None and not tape.failures and tape.limit is None:
        _append(log, empty(TRADES), Span(max(position, _first_whole(tape)), tape.span.until))


def keep_failures(tape: Tape, log: datalog.Series, closed: int | None) -> None:
    """Let the log know what could not be had."""
    end = tape.span.until if closed is None else closed
    failed = [
        (Span(failure.span.since, min(failure.span.until, end)), str(failure.error))
        for failure in tape.failures
        if failure.span.since < end
    ]
    if failed:
        log.append(empty(TRADES), None, closed_until=end, failed=failed)


def _first_whole(tape: Tape) -> int:
    """Give the first millisecond that is whole: what isn't served ends anywhere in one."""
    if tape.begin == tape.span.since or not tape.source.logged:
        return tape.begin
    return tape.begin + 1


def _append(log: datalog.Series, frame: pl.DataFrame, covered: Span) -> None:
    if covered.since < covered.until:
        log.append(_within(frame, covered), covered, closed_until=covered.until)


def _add_loose(found: TradesFound, frame: pl.DataFrame, kept: Span) -> None:
    since, until = places(frame, *kept)
    found.loose += [rest for rest in (frame[:since], frame[until:]) if len(rest)]


def _within(frame: pl.DataFrame, span: Span) -> pl.DataFrame:
    since, until = places(frame, *span)
    return frame[since:until]
