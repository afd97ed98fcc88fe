"""The shipped list of exchanges is that of the ccxt it names."""

from __future__ import annotations

import ccxt
import pytest

from gekko_lab.errors import InvalidType, UnknownExchange
from gekko_lab.sources import catalog
from gekko_lab.sources.catalog import known_ccxt_id, shipped


def test_the_shipped_ids_are_those_of_the_ccxt_that_named_them():
    if ccxt.__version__ != shipped()["ccxt"]:
        pytest.skip(f"the list is of ccxt {shipped()['ccxt']}, here is {ccxt.__version__}")
    assert set(shipped()["exchanges"]) == set(ccxt.exchanges)


@pytest.mark.parametrize("exchange", ["binance", "kraken", "coinbaseexchange", "okx", "bitvavo"])
def test_an_entry_tells_what_ccxt_s_class_tells(exchange):
    entry = shipped()["exchanges"][exchange]
    client = getattr(ccxt, exchange)()
    assert entry["name"] == client.name
    assert entry["candles"] == bool(client.has["fetchOHLCV"])
    assert entry["trades"] == bool(client.has["fetchTrades"])
    client.session.close()


def test_an_exchange_that_only_a_newer_ccxt_has_works(monkeypatch):
    monkeypatch.setattr(ccxt, "exchanges", [*ccxt.exchanges, "newcomer"])
    assert known_ccxt_id("newcomer") == "newcomer"
    with pytest.raises(UnknownExchange):
        known_ccxt_id("othercomer")


def test_a_known_id_is_given_back_without_a_look_at_ccxt(monkeypatch):
    monkeypatch.setattr(catalog, "_installed", lambda: pytest.fail("not needed"))
    assert known_ccxt_id("binance") == "binance"


def test_the_list_is_made_of_what_is_installed(monkeypatch):
    monkeypatch.setattr(ccxt, "exchanges", ["kraken", "okx"])
    made = catalog.generate()
    assert made["ccxt"] == ccxt.__version__
    assert made["exchanges"] == {name: shipped()["exchanges"][name] for name in ("kraken", "okx")}


def test_something_else_than_text_is_no_id():
    with pytest.raises(InvalidType, match="NoneType"):
        known_ccxt_id(None)


def test_an_unknown_id_is_answered_with_the_nearest():
    with pytest.raises(UnknownExchange, match="'coinbase'"):
        known_ccxt_id("coinbse")
