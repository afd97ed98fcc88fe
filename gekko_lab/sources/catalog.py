"""The exchanges that ccxt knows, as shipped data: naming one needs no import of ccxt.

`python -m gekko_lab.sources.catalog` writes the data anew from the installed ccxt.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TypedDict

from gekko_lab.errors import InvalidType, UnknownExchange
from gekko_lab.market.suggest import nearest

_FILE = Path(__file__).with_name("ccxt_exchanges.json")


class Entry(TypedDict):
    """One exchange: its full name and whether it serves candles and trades to anyone."""

    name: str
    candles: bool
    trades: bool


class Catalog(TypedDict):
    """The exchanges by id, and the version of ccxt that named them."""

    ccxt: str
    exchanges: dict[str, Entry]


@cache
def shipped() -> Catalog:
    """Give the catalog that came with this package."""
    content: Catalog = json.loads(_FILE.read_text(encoding="utf-8"))
    return content


def known_ccxt_id(exchange: str) -> str:
    """Give the id back when ccxt has it, or raise `UnknownExchange` with the nearest names."""
    if not isinstance(exchange, str):
        raise InvalidType(
            f"exchange={exchange!r} is a {type(exchange).__name__}, not one of ccxt's ids"
        )
    known = shipped()["exchanges"]
    if exchange in known or exchange in _installed():
        return exchange
    raise UnknownExchange(
        f"ccxt has no exchange {exchange!r}.{nearest(exchange, known)} gekko_lab.exchanges() "
        "lists all"
    )


def generate() -> Catalog:
    """Read the catalog from the installed ccxt."""
    import ccxt

    exchanges: dict[str, Entry] = {}
    for exchange in ccxt.exchanges:
        client = getattr(ccxt, exchange)()
        exchanges[exchange] = {
            "name": client.name,
            "candles": bool(client.has.get("fetchOHLCV")),
            "trades": bool(client.has.get("fetchTrades")),
        }
        client.session.close()
    return {"ccxt": ccxt.__version__, "exchanges": exchanges}


def _installed() -> list[str]:
    """Give the ids of the installed ccxt, which may be newer than the shipped ones."""
    import ccxt

    return list(ccxt.exchanges)


if __name__ == "__main__":
    _FILE.write_text(json.dumps(generate(), indent=1) + "\n", encoding="utf-8")
