"""WebSocket connections: addresses, subscriptions, pings, ends."""

from __future__ import annotations

import asyncio
import json
import logging
import socket

import aiohttp
import pytest

from gekko_lab.server import connections, serve

MINUTE = 60_000
DAY = 24 * 60 * MINUTE
START = 1_704_067_200_000


@pytest.fixture
def live(simulated, clock):
    """Serve the simulated market on a clock that the test moves."""
    clock.now = START + 17_345
    with serve(simulated, clock=lambda: clock.now) as running:
        yield running


def trades_between(market, since, until):
    return market.trades("BTC/USDT", since + 1, until + 1)["id"].to_list()


@pytest.mark.parametrize(
    "path", ["/ws/btcusdt@trade", "/stream/ws/btcusdt@trade", "/ws/btcusdt%40trade"]
)
def test_a_raw_stream_begins_with_its_address(live, clock, simulated, listening, path):
    async def listen():
        async with listening(live, path) as client:
            clock.now += MINUTE
            return await client.take(10)

    told = asyncio.run(listen())
    expected = trades_between(simulated, clock.now - MINUTE, clock.now)
    assert [each["t"] for each in told] == expected[:10]


def test_a_combined_stream_names_each_message(live, clock, listening):
    async def listen():
        path = "/stream?streams=btcusdt@aggTrade/ethusdt@kline_1m"
        async with listening(live, path) as client:
            clock.now += MINUTE
            return await client.until(lambda told: told["data"].get("k", {}).get("x"))

    told = asyncio.run(listen())
    assert all(set(each) == {"stream", "data"} for each in told)
    names = {(each["stream"], each["data"]["e"], each["data"]["s"]) for each in told}
    assert names == {
        ("btcusdt@aggTrade", "aggTrade", "BTCUSDT"),
        ("ethusdt@kline_1m", "kline", "ETHUSDT"),
    }
    times = [each["data"]["E"] for each in told]
    assert times == sorted(times)


@pytest.mark.parametrize("path", ["/ws", "/ws/", "/ws/7", "/stream", "/stream/ws/3"])
def test_subscriptions_begin_end_and_are_listed(live, clock, listening, path):
    async def talk():
        async with listening(live, path) as client:
            answers = [
                await client.ask("LIST_SUBSCRIPTIONS"),
                await client.ask("SUBSCRIBE", "btcusdt@trade", "btcusdt@kline_1m"),
                await client.ask("SUBSCRIBE", "btcusdt@kline_1m"),
                await client.ask("LIST_SUBSCRIPTIONS"),
                await client.ask("UNSUBSCRIBE", "btcusdt@trade", "btcusdt@depth"),
                await client.ask("LIST_SUBSCRIPTIONS", id="mine"),
            ]
            (connected,) = live.connections
            clock.now += MINUTE
            told = await client.until(
                lambda told: told.get("data", told)["k"]["x"]  # nothing else than candles comes
            )
            return answers, connected, told

    answers, connected, told = asyncio.run(talk())
    assert [answer["result"] for answer in answers] == [
        *([], None, None),
        ["btcusdt@trade", "btcusdt@kline_1m"],
        *(None, ["btcusdt@kline_1m"]),
    ]
    assert [answer["id"] for answer in answers] == [1, 1, 1, 1, 1, "mine"]
    assert connected.streams == ("btcusdt@kline_1m",)
    assert told


def test_a_client_may_ask_for_the_wrapper(live, clock, listening):
    async def talk():
        async with listening(live, "/ws/btcusdt@trade") as client:
            before = await client.ask("GET_PROPERTY", "combined")
            await client.ask("SET_PROPERTY", "combined", True)
            after = await client.ask("GET_PROPERTY", "combined")
            clock.now += MINUTE
            return before, after, await client.next()

    before, after, told = asyncio.run(talk())
    assert (before["result"], after["result"]) == (False, True)
    assert told["stream"] == "btcusdt@trade"


@pytest.mark.parametrize(
    ("text", "code", "part"),
    [
        ("{", 3, "Invalid JSON"),
        ("[1]", 2, "Invalid request"),
        ('{"id": 1}', 2, "missing field `method`"),
        ('{"method": "JUMP", "id": 1}', 2, "unknown variant `JUMP`"),
        ('{"method": "SUBSCRIBE", "id": 1}', 2, "params"),
        ('{"method": "SUBSCRIBE", "params": [7], "id": 1}', 2, "string"),
        ('{"method": "SUBSCRIBE", "params": ["x@trade"], "id": 1}', 2, "invalid stream x@trade"),
        ('{"method": "LIST_SUBSCRIPTIONS", "params": ["x"], "id": 1}', 2, "too many parameters"),
        ('{"method": "GET_PROPERTY", "params": ["x"], "id": 1}', 0, "Unknown property"),
        ('{"method": "GET_PROPERTY", "id": 1}', 2, "property name"),
        ('{"method": "SET_PROPERTY", "params": ["combined", 1], "id": 1}', 1, "Boolean"),
        ('{"method": "LIST_SUBSCRIPTIONS", "id": {}}', 2, "request ID"),
    ],
)
def test_bad_messages_are_answered_with_an_error(live, listening, text, code, part):
    async def talk():
        async with listening(live) as client:
            await client.socket.send_str(text)
            error = await client.next()
            return error, await client.ask("LIST_SUBSCRIPTIONS")

    error, after = asyncio.run(talk())
    assert error["error"]["code"] == code
    assert part in error["error"]["msg"]
    assert after["result"] == []
    assert live.requests[-2].status == 400


def test_a_subscription_with_a_bad_name_is_refused_as_a_whole(live, listening):
    async def talk():
        async with listening(live) as client:
            await client.ask("SUBSCRIBE", "btcusdt@trade", "lunausdt@trade")
            return await client.ask("LIST_SUBSCRIPTIONS")

    assert asyncio.run(talk())["result"] == []


@pytest.mark.parametrize("names", [1024, 1025])
def test_a_connection_has_at_most_1024_streams(live, simulated, listening, names):
    kinds = ["trade", "aggTrade", "ticker", "miniTicker", "bookTicker"]
    kinds += ["depth", "depth5", "depth10", "depth20"]
    kinds += [f"kline_{name}" for name in ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h")]
    kinds += [f"kline_{name}" for name in ("8h", "12h", "1d", "3d", "1w", "1M", "1s")]
    every = [f"{r.market_id.lower()}@{k}" for r in simulated.rules.values() for k in kinds][:names]
    assert len(every) == names

    async def talk():
        async with listening(live) as client:
            return await client.ask("SUBSCRIBE", *every)

    assert ("error" in asyncio.run(talk())) == (names > 1024)


@pytest.mark.parametrize(
    "path", ["/ws/lunausdt@trade", "/stream?streams=btcusdt@trade/x", "/elsewhere", "/ws/x/y"]
)
def test_a_bad_address_is_no_websocket(live, listening, path):
    async def talk():
        async with listening(live, path):
            pass

    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        asyncio.run(talk())
    assert caught.value.status == 404


@pytest.mark.parametrize("exchange", ["coinbaseexchange", "kraken"])
def test_other_exchanges_have_no_websocket(served_as, listening, exchange):
    server = served_as(exchange)

    async def talk():
        async with listening(server):
            pass

    with pytest.raises(aiohttp.WSServerHandshakeError):
        asyncio.run(talk())
    assert server.connections == []


def test_connections_and_messages_are_logged(live, listening):
    async def talk():
        async with listening(live, "/stream?streams=btcusdt@trade") as client:
            await client.ask("SUBSCRIBE", "btcusdt@depth", "ethusdt@depth")
            await client.ask("SUBSCRIBE", "x")

    asyncio.run(talk())
    logged = [(each.path, each.query, each.status, each.weight) for each in live.requests]
    both = {"method": "SUBSCRIBE", "params": "btcusdt@depth,ethusdt@depth"}
    assert logged == [
        ("/stream", {"streams": "btcusdt@trade"}, 101, 0),
        ("/stream", both, 200, 0),
        ("/stream", {"method": "SUBSCRIBE", "params": "x"}, 400, 0),
    ]


def test_all_who_listen_get_the_same(live, clock, listening):
    async def listen(ready, go):
        async with listening(live, "/ws/btcusdt@trade") as client:
            ready.release()
            await go.wait()
            return await client.take(20)

    async def crowd():
        ready, go = asyncio.Semaphore(0), asyncio.Event()
        tasks = [asyncio.create_task(listen(ready, go)) for _ in range(20)]
        for _ in tasks:
            await ready.acquire()
        clock.now += MINUTE
        go.set()
        return await asyncio.gather(*tasks)

    told = asyncio.run(crowd())
    assert all(each == told[0] for each in told)
    assert [each.number for each in live.connections] == []


@pytest.mark.parametrize("faster", [60, 1200])
def test_a_faster_clock_loses_nothing(live, clock, simulated, listening, faster):
    """Each look of the producer finds half a minute, or ten."""
    begin = clock.now

    async def listen():
        async with listening(live, "/stream?streams=btcusdt@trade/btcusdt@kline_1m") as client:
            got = []
            for step in range(1, 9):
                clock.now = begin + step * faster * 500
                await asyncio.sleep(0.002)
            last = trades_between(simulated, begin, clock.now)[-1]
            return got + await client.until(lambda told: told["data"].get("t") == last)

    told = [each["data"] for each in asyncio.run(listen())]
    ids = [each["t"] for each in told if each["e"] == "trade"]
    assert ids == trades_between(simulated, begin, clock.now)
    closed = [each["k"]["t"] for each in told if each["e"] == "kline" and each["k"]["x"]]
    assert closed == list(range(START, closed[-1] + 1, MINUTE))
    assert closed[-1] + 2 * MINUTE > clock.now - MINUTE


def test_nothing_comes_from_the_future(live, clock, listening):
    async def listen():
        async with listening(live, "/ws/btcusdt@trade") as client:
            seen = []
            for _ in range(12):
                clock.now += 4_321
                asked = await client.ask("LIST_SUBSCRIPTIONS")
                assert asked["result"] == ["btcusdt@trade"]
                await asyncio.sleep(0.05)
                while True:
                    try:
                        found = await asyncio.wait_for(client.socket.receive(), 0.01)
                    except TimeoutError:
                        break
                    seen.append((json.loads(found.data)["T"], clock.now))
            return seen

    seen = asyncio.run(listen())
    assert seen
    assert all(time <= now for time, now in seen)


def test_a_ping_comes_each_twenty_seconds_and_a_day_is_the_end(live, clock, listening):
    async def stay():
        async with listening(live, "/ws", autoping=False) as client:
            pings = []
            for _ in range(3):
                clock.now += 20_000
                found = await client.frame()
                assert found.type == aiohttp.WSMsgType.PING
                pings.append(int(found.data))
                await client.socket.pong(found.data)
            clock.now = START + 17_345 + DAY
            while (found := await client.frame()).type == aiohttp.WSMsgType.PING:
                pass
            return pings, found.type, client.socket.close_code

    pings, end, code = asyncio.run(stay())
    assert pings == [START + 17_345 + step * 20_000 for step in (1, 2, 3)]
    assert end in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED}
    assert code == 1001


def test_who_answers_no_ping_is_cut(live, clock, listening, monkeypatch):
    monkeypatch.setattr(connections, "_PATIENCE_S", 0.0)

    async def stay():
        async with listening(live, "/ws", autoping=False) as client:
            for _ in range(5):
                clock.now += 20_000
                found = await client.frame()
                if found.type != aiohttp.WSMsgType.PING:
                    return found.type
            return None

    kinds = aiohttp.WSMsgType
    assert asyncio.run(stay()) in {kinds.CLOSED, kinds.CLOSE, kinds.ERROR}


def test_a_ping_is_answered(live, listening):
    async def talk():
        async with listening(live, "/ws", autoping=False) as client:
            await client.socket.ping(b"are you there")
            return await client.frame()

    answer = asyncio.run(talk())
    assert (answer.type, answer.data) == (aiohttp.WSMsgType.PONG, b"are you there")


def test_a_client_that_reads_too_slowly_is_cut_and_others_get_all(
    live, clock, simulated, listening, eventually, monkeypatch
):
    monkeypatch.setattr(connections, "MOST_WAITING", 20_000)
    port = int(live.url.rsplit(":", 1)[1])
    names = "/".join(f"{r.market_id.lower()}@aggTrade" for r in simulated.rules.values())
    lazy = socket.socket()
    lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    lazy.connect(("127.0.0.1", port))
    lazy.sendall(
        f"GET /stream?streams={names} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: MTIzNDU2Nzg5MDEyMzQ1Ng==\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    begin = clock.now

    async def listen():
        async with listening(live, "/ws/btcusdt@trade") as client:
            await eventually(lambda: len(live.connections) == 2)
            found = []
            while len(live.connections) > 1:
                clock.now += 2 * MINUTE
                last = trades_between(simulated, clock.now - 2 * MINUTE, clock.now)[-1]
                found += await client.until(lambda told, last=last: told["t"] == last)
                await eventually(lambda: live.streamed_until == clock.now)
            return [each["t"] for each in found]

    with lazy:
        told = asyncio.run(listen())
    assert told == trades_between(simulated, begin, clock.now)


def test_who_talks_too_much_is_cut_where_limits_hold(simulated, clock, listening):
    async def talk(server):
        async with listening(server) as client:
            for _ in range(6):
                await client.say("LIST_SUBSCRIPTIONS")
            for _ in range(7):
                found = await client.frame()
                if found.type != aiohttp.WSMsgType.TEXT:
                    return client.socket.close_code
            return None

    clock.now = START
    with serve(simulated, clock=lambda: clock.now, weight_limit=6000) as server:
        assert asyncio.run(talk(server)) == 1008


def test_a_market_that_fails_ends_its_streams_and_no_others(
    simulated, clock, listening, caplog, live
):
    class Failing:
        rules = simulated.rules
        candles = simulated.candles
        trades_from_id = simulated.trades_from_id

        def trades(self, symbol, since, until):
            if symbol == "ETH/USDT":
                raise RuntimeError("the market broke")
            return simulated.trades(symbol, since, until)

    async def listen(server):
        async with (
            listening(server, "/ws/ethusdt@trade") as bad,
            listening(server, "/ws/btcusdt@trade") as good,
        ):
            clock.now += MINUTE
            found = await bad.frame()
            return found.type, bad.socket.close_code, await good.take(3)

    caplog.set_level(logging.ERROR)
    with serve(Failing(), clock=lambda: clock.now) as server:
        kind, code, told = asyncio.run(listen(server))
    assert kind != aiohttp.WSMsgType.TEXT
    assert code == 1011
    assert len(told) == 3
    assert "the market broke" in caplog.text


def test_public_data_can_be_asked_for_through_the_websocket_api(live, listening, ask):
    async def talk():
        async with listening(live, "/ws-api/v3") as client:
            return [
                await client.ask("ping"),
                await client.ask("klines", params={"symbol": "BTCUSDT", "interval": "1h"}),
                await client.ask("klines", params={"symbol": "LUNAUSDT", "interval": "1h"}),
                await client.ask("exchangeInfo", params={"symbols": ["BTCUSDT"]}),
                await client.ask("order.place", params={"symbol": "BTCUSDT"}),
            ]

    ping, klines, wrong, info, order = asyncio.run(talk())
    assert ping == {"id": 1, "status": 200, "result": {}}
    assert klines["result"] == ask(live, "/api/v3/klines", symbol="BTCUSDT", interval="1h").json()
    assert (wrong["status"], wrong["error"]["code"]) == (400, -1121)
    assert [each["symbol"] for each in info["result"]["symbols"]] == ["BTCUSDT"]
    assert order["status"] == 400
    assert "public market data only" in order["error"]["msg"]


def test_closing_the_server_ends_connections_in_good_order(simulated, clock, listening):
    clock.now = START
    server = serve(simulated, clock=lambda: clock.now)

    async def stay():
        async with listening(server, "/ws/btcusdt@trade") as client:
            closing = asyncio.create_task(asyncio.to_thread(server.close))
            await client.frame()
            await closing
            return client.socket.close_code

    assert asyncio.run(stay()) == 1001
    assert "closed" in repr(server)
