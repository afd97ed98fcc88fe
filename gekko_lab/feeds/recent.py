"""The last rows of each kind and symbol, as many as were promised."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from gekko_lab.events.columns import STREAMS, to_rows
from gekko_lab.events.piece import ordered

if TYPE_CHECKING:
    from gekko_lab.events.piece import Piece
    from gekko_lab.events.types import Event, MarketKind

_MANY: Final = 32


class _Tail:
    """The last rows of one kind and symbol, from columns and from single events."""

    def __init__(self, kind: MarketKind, keep: int) -> None:
        self.kind, self.keep = kind, keep
        self.frames: deque[pl.DataFrame] = deque()
        self.height = 0
        self.events: deque[Event] = deque(maxlen=keep)

    def add(self, rows: pl.DataFrame) -> None:
        if rows.height > self.keep:  # copied, as a slice would hold all that it was cut from
            rows = rows[np.arange(rows.height - self.keep, rows.height)]
        self.frames.append(rows)
        self.height += self.frames[-1].height
        while self.height - self.frames[0].height >= self.keep:
            self.height -= self.frames.popleft().height
        if len(self.frames) > _MANY:
            self._join()

    def _join(self) -> None:
        """Make one frame of many, as one of a row takes nine kilobytes."""
        whole = pl.concat(self.frames)
        first = max(0, whole.height - self.keep - 1)  # one more, which tells where a book begins
        self.frames = deque([whole[np.arange(first, whole.height)]])
        self.height = self.frames[0].height

    def rows(self) -> pl.DataFrame:
        frames = list(self.frames)
        if self.events:
            frames.append(to_rows(self.kind, list(self.events)))
        if not frames:
            return pl.DataFrame(schema=STREAMS[self.kind])
        whole = ordered(frames)
        if whole.height <= self.keep:
            return whole
        cut = whole[-self.keep - 1, "sequence"]
        return whole.tail(self.keep).filter(pl.col("sequence") > cut)  # no half of a book


class Recent:
    """The last rows of each kind and symbol.

    Parameters
    ----------
    keep
        How many rows of each; a book has one a level.
    """

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._tails: dict[tuple[str, str], _Tail] = {}
        self._using = threading.Lock()

    def add(self, piece: Piece) -> None:
        """Keep what makes rows."""
        with self._using:
            for part in piece.parts:
                self._tail(part.kind, part.symbol).add(part.rows)
            for (kind, symbol), events in piece.grouped().items():
                if kind in STREAMS:
                    self._tail(kind, symbol).events.extend(events)

    def rows(self, kind: MarketKind) -> pl.DataFrame:
        """Give what is kept of a kind, in the order of delivery."""
        with self._using:
            frames = [tail.rows() for (of, _), tail in self._tails.items() if of == kind]
        if not frames:
            return pl.DataFrame(schema=STREAMS[kind])
        return ordered(frames)

    def held(self) -> int:
        """Tell how many rows and events are kept in all."""
        with self._using:
            return sum(tail.height + len(tail.events) for tail in self._tails.values())

    def _tail(self, kind: MarketKind, symbol: str) -> _Tail:
        tail = self._tails.get((kind, symbol))
        if tail is None:
            tail = self._tails[kind, symbol] = _Tail(kind, self._keep)
        return tail
