"""Candles from files beside those from the exchange, where files begin and end."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING

import polars as pl

from gekko_lab.frames.checks import milliseconds, times_of
from gekko_lab.frames.schemas import CANDLES_FULL
from gekko_lab.market.moments import show_time
from gekko_lab.market.spans import Span

if TYPE_CHECKING:
    from gekko_lab.fetching.completion import Series

_BESIDE = 2  # candles on each side


class Borders:
    """What the exchange gives where files meet; each place is asked for once, by any thread.

    Parameters
    ----------
    series
        What is asked for.
    span
        Outside of it nothing is asked for.
    """

    def __init__(self, series: Series, span: Span) -> None:
        self._series = series
        self._span = span
        self._asked: dict[int, Future[pl.DataFrame]] = {}
        self._lock = threading.Lock()

    def difference(self, frame: pl.DataFrame) -> str | None:
        """Tell how the first and last candles differ from the exchange's; None when they don't.

        Raises
        ------
        SourceError
            When the exchange can't be asked.
        """
        opens = times_of(frame)
        if opens.is_empty():
            return None
        width = self._series.timeframe
        for place in (int(opens[0]), width.next(int(opens[-1]))):
            window = self._window(place)
            inside = (milliseconds() >= window.since) & (milliseconds() < window.until)
            told = _difference(frame.filter(inside), self._candles(place))
            if told is not None:
                return told
        return None

    def _window(self, place: int) -> Span:
        width = self._series.timeframe
        return Span(
            max(self._span.since, width.shift(place, -_BESIDE)),
            min(self._span.until, width.shift(place, _BESIDE)),
        )

    def _candles(self, place: int) -> pl.DataFrame:
        with self._lock:
            answer = self._asked.get(place)
            first = answer is None
            if answer is None:
                answer = self._asked[place] = Future()
        if first:
            try:
                answer.set_result(self._series.page(self._window(place)).frame)
            except BaseException as error:  # noqa: BLE001 (whoever waits for it gets it too)
                answer.set_exception(error)
        return answer.result()


def _difference(ours: pl.DataFrame, theirs: pl.DataFrame) -> str | None:
    pairs = ours.join(theirs, on="timestamp", how="left", suffix="_theirs", maintain_order="left")
    if len(theirs.join(ours, on="timestamp", how="semi")) < len(ours):
        return f"the exchange lacks a candle of {_first_time(ours)} or shortly after"
    for name in [name for name in CANDLES_FULL if name != "timestamp"]:
        other = pl.col(f"{name}_theirs")
        odd = pairs.filter(other.is_not_null() & pl.col(name).ne_missing(other))
        if len(odd):
            values = odd.select(name, f"{name}_theirs").row(0)
            return f"{name} of {_first_time(odd)} is {values[0]}, and {values[1]} at the exchange"
    return None


def _first_time(frame: pl.DataFrame) -> str:
    return show_time(frame.select(milliseconds().first()).item())
