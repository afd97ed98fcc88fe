"""Trades in order of time, joined from pages; what is handed on never splits a millisecond."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from gekko_lab.errors import BadResponse, DataError, SourceError
from gekko_lab.fetching.asking import ask
from gekko_lab.fetching.completion import Failure
from gekko_lab.fetching.defaults import origin
from gekko_lab.fetching.tally import used
from gekko_lab.frames.checks import check_trades
from gekko_lab.frames.schemas import TRADES, empty
from gekko_lab.market.moments import show_time
from gekko_lab.market.spans import Span
from gekko_lab.sources.source import TradeCursor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gekko_lab.sources.source import Source, TradePage


@dataclass(frozen=True, slots=True)
class Piece:
    """What a page adds.

    Attributes
    ----------
    frame : polars.DataFrame
        Trades, in order, behind those of the piece before.
    until : int
        The time before which all trades of the tape have come now, this piece included; rows
        from then on may be followed by others of the same millisecond.
    seen : int
        The time behind the newest trade that any page has shown: nothing proves that the time
        from then on is quiet.
    """

    frame: pl.DataFrame
    until: int
    seen: int


class Tape:
    """The trades of a range, as a source hands them out.

    Iterating asks page after page. Trades of a page's last millisecond come with the next piece,
    which shows that there are no more of them.

    Parameters
    ----------
    source, symbol
        Who is asked for which market.
    span
        The range of times.
    limit
        How many are wanted from its begin on; None for all. More may come.

    Attributes
    ----------
    failures : list of Failure
        What could not be had.
    unserved : Span or None
        The begin of the range that the exchange doesn't serve any more.
    doubt : Failure or None
        The begin of the range, where nobody could say whether it is served.
    begun : bool
        Whether it is known where what is served begins.
    """

    def __init__(self, source: Source, symbol: str, span: Span, limit: int | None = None) -> None:
        self.source = source
        self.symbol = symbol
        self.span = span
        self.limit = limit
        self.failures: list[Failure] = []
        self.unserved: Span | None = None
        self.doubt: Failure | None = None
        self._last = empty(TRADES)  # of the page before
        self.begun = False

    @property
    def begin(self) -> int:
        """The time from which on what came is all there was."""
        if self.doubt is not None:
            return self.doubt.span.until
        return self.span.since if self.unserved is None else self.unserved.until

    def __iter__(self) -> Iterator[Piece]:
        used(origin(self.source, "trades"))
        cursor: TradeCursor | None = TradeCursor(self.span.since)
        held, reached, seen, rows = empty(TRADES), self.span.since, self.span.since, 0
        while cursor is not None and self._goes_on(cursor, rows):
            try:
                page = self._page(cursor)
                if page.following is None and page.frame.is_empty():  # believed when told twice
                    page = self._page(cursor)
            except SourceError as error:
                self.failures.append(Failure(Span(cursor.time, self.span.until), error))
                break
            new = _unseen(page.frame, self._last)
            new = new[: places(new, self.span.until)[0]]
            if len(page.frame):
                self._last = page.frame
                seen = _time(page.frame, -1) + 1
                self._check_begin(page.frame)
            rows += len(new)
            cursor = page.following
            reached = self.span.until if cursor is None else min(cursor.time, self.span.until)
            came = held.vstack(new) if len(held) else new
            whole = places(came, reached)[0]
            held = came[whole:]
            yield Piece(came[:whole], reached, seen)
        if not self.failures:
            self._check_begin(None)
        if len(held):
            yield Piece(held, reached, seen)

    def _goes_on(self, cursor: TradeCursor, rows: int) -> bool:
        return cursor.time < self.span.until and (self.limit is None or rows < self.limit)

    def _page(self, cursor: TradeCursor) -> TradePage:
        def question() -> TradePage:
            page = self.source.trades(self.symbol, cursor, self.span.until)
            try:
                check_trades(page.frame, since=cursor.time)
            except DataError as error:
                raise BadResponse(
                    f"{self.source.exchange} sent unsound trades of {self.symbol}: {error}"
                ) from error
            if _moved(page.frame, self._last):
                raise BadResponse(
                    f"{self.source.exchange} gives trades of {self.symbol} after "
                    f"{show_time(cursor.time)} at other times than before; try again"
                )
            if not self._leads_on(page, cursor):
                raise BadResponse(
                    f"{self.source.exchange} leads from the trades of {self.symbol} at "
                    f"{show_time(cursor.time)} back to trades that came already"
                )
            return page

        return ask(question, pages=1)

    def _leads_on(self, page: TradePage, cursor: TradeCursor) -> bool:
        """Tell whether the next page lies behind this one, so that the walk ends."""
        following = page.following
        if following is None or following.time > cursor.time:
            return True
        same_time = following.time == cursor.time and following.id != cursor.id
        return same_time and not _unseen(page.frame, self._last).is_empty()

    def _check_begin(self, page: pl.DataFrame | None) -> None:
        """Find, once, what lies before the first trade that is served, where that matters."""
        if self.begun:
            return
        self.begun = True
        first = self.span.until
        if page is not None:
            first = min(first, _time(page, 0))
        if first <= self.span.since:
            return
        try:
            oldest = ask(lambda: self.source.oldest_trade(self.symbol, self.span.since))
        except SourceError as error:  # what came stays; its begin is not confirmed
            self.doubt = Failure(Span(self.span.since, first), error)
            return
        if oldest is not None and min(oldest, first) > self.span.since:
            self.unserved = Span(self.span.since, min(oldest, first))


def places(frame: pl.DataFrame, *times: int) -> list[int]:
    """Give the number of rows, in order of time, that lie before each of these milliseconds."""
    known = frame["timestamp"].to_physical()
    return [known.search_sorted(time * 1000) for time in times]


def _time(frame: pl.DataFrame, row: int) -> int:
    return int(frame["timestamp"].to_physical()[row]) // 1000


def _moved(page: pl.DataFrame, before: pl.DataFrame) -> bool:
    """Tell whether trades that came with the page before have another time now."""
    if before.is_empty() or page.is_empty():
        return False
    again = page.filter(pl.col("id").is_in(before["id"].implode()))
    return len(again.join(before, on=["id", "timestamp"], how="semi")) < len(again)


def _unseen(page: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """Leave out what the page before ended with, by id, or by the whole row without ids."""
    if before.is_empty() or page.is_empty():
        return page
    start = before["timestamp"].to_physical().search_sorted(page["timestamp"].to_physical()[0])
    seam = before[start:]
    if seam.is_empty():
        return page
    if seam["id"].null_count():
        return _without_common(page, seam)
    return page.filter(~pl.col("id").is_in(seam["id"].implode()))


def _without_common(page: pl.DataFrame, seam: pl.DataFrame) -> pl.DataFrame:
    """Leave out as many equal rows as the seam has: equal trades without ids do happen."""
    keys = ["timestamp", "side", "price", "amount"]
    counted = page.with_columns(_turn=pl.int_range(pl.len()).over(keys))
    seen = seam.with_columns(_turn=pl.int_range(pl.len()).over(keys))
    left = counted.join(seen, on=[*keys, "_turn"], how="anti", nulls_equal=True)
    return left.select(page.columns)
