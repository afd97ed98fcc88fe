"""What an exchange allows, and how much of it we take.

The arithmetic is that of the generic cell rate algorithm: all that is kept of the past is the
moment at which the bucket will be full again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from gekko_lab.limits.clock import SECOND

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST = 0.95
"""The share of a limit that we take at the most; the rest is for other programs and for jitter."""

_STEADY, _AT_ONCE = 0.92, 0.03  # together MOST: so much may fall into any window


@dataclass(frozen=True)
class Limit:
    """So much in so many seconds.

    In any window of time no more passes than `rate` times its length plus `capacity`.

    Attributes
    ----------
    name : str
        Such as "weight".
    amount, window_s : float
        What the exchange allows in how many seconds.
    burst : float or None
        What we let pass at once after a rest, where an exchange states a pace rather than windows;
        None takes a share of the amount, so that pace and burst together stay within a window.
    header : str or None
        The header that tells how much of it is used.
    """

    name: str
    amount: float
    window_s: float
    burst: float | None = None
    header: str | None = None

    @cached_property
    def rate(self) -> float:
        """What passes in a second, for as long as there is work."""
        share = _STEADY if self.burst is None else MOST
        return share * self.amount / self.window_s

    @cached_property
    def capacity(self) -> float:
        """What passes at once after a rest."""
        return _AT_ONCE * self.amount if self.burst is None else self.burst

    @cached_property
    def tolerance(self) -> int:
        """How long it takes to fill the bucket, in nanoseconds."""
        return math.floor(self.capacity / self.rate * SECOND)

    def span(self, cost: float) -> int:
        """Tell how long it takes to earn that cost, in nanoseconds."""
        return math.ceil(cost / self.rate * SECOND)

    def earliest(self, full_at: int, cost: float, now: int) -> int:
        """Tell when a request of that cost may go, at the earliest.

        One that costs more than the bucket holds goes when it is full, and leaves a debt.
        """
        span = self.span(cost)
        return max(now, max(full_at, now) + span - max(span, self.tolerance))

    def charged(self, full_at: int, cost: float, moment: int) -> int:
        """Tell when the bucket will be full again after such a request at that moment."""
        return max(full_at, moment) + self.span(cost)


@dataclass(frozen=True)
class Weight:
    """What a request to one endpoint costs.

    Attributes
    ----------
    base : float
        By default.
    without_symbol : float or None
        When no single symbol is asked for, where that makes a difference.
    by_limit : tuple of (int, float)
        Up to so many rows cost so much; more cost as much as the last.
    rows : int
        The rows of a request that doesn't say.
    """

    base: float = 1
    without_symbol: float | None = None
    by_limit: tuple[tuple[int, float], ...] = ()
    rows: int = 500

    def of(self, query: Mapping[str, str]) -> float:
        """Tell what a request with these parameters costs."""
        if self.without_symbol is not None and "symbol" not in query:
            return self.without_symbol
        if not self.by_limit:
            return self.base
        text = query.get("limit", "")
        rows = int(text) if text.isdecimal() else self.rows
        return next((cost for most, cost in self.by_limit if rows <= most), self.by_limit[-1][1])


@dataclass(frozen=True, kw_only=True)
class Service:
    """The limits of one interface of an exchange.

    Attributes
    ----------
    name : str
        Comes before the names of its limits, as two interfaces may share a host.
    hosts : tuple of str
        Where it is served; what is asked of one counts for all.
    exchanges : tuple of str
        ccxt's ids of those who ask it. Another host that they are led to, such as a test server,
        gets the same limits under its own name.
    paths : tuple of str
        How the paths begin that belong to it.
    limits : tuple of Limit
        The first counts weight, others count requests.
    weights : mapping of Weight
        By path. What isn't listed costs what ccxt thinks.
    hold_s : float
        How long nothing is asked after a refusal that doesn't say for how long.
    source : str
        Where that is written, and when it was read.
    """

    name: str
    hosts: tuple[str, ...]
    exchanges: tuple[str, ...]
    limits: tuple[Limit, ...]
    source: str
    paths: tuple[str, ...] = ("/",)
    weights: Mapping[str, Weight] = field(default_factory=dict)
    hold_s: float = 5.0
