"""Points in time as people write them, read once at the door into milliseconds UTC."""

from __future__ import annotations

import operator
import re
from datetime import UTC, date, datetime, timedelta
from typing import TypeAlias

from gekko_lab.errors import InvalidArgument, InvalidRange, InvalidType
from gekko_lab.market.timeframe import DAY, END, Timeframe

TimeLike: TypeAlias = "str | int | date | datetime"
"""ISO text, a span back from now such as "30d", milliseconds UTC, a date or a datetime."""

_SPAN = re.compile(r"([1-9][0-9]{0,5})([smhdwMy])")
_MILLISECONDS = re.compile(r"[0-9]{10,19}")  # a date without hyphens has eight digits
_PARTIAL_DATE = re.compile(r"([0-9]{4})(?:-([0-9]{2}))?")
_NANOSECONDS = re.compile(r"[.,][0-9]{6}0*[1-9]")  # datetime drops what follows microseconds
_LEAST_MILLISECONDS = 100_000_000_000  # 1973: smaller positive numbers are seconds
_MOST_MONTHS = 12_000  # more would leave the calendar of datetime
_CLOCKS = (END - 400 * DAY, END - 37 * DAY)  # so late that a span back never lies before 1970
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_time(value: object, *, now: int, name: str = "since") -> int:
    """Give a point in time in milliseconds UTC.

    Parameters
    ----------
    value
        ISO 8601 text (`"2024"`, `"2024-01"`, `"2024-01-31"`, `"2024-01-31T12:00+01:00"`), a span
        back from `now` (`"30d"`, `"12h"`; `"6M"` and `"1y"`: the same day of that month, or its
        last), integer milliseconds, a date (its midnight), a datetime, a pandas Timestamp or a
        numpy datetime64. Times without a zone are UTC. Fractions of a millisecond are rounded up,
        which keeps a half-open range what it was.
    now
        Where spans count from, in milliseconds UTC.
    name
        The argument's name, for messages.

    Raises
    ------
    InvalidType
        When `value` is none of these types; bool and float are not times.
    InvalidArgument
        When text can't be read, or a number is not plausible as milliseconds.

    Examples
    --------
    >>> read_time("2024-01-01", now=0)
    1704067200000
    >>> read_time("2h", now=10_000_000)
    2800000
    """
    if isinstance(value, str):
        return _read_text(value.strip(), now=now, name=name)
    if isinstance(value, datetime):
        return _milliseconds(value, name)
    if isinstance(value, date):
        return _milliseconds(datetime(value.year, value.month, value.day, tzinfo=UTC), name)
    if type(value).__module__ == "numpy" and hasattr(value, "astype"):
        return _read_numpy(value, name)
    if not isinstance(value, bool):
        try:
            return _read_number(operator.index(value), name)  # type: ignore[arg-type]
        except TypeError:
            pass
    raise InvalidType(
        f"{name}={value!r} is a {type(value).__name__}; give ISO text such as '2024-01-31', a span "
        "such as '30d', a date, a datetime or integer milliseconds UTC"
    )


def show_time(time: int) -> str:
    """Write milliseconds UTC as ISO text, as short as it can be.

    Examples
    --------
    >>> show_time(1704067200000), show_time(1704067260500)
    ('2024-01-01', '2024-01-01T00:01:00.500Z')
    """
    if time >= END:  # what a range ends at, but datetime can't say
        return "10000-01-01"
    moment = _EPOCH + timedelta(milliseconds=time)
    if time % 86_400_000 == 0:
        return moment.strftime("%Y-%m-%d")
    if time % 60_000 == 0:
        return moment.strftime("%Y-%m-%dT%H:%MZ")
    if time % 1000 == 0:
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time % 1000:03d}Z"


def check_range(since: object, until: object) -> None:
    """Raise where that is no range of times, whatever an exchange's clock shows."""
    ends: list[int] = []
    for name, value in (("since", since), ("until", until)):
        if value is not None:
            seen = {read_time(value, now=now, name=name) for now in _CLOCKS}
            ends += seen if len(seen) == 1 else []  # a span back from now is known only there
    if len(ends) == 2:  # noqa: PLR2004 (both)
        check_order(*ends)


def check_order(since: int, until: int) -> None:
    """Raise `InvalidRange` when a range ends before it has begun."""
    if until <= since:
        raise InvalidRange(
            f"until ({show_time(until)}) must be later than since ({show_time(since)}): since is "
            "inclusive, until exclusive"
        )


def _read_text(text: str, *, now: int, name: str) -> int:
    span = _SPAN.fullmatch(text)
    if span is not None:
        return _back(int(span[1]), span[2], now, name)
    if _MILLISECONDS.fullmatch(text) is not None:
        return _read_number(int(text), name)
    partial = _PARTIAL_DATE.fullmatch(text)
    try:
        if partial is not None:
            moment = datetime(int(partial[1]), int(partial[2] or 1), 1, tzinfo=UTC)
        else:
            moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidArgument(
            f"{name}={text!r} is not a time: write ISO 8601 such as '2024-01-31' or "
            "'2024-01-31T12:00Z', or a span back from now such as '30d', '12h', '6M'"
        ) from error
    return _milliseconds(moment, name, more=_NANOSECONDS.search(text) is not None)


def _back(count: int, unit: str, now: int, name: str) -> int:
    width = Timeframe(1, unit).milliseconds
    if width is not None:
        time = now - count * width
    else:
        time = _months_back(count * 12 if unit == "y" else count, now)
    if time < 0:
        raise InvalidArgument(f"{name}='{count}{unit}' lies before 1970")
    return time


def _months_back(months: int, now: int) -> int:
    """Give the same day so many months ago, or the last one where that month is too short."""
    if months > _MOST_MONTHS:
        return -1
    calendar = Timeframe(1, "M")
    month = calendar.floor(now)
    earlier = calendar.shift(month, -months)
    return min(earlier + now - month, calendar.next(earlier) - DAY + now % DAY)


def _milliseconds(moment: datetime, name: str, *, more: bool = False) -> int:
    if moment != moment:  # noqa: PLR0124 (pandas' NaT is a datetime that differs from itself)
        raise InvalidArgument(f"{name} is not a time (NaT)")
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    elapsed = aware - _EPOCH
    more = more or getattr(moment, "nanosecond", 0) > 0
    microseconds = elapsed // timedelta(microseconds=1) + more
    return _read_number(-(-microseconds // 1000), name, plausible=True)


def _read_numpy(value: object, name: str) -> int:
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    if kind in "iu" and getattr(value, "ndim", 1) == 0:
        return _read_number(int(value), name)  # type: ignore[call-overload]
    if kind != "M" or getattr(value, "ndim", 1) != 0:
        raise InvalidType(f"{name}={value!r} is not one point in time")
    whole = value.astype("datetime64[ms]")  # type: ignore[attr-defined]
    if whole != whole:  # noqa: PLR0124 (numpy's NaT differs from itself too)
        raise InvalidArgument(f"{name} is not a time (NaT)")
    return _read_number(int(whole.astype("int64")) + bool(whole < value), name, plausible=True)


def _read_number(time: int, name: str, *, plausible: bool = False) -> int:
    if time < 0:
        raise InvalidArgument(f"{name}={time} lies before 1970")
    if time >= END:
        raise InvalidArgument(
            f"{name}={time} is too large for milliseconds; divide microseconds by 1000 and "
            "nanoseconds by 1000000"
        )
    if 0 < time < _LEAST_MILLISECONDS and not plausible:
        raise InvalidArgument(
            f"{name}={time} looks like seconds; times are milliseconds, so multiply by 1000"
        )
    return time
