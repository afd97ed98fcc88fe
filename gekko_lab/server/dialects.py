"""The exchanges that can be served: their dialects and how each counts requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from gekko_lab.server import coinbase, kraken
from gekko_lab.server.binance import PAGE, BinanceSpot
from gekko_lab.server.limits import OFFICIAL_LIMIT, Bucket, Counter

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from gekko_lab.market.rules import MarketRules
    from gekko_lab.server.books import Books
    from gekko_lab.server.dialect import Dialect
    from gekko_lab.server.limits import Meter
    from gekko_lab.server.schedule import Schedule

ExchangeId = Literal["binance", "coinbaseexchange", "kraken"]

OFFICIAL_LIMITS: dict[ExchangeId, float] = {
    "binance": OFFICIAL_LIMIT,
    "coinbaseexchange": 10.0,
    "kraken": 1.0,
}
"""What the real exchanges allow an address: weight in a minute, requests in a second."""


def dialect_of(
    exchange: ExchangeId,
    rules: Mapping[str, MarketRules],
    schedule: Schedule,
    *,
    halted: Collection[str],
    page_limit: int | None,
    weight_limit: float | None,
    hours_between: int | None,
    books: Books | None = None,
) -> Dialect:
    """Give the dialect of an exchange over a market; Binance alone heeds limit and hours."""
    if exchange == "coinbaseexchange":
        return coinbase.CoinbaseExchange(
            rules, schedule, halted=halted, page_limit=page_limit, books=books
        )
    if exchange == "kraken":
        return kraken.KrakenSpot(rules, schedule, halted=halted, page_limit=page_limit, books=books)
    return BinanceSpot(
        rules,
        schedule,
        halted=halted,
        page_limit=page_limit or PAGE,
        weight_limit=round(weight_limit or OFFICIAL_LIMIT),
        hours_between=hours_between,
        books=books,
    )


def meter_of(
    exchange: ExchangeId,
    limit: float | None,
    clock: Callable[[], float],
    *,
    refusals_before_ban: int,
) -> Meter:
    """Give what counts requests as the exchange does."""
    if exchange == "binance":
        return Counter(limit, clock, refusals_before_ban=refusals_before_ban)
    burst = coinbase.BURST if exchange == "coinbaseexchange" else kraken.BURST
    return Bucket(limit, clock, burst=max(1.0, burst * (limit or 0.0)))
