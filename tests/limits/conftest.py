"""A clock that passes when someone sleeps, and small budgets."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from gekko_lab.limits import clock, table
from gekko_lab.limits.clock import SECOND, Clock
from gekko_lab.limits.ledger import Ledger
from gekko_lab.limits.limit import Limit, Service, Weight

BEGIN = 1_704_067_200 * SECOND


@pytest.fixture
def hands(monkeypatch):
    """The clock of all budgets that are made from now on."""
    state = SimpleNamespace(now=BEGIN, slept=[])

    def sleep(seconds):
        if seconds > 1e-6:  # what rounding to nanoseconds leaves is no wait
            state.slept.append(seconds)
        state.now += round(seconds * SECOND)

    state.sleep = sleep

    def wait(seconds):
        state.sleep(seconds)  # which a test may replace

    monkeypatch.setattr(clock, "WALL", Clock(lambda: state.now, wait))
    return state


@pytest.fixture
def ledgers(tmp_path):
    """Ledgers that know nothing of each other but the file, as those of two processes."""
    opened = []

    def start(folder=None, **options):
        opened.append(Ledger(folder or tmp_path / "state", **options))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


@pytest.fixture
def serve_at(monkeypatch):
    """Give hosts limits of their own."""

    def start(*limits, host="api.test", weights=None, **options):
        made = Service(
            name="test",
            hosts=(host,),
            exchanges=("binance",),
            limits=limits or (Limit("weight", 100, 10),),
            weights=weights or {f"/{cost}": Weight(cost) for cost in range(1, 60)},
            source="here",
            **options,
        )
        monkeypatch.setattr(table, "SERVICES", (made,))
        return made

    return start
