"""The list of markets with their filters (Binance spot API documents, 2026-07)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gekko_lab.server.rendering import PLACES, decimals, fixed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from gekko_lab.market.rules import MarketRules

ORDER_TYPES = [
    "LIMIT",
    "LIMIT_MAKER",
    "MARKET",
    "STOP_LOSS",
    "STOP_LOSS_LIMIT",
    "TAKE_PROFIT",
    "TAKE_PROFIT_LIMIT",
]

_FINEST = 10.0**-PLACES
_MOST_STEPS = 9_000_000_000
_MOST_COST = 9_000_000.0


def market_id(rules: MarketRules) -> str:
    """Give the protocol's name of a market, such as BTCUSDT."""
    return f"{rules.base}{rules.quote}".upper()


def exchange_info(
    markets: Iterable[MarketRules],
    *,
    now: int,
    halted: Collection[str],
    status: str | None,
    weight_limit: int,
) -> dict[str, Any]:
    """Give the answer to exchangeInfo.

    Parameters
    ----------
    markets
        What is traded.
    now
        The exchange's time, milliseconds UTC.
    halted
        Unified symbols whose status is BREAK; inactive markets have it too.
    status
        Give only symbols with this status; None for all.
    weight_limit
        Request weight in a minute.
    """
    symbols = [_symbol(market, halted=market.symbol in halted) for market in markets]
    return {
        "timezone": "UTC",
        "serverTime": now,
        "rateLimits": [
            _rate("REQUEST_WEIGHT", "MINUTE", 1, weight_limit),
            _rate("ORDERS", "SECOND", 10, 100),
            _rate("ORDERS", "DAY", 1, 200_000),
            _rate("RAW_REQUESTS", "MINUTE", 5, 61_000),
        ],
        "exchangeFilters": [],
        "symbols": [symbol for symbol in symbols if status in {None, symbol["status"]}],
    }


def _rate(kind: str, interval: str, number: int, limit: int) -> dict[str, Any]:
    return {
        "rateLimitType": kind,
        "interval": interval,
        "intervalNum": number,
        "limit": limit,
    }


def _symbol(rules: MarketRules, *, halted: bool) -> dict[str, Any]:
    return {
        "symbol": market_id(rules),
        "status": "BREAK" if halted or rules.active is False else "TRADING",
        "baseAsset": rules.base,
        "baseAssetPrecision": PLACES,
        "quoteAsset": rules.quote,
        "quotePrecision": PLACES,
        "quoteAssetPrecision": PLACES,
        "baseCommissionPrecision": PLACES,
        "quoteCommissionPrecision": PLACES,
        "orderTypes": ORDER_TYPES,
        "icebergAllowed": True,
        "ocoAllowed": True,
        "otoAllowed": True,
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "amendAllowed": True,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": _filters(rules),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"],
    }


def _filters(rules: MarketRules) -> list[dict[str, Any]]:
    tick = rules.tick_size or _FINEST
    step = rules.step_size or _FINEST
    least = rules.min_amount or step
    lots = {
        "minQty": fixed(least, decimals(least)),
        "maxQty": fixed(step * _MOST_STEPS),
        "stepSize": fixed(step, decimals(step)),
    }
    return [
        # Some clients read the first filter without looking at its type.
        {
            "filterType": "PRICE_FILTER",
            "minPrice": fixed(tick, decimals(tick)),
            "maxPrice": fixed(tick * _MOST_STEPS),
            "tickSize": fixed(tick, decimals(tick)),
        },
        {"filterType": "LOT_SIZE", **lots},
        {"filterType": "MARKET_LOT_SIZE", **lots, "minQty": fixed(0.0), "stepSize": fixed(0.0)},
        {
            "filterType": "NOTIONAL",
            "minNotional": fixed(rules.min_cost or 0.0),
            "applyMinToMarket": True,
            "maxNotional": fixed(_MOST_COST),
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
    ]
