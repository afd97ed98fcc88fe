"""How long something lasts, as people write it."""

from __future__ import annotations

from datetime import timedelta

from gekko_lab.errors import InvalidArgument, InvalidType
from gekko_lab.market.timeframe import Timeframe


def read_length(length: object, *, name: str) -> int:
    """Read text such as "1h" or a timedelta as milliseconds, more than 0.

    Raises
    ------
    InvalidArgument
        When it says no fixed length, or none.
    InvalidType
        When it is neither text nor a timedelta.

    Examples
    --------
    >>> read_length("90m", name="duration")
    5400000
    """
    if isinstance(length, timedelta):
        read: int | None = length // timedelta(milliseconds=1)
    elif isinstance(length, str):
        read = Timeframe.parse(length).milliseconds if Timeframe.understands(length) else None
    else:
        raise InvalidType(f"{name}={length!r}: give text such as '1h', or a timedelta")
    if read is None or read <= 0:
        raise InvalidArgument(f"{name}={length!r}: give a time such as '90m', '1h' or '7d'")
    return read
