"""Coinbase Exchange's lists of products and currencies (public API documents, 2026)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gekko_lab.server.rendering import PLACES, plain

if TYPE_CHECKING:
    from gekko_lab.market.rules import MarketRules

_FINEST = 10.0**-PLACES
_MONEY = {"AUD", "BRL", "CAD", "CHF", "EUR", "GBP", "JPY", "SGD", "USD"}


def product_id(rules: MarketRules) -> str:
    """Give the protocol's name of a market, such as BTC-USDT."""
    return f"{rules.base}-{rules.quote}".upper()


def product(rules: MarketRules, *, halted: bool) -> dict[str, Any]:
    """Give what `/products` tells of one market."""
    trades = not halted and rules.active is not False
    return {
        "id": product_id(rules),
        "base_currency": rules.base,
        "quote_currency": rules.quote,
        "quote_increment": plain(rules.tick_size or _FINEST),
        "base_increment": plain(rules.step_size or _FINEST),
        "display_name": f"{rules.base}-{rules.quote}",
        "min_market_funds": plain(rules.min_cost or _FINEST),
        "margin_enabled": False,
        "post_only": False,
        "limit_only": False,
        "cancel_only": not trades,
        "status": "online" if trades else "offline",
        "status_message": "",
        "trading_disabled": not trades,
        "fx_stablecoin": False,
        "max_slippage_percentage": "0.02000000",
        "auction_mode": False,
        "high_bid_limit_percentage": "",
    }


def currency(code: str) -> dict[str, Any]:
    """Give what `/currencies` tells of one currency."""
    money = code in _MONEY
    return {
        "id": code,
        "name": code,
        "min_size": "0.01" if money else plain(_FINEST),
        "status": "online",
        "message": "",
        "max_precision": "0.01" if money else plain(_FINEST),
        "convertible_to": [],
        "details": {"type": "fiat" if money else "crypto"},
        "default_network": "",
        "supported_networks": [],
        "display_name": code,
    }
