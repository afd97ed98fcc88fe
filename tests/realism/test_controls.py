"""The report tells real from unreal: known random walks fail where real markets pass."""

from __future__ import annotations

import polars as pl
import pytest

from gekko_lab import realism_report
from gekko_lab.market.timeframe import DAY, Timeframe
from gekko_lab.simulation import Parameters, SimulatedMarket

T0 = 1_704_067_200_000


def failed(report):
    return set(report.filter(pl.col("passed") == False)["fact"])  # noqa: E712 (nulls aren't)


def passes(report):
    return report.filter(needs="candles")["passed"].sum()


@pytest.fixture(scope="module")
def simulated():
    market = SimulatedMarket(Parameters(seed=1))
    until = T0 + 14 * DAY
    return realism_report(
        market.candles("BTC/USDT", Timeframe.parse("1m"), T0, until),
        market.trades("BTC/USDT", T0, T0 + DAY),
    )


def test_geometric_brownian_motion_fails(brownian):
    tails_memory_season = {"1", "2b", "6a", "6b", "6c", "7", "8", "9a", "11a", "11b", "14a", "14b"}
    assert failed(realism_report(brownian)) >= tails_memory_season


def test_garch_fails(garch):
    report = realism_report(garch)
    forgets_and_has_no_season = {"1", "6b", "6c", "7", "8", "11a", "11b", "12b", "14a", "14b"}
    assert failed(report) >= forgets_and_has_no_season


def test_the_original_simulator_fails(gekko_m4):
    report = realism_report(*gekko_m4)
    tails_and_memory = {"1", "3", "4", "5", "6a", "6b", "7", "8", "10a", "10b"}
    volumes_and_sizes = {"11a", "11b", "12a", "12b", "13", "14b", "21b", "24a", "24b", "24c", "27b"}
    assert failed(report) >= tails_and_memory | volumes_and_sizes


def test_the_simulated_market_does_clearly_better(simulated, brownian, garch, gekko_m4):
    controls = [realism_report(brownian), realism_report(garch), realism_report(*gekko_m4)]
    assert passes(simulated) >= 23
    assert passes(simulated) >= max(passes(control) for control in controls) + 7
    assert not failed(simulated) & {"1", "3", "6a", "6b", "6c", "7"}
    assert simulated.filter(needs="trades")["passed"].sum() >= 16
