"""The trades of single minutes, kept while streams and statistics ask for them again."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gekko_lab.market.spans import Span
from gekko_lab.market.timeframe import MINUTE
from gekko_lab.server.aggregation import opens_of

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from gekko_lab.server.schedule import Schedule

_KEPT = 1024
_NEAR = 3  # minutes that are looked at before a search; most markets trade in them


class Print(NamedTuple):
    """One trade: time in milliseconds UTC, the taker's side as a flag."""

    time: int
    id: int
    price: float
    amount: float
    sell: bool


@dataclass(frozen=True, slots=True)
class Tape:
    """The trades of a stretch in order, by columns; times are milliseconds UTC."""

    times: NDArray[np.int64]
    ids: NDArray[np.int64]
    prices: NDArray[np.float64]
    amounts: NDArray[np.float64]
    sells: NDArray[np.bool_]

    @classmethod
    def of(cls, trades: pl.DataFrame) -> Tape:
        """Take the columns of a frame."""
        return cls(
            opens_of(trades),
            trades["id"].to_numpy(),
            trades["price"].to_numpy(),
            trades["amount"].to_numpy(),
            (trades["side"] == "sell").to_numpy(),
        )

    def __len__(self) -> int:
        return len(self.times)

    def between(self, since: int, until: int) -> Tape:
        """Give the trades in [since, until)."""
        first, last = np.searchsorted(self.times, (since, until))
        part = slice(int(first), int(last))
        return Tape(
            self.times[part],
            self.ids[part],
            self.prices[part],
            self.amounts[part],
            self.sells[part],
        )

    def at(self, place: int) -> Print:
        """Give one trade; -1 is the last."""
        return Print(
            int(self.times[place]),
            int(self.ids[place]),
            float(self.prices[place]),
            float(self.amounts[place]),
            bool(self.sells[place]),
        )


class Tapes:
    """The trades of a schedule a minute at a time.

    A minute is made as a whole, so parts of it may lie in the future: whoever asks must cut it.

    Parameters
    ----------
    schedule
        What happened when.
    """

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._kept: OrderedDict[tuple[str, int], Tape] = OrderedDict()

    def minute(self, symbol: str, minute: int) -> Tape:
        """Give the trades of a minute, counted from 1970."""
        key = (symbol, minute)
        tape = self._kept.get(key)
        if tape is None:
            span = Span(minute * MINUTE, (minute + 1) * MINUTE)
            trades = self._schedule.trades(symbol, span, span.until - 1)
            tape = self._kept[key] = Tape.of(trades)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        return tape

    def last(self, symbol: str, time: int) -> Print | None:
        """Give the last trade up to a moment, which is included."""
        minute = time // MINUTE
        for each in range(minute, minute - _NEAR, -1):
            tape = self.minute(symbol, each).between(0, time + 1)
            if len(tape):
                return tape.at(-1)
        before = Span(0, (minute - _NEAR + 1) * MINUTE)
        found = Tape.of(self._schedule.last_trades(symbol, before, 1, time))
        return found.at(-1) if len(found) else None

    def first(self, symbol: str, since: int, now: int) -> Print | None:
        """Give the first trade from a moment on, as of `now`."""
        minute = since // MINUTE
        for each in range(minute, min(minute + _NEAR, now // MINUTE + 1)):
            tape = self.minute(symbol, each).between(since, now + 1)
            if len(tape):
                return tape.at(0)
        after = Span((minute + _NEAR) * MINUTE, now + 1)
        found = Tape.of(self._schedule.first_trades(symbol, after, 1, now))
        return found.at(0) if len(found) else None
