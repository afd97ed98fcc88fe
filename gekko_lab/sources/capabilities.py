"""How exchanges hand out candles and trades: what ccxt doesn't know and paging needs.

Page sizes and bounds were read from ccxt 4.5.90's classes and the exchanges' public API documents
of 2026, and tried for the exchanges whose dialects the tests speak. An exchange that isn't listed
takes the generic path, whose answers are checked all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gekko_lab.sources.source import Paging

_THURSDAY = 0  # 1970-01-01: where weeks begin that are counted from the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """What is known of one exchange's public market data.

    Attributes
    ----------
    page_size : int
        The most candles of one answer.
    jumps, dense, reach : bool, bool, int or None
        As in `Paging`.
    newest_only : bool
        Only the newest page exists; asking for older candles gives it again.
    sends_until : bool
        Whether ccxt passes the end of the window on, inclusive in milliseconds.
    order : {"ascending", "descending"}
        Of the rows in the exchange's answer.
    weeks_from : int or None
        The open time that weeks count from, where it isn't a Monday.
    trade_page : int
        The most trades of one answer.
    contract_volume : {"base"} or None
        The unit of a contract's candle volume; None where nobody has made sure of it.
    exact : bool
        False for the generic guess.
    """

    page_size: int
    jumps: bool = False
    dense: bool = False
    reach: int | None = None
    newest_only: bool = False
    sends_until: bool = False
    order: Literal["ascending", "descending", "either"] = "ascending"
    weeks_from: int | None = None
    trade_page: int = 1000
    contract_volume: Literal["base"] | None = None
    exact: bool = True

    def paging(self, unit: str) -> Paging:
        """Give what the planner needs to know for timeframes of that unit."""
        return Paging(
            page_size=self.page_size,
            jumps=self.jumps,
            dense=self.dense,
            reach=self.reach,
            newest_only=self.newest_only,
            exact=self.exact,
            anchor=self.weeks_from if unit == "w" else None,
        )


_BINANCE = Capability(page_size=1000, jumps=True, dense=True, contract_volume="base")

CAPABILITIES: dict[str, Capability] = {
    "binance": _BINANCE,
    "binanceus": _BINANCE,
    # weight steps at 100, 500 and 1000 rows: 499 rows cost least for each
    "binanceusdm": Capability(page_size=499, jumps=True, dense=True, contract_volume="base"),
    "bitfinex": Capability(page_size=10_000, jumps=True, trade_page=10_000),
    "bitstamp": Capability(page_size=1000),
    "bybit": Capability(
        page_size=1000, sends_until=True, order="descending", contract_volume="base"
    ),
    "coinbase": Capability(page_size=300, sends_until=True, order="descending"),
    "coinbaseexchange": Capability(page_size=300, sends_until=True, order="descending"),
    "gate": Capability(page_size=1000, reach=10_000),
    "kraken": Capability(page_size=720, newest_only=True, weeks_from=_THURSDAY),
    "kucoin": Capability(page_size=1500, order="descending", trade_page=100),
    "okx": Capability(page_size=300, order="descending", trade_page=500),
}


def capability(exchange: str, *, page_size: int | None = None) -> Capability:
    """Give what is known of an exchange, or the generic guess with ccxt's page size."""
    known = CAPABILITIES.get(exchange)
    if known is not None:
        return known
    # Few rows a page when even the limit is unknown: too large a page is cut in silence.
    return Capability(
        page_size=page_size or 100,
        sends_until=True,
        order="either",
        trade_page=100,
        exact=False,
    )
