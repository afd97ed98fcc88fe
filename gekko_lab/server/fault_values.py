"""What the values of faults may be."""

from __future__ import annotations

from typing import NamedTuple, SupportsFloat

from gekko_lab.errors import InvalidArgument, InvalidType


class _Values(NamedTuple):
    what: str
    ranges: tuple[tuple[int, int], ...]  # both ends included
    whole: bool = True

    def fit(self, value: float) -> bool:
        """Tell whether a value is possible; NaN never is."""
        if self.whole and not value.is_integer():
            return False
        return any(least <= value <= most for least, most in self.ranges)

    def __str__(self) -> str:
        told = " or ".join(f"{least} to {most}" for least, most in self.ranges)
        return f"{self.what}, {told}"


# thirty years at most, so that every way to write a time can tell it
_SECONDS = _Values("seconds", ((0, 10**9),), whole=False)
_SHIFT = _Values("whole milliseconds", ((-(10**12), 10**12),))
_ROWS = _Values("a whole number of rows", ((0, 10**9),))
_STATUS = _Values("an HTTP status", ((200, 599),))
# RFC 6455 lets nobody send other codes
_CODE = _Values("a close code", ((1000, 1003), (1007, 1014), (3000, 4999)))

_OF_KIND = {
    "rate_limited": _SECONDS,
    "banned": _SECONDS,
    "status": _STATUS,
    "status_html": _STATUS,
    "status_empty": _STATUS,
    "delay": _SECONDS,
    "hang": _SECONDS,
    "slow_body": _SECONDS,
    "drop_rows": _ROWS,
    "short_page": _ROWS,
    "double_rows": _ROWS,
    "shift_rows": _SHIFT,
    "nan_rows": _ROWS,
    "clock_skew": _SHIFT,
    "stream_close": _CODE,
    "stream_silence": _SECONDS,
    "stream_shutdown": _SECONDS,
    "stream_restart": _SECONDS,
}


def check_value(kind: str, value: object) -> None:
    """Raise `InvalidArgument` where a fault of that kind can't have the value.

    Kinds without one pass over any number.
    """
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, SupportsFloat):
        raise InvalidType(f"value={value!r} is a {type(value).__name__}: give a number")
    possible = _OF_KIND.get(kind)
    number = float(value)
    if possible is not None and not possible.fit(number):
        raise InvalidArgument(f"value={number:.16g} is impossible for {kind!r}: give {possible}")
