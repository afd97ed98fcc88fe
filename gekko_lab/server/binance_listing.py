"""The markets that requests to Binance name, by `symbol` or `symbols`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from gekko_lab.server.dialect import spot_markets
from gekko_lab.server.exchange_info import market_id
from gekko_lab.server.queries import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gekko_lab.market.rules import MarketRules
    from gekko_lab.server.queries import Query


class Listing:
    """The spot markets by Binance's names.

    Parameters
    ----------
    rules
        The markets by unified symbol.
    """

    def __init__(self, rules: Mapping[str, MarketRules]) -> None:
        self._markets = spot_markets(rules, market_id)

    def find(self, name: str) -> MarketRules | None:
        """Give a market, or None."""
        return self._markets.get(name)

    def all(self) -> Iterable[MarketRules]:
        """Give all markets."""
        return self._markets.values()

    def one(self, query: Query) -> MarketRules:
        """Give the market that a request must name."""
        return self._known(query.symbol())

    def some(self, query: Query) -> list[MarketRules] | None:
        """Give the markets that a request may name; None where it names none."""
        one, several = query.text("symbol"), query.text("symbols")
        if one is not None and several is not None:
            raise ProtocolError(-1128, "Combination of optional parameters invalid.")
        if one is not None:
            return [self._known(one)]
        if several is None:
            return None
        return [self._known(name) for name in names(several)]

    def _known(self, name: str) -> MarketRules:
        market = self._markets.get(name)
        if market is None:
            raise ProtocolError(-1121, "Invalid symbol.")
        return market


def names(text: str) -> list[str]:
    """Read the list of names in `symbols`."""
    legal = (
        "Illegal characters found in parameter 'symbols'; legal range is "
        '\'^\\["[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}\\]$\'.'
    )
    try:
        found: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise ProtocolError(-1100, legal) from None
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise ProtocolError(-1100, legal)
    return found
