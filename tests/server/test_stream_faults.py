"""What goes wrong on WebSocket connections, on demand."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import get_args

import aiohttp
import pytest

from gekko_lab.errors import InvalidArgument
from gekko_lab.server import Fault, serve
from gekko_lab.server.faults import StreamKind

MINUTE = 60_000
START = 1_704_067_200_000


@pytest.fixture
def live(simulated, clock):
    clock.now = START + 17_345
    with serve(simulated, clock=lambda: clock.now) as running:
        yield running


def ids(market, since, until, symbol="BTC/USDT"):
    return market.trades(symbol, since + 1, until + 1)["id"].to_list()


@pytest.fixture
def heard(live, clock, listening, eventually):
    """Give all that comes while the clock goes on, or until the connection ends."""

    async def listen(path, steps, step):
        texts = []
        async with listening(live, path) as client:
            for _ in range(steps):
                clock.now += step
                await eventually(lambda: live.streamed_until >= clock.now)
                with contextlib.suppress(aiohttp.ClientConnectionError):
                    await client.say("LIST_SUBSCRIPTIONS", id="that is all")
                # the answer comes last, but never where there is silence
                with contextlib.suppress(TimeoutError):
                    while True:
                        found = await asyncio.wait_for(client.socket.receive(), 1.0)
                        if found.type != aiohttp.WSMsgType.TEXT:
                            return texts, found.type, client.socket.close_code
                        if "that is all" in found.data:
                            break
                        texts.append(found.data)
        return texts, None, None

    return lambda path="/ws/btcusdt@trade", steps=2, step=MINUTE: asyncio.run(
        listen(path, steps, step)
    )


def told(texts, key="t"):
    return [json.loads(text)[key] for text in texts]


def test_lost_messages_leave_holes(live, clock, simulated, heard):
    live.faults.add(Fault("stream_skip", stream="@trade", every=3, skip=2, count=4))
    texts, _, _ = heard()
    whole = ids(simulated, START + 17_345, clock.now)
    lost = whole[4:14:3]
    assert len(lost) == 4
    assert told(texts) == [each for each in whole if each not in lost]


def test_a_skipped_change_of_the_book_breaks_the_chain(live, clock, heard):
    live.faults.add(Fault("stream_skip", stream="order_book", every=5, count=1))
    texts, _, _ = heard(path="/ws/btcusdt@depth", steps=1, step=15_000)
    firsts, lasts = told(texts, "U"), told(texts, "u")
    breaks = [new - old for old, new in zip(lasts, firsts[1:], strict=False) if new != old + 1]
    assert breaks == [11]
    assert lasts.index(firsts[4] - 11) == 3


def test_garbage_is_half_a_message(live, clock, simulated, heard):
    live.faults.add(Fault("stream_garbage", every=2, count=1))
    texts, _, _ = heard(steps=1)
    assert texts[1].startswith('{"e":"trade"')
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        told(texts[1:2])
    whole = ids(simulated, START + 17_345, clock.now)
    assert told([texts[0], *texts[2:]]) == [whole[0], *whole[2:]]


@pytest.mark.parametrize(("value", "code"), [(None, 1001), (1008, 1008)])
def test_a_close_comes_after_what_was_sent(live, clock, simulated, heard, value, code):
    live.faults.add(Fault("stream_close", skip=3, count=1, value=value))
    texts, kind, closed = heard()
    assert told(texts) == ids(simulated, START + 17_345, clock.now)[:3]
    assert kind in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSING}
    assert closed == code
    again, kind, _ = heard(steps=1)
    assert (kind, len(again) > 0) == (None, True)


def test_an_abort_is_no_close(live, clock, heard):
    live.faults.add(Fault("stream_abort", skip=3, count=1))
    _, kind, closed = heard()
    assert kind in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}
    assert closed in {None, 1006}
    assert live.connections == []


def test_silence_keeps_the_connection_and_sends_nothing(live, clock, listening):
    async def listen():
        async with listening(live, "/ws/btcusdt@trade", autoping=False) as client:
            before = await client.ask("LIST_SUBSCRIPTIONS")
            live.faults.add(Fault("stream_silence"))
            clock.now += MINUTE
            await asyncio.sleep(0.1)
            clock.now += 10 * MINUTE
            await client.say("LIST_SUBSCRIPTIONS")
            await client.socket.ping()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.socket.receive(), 0.3)
            return before, len(live.connections)

    before, open_ = asyncio.run(listen())
    assert before["result"] == ["btcusdt@trade"]
    assert open_ == 1


def test_silence_may_end(live, clock, simulated, heard):
    live.faults.add(Fault("stream_silence", count=1, value=60))
    texts, _, _ = heard(steps=4)
    got, whole = told(texts), ids(simulated, START + 17_345, clock.now)
    assert got == whole[-len(got) :]
    assert 10 < len(got) < len(whole)


@pytest.mark.parametrize("path", ["/ws/btcusdt@trade", "/stream?streams=btcusdt@trade"])
def test_a_shutdown_is_announced_and_comes(live, clock, heard, path):
    live.faults.add(Fault("stream_shutdown", skip=2, count=1, value=30))
    texts, kind, code = heard(path=path)
    announced = [place for place, text in enumerate(texts) if "serverShutdown" in text]
    assert len(announced) == 1
    assert len(texts) > announced[0] + 1
    assert (kind is None, code) == (False, 1001)


def test_faults_choose_by_stream_and_symbol(live, clock, heard):
    live.faults.add(Fault("stream_skip", stream="trades", symbol="ETH/USDT"))
    live.faults.add(Fault("stream_skip", stream="@kline_1m"))
    live.faults.add(Fault("stream_skip", stream="btcusdt@aggTrade"))
    names = [f"{symbol}@{kind}" for symbol in ("btcusdt", "ethusdt") for kind in
             ("trade", "aggTrade", "kline_1m", "kline_3m")]  # fmt: skip
    texts, _, _ = heard(path=f"/stream?streams={'/'.join(names)}", steps=1)
    assert set(told(texts, "stream")) == {"btcusdt@trade", "btcusdt@kline_3m", "ethusdt@kline_3m"}


def test_a_restart_keeps_port_market_and_ids(live, clock, simulated, listening):
    url = live.url
    begin = clock.now
    live.faults.add(Fault("stream_restart", skip=5, count=1, value=0.1))

    async def listen():
        async with listening(live, "/ws/btcusdt@trade") as client:
            clock.now += MINUTE
            got = [each["t"] for each in await client.take(5)]
            end = await client.frame()
            assert end.type != aiohttp.WSMsgType.TEXT
        clock.now += 1_000
        for _ in range(100):
            try:
                async with listening(live, "/ws/btcusdt@trade") as client:
                    since = clock.now
                    clock.now += MINUTE
                    return got, since, [each["t"] for each in await client.take(5)]
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)
        raise AssertionError("the server didn't come back")

    got, since, after = asyncio.run(listen())
    assert live.url == url
    assert got == ids(simulated, begin, clock.now)[:5]
    assert after == ids(simulated, since, clock.now)[:5]


def test_a_restart_by_hand_is_over_when_it_listens(live, clock, listening, ask):
    async def stay():
        async with listening(live, "/ws/btcusdt@trade") as client:
            restart = asyncio.create_task(asyncio.to_thread(live.restart, down_s=0.05))
            end = await client.frame()
            await restart
            return end.type

    assert asyncio.run(stay()) != aiohttp.WSMsgType.TEXT
    assert ask(live, "/api/v3/ping").status_code == 200
    assert [each.path for each in live.requests] == ["/ws/btcusdt@trade", "/api/v3/ping"]
    live.restart(notice_s=0.01)
    assert ask(live, "/api/v3/ping").status_code == 200


def test_a_closed_server_starts_no_more(simulated):
    server = serve(simulated)
    server.close()
    with pytest.raises(RuntimeError, match="serve the market anew"):
        server.restart()


def test_closing_while_a_restart_is_under_way_ends_both(simulated):
    server = serve(simulated)
    server.restart(down_s=60, wait=False)
    server.close()
    assert "closed" in repr(server)


def test_faults_of_requests_hit_the_handshake_and_no_messages(live, clock, heard):
    live.faults.add(Fault("status", path="/ws", count=1, value=503))
    live.faults.add(Fault("reset", path="trades"))
    with pytest.raises(aiohttp.WSServerHandshakeError):
        heard()
    texts, kind, _ = heard(steps=1)
    assert (len(texts) > 10, kind) == (True, None)


def test_faults_of_streams_hit_no_request(live, ask):
    for kind in get_args(StreamKind):
        live.faults.add(Fault(kind))
    assert ask(live, "/api/v3/klines", symbol="BTCUSDT", interval="1m").status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "stream_close", "stream": "btcusdt"},
        {"kind": "reset", "stream": "trades"},
        {"kind": "stream_jump"},
    ],
)
def test_faults_that_cannot_be_are_refused(wrong):
    with pytest.raises(InvalidArgument):
        Fault(**wrong)


def test_every_fault_of_streams_is_told_in_the_docstring():
    assert all(f"\n    {kind} " in Fault.__doc__ for kind in get_args(StreamKind))
