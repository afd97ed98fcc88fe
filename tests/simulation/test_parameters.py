from __future__ import annotations

import pickle
from dataclasses import replace

import pytest

from gekko_lab.errors import InvalidArgument, InvalidType
from gekko_lab.simulation import CURRENCIES, Currency, Parameters, SimulatedMarket

DOLLAR = Currency("USDT", volatility=0.0, quotes=True)
COIN = Currency("COIN", start=3.0)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"seed": 1.5}, InvalidType, "seed is 1.5"),
        ({"seed": True}, InvalidType, "whole number"),
        ({"seed": "7"}, InvalidType, "seed is '7'"),
        ({"volatility": "wild"}, InvalidArgument, "'low', 'moderate', 'high'"),
        ({"volatility": 2}, InvalidType, "volatility"),
        ({"trend": "bull"}, InvalidArgument, "'fibonacci', 'up', 'down', 'sideways'"),
        ({"currencies": [DOLLAR, COIN]}, InvalidType, "tuple of Currency"),
        ({"currencies": (DOLLAR, "BTC")}, InvalidType, "'BTC'"),
        ({"currencies": (DOLLAR, COIN, COIN)}, InvalidArgument, "COIN twice"),
        ({"currencies": (DOLLAR,)}, InvalidArgument, "at least two"),
        ({"currencies": ()}, InvalidArgument, "at least two"),
        ({"currencies": (COIN, DOLLAR)}, InvalidArgument, "quotes=True"),
        ({"currencies": (replace(COIN, quotes=True), DOLLAR)}, InvalidArgument, "volatility=0"),
    ],
)
def test_parameters_that_make_no_market_are_refused(changes, error, message):
    with pytest.raises(error, match=message):
        Parameters(**changes)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"code": "btc"}, InvalidArgument, "capital letters"),
        ({"code": "A/B"}, InvalidArgument, "no currency code"),
        ({"code": 5}, InvalidType, "code is 5"),
        ({"start": 0.0}, InvalidArgument, "start of COIN is 0.0"),
        ({"start": float("nan")}, InvalidArgument, "nan"),
        ({"start": "3"}, InvalidType, "use a number"),
        ({"volatility": -1.0}, InvalidArgument, "from 0 to 3"),
        ({"correlation": 1.1}, InvalidArgument, "from 0 to 1"),
        ({"activity": 0}, InvalidArgument, "activity of COIN"),
        ({"quotes": 1}, InvalidType, "True or False"),
    ],
)
def test_currencies_that_make_no_sense_are_refused(changes, error, message):
    with pytest.raises(error, match=message):
        replace(COIN, **changes)


def test_the_fingerprint_changes_with_everything_that_changes_the_data():
    ways = [
        Parameters(),
        Parameters(seed=1),
        Parameters(seed=-1),
        Parameters(volatility="low"),
        Parameters(trend="up"),
        Parameters(currencies=CURRENCIES[:5]),
        Parameters(currencies=(*CURRENCIES[:5], replace(CURRENCIES[5], activity=0.51))),
        Parameters(currencies=(*CURRENCIES[:5], replace(CURRENCIES[5], quotes=True))),
    ]
    assert len({way.fingerprint for way in ways}) == len(ways)


def test_the_fingerprint_is_pinned():
    assert Parameters(seed=7).fingerprint == "99f33106d1d89e12"


def test_whole_and_real_numbers_of_one_value_share_a_fingerprint():
    whole, real = (
        Parameters(currencies=(DOLLAR, replace(COIN, start=start))) for start in (3, 3.0)
    )
    assert whole.fingerprint == real.fingerprint


def test_a_market_travels_between_processes_by_its_parameters():
    market = SimulatedMarket(Parameters(seed=3, trend="down"))
    copy = pickle.loads(pickle.dumps(market))  # noqa: S301 - our own bytes
    assert copy.parameters == market.parameters
    assert "seed=3" in repr(copy)


def test_something_else_than_parameters_is_refused():
    with pytest.raises(InvalidType, match="Parameters"):
        SimulatedMarket(7)


def test_the_default_market_lists_what_people_look_for():
    rules = SimulatedMarket().rules
    for symbol in ("BTC/USDT", "ETH/BTC", "BTC/EUR", "XRP/BTC", "GAIANUT/GAIABOLT"):
        assert symbol in rules
    for symbol, rule in rules.items():
        assert rule.symbol == symbol == f"{rule.base}/{rule.quote}"
        assert rule.market_id == f"{rule.base}{rule.quote}"
        assert rule.base != rule.quote
        assert 1e-8 <= rule.tick_size <= 1.0
        assert 0.0 < rule.step_size == rule.min_amount <= 1.0
        assert rule.min_cost > 0.0
        assert (rule.type, rule.maker, rule.taker) == ("spot", 0.001, 0.001)
    with pytest.raises(TypeError):
        rules["BTC/USDT"] = None
