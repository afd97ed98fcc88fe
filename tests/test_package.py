"""What `import gekko_lab` gives, and what it leaves alone until it is needed."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import inspect
import json
import subprocess
import sys
import types

import pytest

import gekko_lab

HEAVY = {
    *("ccxt", "pandas", "polars", "numpy", "plotly", "ipywidgets", "joblib", "numba", "aiohttp"),
    *("requests", "pyarrow", "anywidget", "traitlets"),
}


def modules_after(code):
    """Give the top-level modules that a fresh interpreter has loaded after that code."""
    script = f"import json, sys\n{code}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return {name.split(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


def test_the_import_loads_nothing_heavy():
    assert not HEAVY & modules_after("import gekko_lab")


def test_simulated_candles_need_neither_an_exchange_nor_pandas():
    code = """
import gekko_lab
asked = {"until": "2024-01-01", "limit": 3}
assert len(gekko_lab.fetch("simulator", "BTC/USDT", progress="off", **asked)) == 3
assert len(gekko_lab.fetch_trades("simulator", "BTC/USDT", progress="off", **asked)) == 3
gekko_lab.exchanges(), gekko_lab.symbols("simulator"), gekko_lab.timeframes("simulator")
"""
    unwanted = {"ccxt", "pandas", "plotly", "aiohttp", "requests", "ipywidgets", "joblib"}
    assert not unwanted & modules_after(code)


def test_the_data_log_needs_no_pandas(tmp_path):
    code = f"""
import gekko_lab
gekko_lab.options.data_dir = {str(tmp_path)!r}
asked = {{"since": "2024-01-01", "until": "2024-03-01", "progress": "off", "log": True}}
candles = gekko_lab.fetch("simulator", "BTC/USDT", "1m", **asked)
asked["log"] = None
assert gekko_lab.fetch("replay:simulator", "BTC/USDT", "1m", **asked).equals(candles)
assert gekko_lab.datalog.catalog()["rows"].item() == len(candles)
"""
    assert not {"pandas", "ccxt"} & modules_after(code)


def test_an_exchange_can_be_named_and_shown_without_ccxt():
    code = "import gekko_lab; repr(gekko_lab.CcxtMarketData('binance')).encode()"
    assert "ccxt" not in modules_after(code)


@pytest.mark.parametrize("name", gekko_lab.__all__)
def test_every_public_name_resolves_and_is_documented(name):
    value = getattr(gekko_lab, name)
    assert inspect.getdoc(value)
    assert name in dir(gekko_lab)


def test_the_public_names_are_sorted_and_each_is_there_once():
    assert gekko_lab.__all__ == sorted(set(gekko_lab.__all__))
    assert set(dir(gekko_lab)) == {*gekko_lab.__all__, "__version__"}


def test_no_public_name_is_also_a_module():
    """Otherwise importing the module would put it in place of the function."""
    for name in gekko_lab.__all__:
        value = getattr(gekko_lab, name)
        if not isinstance(value, types.ModuleType):
            assert importlib.util.find_spec(f"gekko_lab.{name}") is None, name


def test_names_stay_what_they_are_when_every_module_is_loaded():
    code = """
import importlib, pkgutil
import gekko_lab
for module in pkgutil.walk_packages(gekko_lab.__path__, "gekko_lab."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
import types
names = [n for n in gekko_lab.__all__ if isinstance(getattr(gekko_lab, n), types.ModuleType)]
assert names == ["errors"], names
"""
    modules_after(code)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'gekko_lab' has no attribute 'fetsch'"):
        gekko_lab.fetsch  # noqa: B018
    assert not hasattr(gekko_lab, "utils")


def test_the_version_is_the_installed_one():
    assert gekko_lab.__version__ == importlib.metadata.version("gekko-lab")


def test_packages_that_the_docs_name_resolve_without_an_import():
    code = """
import gekko_lab
gekko_lab.server.serve, gekko_lab.sources, gekko_lab.simulation, gekko_lab.datalog.load
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
