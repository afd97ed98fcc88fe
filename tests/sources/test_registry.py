"""From a name to a source: the simulator, plugins, ccxt's exchanges."""

from __future__ import annotations

import threading
import time
from importlib.metadata import EntryPoint

import pytest

import gekko_lab
from gekko_lab.errors import InvalidType, MissingDependency, SourceError, UnknownExchange
from gekko_lab.sources import registry
from gekko_lab.sources.registry import find_source


class Home(gekko_lab.ExchangeSimulator):
    """A plugin's source."""

    exchange = "home"


class Broken:
    def __init__(self):
        raise ZeroDivisionError("no key file")


class Lacking:
    def __init__(self):
        raise MissingDependency("install gekko-home[fast]")


@pytest.fixture
def plugins(monkeypatch):
    """Offer classes of this module as plugins, by name."""

    def offer(**named):
        points = {}
        for name, value in named.items():
            module = type(registry)(f"plugin_of_{name}")
            module.source = value
            monkeypatch.setitem(__import__("sys").modules, module.__name__, module)
            points[name] = EntryPoint(name, f"{module.__name__}:source", registry.ENTRY_POINTS)
        monkeypatch.setattr(
            registry,
            "entry_points",
            lambda *, group: list(points.values()) if group == "gekko_lab.sources" else [],
        )

    registry._named.cache_clear()
    yield offer
    registry._named.cache_clear()


def test_the_simulator_is_found_by_name():
    assert isinstance(find_source("simulator"), gekko_lab.ExchangeSimulator)


def test_an_exchange_of_ccxt_is_found_by_its_id():
    source = find_source("kraken")
    assert isinstance(source, gekko_lab.CcxtMarketData)
    assert source.exchange == "kraken"


def test_a_source_is_given_back_as_it_is():
    source = gekko_lab.ExchangeSimulator(seed=5)
    assert find_source(source) is source


@pytest.mark.parametrize("exchange", ["simulator", "binance"])
def test_the_same_name_gives_the_same_source(exchange):
    assert find_source(exchange) is find_source(exchange)


def test_threads_that_ask_at_once_get_one_source(plugins):
    made = []

    def slow():
        made.append(1)
        time.sleep(0.02)
        return Home()

    plugins(home=slow)
    start = threading.Barrier(6)
    found = []

    def ask():
        start.wait()
        found.append(find_source("home"))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(source) for source in found}) == 1  # so there is one rate limit, too
    assert len(made) == 1


@pytest.mark.parametrize("wrong", [None, 5, gekko_lab.ExchangeSimulator, object(), b"binance"])
def test_what_is_neither_name_nor_source_is_refused(wrong):
    with pytest.raises(InvalidType, match="neither the name of an exchange nor a source"):
        find_source(wrong)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("binanse", "'binance'"), ("Kraken", "'kraken'"), ("simulater", "'simulator'")],
)
def test_an_unknown_name_is_answered_with_the_nearest(typed, meant):
    with pytest.raises(UnknownExchange, match=meant) as told:
        find_source(typed)
    assert "gekko_lab.exchanges()" in str(told.value)
    assert isinstance(told.value, LookupError)


def test_a_name_like_no_other_gets_no_suggestion():
    with pytest.raises(UnknownExchange) as told:
        find_source("")
    assert "Did you mean" not in str(told.value)


def test_a_plugin_is_found_by_its_name_and_fetched_from(plugins):
    plugins(home=Home)
    assert isinstance(find_source("home"), Home)
    asked = {"until": "2024-01-01", "limit": 2}
    candles = gekko_lab.fetch("home", "BTC/USDT", **asked)
    assert candles.equals(gekko_lab.fetch("simulator", "BTC/USDT", **asked))


def test_a_plugin_is_listed_behind_the_simulator(plugins):
    plugins(home=Home, abode=Home)
    table = gekko_lab.exchanges()
    assert table["exchange"].to_list()[:3] == ["simulator", "abode", "home"]
    assert table.row(1, named=True) == {
        "exchange": "abode",
        "name": "plugin_of_abode:source",
        "kind": "plugin",
        "candles": None,
        "trades": None,
        "paging": None,
    }
    assert set(table["kind"]) == {"simulated", "plugin", "live"}


def test_a_plugin_that_can_not_be_loaded_says_why(plugins):
    plugins(home=Broken)
    with pytest.raises(
        SourceError, match=r"plugin_of_home.*'home' can't be loaded: no key"
    ) as told:
        find_source("home")
    assert isinstance(told.value.__cause__, ZeroDivisionError)


def test_a_plugin_of_a_module_that_is_not_there_says_so(monkeypatch, plugins):
    plugins()
    point = EntryPoint("home", "no_such_module:source", registry.ENTRY_POINTS)
    monkeypatch.setattr(registry, "entry_points", lambda *, group: [point] if group else [])
    with pytest.raises(SourceError, match="No module named 'no_such_module'"):
        find_source("home")


def test_a_plugin_s_own_words_are_passed_on(plugins):
    plugins(home=Lacking)
    with pytest.raises(MissingDependency, match=r"gekko-home\[fast\]"):
        find_source("home")


@pytest.mark.parametrize(
    "offered", [dict, lambda: Home, lambda: None], ids=["other", "class", "none"]
)
def test_a_plugin_that_offers_no_source_is_told_how_to_check_it(plugins, offered):
    plugins(home=offered)
    with pytest.raises(SourceError, match=r"isn't a source; .*contract\.check_source"):
        find_source("home")


def test_a_plugin_can_not_take_the_name_of_a_known_exchange(plugins):
    plugins(simulator=Broken, binance=Broken)
    assert type(find_source("simulator")) is gekko_lab.ExchangeSimulator
    assert isinstance(find_source("binance"), gekko_lab.CcxtMarketData)
    assert "plugin" not in gekko_lab.exchanges()["kind"].to_list()


def test_a_plugin_is_among_the_suggestions(plugins):
    plugins(myhouse=Home)
    with pytest.raises(UnknownExchange, match="'myhouse'"):
        find_source("myhous")


def test_a_preset_of_the_simulator_is_found_by_its_name():
    source = find_source("simulator:thin")
    assert source.identity == gekko_lab.ExchangeSimulator("thin").identity
    assert source is find_source("simulator:thin")


def test_an_unknown_preset_is_answered_with_all():
    with pytest.raises(UnknownExchange, match=r"no preset 'thick'.*'simulator:thin'"):
        find_source("simulator:thick")
