"""A served exchange that goes on in real time or faster, and feeds that listen to it."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager

import gekko_lab
from gekko_lab.feeds.feed import Feed
from gekko_lab.feeds.live import LiveChannel
from gekko_lab.feeds.live_hub import Patience
from gekko_lab.market.timeframe import Timeframe
from gekko_lab.server import serve
from gekko_lab.sources.live import Alertness

START = 1_709_251_230_000  # 2024-03-01, half a minute into the day
QUICK = Patience(
    alertness=Alertness(keep_alive_s=5.0, ask_s=0.2, silence_s=0.6, ready_s=5.0),
    poll_s=0.05,
    first_wait_s=0.05,
    longest_wait_s=0.2,
    fill_s=10.0,
)
TOO_LONG_S = 40.0  # never reached unless something hangs


class Clock:
    """The exchange's time, which begins at START."""

    def __init__(self, speed):
        self._speed, self._began = speed, time.monotonic()

    def __call__(self):
        return START + int((time.monotonic() - self._began) * 1000 * self._speed)


@contextmanager
def served(market, speed=1.0, **options):
    """Serve the market; gives the server and its clock."""
    clock = Clock(speed)
    with serve(market, clock=clock, **options) as server:
        yield server, clock


@contextmanager
def listening(
    server, symbols=("BTC/USDT",), kinds=("trade",), *, config=None, alarm_s=TOO_LONG_S, **options
):
    """Listen to a served exchange; gives the feed."""
    settings = {"enableRateLimit": False, **server.ccxt_config(), **(config or {})}
    source = gekko_lab.CcxtMarketData(server.exchange, config=settings)
    width = Timeframe.parse(options.pop("timeframe", "1m"))
    channel = LiveChannel(source, symbols, kinds, width=width, **{"patience": QUICK, **options})
    feed = Feed(channel, kinds)
    alarm = threading.Timer(alarm_s, feed.stop)
    alarm.start()
    try:
        yield feed.start()
    finally:
        alarm.cancel()
        feed.stop()
        source.close()


def take(events, count, kind="trade"):
    """Give the next events up to the count of a kind."""
    found, left = [], count
    for event in events:
        found.append(event)
        left -= event.kind == kind
        if not left:
            return found
    raise AssertionError(f"the feed ended with {count - left} of {count}: {found[-3:]}")


def ids(events, symbol="BTC/USDT"):
    return [int(event.id) for event in events if event.kind == "trade" and event.symbol == symbol]


def true_ids(market, first, last, symbol="BTC/USDT"):
    """Give the ids of the market's own trades between two moments, both included."""
    trades = market.trades(symbol, first.timestamp_us // 1000, last.timestamp_us // 1000 + 1)
    return [each for each in trades["id"].to_list() if int(first.id) <= each <= int(last.id)]
