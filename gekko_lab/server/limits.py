"""Request weight, counted for each address in fixed minutes.

The weights, the limit of 6000 a minute, the headers and the bans that scale from two minutes to
three days are those of the Binance spot API documents, 2026-07.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

WEIGHTS = {
    "/api/v3/ping": 1,
    "/api/v3/time": 1,
    "/api/v3/exchangeInfo": 20,
    "/api/v3/klines": 2,
    "/api/v3/uiKlines": 2,
    "/api/v3/aggTrades": 4,
}
OFFICIAL_LIMIT = 6000

_TOO_MANY = 429
_BANNED = 418
_WINDOW_S = 60
_FIRST_BAN_S = 120
_LONGEST_BAN_S = 3 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the counter says to one request.

    Attributes
    ----------
    status : int
        200, 429 (too much weight) or 418 (banned).
    used : int
        Weight used in this minute.
    retry_after : int
        Whole seconds to wait; 0 with status 200.
    until : int
        End of the wait, milliseconds of the counter's clock.
    """

    status: int
    used: int
    retry_after: int = 0
    until: int = 0


@dataclass(slots=True)
class _Account:
    window: int = -1
    used: int = 0
    refused: int = 0
    bans: int = 0
    banned_until: float = 0.0


class Counter:
    """Used weight of each address.

    Parameters
    ----------
    limit
        Weight in a minute, or None to count only.
    clock
        Seconds; the windows begin at its whole minutes.
    refusals_before_ban
        How many requests in one window may be answered with 429 before a ban.
    """

    def __init__(
        self, limit: int | None, clock: Callable[[], float], *, refusals_before_ban: int = 10
    ) -> None:
        self._limit = limit
        self._clock = clock
        self._patience = refusals_before_ban
        self._accounts: dict[str, _Account] = {}

    def charge(self, address: str, weight: int) -> Verdict:
        """Count a request's weight and judge it."""
        now = self._clock()
        account = self._accounts.setdefault(address, _Account())
        window = int(now // _WINDOW_S)
        if window != account.window:
            account.window, account.used, account.refused = window, 0, 0
        if self._limit is not None and now < account.banned_until:
            return self._refusal(_BANNED, account, account.banned_until, now)
        account.used += weight
        if self._limit is None or account.used <= self._limit:
            return Verdict(200, account.used)
        account.refused += 1
        if account.refused > self._patience:
            account.bans += 1
            ban = min(_LONGEST_BAN_S, _FIRST_BAN_S * 2 ** (account.bans - 1))
            account.banned_until = now + ban
            return self._refusal(_BANNED, account, account.banned_until, now)
        return self._refusal(_TOO_MANY, account, float((window + 1) * _WINDOW_S), now)

    def refusal(self, verdict: Verdict) -> str:
        """Give the message of a 429 or 418."""
        if verdict.status == _BANNED:
            return (
                f"Way too much request weight used; IP banned until {verdict.until}. Please use "
                "WebSocket Streams for live updates to avoid bans."
            )
        return (
            f"Too much request weight used; current limit is {self._limit} request weight per "
            "1 MINUTE. Please use WebSocket Streams for live updates to avoid polling the API."
        )

    def _refusal(self, status: int, account: _Account, until: float, now: float) -> Verdict:
        wait = max(1, math.ceil(until - now))
        return Verdict(status, account.used, wait, round(until * 1000))
