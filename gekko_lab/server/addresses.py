"""How to point clients at the server instead of the real exchange."""

from __future__ import annotations

from typing import Any

# Every section of ccxt's `urls["api"]` (ccxt 4.5.90); one left out would reach the real exchange.
_SECTIONS = {
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
_STREAMS = ("spot", "margin", "linear", "inverse", "future", "delivery", "papi")


def ccxt_urls(url: str) -> dict[str, Any]:
    """Give the addresses that ccxt's `binance` is to use, for every section."""
    stream = "ws" + url.removeprefix("http")
    sections: dict[str, Any] = {name: url + path for name, path in _SECTIONS.items()}
    sections["ws"] = {
        **dict.fromkeys(_STREAMS, f"{stream}/ws"),
        "ws-api": dict.fromkeys(_STREAMS, f"{stream}/ws-api/v3"),
    }
    return {"api": sections}


def ccxt_config(url: str) -> dict[str, Any]:
    """Give the configuration for `ccxt.binance` that makes it talk to the server only.

    Markets are loaded with a single request. Without the options ccxt asks for futures and
    margin markets too, which the server answers with empty lists.
    """
    return {
        "urls": ccxt_urls(url),
        "options": {
            "fetchMarkets": {"types": ["spot"]},
            "fetchCurrencies": False,
            "fetchMargins": False,
        },
    }
