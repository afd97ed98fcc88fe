"""Settings that lead programs of others to the server, as JSON for any language."""

from __future__ import annotations

from typing import Any

from gekko_lab.server.addresses import ccxt_config


def clients(url: str, exchange: str) -> dict[str, dict[str, Any]]:
    """Give the settings of each program that speaks the exchange's protocol.

    Parameters
    ----------
    url
        Where the server listens.
    exchange
        What it speaks, by ccxt's id.

    Returns
    -------
    dict
        `ccxt`: what the constructor takes. `freqtrade`: a configuration to add to one's own.
        `python-binance`: class attributes of Client, and STREAM_URL of BinanceSocketManager.
    """
    config = ccxt_config(url, exchange)
    told: dict[str, dict[str, Any]] = {
        "ccxt": config,
        "freqtrade": {
            "exchange": {"name": exchange, "only_from_ccxt": True, "ccxt_config": config}
        },
    }
    if exchange == "binance":
        stream = "ws" + url.removeprefix("http")
        told["python-binance"] = {
            "API_URL": f"{url}/api",
            "MARGIN_API_URL": f"{url}/sapi",
            "WS_API_URL": f"{stream}/ws-api/v3",
            "STREAM_URL": f"{stream}/",
        }
    return told
