"""How to point clients at the server instead of the real exchange."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

# Every section of ccxt's `urls["api"]` (ccxt 4.5.90); one left out would reach the real exchange.
_BINANCE = {
    "public": "/api/v3",
    "private": "/api/v3",
    "v1": "/api/v1",
    "sapi": "/sapi/v1",
    "sapiV2": "/sapi/v2",
    "sapiV3": "/sapi/v3",
    "sapiV4": "/sapi/v4",
    "fapiPublic": "/fapi/v1",
    "fapiPublicV2": "/fapi/v2",
    "fapiPublicV3": "/fapi/v3",
    "fapiPrivate": "/fapi/v1",
    "fapiPrivateV2": "/fapi/v2",
    "fapiPrivateV3": "/fapi/v3",
    "fapiData": "/futures/data",
    "dapiPublic": "/dapi/v1",
    "dapiPrivate": "/dapi/v1",
    "dapiPrivateV2": "/dapi/v2",
    "dapiData": "/futures/data",
    "eapiPublic": "/eapi/v1",
    "eapiPrivate": "/eapi/v1",
    "papi": "/papi/v1",
    "papiV2": "/papi/v2",
}
_BINANCE_STREAMS = (
    *("spot", "margin", "linear", "inverse", "future", "delivery", "papi", "stock"),
    *("option", "optionMarket", "optionPrivate"),
)
_KRAKEN_STREAMS = ("public", "private", "publicV2", "privateV2", "beta", "beta-private")

# Markets are loaded with a single request; without the options ccxt's `binance` asks for futures
# and margin markets too, which the server answers with empty lists.
_OPTIONS = {
    "binance": {
        "fetchMarkets": {"types": ["spot"]},
        "fetchCurrencies": False,
        "fetchMargins": False,
    }
}


def ccxt_urls(url: str, exchange: str = "binance") -> dict[str, Any]:
    """Give the addresses that ccxt's class for the exchange is to use, for every section."""
    return _URLS[exchange](url, "ws" + url.removeprefix("http"))


def ccxt_config(url: str, exchange: str = "binance") -> dict[str, Any]:
    """Give the configuration for ccxt's class that makes it talk to the server only."""
    config: dict[str, Any] = {"urls": ccxt_urls(url, exchange)}
    if exchange in _OPTIONS:
        config["options"] = deepcopy(_OPTIONS[exchange])
    return config


def _binance(url: str, stream: str) -> dict[str, Any]:
    sections: dict[str, Any] = {name: url + path for name, path in _BINANCE.items()}
    sections["ws"] = {
        **dict.fromkeys(_BINANCE_STREAMS, f"{stream}/ws"),
        # ccxt.pro takes a stream for one of spot markets where the address has "/stream" in it
        **dict.fromkeys(("spot", "margin"), f"{stream}/stream/ws"),
        "ws-api": dict.fromkeys(_BINANCE_STREAMS, f"{stream}/ws-api/v3"),
    }
    return {"api": sections}


def _coinbase(url: str, stream: str) -> dict[str, Any]:
    sections = {"public": url, "private": url, "ws": stream}
    return {"api": sections, "test": dict(sections)}


def _kraken(url: str, stream: str) -> dict[str, Any]:
    sections = dict.fromkeys(("public", "private", "zendesk"), url)
    return {"api": {**sections, "ws": dict.fromkeys(_KRAKEN_STREAMS, stream)}}


_URLS: dict[str, Callable[[str, str], dict[str, Any]]] = {
    "binance": _binance,
    "coinbaseexchange": _coinbase,
    "kraken": _kraken,
}
