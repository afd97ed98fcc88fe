"""What is known of exchanges agrees with ccxt and with their documents."""

from __future__ import annotations

import ccxt
import pytest

from gekko_lab.sources.capabilities import CAPABILITIES, capability
from gekko_lab.sources.catalog import shipped


@pytest.mark.parametrize("exchange", CAPABILITIES)
def test_a_listed_exchange_is_one_of_ccxt_s_that_serves_candles(exchange):
    assert shipped()["exchanges"][exchange]["candles"]


@pytest.mark.parametrize("exchange", CAPABILITIES)
def test_what_is_known_counts_as_exact(exchange):
    known = capability(exchange)
    assert known.exact
    assert known.page_size >= 1
    assert known.trade_page >= 1
    assert known.paging("h").exact


@pytest.mark.parametrize(
    ("exchange", "candles", "order"),
    [  # from the exchanges' own documents
        ("binance", 1000, "ascending"),
        ("kraken", 720, "ascending"),
        ("coinbaseexchange", 300, "descending"),
        ("okx", 300, "descending"),
        ("bybit", 1000, "descending"),
        ("kucoin", 1500, "descending"),
        ("bitfinex", 10_000, "ascending"),
        ("bitstamp", 1000, "ascending"),
        ("gate", 1000, "ascending"),
    ],
)
def test_pages_are_as_documented(exchange, candles, order):
    known = capability(exchange)
    assert (known.page_size, known.order) == (candles, order)


def test_a_page_is_never_larger_than_ccxt_says_the_exchange_gives():
    for exchange, known in CAPABILITIES.items():
        client = getattr(ccxt, exchange)()
        spot = (client.features or {}).get("spot") or {}
        limit = (spot.get("fetchOHLCV") or {}).get("limit")
        client.session.close()
        if limit is not None:
            assert known.page_size <= max(limit, 1000), exchange


def test_only_kraken_s_weeks_begin_on_thursday():
    assert capability("kraken").paging("w").anchor == 0
    assert capability("kraken").paging("d").anchor is None
    assert capability("binance").paging("w").anchor is None


def test_candles_that_always_exist_are_claimed_for_binance_alone():
    dense = {name for name, known in CAPABILITIES.items() if known.dense}
    assert dense == {"binance", "binanceus", "binanceusdm"}


def test_an_unlisted_exchange_is_guessed_with_care():
    guess = capability("bitvavo")
    assert not guess.exact
    assert not guess.dense
    assert not guess.jumps
    assert not guess.newest_only
    assert guess.contract_volume is None
    assert guess.page_size == 100
    assert capability("bitvavo", page_size=1440).page_size == 1440


def test_what_is_known_outweighs_what_ccxt_says():
    assert capability("coinbase", page_size=5000).page_size == 300
