"""An unmodified ccxt as the judge of the dialect."""

from __future__ import annotations

import asyncio

import ccxt
import ccxt.async_support
import ccxt.pro
import pytest

from gekko_lab.server import Fault, serve

MINUTE = 60_000
START = 1_704_067_200_000


def test_markets_load_with_one_request_and_carry_the_rules(server, exchange):
    markets = exchange.load_markets()
    assert [request.path for request in server.requests] == ["/api/v3/exchangeInfo"]
    bitcoin = markets["BTC/USDT"]
    assert (bitcoin["id"], bitcoin["active"], bitcoin["spot"]) == ("BTCUSDT", True, True)
    assert (bitcoin["precision"]["price"], bitcoin["precision"]["amount"]) == (0.01, 0.001)
    assert bitcoin["limits"]["amount"]["min"] == 0.001
    assert bitcoin["limits"]["cost"]["min"] == 5
    assert markets["ETH/BTC"]["precision"]["price"] == 1e-7


@pytest.mark.parametrize("exchange", ["binance", "coinbaseexchange", "kraken"])
@pytest.mark.parametrize("module", [ccxt, ccxt.pro], ids=["rest", "streams"])
def test_all_sections_of_ccxt_point_at_the_server(served_as, exchange, module):
    def addresses(node):
        if isinstance(node, dict):
            return [found for value in node.values() for found in addresses(value)]
        return [node]

    server = served_as(exchange)
    kind = getattr(module, exchange)
    told = addresses(kind(server.ccxt_config()).urls["api"])
    assert len(told) > 2
    assert all(f"127.0.0.1:{server.url.rsplit(':', 1)[1]}" in address for address in told)
    assert kind(server.ccxt_config()).urls["api"].keys() >= kind().urls["api"].keys()
    assert server.ccxt_urls() == server.ccxt_config()["urls"]


def test_a_client_with_keys_and_without_options_stays_here_too(server, ccxt_for):
    client = ccxt_for(
        server,
        options={"fetchMargins": True},
        apiKey="not a key",
        secret="not a secret",  # noqa: S106
    )
    assert set(client.load_markets()) == {"BTC/USDT", "ETH/BTC"}
    assert len(server.requests) > 4
    assert {request.status for request in server.requests} == {200}


def test_a_halted_symbol_is_not_active(market, clock, ccxt_for):
    with serve(market, clock=lambda: clock.now, halted=["ETH/BTC"]) as server:
        markets = ccxt_for(server).load_markets()
    assert (markets["ETH/BTC"]["active"], markets["BTC/USDT"]["active"]) == (False, True)


def test_the_time_is_the_clocks(exchange, clock):
    assert exchange.fetch_time() == clock.now


def test_candles_since_a_time_are_the_oldest_from_there(exchange, truth):
    got = exchange.fetch_ohlcv("BTC/USDT", "1m", since=START + 90_000, limit=5)
    assert got == [list(row) for row in truth[2:7]]


def test_candles_without_since_are_the_newest_and_end_with_the_forming_one(exchange, truth):
    got = exchange.fetch_ohlcv("BTC/USDT", "1m", limit=3)
    assert got[:2] == [list(row) for row in truth[-3:-1]]
    assert got[2][:2] == [truth[-1][0], truth[-1][1]]
    assert got[2][5] < truth[-1][5]


@pytest.mark.parametrize(
    ("timeframe", "count"),
    [("5m", 560), ("1h", 47), ("4h", 13), ("1d", 3), ("1w", 1), ("1M", 1)],
)
def test_all_candles_of_longer_timeframes_come_in_a_page(exchange, truth, timeframe, count):
    got = exchange.fetch_ohlcv("BTC/USDT", timeframe, since=0, limit=1000)
    assert len(got) == count
    assert max(row[2] for row in got) == max(row[2] for row in truth[:-1])
    assert got[0][1] == truth[0][1]


def test_a_loop_by_since_gets_every_candle_across_the_hole(exchange, truth):
    got, since = [], START
    while page := exchange.fetch_ohlcv("BTC/USDT", "1m", since=since, limit=1000):
        got += page
        since = page[-1][0] + MINUTE
    assert [row[0] for row in got] == [row[0] for row in truth]


def test_trades_by_time_and_by_id_are_the_same(exchange):
    by_time = exchange.fetch_trades("BTC/USDT", since=START + MINUTE, limit=9)
    first = int(by_time[0]["id"])
    by_id = exchange.fetch_trades("BTC/USDT", limit=9, params={"fromId": first})
    assert len(by_time) == 9
    assert by_time == by_id


def test_trades_carry_the_takers_side(exchange):
    for trade in exchange.fetch_trades("BTC/USDT", limit=50):
        assert trade["side"] == ("sell" if trade["info"]["m"] else "buy")


def test_a_symbol_that_vanished_is_a_bad_symbol(server, exchange):
    exchange.load_markets()
    exchange.markets["BTC/USDT"]["id"] = "LUNAUSDT"
    with pytest.raises(ccxt.BadSymbol):
        exchange.fetch_ohlcv("BTC/USDT", "1m")
    assert server.requests[-1].status == 400


def test_a_wrong_timeframe_is_a_bad_request(exchange):
    with pytest.raises(ccxt.BadRequest):
        exchange.fetch_ohlcv("BTC/USDT", "7m")


def test_id_and_time_together_are_a_bad_request(exchange):
    with pytest.raises(ccxt.BadRequest, match="-1128"):
        exchange.fetch_trades("BTC/USDT", since=START, params={"fromId": 1})


def test_too_much_weight_is_ddos_protection(market, clock, ccxt_for):
    with serve(market, clock=lambda: clock.now, weight_limit=24, limit_clock=lambda: 5.0) as server:
        client = ccxt_for(server)
        for _ in range(2):
            client.fetch_ohlcv("BTC/USDT", "1m", limit=1)
        with pytest.raises(ccxt.DDoSProtection, match="-1003"):
            client.fetch_ohlcv("BTC/USDT", "1m", limit=1)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("rate_limited"), ccxt.DDoSProtection),
        (Fault("banned"), ccxt.DDoSProtection),
        (Fault("status_html", value=502), ccxt.ExchangeNotAvailable),
        (Fault("status_empty", value=451), ccxt.ExchangeNotAvailable),
        (Fault("reset"), ccxt.NetworkError),
        (Fault("hang"), ccxt.RequestTimeout),
    ],
)
def test_faults_reach_ccxt_as_its_errors(server, exchange, fault, error):
    exchange.load_markets()
    exchange.timeout = 300
    server.faults.add(fault)
    with pytest.raises(error):
        exchange.fetch_ohlcv("BTC/USDT", "1m", limit=1)


def test_broken_bodies_are_lost_in_silence_by_ccxt_alone(server, exchange):
    exchange.load_markets()
    for kind in ("truncated", "html", "empty", "null"):
        server.faults.clear()
        server.faults.add(Fault(kind))
        assert exchange.fetch_ohlcv("BTC/USDT", "1m", since=START, limit=10) == []


def test_the_asynchronous_client_gets_the_same(server, exchange):
    async def fetch():
        client = ccxt.async_support.binance(server.ccxt_config())
        try:
            return await client.fetch_ohlcv("BTC/USDT", "5m", since=START, limit=100)
        finally:
            await client.close()

    assert asyncio.run(fetch()) == exchange.fetch_ohlcv("BTC/USDT", "5m", since=START, limit=100)


def test_the_asynchronous_client_sees_a_cut_body_as_an_error(server):
    async def fetch():
        client = ccxt.async_support.binance(server.ccxt_config())
        try:
            await client.load_markets()
            server.faults.add(Fault("early_fin"))
            with pytest.raises(ccxt.BaseError):
                await client.fetch_ohlcv("BTC/USDT", "5m", limit=100)
        finally:
            await client.close()

    asyncio.run(fetch())


@pytest.mark.parametrize("exchange", ["coinbaseexchange", "kraken"])
def test_the_asynchronous_clients_of_others_get_the_same_too(served_as, ccxt_for, exchange):
    server = served_as(exchange)

    async def fetch():
        client = getattr(ccxt.async_support, exchange)(server.ccxt_config())
        try:
            return await client.fetch_ohlcv("BTC/USDT", "5m", limit=100)
        finally:
            await client.close()

    candles = asyncio.run(fetch())
    assert len(candles) == 100
    assert candles == ccxt_for(server).fetch_ohlcv("BTC/USDT", "5m", limit=100)
