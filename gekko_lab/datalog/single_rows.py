"""Single rows from streams: checked without a frame, because that costs more than the row."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from gekko_lab.datalog.kinds import SCHEMAS
from gekko_lab.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gekko_lab.datalog.layout import Kind
    from gekko_lab.market.timeframe import Timeframe

_BARE_CANDLE = 6
_SIDES = {"buy", "sell", None}
_BOOK_SIDES = {"bid", "ask"}


def single_rows(
    rows: Sequence[Sequence[Any]], kind: Kind, width: Timeframe | None
) -> list[list[Any]]:
    """Give rows as a journal keeps them: whole, with their times in microseconds.

    Raises
    ------
    DataError
        Names the first row that breaks a rule of its kind.
    """
    count = len(SCHEMAS[kind])
    stored = []
    for row in rows:
        whole = [*row, None, None] if kind == "candles" and len(row) == _BARE_CANDLE else [*row]
        if len(whole) != count:
            names = ", ".join(SCHEMAS[kind])
            raise DataError(f"a row of {kind} has {len(row)} values, where {names} are needed")
        time = whole[0]
        if type(time) is not int or time < 0:
            raise DataError(f"a row of {kind} has the time {time!r}; give milliseconds UTC")
        if width is not None and width.floor(time) != time:
            raise DataError(f"a candle isn't on the grid of {width}: {row}")
        problem = _RULES[kind](whole)
        if problem:
            raise DataError(f"a row of {kind} {problem}: {row}")
        whole[0] = time * 1000
        stored.append(whole)
    return stored


def _candle(row: Sequence[Any]) -> str | None:
    _, start, high, low, end, volume, cost, count = row
    if not (isfinite(start) and isfinite(high) and isfinite(low) and isfinite(end)):
        return "has a number that isn't finite"
    if not (low <= start <= high and low <= end <= high):
        return "has a high or low that its open or close is beyond"
    if not isfinite(volume) or volume < 0:
        return "has a volume that isn't a positive number"
    if cost is not None and not isfinite(cost):
        return "has a number that isn't finite"
    return None if count is None or type(count) is int else "has a count of trades that isn't whole"


def _trade(row: Sequence[Any]) -> str | None:
    _, name, side, price, amount = row
    if side not in _SIDES:
        return "has a side that isn't 'buy', 'sell' or None"
    if name is not None and type(name) is not str:
        return "has an id that isn't text"
    if not (isfinite(price) and isfinite(amount)):
        return "has a number that isn't finite"
    return None if amount > 0 else "has an amount that isn't positive"


def _level(row: Sequence[Any]) -> str | None:
    _, side, level, price, amount = row
    if side not in _BOOK_SIDES or type(level) is not int:
        return "has no side 'bid' or 'ask', or no whole level"
    return None if isfinite(price) and isfinite(amount) else "has a number that isn't finite"


def _quote(row: Sequence[Any]) -> str | None:
    sound = all(value is None or isfinite(value) for value in row[1:])
    return None if sound else "has a number that isn't finite"


_RULES: dict[Kind, Callable[[Sequence[Any]], str | None]] = {
    "candles": _candle,
    "trades": _trade,
    "order_book": _level,
    "ticker": _quote,
}
