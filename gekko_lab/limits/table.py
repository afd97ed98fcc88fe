"""The limits that exchanges publish, with what each request counts."""

from __future__ import annotations

from gekko_lab.limits.limit import Limit, Service, Weight

_USED = "X-MBX-USED-WEIGHT-1M"

BINANCE_SPOT = Service(
    name="spot",
    hosts=(
        "api.binance.com",
        "api1.binance.com",
        "api2.binance.com",
        "api3.binance.com",
        "api4.binance.com",
        "api-gcp.binance.com",
        "data-api.binance.vision",
    ),
    exchanges=("binance", "binanceusdm", "binancecoinm"),
    paths=("/api/", "/sapi/"),
    limits=(
        Limit("weight", 6000, 60, header=_USED),
        Limit("requests", 61_000, 300),
    ),
    weights={
        "/api/v3/ping": Weight(1),
        "/api/v3/time": Weight(1),
        "/api/v3/exchangeInfo": Weight(20),
        "/api/v3/klines": Weight(2),
        "/api/v3/uiKlines": Weight(2),
        "/api/v3/aggTrades": Weight(4),
        "/api/v3/trades": Weight(25),
        "/api/v3/historicalTrades": Weight(25),
        "/api/v3/depth": Weight(by_limit=((100, 5), (500, 25), (1000, 50), (5000, 250)), rows=100),
        "/api/v3/avgPrice": Weight(2),
        "/api/v3/ticker/24hr": Weight(2, without_symbol=80),
        "/api/v3/ticker/price": Weight(2, without_symbol=4),
        "/api/v3/ticker/bookTicker": Weight(2, without_symbol=4),
    },
    hold_s=60.0,
    source="Binance spot API documents, LIMITS and the weight of each endpoint, 2026-07",
)

BINANCE_USDM = Service(
    name="usdm",
    hosts=("fapi.binance.com",),
    exchanges=("binance", "binanceusdm"),
    paths=("/fapi/", "/futures/"),
    limits=(Limit("weight", 2400, 60, header=_USED),),
    weights={
        "/fapi/v1/ping": Weight(1),
        "/fapi/v1/time": Weight(1),
        "/fapi/v1/exchangeInfo": Weight(1),
        "/fapi/v1/klines": Weight(by_limit=((99, 1), (499, 2), (1000, 5), (1500, 10))),
        "/fapi/v1/aggTrades": Weight(20),
        "/fapi/v1/trades": Weight(5),
        "/fapi/v1/historicalTrades": Weight(20),
        "/fapi/v1/depth": Weight(by_limit=((50, 2), (100, 5), (500, 10), (1000, 20))),
    },
    hold_s=60.0,
    source="Binance USD-M futures API documents, general info and market data, 2026-07",
)

KRAKEN = Service(
    name="public",
    hosts=("api.kraken.com",),
    exchanges=("kraken",),
    paths=("/0/public/",),
    limits=(Limit("requests", 1, 1, burst=1),),
    weights={
        f"/0/public/{name}": Weight(1)
        for name in ("OHLC", "Trades", "AssetPairs", "Assets", "Depth", "Ticker", "Time")
    },
    hold_s=10.0,
    source="Kraken support and API documents: about one public request a second, 2026-07",
)

_COINBASE = Limit(
    "requests", 10, 1, burst=4
)  # theirs is a bucket of 15 that fills with 10 a second

COINBASE_EXCHANGE = Service(
    name="public",
    hosts=("api.exchange.coinbase.com",),
    exchanges=("coinbaseexchange",),
    limits=(_COINBASE,),
    source="docs.cdp.coinbase.com/exchange/rest-api/rate-limits, public endpoints, 2026-11-24",
)

COINBASE_ADVANCED = Service(
    name="public",
    hosts=("api.coinbase.com",),
    exchanges=("coinbase",),
    paths=("/api/v3/brokerage/",),
    limits=(_COINBASE,),
    source="docs.cdp.coinbase.com, Advanced Trade REST rate limits, public endpoints, 2026-05",
)

SERVICES = (BINANCE_SPOT, BINANCE_USDM, KRAKEN, COINBASE_EXCHANGE, COINBASE_ADVANCED)


def service(host: str, path: str, exchange: str) -> Service | None:
    """Give the service that answers there, or that a foreign host stands in for; None if unknown.

    Parameters
    ----------
    host, path
        Of the request.
    exchange
        ccxt's id of the exchange that was meant.
    """
    known = any(host in each.hosts for each in SERVICES)
    for each in SERVICES:
        named = host in each.hosts if known else exchange in each.exchanges
        if named and path.startswith(each.paths):
            return each
    return None
