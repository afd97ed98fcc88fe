"""What each address has used: in fixed minutes, or in a bucket that drains.

The weights, the limit of 6000 a minute and the bans that scale from two minutes to three days are
those of the Binance spot API documents, 2026-07. Buckets are how Coinbase Exchange and Kraken count
(public API documents, 2026).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

WEIGHTS = {
    "/api/v3/ping": 1,
    "/api/v3/time": 1,
    "/api/v3/exchangeInfo": 20,
    "/api/v3/klines": 2,
    "/api/v3/uiKlines": 2,
    "/api/v3/aggTrades": 4,
    "/api/v3/trades": 25,
    "/api/v3/historicalTrades": 25,
    "/api/v3/depth": 5,
    "/api/v3/avgPrice": 2,
    "/api/v3/ticker/24hr": 2,
    "/api/v3/ticker/price": 2,
    "/api/v3/ticker/bookTicker": 2,
}
"""What a request to Binance costs at the least; more levels or markets cost more."""

_DEPTH_WEIGHTS = ((100, 5), (500, 25), (1000, 50))
_DEEPEST_WEIGHT = 250
_DAY_WEIGHTS = ((20, 2), (100, 40))
_MOST_DAYS_WEIGHT = 80
_SEVERAL_WEIGHT = 4
OFFICIAL_LIMIT = 6000

TOO_MANY = 429
BANNED = 418
_WINDOW_S = 60
_FIRST_BAN_S = 120
_LONGEST_BAN_S = 3 * 24 * 3600
_ROUNDING = 1e-6


def weight_of(path: str, query: Mapping[str, str]) -> int:
    """Give what a request to Binance costs."""
    if path == "/api/v3/depth":
        limit = query.get("limit", "")
        levels = int(limit) if limit.isdecimal() else _DEPTH_WEIGHTS[0][0]
        return _step(_DEPTH_WEIGHTS, levels, _DEEPEST_WEIGHT)
    if path.startswith("/api/v3/ticker/") and "symbol" not in query:
        if path != "/api/v3/ticker/24hr":
            return _SEVERAL_WEIGHT
        if "symbols" in query:
            return _step(_DAY_WEIGHTS, query["symbols"].count(",") + 1, _MOST_DAYS_WEIGHT)
        return _MOST_DAYS_WEIGHT
    return WEIGHTS.get(path, 1)


def _step(weights: Iterable[tuple[int, int]], count: int, most: int) -> int:
    return next((weight for up_to, weight in weights if count <= up_to), most)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the counter says to one request.

    Attributes
    ----------
    status : int
        200, 429 (too much weight) or 418 (banned).
    used : int
        What counts against the address now.
    retry_after : int
        Whole seconds to wait; 0 with status 200.
    until : int
        End of the wait, milliseconds of the counter's clock.
    """

    status: int
    used: int
    retry_after: int = 0
    until: int = 0


class Meter(Protocol):
    """Counts what addresses use and says when it is too much."""

    def charge(self, address: str, weight: int) -> Verdict:
        """Count a request's weight and judge it."""
        ...


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
        self, limit: float | None, clock: Callable[[], float], *, refusals_before_ban: int = 10
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
            return self._refusal(BANNED, account, account.banned_until, now)
        account.used += weight
        if self._limit is None or account.used <= self._limit:
            return Verdict(200, account.used)
        account.refused += 1
        if account.refused > self._patience:
            account.bans += 1
            ban = min(_LONGEST_BAN_S, _FIRST_BAN_S * 2 ** (account.bans - 1))
            account.banned_until = now + ban
            return self._refusal(BANNED, account, account.banned_until, now)
        return self._refusal(TOO_MANY, account, float((window + 1) * _WINDOW_S), now)

    def _refusal(self, status: int, account: _Account, until: float, now: float) -> Verdict:
        wait = max(1, math.ceil(until - now))
        return Verdict(status, account.used, wait, round(until * 1000))


@dataclass(slots=True)
class _Level:
    used: float = 0.0
    seen: float = 0.0


class Bucket:
    """A bucket for each address that drains at a constant rate; what is refused isn't counted.

    Parameters
    ----------
    rate
        What drains in a second, or None to count only, without draining.
    clock
        Seconds.
    burst
        What the bucket holds.
    """

    def __init__(self, rate: float | None, clock: Callable[[], float], *, burst: float) -> None:
        self._rate = rate
        self._clock = clock
        self._burst = burst
        self._levels: dict[str, _Level] = {}

    def charge(self, address: str, weight: int) -> Verdict:
        """Count a request's weight and judge it."""
        now = self._clock()
        level = self._levels.setdefault(address, _Level(seen=now))
        if self._rate is None:
            level.used += weight
            return Verdict(200, round(level.used))
        level.used = max(0.0, level.used - self._rate * max(0.0, now - level.seen))
        level.seen = now
        excess = level.used + weight - self._burst
        if excess > _ROUNDING:
            wait = excess / self._rate
            return Verdict(
                TOO_MANY, math.ceil(level.used), math.ceil(wait), round((now + wait) * 1000)
            )
        level.used += weight
        return Verdict(200, math.ceil(level.used))
