"""A market's rules are plain values."""

from __future__ import annotations

import dataclasses
import pickle

import pytest

from gekko_lab.market.rules import MarketRules


@pytest.fixture
def rules():
    return MarketRules(symbol="BTC/USDT", market_id="BTCUSDT", base="BTC", quote="USDT")


def test_what_is_not_told_is_unknown(rules):
    known = {"symbol", "market_id", "base", "quote", "type", "active"}
    told = {name: value for name, value in dataclasses.asdict(rules).items() if value is not None}
    assert set(told) == known
    assert (rules.type, rules.active) == ("spot", True)


def test_rules_cannot_be_changed_in_place(rules):
    with pytest.raises(dataclasses.FrozenInstanceError):
        rules.tick_size = 0.01
    finer = dataclasses.replace(rules, tick_size=0.01)
    assert finer.tick_size == 0.01
    assert rules.tick_size is None


def test_equal_rules_are_equal_and_travel_between_processes(rules):
    assert pickle.loads(pickle.dumps(rules)) == rules  # noqa: S301
    assert len({rules, dataclasses.replace(rules)}) == 1


def test_rules_are_given_by_name():
    with pytest.raises(TypeError):
        MarketRules("BTC/USDT", "BTCUSDT", "BTC", "USDT")
