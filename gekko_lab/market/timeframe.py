"""The width of a candle, on the calendar of exchanges."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from gekko_lab.errors import InvalidType, UnknownTimeframe

if TYPE_CHECKING:
    from collections.abc import Iterator

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY
END = 253_402_300_800_000  # 10000-01-01: where datetime ends

_FIXED = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": WEEK}
_MONTHS = {"M": 1, "y": 12}
_FIRST_MONDAY = 4 * DAY  # 1970-01-05: weeks start on Monday
_PATTERN = re.compile(r"([1-9][0-9]{0,3})([smhdwMy])")


@dataclass(frozen=True, slots=True)
class Timeframe:
    """A candle width such as `1m`, `4h` or the calendar month `1M`.

    Times are milliseconds UTC. Fixed widths count from 1970-01-01, weeks from Monday 1970-01-05,
    months and years from January 1970, as most exchanges do.

    Attributes
    ----------
    count, unit : int, str
        What the name says: 4 and "h" for `4h`.
    anchor : int or None
        The open time that fixed widths count from, where an exchange declares another one, such
        as weeks that begin on Thursday.

    Examples
    --------
    >>> hour = Timeframe.parse("1h")
    >>> hour.floor(5_000_000)
    3600000
    >>> Timeframe.parse("1M").next(0)  # February 1970
    2678400000
    """

    count: int
    unit: str
    anchor: int | None = None

    @classmethod
    def parse(cls, name: str) -> Timeframe:
        """Read a timeframe's name; `1m` is a minute, `1M` a calendar month.

        Raises
        ------
        UnknownTimeframe
            When `name` isn't a positive count and one of the units s, m, h, d, w, M, y.
        """
        if not isinstance(name, str):
            raise InvalidType(
                f"timeframe={name!r} is a {type(name).__name__}; give text such as '1m', '1h', '1d'"
            )
        return _parse(name)

    @staticmethod
    def understands(name: str) -> bool:
        """Tell whether `parse` can read the name."""
        return _PATTERN.fullmatch(name) is not None

    @property
    def milliseconds(self) -> int | None:
        """The fixed width, or None for calendar months and years."""
        unit = _FIXED.get(self.unit)
        return None if unit is None else self.count * unit

    @property
    def origin(self) -> int:
        """The open time that fixed widths count from."""
        if self.anchor is not None:
            return self.anchor
        return _FIRST_MONDAY if self.unit == "w" else 0

    @property
    def shortest(self) -> int:
        """The least width that a candle of this timeframe can have, in milliseconds."""
        return self.milliseconds or 28 * DAY * self._months

    def floor(self, time: int) -> int:
        """Give the open time of the candle that holds `time`."""
        width = self.milliseconds
        if width is None:
            months = _month_of(time)
            return _month_start(months - months % self._months)
        return time - (time - self.origin) % width

    def ceil(self, time: int) -> int:
        """Give the first open time at or after `time`."""
        floor = self.floor(time)
        return floor if floor == time else self.next(floor)

    def next(self, open_time: int) -> int:
        """Give the open time of the following candle, which is where this one closes."""
        return self.shift(open_time, 1)

    def shift(self, open_time: int, candles: int) -> int:
        """Give the open time that lies `candles` later, or earlier when negative."""
        width = self.milliseconds
        if width is None:
            return _month_start(_month_of(open_time) + candles * self._months)
        return open_time + candles * width

    def between(self, since: int, until: int) -> int:
        """Count the candles that open in [since, until), both on the grid."""
        width = self.milliseconds
        if width is None:
            return max(0, (_month_of(until) - _month_of(since)) // self._months)
        return max(0, (until - since) // width)

    def opens(self, since: int, until: int) -> Iterator[int]:
        """Walk over the open times in [since, until)."""
        time = self.ceil(since)
        while time < until:
            yield time
            time = self.next(time)

    @property
    def _months(self) -> int:
        return self.count * _MONTHS[self.unit]

    def __str__(self) -> str:
        return f"{self.count}{self.unit}"


@lru_cache(maxsize=256)
def _parse(name: str) -> Timeframe:
    match = _PATTERN.fullmatch(name)
    if match is None:
        raise UnknownTimeframe(
            f"{name!r} is not a timeframe: write a count and a unit, such as '1m' (minute), '4h', "
            "'1d', '1w' or '1M' (calendar month)"
        )
    return Timeframe(int(match[1]), match[2])


def _month_of(time: int) -> int:
    if time >= END:
        return (MAXYEAR + 1 - 1970) * 12
    moment = datetime.fromtimestamp(time // 1000, UTC)
    return (moment.year - 1970) * 12 + moment.month - 1


def _month_start(months: int) -> int:
    year, month = divmod(months, 12)
    if 1970 + year > MAXYEAR:
        return END
    return int(datetime(1970 + year, month + 1, 1, tzinfo=UTC).timestamp()) * 1000
