"""The ways to answer a request for trades: by the exchange alone, and through the data log."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import polars as pl

from gekko_lab.fetching import held_trades, logged_trades
from gekko_lab.fetching.logged_trades import TradesFound
from gekko_lab.fetching.tally import used
from gekko_lab.fetching.tape import Tape
from gekko_lab.frames.checks import milliseconds
from gekko_lab.frames.schemas import TRADES, empty
from gekko_lab.market.spans import Span, intersect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gekko_lab import datalog
    from gekko_lab.fetching.request import Request
    from gekko_lab.fetching.supply import Way

_FIRST_WINDOW = 60_000
_WIDEST_WINDOW = 30 * 86_400_000


@dataclass(slots=True)
class Found:
    """Trades, what of the request lacks, and how many there are from when to when."""

    frame: pl.DataFrame
    missed: TradesFound
    rows: int = 0
    first: int | None = None
    last: int | None = None
    quiet: Span | None = None
    held_not: list[Span] = field(default_factory=list)


class Fetch:
    """One request, answered by the exchange alone."""

    def __init__(self, request: Request, report: Callable[[int], None]) -> None:
        self.request = request
        self.report = report
        self.missed = TradesFound()

    def run(self) -> Found:
        """Give what was asked for."""
        if self.request.newest_first:
            return self.newest(self.request.limit or 0)
        return self.oldest(self.request.span, self.request.limit)

    def oldest(self, span: Span, limit: int | None) -> Found:
        """Give the trades of a range, or the first so many."""
        frame = self.walked(Tape(self.request.source, self.request.symbol, span, limit))
        return Found(frame if limit is None else frame.head(limit), self.missed)

    def newest(self, limit: int) -> Found:
        """Walk back in ever wider windows until enough trades are there."""
        until = self.request.span.until
        end, width = until, _FIRST_WINDOW
        frame, quiet = empty(TRADES), None
        while end > 0 and len(frame) < limit:
            start = max(0, end - width)
            older = self.walked(Tape(self.request.source, self.request.symbol, Span(start, end)))
            frame = pl.concat([older, frame])
            if self.missed.failures or self.missed.doubts:
                break
            if self.missed.unserved:
                if len(frame) >= limit:
                    self.missed.unserved.clear()
                break
            if older.is_empty() and width >= _WIDEST_WINDOW:
                quiet = Span(start, _first(frame, until))
                break
            end, width = start, min(2 * width, _WIDEST_WINDOW)
        return Found(frame.tail(limit), self.missed, quiet=quiet)

    def walked(self, tape: Tape) -> pl.DataFrame:
        """Give all trades of a tape."""
        frames = [empty(TRADES)]
        rows = 0
        for frame, _ in self.pieces(tape):
            frames.append(frame)
            rows += len(frame)
            self.report(rows)
        self.missed.add(tape)
        return pl.concat(frames)

    def pieces(self, tape: Tape) -> Iterator[tuple[pl.DataFrame, int]]:
        """Walk over a tape."""
        return ((piece.frame, piece.until) for piece in tape)


class LoggedFetch(Fetch):
    """One request, answered by the data log as far as it can."""

    def __init__(
        self,
        request: Request,
        report: Callable[[int], None],
        log: datalog.Series,
        way: Way = "auto",
    ) -> None:
        super().__init__(request, report)
        self.log = log
        self.way = way
        self.closed = logged_trades.closed_until(request.source)

    def run(self, *, rows: bool = True) -> Found:
        """Give what was asked for, or with `rows=False` only see to it that the log holds it."""
        request = self.request
        if request.limit is not None:
            held = held_trades.held_rows(
                self.log, request.span, request.limit, newest_first=request.newest_first
            )
            if held is not None:
                used("log")
            found = super().run() if held is None else Found(held, self.missed)
            found.rows = len(found.frame)
            if found.rows:
                found.first, found.last = found.frame["timestamp"].to_physical()[[0, -1]]
            return found
        span = request.span
        if not rows and self.closed is not None:
            span = Span(span.since, max(span.since, min(span.until, self.closed)))
        if self.log.coverage(span).held:
            used("log")
        missed = logged_trades.collect_logged_trades(
            request.source,
            request.symbol,
            span,
            report=lambda came, _: self.report(came),
            log_series=self.log,
            way=self.way,
        )
        if rows:
            return Found(held_trades.with_loose(self.log.read(span).frame, missed), missed)
        return Found(empty(TRADES), missed, *held_trades.count_held(self.log, span))

    def pieces(self, tape: Tape) -> Iterator[tuple[pl.DataFrame, int]]:
        """Walk over a tape and keep what comes."""
        yield from logged_trades.kept_pieces(tape, self.log, self.closed, self.missed)
        logged_trades.keep_failures(tape, self.log, self.closed)


class HeldFetch(LoggedFetch):
    """One request, answered by the data log alone."""

    def __init__(
        self,
        request: Request,
        report: Callable[[int], None],
        log: datalog.Series,
        *,
        open_end: bool,
    ) -> None:
        super().__init__(request, report, log)
        held = log.coverage(request.span).held
        until = held[-1].until if held and open_end else request.span.until
        self.request = replace(request, span=Span(request.span.since, until))

    def run(self, *, rows: bool = True) -> Found:
        """Give what is held, and name what is not."""
        del rows
        used("log")
        span, limit = self.request.span, self.request.limit
        if limit is not None:
            newest_first = self.request.newest_first
            near = held_trades.held_rows(self.log, span, limit, newest_first=newest_first)
            if near is not None:
                return Found(near, self.missed)
        frame = self.log.read(span).frame
        lacking = self.log.missing(span)
        if limit is not None:
            frame = frame.tail(limit) if self.request.newest_first else frame.head(limit)
            lacking = _among(lacking, frame, span, newest_first=self.request.newest_first)
        return Found(frame, self.missed, held_not=lacking)


def _among(
    lacking: list[Span], frame: pl.DataFrame, span: Span, *, newest_first: bool
) -> list[Span]:
    """Give what is not held between the asked end and the row that lies furthest from it."""
    if frame.is_empty():
        return lacking
    first, last = frame.select(milliseconds().first(), milliseconds().last().alias("last")).row(0)
    reach = Span(first, span.until) if newest_first else Span(span.since, last + 1)
    return intersect(lacking, [reach])


def _first(frame: pl.DataFrame, default: int) -> int:
    return frame.select(milliseconds().first()).item() if len(frame) else default
