"""What an answer's headers and text say about asking again."""

from __future__ import annotations

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
        return max(0.0, float(text))
    except ValueError:
        pass
    until = _time(text)
    return None if until is None else max(0.0, until - time.time())


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
