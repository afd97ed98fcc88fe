"""An unmodified ccxt.pro as the judge of the streams, on a clock that runs sixty times as fast."""

from __future__ import annotations

import asyncio
import time

import ccxt.pro
import pytest

from gekko_lab.server import Fault, serve

MINUTE = 60_000
START = 1_704_067_200_000


@pytest.fixture
def live(simulated):
    began = time.monotonic()
    with serve(
        simulated,
        clock=lambda: START + 30_000 + int((time.monotonic() - began) * 60_000),
        exact_quote_volume=True,
    ) as running:
        yield running


def watch(server, task):
    """Run a task with a client, which is closed in the end."""

    async def run():
        client = ccxt.pro.binance({**server.ccxt_config(), "enableRateLimit": False})
        try:
            return await asyncio.wait_for(task(client), 30)
        finally:
            await client.close()

    return asyncio.run(run())


def test_trades_come_one_after_the_other(live, simulated):
    async def task(client):
        client.newUpdates = True
        found = []
        while len(found) < 40:
            found += await client.watch_trades("BTC/USDT")
        return found

    trades = watch(live, task)
    first, last = trades[0]["timestamp"], trades[-1]["timestamp"]
    whole = simulated.trades("BTC/USDT", first, last + 1)
    told = [(int(each["id"]), each["price"], each["amount"], each["side"]) for each in trades]
    assert told == whole.select("id", "price", "amount", "side").rows()[: len(told)]
    assert any(each.query.get("method") == "SUBSCRIBE" for each in live.requests)


def test_candles_are_those_that_rest_gives(live):
    async def task(client):
        client.newUpdates = True
        seen = {}
        while len(seen) < 5:
            for row in await client.watch_ohlcv("ETH/USDT", "1m"):
                seen[row[0]] = row
        return list(seen.values()), await client.fetch_ohlcv("ETH/USDT", "1m", limit=10)

    watched, fetched = watch(live, task)
    closed = {row[0]: row for row in fetched[:-1]}
    common = [row for row in watched[:-1] if row[0] in closed]
    assert len(common) >= 3
    assert common == [closed[row[0]] for row in common]


def test_the_watched_book_is_that_of_the_market(live, simulated):
    async def task(client):
        for _ in range(30):
            book = await client.watch_order_book("BTC/USDT")
        # ccxt changes amounts in place, also while it closes.
        return book["nonce"], [tuple(each[:2]) for each in (*book["bids"], *book["asks"])]

    nonce, told = watch(live, task)
    frame = simulated.order_book("BTC/USDT", nonce * 100 + 99, 100)
    assert told == frame.select("price", "amount").rows()


def test_tickers_and_best_prices_come(live):
    async def task(client):
        ticker = await client.watch_ticker("BTC/USDT")
        full = await client.watch_ticker("ETH/USDT", {"name": "ticker"})
        best = await client.watch_bids_asks(["BTC/USDT"])
        return ticker, full, best["BTC/USDT"]

    ticker, full, best = watch(live, task)
    assert ticker["low"] <= ticker["last"] <= ticker["high"]
    assert full["bid"] < full["ask"]
    assert full["baseVolume"] > 0
    assert 0 < best["bid"] < best["ask"]
    assert best["bidVolume"] > 0


def test_a_subscription_that_cannot_be_is_an_error(live):
    async def task(client):
        await client.load_markets()
        client.markets["BTC/USDT"]["lowercaseId"] = "lunausdt"
        await client.watch_trades("BTC/USDT")

    with pytest.raises(ccxt.ExchangeError, match="invalid stream"):
        watch(live, task)


def test_a_lost_connection_is_an_error_and_the_next_call_connects_again(live):
    async def forever(client):
        while True:
            await client.watch_trades("BTC/USDT")

    async def task(client):
        await client.watch_trades("BTC/USDT")
        live.faults.add(Fault("stream_close", count=1))
        with pytest.raises(ccxt.NetworkError):
            await forever(client)
        return await client.watch_trades("BTC/USDT")

    assert watch(live, task)
    assert [each.status for each in live.requests].count(101) == 2
