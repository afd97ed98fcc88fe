"""What a request for market data costs of an exchange's limits, before it is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gekko_lab.limits import table
from gekko_lab.limits.limit import Limit

if TYPE_CHECKING:
    from gekko_lab.limits.limit import Service

_PATHS: dict[str, dict[str, str]] = {
    "spot": {"candles": "/api/v3/klines", "trades": "/api/v3/aggTrades"},
    "usdm": {"candles": "/fapi/v1/klines", "trades": "/fapi/v1/aggTrades"},
    "public": {"candles": "/0/public/OHLC", "trades": "/0/public/Trades"},
}


@dataclass(frozen=True, slots=True)
class Cost:
    """What requests count, and how much of that an address gets.

    Attributes
    ----------
    weight : float
        Of one request.
    per_second : float
        The weight that our share of the limit allows in a second.
    """

    weight: float
    per_second: float


def cost_of(exchange: str, kind: str, *, linear: bool, rows: int, every_ms: float) -> Cost:
    """Give the cost of a page.

    Parameters
    ----------
    exchange
        ccxt's id.
    kind
        "candles" or "trades".
    linear
        Whether the market is a contract.
    rows
        The most rows of a page.
    every_ms
        ccxt's pace, for exchanges whose limits nobody has written down.
    """
    service = _service(exchange, linear=linear)
    if service is None:
        return Cost(1.0, Limit("requests", 1000 / every_ms, 1, burst=1).rate)
    path = _PATHS.get(service.name, {}).get(kind, "")
    known = service.weights.get(path)
    weight = 1.0 if known is None else known.of({"symbol": "", "limit": str(rows)})
    return Cost(weight, service.limits[0].rate)


def _service(exchange: str, *, linear: bool) -> Service | None:
    fitting = [each for each in table.SERVICES if exchange in each.exchanges]
    if len(fitting) > 1:
        fitting = [each for each in fitting if each.name == ("usdm" if linear else "spot")]
    return fitting[0] if fitting else None
