"""Every source keeps the same rules; a source that doesn't is told which it breaks."""

from __future__ import annotations

import polars as pl
import pytest

import gekko_lab
from gekko_lab.sources.contract import check_source
from gekko_lab.sources.source import Page


def test_the_simulator_keeps_the_rules():
    check_source(gekko_lab.ExchangeSimulator(seed=3), "ETH/BTC", "5m")


def test_ccxt_keeps_the_rules_on_a_served_exchange(binance):
    check_source(binance()[1], "BTC/USDT", "1h")


class Careless:
    """The simulator with a fault of each kind."""

    foresees = True
    exchange = "careless"
    identity = "other/name"

    def __init__(self):
        self._whole = gekko_lab.ExchangeSimulator()

    def __getattr__(self, name):
        return getattr(self._whole, name)

    def now(self):
        return 1_700_000_000_000

    def market(self, symbol):
        return self._whole.market("BTC/USDT")

    def rules(self):
        return self._whole.rules()

    def timeframes(self):
        return ["1h", "1m"]

    def paging(self, symbol, timeframe):
        return self._whole.paging(symbol, timeframe)

    def candles(self, symbol, timeframe, since, until, *, full=False):
        page = self._whole.candles(symbol, timeframe, since, until)
        return Page(page.frame.with_columns(high=pl.col("low") - 1))

    def trades(self, symbol, cursor, until):
        return self._whole.trades(symbol, cursor, until).__class__(
            self._whole.trades(symbol, cursor, until).frame, cursor
        )

    def oldest_trade(self, symbol, since):
        return None


def test_each_broken_rule_is_named():
    with pytest.raises(AssertionError) as found:
        check_source(Careless(), "BTC/USDT", "1m")
    text = str(found.value)
    for finding in (
        "identity: 'other/name' doesn't begin",
        "identity: 'other/name' can't be the name of a folder",
        "markets: an unknown symbol doesn't raise UnknownSymbol",
        "timeframes: ['1h', '1m'] aren't sorted",
        "candles: candle 0 of 5 has a high below",
        "trades: the page after",
    ):
        assert finding in text


def test_something_that_is_no_source_is_told_what_it_lacks():
    with pytest.raises(AssertionError, match=r"shape: lacks candles, exchange, .*trades"):
        check_source(object(), "BTC/USDT", "1m")
