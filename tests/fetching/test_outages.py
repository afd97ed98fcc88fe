"""Outages told from candles that two answers of Binance lost alike."""

from __future__ import annotations

import json
import warnings

import polars as pl
import pytest
import requests

import gekko_lab
from gekko_lab.errors import GapWarning
from gekko_lab.frames.schemas import CANDLES
from gekko_lab.market.timeframe import Timeframe

SYMBOL = "BTC/USDT"
NOW = "2024-03-09T00:00:30"
RANGE = {"since": "2024-03-05", "until": "2024-03-08"}
PAGES = 5


class Losing(requests.Session):
    """Leaves minutes out of all answers."""

    def __init__(self):
        super().__init__()
        self.lost = set()

    def request(self, method, url, **settings):
        response = super().request(method, url, **settings)
        if "interval=1m&" in url:
            rows = [row for row in response.json() if row[0] not in self.lost]
            response._content = json.dumps(rows).encode()
        return response


@pytest.fixture(scope="module")
def minutes(market, ms):
    return market.candles(SYMBOL, Timeframe.parse("1m"), ms("2024-03-04"), ms(NOW)).select(
        CANDLES.names()
    )


@pytest.fixture
def truth(minutes, ms):
    time = pl.col("timestamp").dt.epoch("ms")
    return minutes.filter((time >= ms(RANGE["since"])) & (time < ms(RANGE["until"])))


def fetched(source):
    """Give the candles, and the reasons why some lack."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", GapWarning)
        frame = gekko_lab.fetch(source, SYMBOL, "1m", **RANGE)
    return frame, [row for each in told for row in each.message.report.rows(named=True)]


def pages(server):
    return [each.query["interval"] for each in server.requests if each.path.endswith("klines")]


def test_candles_that_no_answer_gives_are_no_outage_and_are_asked_for_again(
    served_as, minutes, truth
):
    session = Losing()
    session.lost = set(truth["timestamp"].dt.epoch("ms")[2000:2003])
    server, source = served_as("binance", minutes, NOW, session=session)
    with session:
        frame, gaps = fetched(source)
        assert len(frame) == len(truth) - 3
        assert [(gap["reason"], gap["missing"]) for gap in gaps] == [("unknown", 3)]
        session.lost = set()
        again, gaps = fetched(source)
    assert again.equals(truth)
    assert not gaps
    assert pages(server).count("12h") <= 2


def test_an_outage_costs_one_longer_page_and_is_asked_for_never_again(served_as, minutes, truth):
    held = pl.concat([truth[:2000], truth[2300:]])
    market = minutes.filter(pl.col("timestamp").is_in(truth["timestamp"][2000:2300]).not_())
    server, source = served_as("binance", market, NOW)
    frame, gaps = fetched(source)
    assert frame.equals(held)
    assert [(gap["reason"], gap["missing"]) for gap in gaps] == [("outage", 300)]
    assert pages(server).count("12h") == 1
    before = len(server.requests)
    frame, gaps = fetched(source)
    assert frame.equals(held)
    assert [(gap["reason"], gap["missing"]) for gap in gaps] == [("outage", 300)]
    assert len(server.requests) == before


def test_complete_pages_cost_nothing(served_as, minutes, truth):
    server, source = served_as("binance", minutes, NOW)
    frame, gaps = fetched(source)
    assert frame.equals(truth)
    assert not gaps
    assert pages(server) == ["1m"] * PAGES
