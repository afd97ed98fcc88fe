"""One of several programs that ask at once; started by the tests, tells what it did as JSON.

It is given a folder for the shared count, what to do, how many threads, the limit (weight and
seconds) and the address; says when it is ready, and reads from when to when it is to ask.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

from gekko_lab.limits import table
from gekko_lab.limits.budget import Budget
from gekko_lab.limits.limit import Limit

COSTS = ("klines", "klines", "aggTrades")


class Watched(Budget):
    """Notes the moment of each turn that is taken, and when it was taken."""

    went = []  # noqa: RUF012 (one list for all threads)

    def acquire(self, url, pace=None):
        super().acquire(url, pace)
        cost = 2 if "klines" in url else 4
        self.went.append((*vars(LAST)["turn"], cost))

    def _take(self, *given):
        return note(super()._take(*given))

    def _keep(self, *given):
        return note(super()._keep(*given))


LAST = threading.local()


def note(turn):
    if turn is not None:
        LAST.turn = (turn.moment, turn.now)
    return turn


def limited_to(weight, seconds):
    spot = table.BINANCE_SPOT
    weight_limit = replace(spot.limits[0], amount=weight, window_s=seconds)
    limits = (weight_limit, Limit("requests", 61_000, 300))
    table.SERVICES = (replace(spot, limits=limits, hold_s=1.0),)


def ask_budget(budget, url, until):
    place = 0
    while time.time() < until:
        budget.acquire(f"{url}/api/v3/{COSTS[place % 3]}?symbol=BTCUSDT&limit=1000")
        place += 1


def ask_exchange(source, since, until):
    from gekko_lab.errors import RateLimited
    from gekko_lab.market.timeframe import Timeframe
    from gekko_lab.sources.source import TradeCursor

    minute, place = Timeframe.parse("1m"), 0
    while time.time() < until:
        begin = since + place % 50 * 60_000
        try:
            if place % 3 < 2:
                source.candles("BTC/USDT", minute, begin, begin + 600_000)
            else:
                source.trades("BTC/USDT", TradeCursor(begin), begin + 1)
        except RateLimited:
            Watched.went.append((0, time.time_ns(), 0))
        place += 1


def fetch(source, since, until):
    """Ask for candles and trades, mixed, as a user does."""
    import gekko_lab

    place = 0
    while time.time() < until:
        begin = since + place % 50 * 60_000
        if place % 3 < 2:
            gekko_lab.fetch(source, "BTC/USDT", "1m", since=begin, until=begin + 1_800_000)
        else:
            gekko_lab.fetch_trades(source, "BTC/USDT", since=begin, until=begin + 10_000)
        place += 1


def opened(url):
    import gekko_lab
    from gekko_lab.server.addresses import ccxt_config

    source = gekko_lab.CcxtMarketData("binance", config=ccxt_config(url))
    source.market("BTC/USDT")
    return source


def main():
    asked = json.loads(sys.argv[1])
    limited_to(*asked["limit"])
    source = None
    if asked["what"] == "budget":
        ask, given = ask_budget, (Watched("binance", Path(asked["folder"])), asked["url"])
    else:
        source = opened(asked["url"])
        ask = fetch if asked["what"] == "fetch" else ask_exchange
        given = (source, asked["since"])
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    begin, until = json.loads(sys.stdin.readline())
    threads = [threading.Thread(target=ask, args=(*given, until)) for _ in range(asked["threads"])]
    time.sleep(max(0.0, begin - time.time()))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if source is not None:
        source.close()
    json.dump(Watched.went, sys.stdout)


if __name__ == "__main__":
    main()
