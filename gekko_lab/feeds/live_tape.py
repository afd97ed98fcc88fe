"""The trades of one market in one piece: what the stream tells and what REST fills in."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Final

from gekko_lab.events.types import Gap, Trade

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gekko_lab.events.types import Event
    from gekko_lab.sources.live import TradeRules
    from gekko_lab.sources.source import TradeCursor

_KNOWN: Final = 20_000


class Tape:
    """Puts trades in one line without doubles; asks for others where some may be missing.

    It holds newer trades back (`filling`) until the older ones are there. It never counts on ids:
    a leap of them is a reason to ask, and what the exchange then shows decides.

    Parameters
    ----------
    exchange, symbol
        Where.
    rules
        How trades are told apart.
    since_us
        When the line begins; may be set as long as it is empty.

    Attributes
    ----------
    last : Trade or None
        The newest trade in line.
    filling : bool
        Whether older trades are to be asked for, and newer ones wait.
    duplicates : int
        How many trades came twice.
    """

    def __init__(self, exchange: str, symbol: str, rules: TradeRules, since_us: int) -> None:
        self.last: Trade | None = None
        self.filling = True
        self.duplicates = 0
        self._exchange, self.symbol, self._rules = exchange, symbol, rules
        self.since_us = since_us
        self._number = -1
        self._known: OrderedDict[str, None] = OrderedDict()
        self._joined = False
        self._held: deque[Trade | None] = deque()  # None: here the connection was lost

    def __len__(self) -> int:
        return len(self._held)

    @property
    def cursor(self) -> TradeCursor:
        """Where to ask from: with the last trade, or from the begin."""
        if self.last is None:
            return self._rules.cursor(self.since_us // 1000, None)
        return self._rules.cursor(self.last.timestamp_us // 1000, self.last.id)

    @property
    def by_id(self) -> bool:
        """Whether a cursor from the last trade leads on in any case."""
        return self._rules.by_id

    @property
    def counted(self) -> bool:
        """Whether ids follow each other."""
        return self._rules.counted

    def go_on(self, trade: Trade, out: list[Event]) -> bool:
        """Take a trade of the stream if its number shows that it is the next one; say whether.

        It does nothing that `take` doesn't do, in a quarter of the time.
        """
        if self.filling or not self._rules.counted or self.last is None:
            return False
        number = _number(trade)
        if number != self._number + 1:
            return False
        self._number, self.last, self._joined = number, trade, True
        out.append(trade)
        return True

    def take(self, trade: Trade, out: list[Event]) -> None:
        """Take a trade of the stream."""
        if self.filling:
            self._held.append(trade)
        elif self._has(trade):
            self.duplicates += 1
        elif self._follows(trade):
            self._add(trade)
            out.append(trade)
        else:
            self.filling = True
            self._held.append(trade)

    def lose(self) -> None:
        """Note that from here on trades may be missing in the stream."""
        self._joined = False
        if self.filling:
            self._held.append(None)

    def fill(self, rows: Sequence[Trade], out: list[Event]) -> int:
        """Take a page of trades that was asked for with the cursor; give how many are new."""
        fresh = [row for row in rows if not self._has(row, asked=True)]
        if fresh and not self._continues(rows, fresh[0]):
            out.append(self._gap(fresh[0].timestamp_us, fresh[0].received_us))
        for row in fresh:
            self._add(row)
            out.append(row)
        return len(fresh)

    @property
    def reached(self) -> bool:
        """Whether what was filled in leads up to the trades that wait."""
        first = self._first
        return first is None or self._leads_to(first)

    def release(self, out: list[Event], *, received_us: int) -> None:
        """Let the trades go that wait; a gap stands where the ones before couldn't be had."""
        first = self._first
        if first is not None and not self._leads_to(first):
            out.append(self._gap(first.timestamp_us, received_us))
            self._number = _number(first) - 1 if self._rules.counted else -1
        self.filling, self._joined = False, True
        held, self._held = self._held, deque()
        while held:
            trade = held.popleft()
            if trade is None:
                self.lose()
            elif trade.id is None and self._has(trade, asked=True):
                self.duplicates += 1
            else:
                self.take(trade, out)
            if self.filling:
                self._held.extend(held)
                return

    @property
    def _first(self) -> Trade | None:
        return next((trade for trade in self._held if trade is not None), None)

    def _leads_to(self, trade: Trade) -> bool:
        if self._has(trade, asked=True):
            return True
        return self._rules.counted and _number(trade) == self._number + 1

    def _has(self, trade: Trade, *, asked: bool = False) -> bool:
        if self._rules.counted:
            return _number(trade) <= self._number
        if trade.id is not None:
            return trade.id in self._known
        # Nothing tells such trades apart; those up to the last one came by the stream.
        return asked and self.last is not None and trade.timestamp_us <= self.last.timestamp_us

    def _follows(self, trade: Trade) -> bool:
        if (
            self._rules.counted
        ):  # the first one of all has nothing to follow, so that it is asked for
            return self.last is not None and _number(trade) == self._number + 1
        return self._joined

    def _continues(self, rows: Sequence[Trade], fresh: Trade) -> bool:
        """Tell whether a page shows that nothing is missing between the last trade and its own."""
        if self.last is None or not self._rules.inclusive:
            return True
        if self._rules.counted and _number(fresh) == self._number + 1:
            return True
        return rows[0] is not fresh

    def _add(self, trade: Trade) -> None:
        self.last = trade
        self._joined = True
        if self._rules.counted:
            self._number = _number(trade)
        elif trade.id is not None:
            self._known[trade.id] = None
            if len(self._known) > _KNOWN:
                self._known.popitem(last=False)

    def _gap(self, until_us: int, received_us: int) -> Gap:
        since = self.since_us if self.last is None else self.last.timestamp_us
        return Gap(
            self._exchange,
            self.symbol,
            since,
            received_us,
            0,
            subject="trade",
            since_us=since,
            until_us=max(until_us, since + 1),
            reason="disconnected",
        )


def _number(trade: Trade) -> int:
    return int(trade.id or -1)
