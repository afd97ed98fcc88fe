"""The pages of a range, in the order they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gekko_lab.market.spans import Span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gekko_lab.market.timeframe import Timeframe


class Plan:
    """Windows of at most a page that cover a range once, made as they are needed.

    Parameters
    ----------
    span
        The range of open times, on the timeframe's grid.
    timeframe
        Of the candles.
    page_size
        The most candles of a window.
    newest_first
        Walk from the end to the begin.

    Examples
    --------
    >>> from gekko_lab.market.timeframe import Timeframe
    >>> second = Timeframe.parse("1s")
    >>> [tuple(page) for page in Plan(Span(0, 5000), second, 2)]
    [(0, 2000), (2000, 4000), (4000, 5000)]
    >>> [tuple(page) for page in Plan(Span(0, 5000), second, 2, newest_first=True)]
    [(3000, 5000), (1000, 3000), (0, 1000)]
    """

    def __init__(
        self, span: Span, timeframe: Timeframe, page_size: int, *, newest_first: bool = False
    ) -> None:
        self.left = span
        self._timeframe = timeframe
        self._page_size = page_size
        self._newest_first = newest_first

    def __iter__(self) -> Iterator[Span]:
        while self.left.since < self.left.until:
            page = self._next()
            if self._newest_first:
                self.left = Span(self.left.since, page.since)
            else:
                self.left = Span(page.until, self.left.until)
            yield page

    def skip_to(self, time: int) -> Span:
        """Leave out what lies before `time` (behind it, newest first), and give what that was."""
        since, until = self.left
        if self._newest_first:
            edge = min(until, max(since, time))
            self.left = Span(since, edge)
            return Span(edge, until)
        edge = max(since, min(until, time))
        self.left = Span(edge, until)
        return Span(since, edge)

    def _next(self) -> Span:
        since, until = self.left
        if self._newest_first:
            return Span(max(since, self._shifted(until, -self._page_size)), until)
        return Span(since, min(until, self._shifted(since, self._page_size)))

    def _shifted(self, time: int, candles: int) -> int:
        try:
            return self._timeframe.shift(time, candles)
        except (ValueError, OverflowError):  # the calendar of months ends
            return self.left.until if candles > 0 else self.left.since
