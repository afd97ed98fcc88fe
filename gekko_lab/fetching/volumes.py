"""What was traded in longer candles, added up from the answers of one fetch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gekko_lab.frames.soundness import microseconds
from gekko_lab.market.spans import Span, intersect, merge
from gekko_lab.market.timeframe import DAY, Timeframe

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import polars as pl
    from numpy.typing import NDArray

# Sums in another order, or of rounded numbers, differ by less. No candle is so small a part of a
# longer one: one worth a cent would lie among trades worth ten thousand millions.
_SAME = 1e-12

_NOTHING = np.zeros(0, dtype=np.int64), np.zeros(0)


class Volumes:
    """Sums of volumes by longer candles, and what of the answers was told only once.

    Parameters
    ----------
    width
        Of the longer candles, as `longer` gives it.
    """

    def __init__(self, width: Timeframe) -> None:
        self.width = width
        self._answered: list[Span] = []
        self._once: list[Span] = []
        self._parts: list[tuple[NDArray[np.int64], NDArray[np.float64]]] = []

    def note(self, answered: Iterable[Span], once: Iterable[Span], frame: pl.DataFrame) -> None:
        """Add an answer: what it answers, holes that nobody was asked twice for, and candles."""
        self._answered += answered
        self._once += once
        self.add(frame)

    def add(self, frame: pl.DataFrame) -> None:
        """Add candles."""
        if frame.is_empty():
            return
        opens = microseconds(frame) // 1000
        opens -= (opens - self.width.origin) % self.width.shortest
        first = np.append(0, 1 + np.flatnonzero(opens[1:] != opens[:-1]))
        self._parts.append((opens[first], np.add.reduceat(frame["volume"].to_numpy(), first)))

    def answered(self, holes: Iterable[Span]) -> list[Span]:
        """Give what of the holes answers tell; the rest was leapt over."""
        return intersect(holes, self._answered)

    def told_once(self, holes: Iterable[Span]) -> list[Span]:
        """Give what of the holes is known from one answer."""
        return intersect(holes, self._once)

    def whole(self, window: Span, until: int) -> NDArray[np.int64]:
        """Give the open times of longer candles in a window that were answered wholly.

        Those that close after `until` are left out.
        """
        step = self.width.shortest
        opens = np.arange(window.since, min(window.until, self.width.floor(until)), step)
        answered = merge(self._answered)
        begins = np.array([span.since for span in answered])
        ends = np.array([span.until for span in answered])
        place = np.searchsorted(begins, opens, side="right") - 1
        return opens[(place >= 0) & (ends[place] >= opens + step)]

    def differing(self, opens: NDArray[np.int64], longer: pl.DataFrame) -> NDArray[np.bool_]:
        """Tell which of the longer candles have another volume than the shorter ones in them."""
        ours = self._ours(opens)
        theirs = _sums(opens, microseconds(longer) // 1000, longer["volume"].to_numpy())
        return np.abs(ours - theirs) > _SAME * np.maximum(ours, theirs)

    def traded(self, opens: NDArray[np.int64]) -> int:
        """Count the longer candles of which shorter ones came."""
        return int(np.count_nonzero(self._ours(opens)))

    def _ours(self, opens: NDArray[np.int64]) -> NDArray[np.float64]:
        times, sums = zip(_NOTHING, *self._parts, strict=True)
        return _sums(opens, np.concatenate(times), np.concatenate(sums))


def longer(names: Sequence[str], width: Timeframe, most: int) -> Timeframe:
    """Choose the candles to compare with: the longest that hold at most so many of these.

    Parameters
    ----------
    names
        Of the widths that are served.
    width, most
        Of the candles that are compared, and how many.

    Returns
    -------
    Timeframe
        `width` itself where none is longer.

    Examples
    --------
    >>> str(longer(["1m", "5m", "1h", "6h", "1d"], Timeframe.parse("1m"), 300))
    '1h'
    """
    step = width.milliseconds or DAY
    fitting = [
        each
        for each in map(Timeframe.parse, names)
        if each.milliseconds
        and step < each.milliseconds <= min(DAY, most * step)
        and each.milliseconds % step == 0
    ]
    return max(fitting, key=lambda each: each.shortest, default=width)


def _sums(
    opens: NDArray[np.int64], times: NDArray[np.int64], volumes: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Add up volumes by sorted open times; other times are left out."""
    if not len(opens):
        return np.zeros(0)
    place = np.minimum(np.searchsorted(opens, times), len(opens) - 1)
    known = opens[place] == times
    sums = np.zeros(len(opens))
    np.add.at(sums, place[known], volumes[known])
    return sums
