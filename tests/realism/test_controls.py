"""The report tells real from unreal: known random walks fail where real markets pass."""

from __future__ import annotations

import polars as pl
import pytest

from gekko_lab import Currency, realism_report, simulate
from gekko_lab.market.timeframe import DAY, Timeframe
from gekko_lab.simulation import Parameters, SimulatedMarket

T0 = 1_704_067_200_000
COIN = (Parameters().currencies[0], Currency("COIN", 100.0, correlation=1.0, activity=1.0))


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


@pytest.fixture(scope="module")
def processes():
    """Two weeks of each process to compare with, through the simulator's own call."""
    asked = {"since": "2024-01-01", "until": "2024-01-15", "currencies": COIN, "spread": 0.0}
    return {
        process: simulate("COIN/USDT", "1m", process=process, **asked).drop("seed", "symbol")
        for process in ("gbm", "garch", "multiscale")
    }


def test_brownian_motion_of_the_simulator_fails(processes):
    report = realism_report(processes["gbm"])
    assert failed(report) >= {"1", "2b", "6a", "6b", "6c", "7", "8", "9a", "11a", "14a", "14b"}
    kurtosis = report.filter(fact="1")["value"].item()
    assert abs(kurtosis) < 0.15


def test_garch_of_the_simulator_remembers_for_minutes_only(processes):
    report = realism_report(processes["garch"])
    assert failed(report) >= {"6b", "6c", "7", "8", "11b", "14a", "14b"}
    values = dict(report.select("fact", "value").iter_rows())
    # A GARCH(1,1) with 0.1 and 0.85 has kurtosis 3 (1 - 0.95^2) / (1 - 0.95^2 - 2 * 0.1^2), and
    # autocorrelations of squared returns that lose a twentieth each minute (Bollerslev 1986).
    assert values["1"] == pytest.approx(3 * 0.0975 / 0.0775 - 3, abs=0.5)
    assert values["6a"] > 4 * values["6c"]


def test_all_processes_move_as_much(processes):
    moves = {name: frame["close"].log().diff().std() for name, frame in processes.items()}
    assert moves["gbm"] == pytest.approx(0.7 / (365.25 * 1440) ** 0.5, rel=0.05)
    assert moves["garch"] == pytest.approx(moves["gbm"], rel=0.1)
    assert moves["multiscale"] == pytest.approx(moves["gbm"], rel=0.5)


@pytest.mark.parametrize("process", ["gbm", "garch"])
def test_trades_of_a_process_add_up_to_its_candles(process):
    market = SimulatedMarket(Parameters(process=process))
    candles = market.candles("ETH/USDT", Timeframe.parse("1m"), T0, T0 + DAY // 4)
    trades = market.trades("ETH/USDT", T0, T0 + DAY // 4)
    report = realism_report(candles, trades.with_columns(pl.col("id").cast(str)))
    assert report.filter(fact="33")["value"].item() == 0.0
