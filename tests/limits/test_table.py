"""Which limits belong to which address."""

from __future__ import annotations

import pytest

from gekko_lab.limits.limit import Limit
from gekko_lab.limits.table import (
    BINANCE_SPOT,
    BINANCE_USDM,
    COINBASE_EXCHANGE,
    KRAKEN,
    SERVICES,
    service,
)
from gekko_lab.server.limits import OFFICIAL_LIMIT, WEIGHTS


@pytest.mark.parametrize(
    ("host", "path", "exchange", "expected"),
    [
        ("api.binance.com", "/api/v3/klines", "binance", BINANCE_SPOT),
        ("api3.binance.com", "/api/v3/klines", "binance", BINANCE_SPOT),
        ("fapi.binance.com", "/fapi/v1/klines", "binance", BINANCE_USDM),
        ("fapi.binance.com", "/fapi/v1/klines", "binanceusdm", BINANCE_USDM),
        ("dapi.binance.com", "/dapi/v1/klines", "binance", None),
        ("127.0.0.1:8000", "/api/v3/klines", "binance", BINANCE_SPOT),
        ("127.0.0.1:8000", "/fapi/v1/klines", "binance", BINANCE_USDM),
        ("127.0.0.1:8000", "/dapi/v1/klines", "binance", None),
        ("127.0.0.1:8000", "/0/public/OHLC", "kraken", KRAKEN),
        ("api.kraken.com", "/0/public/OHLC", "kraken", KRAKEN),
        ("api.exchange.coinbase.com", "/products", "coinbaseexchange", COINBASE_EXCHANGE),
        ("api.bitvavo.com", "/v2/markets", "bitvavo", None),
    ],
)
def test_a_host_has_its_own_limits_and_an_unknown_one_those_of_its_exchange(
    host, path, exchange, expected
):
    assert service(host, path, exchange) is expected


def test_binance_s_weights_are_those_that_its_served_twin_counts():
    for path, weight in WEIGHTS.items():
        assert BINANCE_SPOT.weights[path].of({"symbol": "BTCUSDT"}) == weight
    assert BINANCE_SPOT.limits[0].amount == OFFICIAL_LIMIT


def test_rows_of_futures_cost_least_by_499():
    weight = BINANCE_USDM.weights["/fapi/v1/klines"]
    costs = {rows: weight.of({"limit": str(rows)}) for rows in (99, 100, 499, 500, 1000, 1500)}
    assert costs == {99: 1, 100: 2, 499: 2, 500: 5, 1000: 5, 1500: 10}
    assert weight.of({}) == 5  # five hundred rows come when nobody says how many


@pytest.mark.parametrize("each", SERVICES, ids=lambda each: each.hosts[0])
def test_every_entry_says_where_it_was_read(each):
    assert "20" in each.source
    assert all(isinstance(limit, Limit) for limit in each.limits)
    assert len({limit.name for limit in each.limits}) == len(each.limits)
