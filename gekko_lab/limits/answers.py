"""What an answer's headers and text say about asking again."""

from __future__ import annotations

import math
import re
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_BANNED = re.compile(r"banned until (\d{13})")


def header(headers: Mapping[str, str], name: str) -> str:
    """Give a header however it is spelled; empty when it's absent."""
    return next((value for key, value in headers.items() if key.lower() == name.lower()), "")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Give the seconds of Retry-After, which may be a date; None when there are none."""
    text = header(headers, "retry-after")
    try:
        seconds = float(text)
    except ValueError:
        until = _time(text)
        if until is None:
            return None
        now = sent_at(headers)  # where it's there: our clock may be wrong
        seconds = until - (time.time() if now is None else now)
    return None if math.isnan(seconds) else max(0.0, seconds)


def banned_for(body: str, now_s: float) -> float | None:
    """Give the seconds that a ban still lasts, where the text names its end."""
    match = _BANNED.search(body)
    return None if match is None else max(0.0, int(match[1]) / 1000 - now_s)


def sent_at(headers: Mapping[str, str]) -> float | None:
    """Give the server's clock, in whole seconds."""
    return _time(header(headers, "date"))


def _time(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
