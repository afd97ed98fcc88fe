"""What an exchange offers, as tables of one shape."""

from __future__ import annotations

import pytest

import gekko_lab
from gekko_lab.errors import InvalidOption, InvalidType, SourceUnavailable, UnknownExchange
from gekko_lab.frames.schemas import EXCHANGES, SYMBOLS, TIMEFRAMES
from gekko_lab.server import Fault


def test_symbols_are_the_markets_and_their_rules(binance, market):
    _, exchange = binance()
    table = gekko_lab.symbols(exchange)
    assert table.schema == SYMBOLS
    assert table["symbol"].to_list() == sorted(market.rules)
    row = table.filter(symbol="BTC/USDT").row(0, named=True)
    assert (row["market_id"], row["base"], row["quote"]) == ("BTCUSDT", "BTC", "USDT")
    assert row["tick_size"] == market.rules["BTC/USDT"].tick_size


def test_symbols_of_the_simulator_are_its_markets(market):
    assert gekko_lab.symbols("simulator")["symbol"].to_list() == sorted(market.rules)


def test_timeframes_are_sorted_and_months_have_no_seconds(binance):
    _, exchange = binance()
    table = gekko_lab.timeframes(exchange)
    assert table.schema == TIMEFRAMES
    seconds = dict(table.rows())
    assert seconds["1m"] == 60
    assert seconds["1w"] == 604_800
    assert seconds["1M"] is None
    fixed = table["seconds"].drop_nulls().to_list()
    assert fixed == sorted(fixed)
    assert table["timeframe"][-1] == "1M"


def test_exchanges_name_the_simulator_first_and_tell_who_is_exact():
    table = gekko_lab.exchanges()
    assert table.schema == EXCHANGES
    paging = dict(table.select("exchange", "paging").rows())
    assert table["exchange"][0] == "simulator"
    assert paging["binance"] == paging["simulator"] == "exact"
    assert paging["bitvavo"] == "generic"
    assert table["exchange"].is_unique().all()
    assert len(table) > 100


@pytest.mark.parametrize(
    "ask",
    [
        lambda **frame: gekko_lab.symbols("simulator", **frame),
        lambda **frame: gekko_lab.timeframes("simulator", **frame),
        gekko_lab.exchanges,
    ],
    ids=["symbols", "timeframes", "exchanges"],
)
def test_tables_come_as_pandas_too(ask):
    table = ask(frame="pandas")
    assert type(table).__module__.startswith("pandas")
    assert list(table.columns) == ask().columns
    assert len(table) == len(ask())
    with gekko_lab.options(frame="pandas"):
        assert type(ask()) is type(table)
    with pytest.raises(InvalidOption, match="'polars', 'pandas'"):
        ask(frame="numpy")


@pytest.mark.parametrize("ask", [gekko_lab.symbols, gekko_lab.timeframes])
def test_an_unknown_exchange_is_told(ask):
    with pytest.raises(UnknownExchange, match="'binance'"):
        ask("binanse")
    with pytest.raises(InvalidType):
        ask(None)


def test_a_passing_failure_is_waited_out_and_a_lasting_one_is_told(binance):
    server, exchange = binance()
    server.faults.add(Fault("status", path="/api/v3/exchangeInfo", count=2))
    assert len(gekko_lab.symbols(exchange))
    other = binance()
    other[0].faults.add(Fault("status", path="/api/v3/exchangeInfo"))
    with pytest.raises(SourceUnavailable, match="its markets"):
        gekko_lab.symbols(other[1])
