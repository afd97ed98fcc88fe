"""A number of events that are told together: one by one, or as frames."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from gekko_lab.events.columns import to_events, to_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gekko_lab.events.types import Event, MarketKind


@dataclass(frozen=True, slots=True)
class Part:
    """Stamped rows of one kind and symbol; books have several rows an event."""

    kind: MarketKind
    symbol: str
    rows: pl.DataFrame


class Piece:
    """Events in the order of their delivery; what is asked for is made once.

    Parameters
    ----------
    exchange, timeframe
        What rows don't tell of their events.
    events
        Those that came one by one, or stand between the rows of the parts by their sequence.
    parts
        Those that came in columns.
    count
        How many events it is in all.
    """

    __slots__ = (
        "_all",
        "_count",
        "_events",
        "_exchange",
        "_frames",
        "_grouped",
        "_making",
        "_timeframe",
        "born",
        "parts",
        "urgent",
    )

    def __init__(
        self,
        exchange: str,
        timeframe: str,
        events: Sequence[Event] = (),
        parts: Sequence[Part] = (),
        count: int | None = None,
    ) -> None:
        self.born = 0.0  # when it was told, in seconds of a clock that never jumps
        self.urgent = False  # whether it is told even while a feed is paused
        self._exchange, self._timeframe = exchange, timeframe
        self._events, self.parts = events, parts
        self._count = len(events) if count is None else count
        self._all: Sequence[Event] | None = None if parts else events
        self._frames: dict[MarketKind, pl.DataFrame] = {}
        self._grouped: dict[tuple[str, str], list[Event]] | None = None
        self._making = threading.Lock()

    def __len__(self) -> int:
        return self._count

    def single(self) -> Sequence[Event]:
        """Give the events that came one by one."""
        return self._events

    def grouped(self) -> dict[tuple[str, str], list[Event]]:
        """Give the events that came one by one, by kind and symbol."""
        if self._grouped is None:
            grouped: dict[tuple[str, str], list[Event]] = {}
            for event in self._events:
                key = (event.kind, event.symbol)
                if key in grouped:
                    grouped[key].append(event)
                else:
                    grouped[key] = [event]
            self._grouped = grouped
        return self._grouped

    def events(self) -> Sequence[Event]:
        """Give the events one by one."""
        with self._making:
            if self._all is None:
                self._all = self._merged()
            return self._all

    def _merged(self) -> Sequence[Event]:
        frames = {kind: self._joined(kind) for kind in dict.fromkeys(p.kind for p in self.parts)}
        made = [
            to_events(kind, self._exchange, self._timeframe, rows) for kind, rows in frames.items()
        ]
        several = [each for each in (*made, self._events) if each]
        if len(several) <= 1:
            return several[0] if several else []
        flat = [event for some in several for event in some]
        order = np.argsort(np.array([event.sequence for event in flat]), kind="stable")
        return [flat[place] for place in order.tolist()]

    def frame(self, kind: MarketKind) -> pl.DataFrame | None:
        """Give all rows of a kind in order, or None when there are none."""
        single = [event for event in self._events if event.kind == kind]
        with self._making:
            told = [] if self._joined(kind).is_empty() else [self._joined(kind)]
        if single:
            told.append(to_rows(kind, single))
        return ordered(told) if told else None

    def _joined(self, kind: MarketKind) -> pl.DataFrame:
        """Give the rows of all symbols that came in columns, in order."""
        if kind not in self._frames:
            frames = [part.rows for part in self.parts if part.kind == kind]
            self._frames[kind] = ordered(frames) if frames else pl.DataFrame()
        return self._frames[kind]


def ordered(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Join stamped rows of one kind in the order of delivery."""
    if len(frames) == 1:
        return frames[0]
    return pl.concat(frames).sort("sequence", maintain_order=True)
