"""Binance's frames of trades, read many at a time."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from gekko_lab.errors import BadResponse
from gekko_lab.sources.binance_prints import Prints

NAMES = {"BTCUSDT": "BTC/USDT", "ETHUSDT": "ETH/USDT"}


def frame(number, symbol="BTCUSDT"):
    """A frame as the exchange sends it (spot API documents, 2026-07)."""
    row = {"e": "aggTrade", "E": 1, "s": symbol, "a": number, "p": "100.10", "q": "0.500"}
    row |= {"f": number, "l": number, "T": 1_700_000_000_000 + number, "m": number % 2 == 0}
    return orjson.dumps(row).decode()


def read(*texts):
    """What is told, one list a time, and what failed."""
    told, failed = [], []

    async def main():
        prints = Prints("binance", NAMES, told.append, failed.append)
        for text in texts:
            if callable(text):
                await text()
            else:
                assert prints.take(text)
        await asyncio.sleep(0)

    asyncio.run(main())
    return told, failed


def turn():
    return asyncio.sleep(0)


def test_what_came_in_one_turn_of_the_loop_is_told_together():
    told, failed = read(frame(1), frame(2, "ETHUSDT"), turn, frame(3))
    assert [[trade.id for trade in each] for each in told] == [["1", "2"], ["3"]]
    assert not failed
    first, second = told[0]
    assert (first.exchange, first.symbol, second.symbol) == ("binance", "BTC/USDT", "ETH/USDT")
    assert (first.side, second.side) == ("buy", "sell")  # of the taker
    assert (first.price, first.amount) == (100.1, 0.5)
    assert first.timestamp_us == 1_700_000_000_001_000
    assert first.received_us == second.received_us > first.timestamp_us


@pytest.mark.parametrize("bad", ['{"e":"aggTrade","s":"BTC', '{"e":"aggTrade","s":"BTCUSDT"}'])
def test_trades_before_a_frame_that_cannot_be_read_are_told(bad):
    told, failed = read(frame(1), frame(2), bad, frame(3))
    assert [[trade.id for trade in each] for each in told] == [["1", "2"]]
    (error,) = failed
    assert isinstance(error, BadResponse)
    assert "can't be read" in str(error)


def test_other_markets_and_other_frames_are_left_to_others():
    told, _ = read(frame(1), frame(2, "XRPUSDT"))
    assert [[trade.id for trade in each] for each in told] == [["1"]]

    async def main():
        return Prints("binance", NAMES, print, print).take('{"result":null,"id":1}')

    assert asyncio.run(main()) is False


def test_what_fails_in_telling_is_not_lost_in_the_loop():
    failed = []

    async def main():
        def tell(_):
            raise ZeroDivisionError

        Prints("binance", NAMES, tell, failed.append).take(frame(1))
        await asyncio.sleep(0)

    asyncio.run(main())
    assert [type(each) for each in failed] == [ZeroDivisionError]
