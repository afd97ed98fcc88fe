"""A clock that nobody waits for, and channels that say what a test tells them to."""

from __future__ import annotations

import asyncio
import threading

import pytest

from gekko_lab.feeds.clock import Clock
from gekko_lab.market.timeframe import Timeframe

START_US = 1_704_067_200_000_000  # 2024-01-01


class Hands:
    """A clock that goes on when somebody waits for it, by just as much."""

    def __init__(self, start_us=START_US):
        self.start_us, self.passed = start_us, 0.0
        self.sleeps = []
        self.clock = Clock(self.now_us, self.monotonic, self.sleep)

    def now_us(self):
        return self.start_us + round(self.passed * 1e6)

    def monotonic(self):
        return self.passed

    async def sleep(self, seconds):
        self.sleeps.append(seconds)
        self.passed += seconds
        await asyncio.sleep(0)


class Scripted:
    """A channel that yields batches; a callable among them is called in the loop."""

    exchange = "scripted"
    grace_us = 0
    clocked = False

    def __init__(self, *script, symbols=("BTC/USDT",), live=False, timeframe=None, dense=False):
        self.script, self.symbols, self.live, self.dense = script, symbols, live, dense
        self.width = None if timeframe is None else Timeframe.parse(timeframe)
        self.builds = symbols if timeframe else ()
        self.closed = threading.Event()
        self.told = 0

    async def batches(self):
        try:
            for step in self.script:
                batch = step() if callable(step) else step
                if asyncio.iscoroutine(batch):
                    await batch
                else:
                    yield batch
                    self.told += 1
        finally:
            self.closed.set()


@pytest.fixture
def hands():
    return Hands()
