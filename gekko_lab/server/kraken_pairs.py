"""Kraken's names of currencies and pairs (public API documents, 2026)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gekko_lab.server.rendering import PLACES, decimals, plain

if TYPE_CHECKING:
    from gekko_lab.market.rules import MarketRules

_ALTERNATIVES = {"BTC": "XBT", "DOGE": "XDG", "LUNA": "LUNA2", "LUNC": "LUNA", "USTC": "UST"}
_OLD_COINS = {"ETC", "ETH", "LTC", "MLN", "REP", "XBT", "XDG", "XLM", "XMR", "XRP", "ZEC"}
_OLD_MONEY = {"AUD", "CAD", "EUR", "GBP", "JPY", "USD"}
_OLD_PLACES = 10
_FINEST = 10.0**-PLACES
_PERCENT = 100


def alternative(code: str) -> str:
    """Give Kraken's short name of a currency, such as XBT for BTC."""
    return _ALTERNATIVES.get(code, code)


def asset_id(code: str) -> str:
    """Give Kraken's full name of a currency, such as XXBT; only old ones have a prefix."""
    short = alternative(code)
    if short in _OLD_COINS:
        return f"X{short}"
    return f"Z{short}" if short in _OLD_MONEY else short


@dataclass(frozen=True, slots=True)
class Pair:
    """The names of one market.

    Attributes
    ----------
    id : str
        XXBTZUSD where both currencies have a prefix, else XBTUSDT.
    altname, wsname : str
        XBTUSD and XBT/USD.
    symbol : str
        The unified name.
    """

    id: str
    altname: str
    wsname: str
    symbol: str

    @classmethod
    def of(cls, rules: MarketRules) -> Pair:
        """Give the names of a market."""
        base, quote = alternative(rules.base), alternative(rules.quote)
        full = (asset_id(rules.base), asset_id(rules.quote))
        old = full[0] != base and full[1] != quote
        return cls(
            "".join(full) if old else base + quote, base + quote, f"{base}/{quote}", rules.symbol
        )

    @property
    def names(self) -> frozenset[str]:
        """All names by which a request may call the market."""
        return frozenset({self.id, self.altname, self.wsname})


def pair_id(rules: MarketRules) -> str:
    """Give the protocol's name of a market, such as XBTUSDT."""
    return Pair.of(rules).id


def asset_pair(rules: MarketRules, *, halted: bool) -> dict[str, Any]:
    """Give what `AssetPairs` tells of one market."""
    pair = Pair.of(rules)
    maker = 0.0025 if rules.maker is None else rules.maker
    taker = 0.004 if rules.taker is None else rules.taker
    return {
        "altname": pair.altname,
        "wsname": pair.wsname,
        "aclass_base": "currency",
        "base": asset_id(rules.base),
        "aclass_quote": "currency",
        "quote": asset_id(rules.quote),
        "lot": "unit",
        "cost_decimals": PLACES,
        "pair_decimals": decimals(rules.tick_size),
        "lot_decimals": decimals(rules.step_size),
        "lot_multiplier": 1,
        "leverage_buy": [],
        "leverage_sell": [],
        "fees": [[0, round(taker * _PERCENT, PLACES)]],
        "fees_maker": [[0, round(maker * _PERCENT, PLACES)]],
        "fee_volume_currency": "ZUSD",
        "margin_call": 80,
        "margin_stop": 40,
        "ordermin": plain(rules.min_amount or rules.step_size or _FINEST),
        "costmin": plain(rules.min_cost or _FINEST),
        "tick_size": plain(rules.tick_size or _FINEST),
        "status": "cancel_only" if halted or rules.active is False else "online",
    }


def asset(code: str) -> dict[str, Any]:
    """Give what `Assets` tells of one currency."""
    short = alternative(code)
    money = short in _OLD_MONEY
    return {
        "aclass": "currency",
        "altname": short,
        "decimals": 4 if money else _OLD_PLACES,
        "display_decimals": 2 if money else 5,
        "status": "enabled",
    }
