"""`simulate` gives what single fetches give, put together."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import gekko_lab
from gekko_lab.errors import (
    GapWarning,
    InvalidArgument,
    InvalidRange,
    InvalidType,
    UnknownSymbol,
    UnknownTimeframe,
)
from gekko_lab.frames.schemas import CANDLES, TRADES

JANUARY = {"since": "2024-01-01", "until": "2024-02-10"}
DAY = {"since": "2024-01-01", "until": "2024-01-02"}
KEYS = {"seed": pl.Int64, "symbol": pl.String}


def alone(symbol, seed, timeframe, **asked):
    exchange = gekko_lab.ExchangeSimulator(seed=seed)
    return gekko_lab.fetch(exchange, symbol, timeframe, **asked)


@pytest.mark.parametrize("timeframe", ["1m", "1h", "1d", "1w"])
def test_the_long_table_is_the_single_fetches_in_order(timeframe):
    table = gekko_lab.simulate(["ETH/USDT", "BTC/EUR"], timeframe, seeds=[5, 2], **JANUARY)
    assert table.schema == pl.Schema({**KEYS, **CANDLES})
    order = table.select("seed", "symbol").unique(maintain_order=True).rows()
    assert order == [(5, "ETH/USDT"), (5, "BTC/EUR"), (2, "ETH/USDT"), (2, "BTC/EUR")]
    for (seed, symbol), part in table.group_by("seed", "symbol"):
        assert part.drop("seed", "symbol").equals(alone(symbol, seed, timeframe, **JANUARY))


def test_trades_are_those_of_fetch_trades():
    table = gekko_lab.simulate("ETH/BTC", kind="trades", seeds=2, **DAY)
    assert table.schema == pl.Schema({**KEYS, **TRADES})
    expected = gekko_lab.fetch_trades(gekko_lab.ExchangeSimulator(seed=1), "ETH/BTC", **DAY)
    assert table.filter(seed=1).drop("seed", "symbol").equals(expected)


def test_the_wide_table_has_a_column_for_each_path():
    table = gekko_lab.simulate(["BTC/USDT", "ETH/USDT"], "1h", seeds=2, shape="wide", **DAY)
    assert table.columns == ["timestamp", "BTC/USDT 0", "ETH/USDT 0", "BTC/USDT 1", "ETH/USDT 1"]
    assert table["ETH/USDT 1"].equals(alone("ETH/USDT", 1, "1h", **DAY)["close"])
    volumes = gekko_lab.simulate(timeframe="1h", shape="wide", value="volume", **DAY)
    assert volumes["BTC/USDT 0"].equals(alone("BTC/USDT", 0, "1h", **DAY)["volume"])


def test_symbols_of_a_market_move_together_and_markets_apart():
    table = gekko_lab.simulate(["BTC/USDT", "ETH/USDT"], "1h", seeds=2, shape="wide", **JANUARY)
    returns = np.diff(np.log(table.drop("timestamp").to_numpy()), axis=0)
    together = np.corrcoef(returns, rowvar=False)
    assert together[0, 1] > 0.4
    assert abs(together[0, 2]) < 0.15


def test_blocks_and_the_lazy_table_are_the_table():
    asked = {"symbols": ["BTC/USDT", "LTC/EUR"], "timeframe": "5m", "seeds": 2, **JANUARY}
    table = gekko_lab.simulate(**asked)
    blocks = list(gekko_lab.simulate(**asked, result="blocks"))
    assert len(blocks) == 8
    assert pl.concat(blocks).equals(table)
    lazy = gekko_lab.simulate(**asked, result="lazy")
    assert lazy.collect_schema() == table.schema
    assert lazy.collect().equals(table)
    assert lazy.head(7).collect().equals(table.head(7))
    picked = lazy.filter(pl.col("seed") == 1).select("close", "symbol").collect()
    assert picked.equals(table.filter(seed=1).select("close", "symbol"))


def test_a_lazy_table_makes_only_the_rows_that_are_asked_for():
    decades = gekko_lab.simulate(since="2010", until="2190", seeds=1000, result="lazy")
    assert len(decades.head(10).collect()) == 10


def test_threads_give_the_same_bytes():
    asked = {"timeframe": "15m", "seeds": 4, **JANUARY}
    assert gekko_lab.simulate(**asked, n_jobs=2).equals(gekko_lab.simulate(**asked))


def test_parameters_reach_the_simulator_and_pandas_the_user():
    calm, wild = (
        gekko_lab.simulate(timeframe="1h", volatility=volatility, frame="pandas", **JANUARY)
        for volatility in ("low", "high")
    )
    assert calm["close"].pct_change().std() < wild["close"].pct_change().std()


def test_a_window_before_the_begin_is_an_empty_table_and_told():
    with pytest.warns(GapWarning, match="2009-01-01 to 2009-02-01"):
        table = gekko_lab.simulate(since="2009-01-01", until="2009-02-01")
    assert table.is_empty()
    assert table.schema == pl.Schema({**KEYS, **CANDLES})


@pytest.mark.parametrize("kind", ["candles", "trades"])
@pytest.mark.parametrize("result", ["frame", "lazy", "blocks"])
def test_what_lies_outside_of_the_market_s_time_is_told(kind, result):
    asked = {"since": "2199-12-31T23:58", "until": "2200-01-02", "kind": kind, "result": result}
    with pytest.warns(GapWarning, match="2200-01-01 to 2200-01-02") as told:
        gekko_lab.simulate(**asked)
    assert told[0].message.report["reason"].to_list() == ["ended"]
    assert "2010-01-01 to 2200-01-01" in str(told[0].message)


@pytest.mark.parametrize(
    ("asked", "error", "text"),
    [
        ({"symbols": "BTC/USDX"}, UnknownSymbol, "BTC/USD"),
        ({"symbols": []}, InvalidArgument, "at least one symbol"),
        ({"symbols": ["BTC/USDT", "BTC/USDT"]}, InvalidArgument, "twice"),
        ({"timeframe": "hour"}, UnknownTimeframe, "hour"),
        ({"until": "2023-01-01"}, InvalidRange, "later than since"),
        ({"seeds": 0}, InvalidArgument, "at least one market"),
        ({"seed": 4}, InvalidArgument, r"seed=4: .*seeds=\[4\]"),
        ({"seeds": "7"}, InvalidType, "seeds='7'"),
        ({"seeds": [1, 1]}, InvalidArgument, "twice"),
        ({"seeds": [2**70]}, InvalidArgument, "64 bits"),
        ({"seeds": [1.5]}, InvalidType, "seed"),
        ({"kind": "ticks"}, InvalidArgument, "'candles', 'trades'"),
        ({"kind": "trades", "shape": "wide"}, InvalidArgument, "for candles"),
        ({"shape": "wide", "result": "lazy"}, InvalidArgument, "every series at once"),
        ({"shape": "wide", "value": "price"}, InvalidArgument, "close"),
        ({"volatility": "extreme"}, InvalidArgument, "volatility"),
    ],
)
def test_a_wrong_request_is_told_at_once(asked, error, text):
    with pytest.raises(error, match=text):
        gekko_lab.simulate(**{**DAY, **asked})
