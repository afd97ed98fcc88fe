"""ccxt's market structures as our rules."""

from __future__ import annotations

from typing import Any

from gekko_lab.market.rules import MarketRules

_DECIMAL_PLACES = 2
_TICK_SIZE = 4


def to_rules(market: dict[str, Any], precision_mode: int) -> MarketRules:
    """Give the rules of one of ccxt's markets.

    Parameters
    ----------
    market
        ccxt's unified market.
    precision_mode
        What its precision counts: decimal places (2), significant digits (3) or steps (4).
    """
    precision = market.get("precision") or {}
    limits = market.get("limits") or {}
    return MarketRules(
        symbol=market["symbol"],
        market_id=str(market["id"]),
        base=market["base"],
        quote=market["quote"],
        settle=market.get("settle"),
        type=market.get("type") or "spot",
        active=market.get("active"),
        tick_size=_step(precision.get("price"), precision_mode),
        step_size=_step(precision.get("amount"), precision_mode),
        min_amount=_number((limits.get("amount") or {}).get("min")),
        min_cost=_number((limits.get("cost") or {}).get("min")),
        maker=_number(market.get("maker")),
        taker=_number(market.get("taker")),
    )


def _step(precision: object, mode: int) -> float | None:
    value = _number(precision)
    if value is None or mode not in (_DECIMAL_PLACES, _TICK_SIZE):
        return None
    return value if mode == _TICK_SIZE else float(f"1e{-int(value)}")


def _number(value: object) -> float | None:
    return None if value is None else float(value)  # type: ignore[arg-type]
