"""What a server tells of itself."""

from __future__ import annotations

import ipaddress
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Any

from gekko_lab.market.moments import show_time
from gekko_lab.server.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from gekko_lab.server.market import MarketData


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches what listens there.

    Examples
    --------
    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def described(market: MarketData) -> dict[str, Any]:
    """Give a market's kind, symbols and, where it has them, seed and parameters."""
    parameters = getattr(market, "parameters", None)
    known = asdict(parameters) if is_dataclass(parameters) else {}  # type: ignore[arg-type]
    fingerprint = getattr(parameters if known else market, "fingerprint", None)
    return {
        "market": type(market).__name__,
        "seed": known.get("seed"),
        "parameters": known or None,
        "fingerprint": fingerprint,
        "symbols": list(market.rules),
    }


def described_clock(clock: Callable[[], int]) -> dict[str, Any]:
    """Give the time, and how the clock runs where it can be told."""
    now = clock()
    told: dict[str, Any] = {"time": now, "datetime": show_time(now), "adjustable": False}
    if isinstance(clock, Clock):
        told |= {"adjustable": True, "speed": clock.speed, "paused": clock.paused}
    return told
