"""What recorders of tests stand on: scripted exchanges, and waiting for what comes."""

from __future__ import annotations

import asyncio
import time

from gekko_lab.events.types import Gap, OrderBook, Ticker, Trade
from gekko_lab.feeds.clock import WALL
from gekko_lab.feeds.record_lane import Counts, Lane

START = 1_704_067_200_000  # 2024-01-01
TOO_LONG_S = 60.0  # never reached unless something hangs


class Script:
    """What a lane is told to record; opens the channel that a test gives."""

    interval_ms = 1000
    exchange = named = "scripted"
    identity = "scripted-1"
    deadline = since = None
    began = START

    def __init__(self, *channels, kinds=("trade",), begin=None, arrivals=False):
        self.channels, self.kinds = list(channels), kinds
        self.begin, self.arrivals = begin, arrivals
        self.symbols = channels[0].symbols
        self.resumed = []

    def open(self, clock, *, resume=False):
        self.resumed.append(resume)
        channel = self.channels.pop(0)
        if isinstance(channel, Exception):
            raise channel
        return self, channel, self.begin


def run(script):
    """Record a script to its end, and give what is counted by symbol."""
    counts = {symbol: Counts(script.named, symbol) for symbol in script.symbols}

    async def work():
        await Lane(script, counts, WALL).run(asyncio.Event())

    asyncio.run(work())
    return counts


def trade(ms, name, price=10.0, amount=1.0, symbol="BTC/USDT"):
    time_us = (START + ms) * 1000
    return Trade("scripted", symbol, time_us, time_us + 500, 0, str(name), "buy", price, amount)


def book(ms, price=10.0, symbol="BTC/USDT"):
    time_us = (START + ms) * 1000
    bids, asks = ((price, 1.0), (price - 1, 2.0)), ((price + 1, 1.0),)
    return OrderBook("scripted", symbol, time_us, time_us + 500, 0, bids, asks, 5)


def ticker(ms, last=10.0, symbol="BTC/USDT"):
    time_us = (START + ms) * 1000
    return Ticker("scripted", symbol, time_us, time_us + 500, 0, last - 1, last + 1, last, 5.0)


def gap(since, until, subject="trade", symbol="BTC/USDT"):
    ends = ((START + since) * 1000, (START + until) * 1000)
    return Gap("scripted", symbol, ends[0], ends[1], 0, subject, *ends, "disconnected")


def clock(ms):
    return (START + ms) * 1000


def until(true, what="it"):
    """Wait until something holds."""
    end = time.monotonic() + TOO_LONG_S
    while not true():
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come")
        time.sleep(0.02)
