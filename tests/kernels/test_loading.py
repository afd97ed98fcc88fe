"""When compiled loops are loaded, and that nobody waits for a compiler who asks for little."""

from __future__ import annotations

import subprocess
import sys
import time
from importlib import import_module

import pytest

import gekko_lab
from gekko_lab import kernels


@pytest.fixture
def loops(monkeypatch):
    """Loops that nothing has loaded yet; loading them is written down instead."""
    fresh = kernels._Loops()
    fresh.times = []
    fresh.load = lambda: (fresh.times.append(1), setattr(fresh, "loaded", True))
    monkeypatch.setattr(kernels, "_loops", fresh)
    return fresh


@pytest.fixture
def compiled(monkeypatch):
    """Let the machine have compiled the loops, or not."""

    def decide(known):
        monkeypatch.setattr(kernels, "are_compiled", lambda: known)

    return decide


def test_little_work_loads_nothing(loops, compiled):
    compiled(True)
    assert not any(kernels.wanted(0.01) for _ in range(50))
    assert not loops.times


def test_loops_that_are_compiled_are_loaded_once_they_have_been_missed(loops, compiled):
    compiled(True)
    assert not kernels.wanted(0.6)
    assert kernels.wanted(0.6)
    assert kernels.wanted(0.0)
    assert len(loops.times) == 1


class Compiler:
    """A process that compiles until it is told to end."""

    def __init__(self):
        self.code = None

    def poll(self):
        return self.code


def test_others_are_compiled_elsewhere_while_numpy_works(loops, compiled, monkeypatch):
    compiled(False)
    started = []
    monkeypatch.setattr(
        kernels, "_start_compiler", lambda: started.append(Compiler()) or started[0]
    )
    assert not kernels.wanted(3.0)
    assert not started
    assert not any(kernels.wanted(4.0) for _ in range(3))
    assert len(started) == 1
    assert not loops.times
    started[0].code = 0
    assert kernels.wanted(0.0)
    assert len(loops.times) == 1


def test_a_compiler_that_failed_is_not_asked_again(loops, compiled, monkeypatch):
    compiled(False)
    started = []
    monkeypatch.setattr(
        kernels, "_start_compiler", lambda: started.append(Compiler()) or started[0]
    )
    kernels.wanted(10.0)
    started[0].code = 1
    assert not any(kernels.wanted(10.0) for _ in range(3))
    assert len(started) == 1
    assert not loops.times


def test_the_compiler_compiles_and_is_announced_where_progress_is(capsys):
    with gekko_lab.options(progress="on"):
        compiler = kernels._start_compiler()
    assert "gekko-lab warmup does it ahead" in capsys.readouterr().err
    assert compiler.wait(timeout=120) == 0
    assert kernels.are_compiled()
    with gekko_lab.options(progress="off"):
        kernels._start_compiler().wait(timeout=120)
    assert not capsys.readouterr().err


def test_the_option_decides(loops, compiled):
    compiled(True)
    with gekko_lab.options(compile="off"):
        assert not kernels.wanted(100.0)
    assert not loops.times
    with gekko_lab.options(compile="on"):
        assert kernels.wanted(0.0)
    assert loops.times


def test_every_module_of_loops_can_be_warmed_up():
    for name in kernels.LOOPS:
        import_module(f"gekko_lab.kernels.{name}").warm_up()
    assert kernels.are_compiled()


def test_a_loop_is_forgotten_when_another_source_is_newer(tmp_path, monkeypatch):
    cache = tmp_path / "__pycache__"
    cache.mkdir()
    version = "".join(map(str, sys.version_info[:2]))
    old, new = (cache / f"{name}.f-1.py{version}.nbi" for name in ("old", "new"))
    old.touch()
    time.sleep(0.02)
    (tmp_path / "called.py").touch()
    time.sleep(0.02)
    new.touch()
    monkeypatch.setattr(kernels, "_HOME", tmp_path)
    kernels._forget_stale()
    assert new.exists()
    assert not old.exists()


def test_a_default_fetch_and_an_hour_of_trades_do_without_numba():
    code = """
import sys, gekko_lab
gekko_lab.fetch("simulator", "BTC/USDT", progress="off")
gekko_lab.fetch_trades("simulator", "BTC/USDT", since="2024-01-01", until="2024-01-01T01:00")
gekko_lab.fetch_order_book("simulator", "BTC/USDT", at="2024-01-01")
assert "numba" not in sys.modules
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=60)
