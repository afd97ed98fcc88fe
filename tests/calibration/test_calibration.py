"""A market that was simulated with other numbers is found again, and misfits are told.

A recording of some days is one calm or wild stretch of its market: volatility and activity wander
over weeks and years with a standard deviation of about a quarter. So the numbers of one recording
can't be known better than that; the mean of several recordings can, and what was recorded itself
is met closely each time.
"""

from __future__ import annotations

import pickle

import numpy as np
import polars as pl
import pytest

import gekko_lab
from gekko_lab.errors import DataError, InvalidArgument, InvalidType
from gekko_lab.frames.schemas import CANDLES, TIME

MINUTE = 60_000
START = 1_704_067_200_000
SEEDS = range(101, 106)
DAYS = {"since": "2024-03-01", "until": "2024-03-05"}
ALONE = (
    gekko_lab.Currency("USDT", volatility=0.0, correlation=0.0, activity=1.0, quotes=True),
    gekko_lab.Currency("BTC", 30_000.0, activity=1.0),
)


def recordings(preset, columns, **numbers):
    for seed in SEEDS:
        source = gekko_lab.ExchangeSimulator(preset, seed=seed, currencies=ALONE, **numbers)
        yield gekko_lab.fetch(source, "BTC/USDT", "1m", columns=columns, **DAYS)


def told(found, start):
    return found.report.filter(pl.col("moment").str.starts_with(start)).row(0, named=True)


@pytest.fixture(scope="module")
def thin():
    """Calibrations to a thin market, by candles alone."""
    numbers = {"annual_volatility": 1.2, "trades_per_minute": 4.0, "trade_value": 300.0}
    made = recordings("thin", "base", **numbers)
    return numbers, [gekko_lab.calibrate(each, symbol="BTC/USDT") for each in made]


@pytest.fixture(scope="module")
def busy():
    """Calibrations to a busy market, by candles with counts."""
    numbers = {"annual_volatility": 0.4, "trades_per_minute": 60.0, "trade_value": 2000.0}
    made = recordings("liquid", "full", spread=0.5, **numbers)
    found = [gekko_lab.calibrate(each, symbol="BTC/USDT") for each in made]
    return {**numbers, "spread": 0.5}, found


@pytest.mark.parametrize("kind", ["thin", "busy"])
def test_numbers_are_found_again_on_the_mean_of_some_recordings(kind, request):
    numbers, found = request.getfixturevalue(kind)
    # five recordings, each known to about 0.26 in the logarithm: three standard errors
    for name, truth in numbers.items():
        logs = np.log([each.parameters[name] / truth for each in found])
        assert abs(logs.mean()) < 3 * 0.26 / len(found) ** 0.5, name
        assert np.abs(logs).max() < 3 * 0.26 + 0.1, name


@pytest.mark.parametrize("kind", ["thin", "busy"])
def test_what_is_fitted_meets_what_was_recorded(kind, request):
    _, found = request.getfixturevalue(kind)
    for each in found:
        assert told(each, "volatility a year, of the usual")["ratio"] == pytest.approx(
            1.0, abs=0.05
        )
        assert told(each, "mean turnover")["ratio"] == pytest.approx(1.0, abs=0.06)
        assert told(each, "first price")["ratio"] == pytest.approx(1.0, abs=0.005)
        assert told(each, "tick size")["ratio"] == pytest.approx(1.0)
        spread = told(each, "spread")
        assert spread["simulated"] == pytest.approx(spread["recorded"], abs=0.1)


def test_a_market_of_the_same_kind_is_close_in_nearly_all_moments(thin, busy):
    # one of 20 is off by chance
    for _, found in (thin, busy):
        judged = [each.report["close"].drop_nulls() for each in found]
        assert all(len(each) >= 25 for each in judged)
        assert sum(each.sum() for each in judged) >= 0.92 * sum(map(len, judged))


def test_the_preset_follows_from_how_much_is_traded(thin, busy):
    assert {each.preset for each in thin[1]} == {"thin"}
    assert {each.preset for each in busy[1]} == {"liquid"}


def test_counts_of_trades_are_better_than_guesses(thin):
    _, found = thin
    source = gekko_lab.ExchangeSimulator(
        "thin", seed=101, currencies=ALONE, annual_volatility=1.2, trades_per_minute=4.0
    )
    candles = gekko_lab.fetch(source, "BTC/USDT", "1m", **DAYS)
    trades = gekko_lab.fetch_trades(source, "BTC/USDT", **DAYS)
    counted = gekko_lab.calibrate(candles, symbol="BTC/USDT", trades=trades)
    row = told(counted, "mean trades")
    assert row["recorded"] == pytest.approx(len(trades) / len(candles), rel=0.01)
    assert row["ratio"] == pytest.approx(1.0, abs=0.06)
    assert counted.parameters["trades_per_minute"] == pytest.approx(
        found[0].parameters["trades_per_minute"], rel=0.3
    )
    assert told(found[0], "mean trades")["recorded"] is None


def test_quotes_of_great_value_are_counted_in_small_units(brownian):
    prices = CANDLES.names()[1:5]
    dear = brownian.with_columns(pl.col(prices).truediv(1e4).round(8))
    found = gekko_lab.calibrate(dear, symbol="XRP/BTC")
    quote = found.parameters["currencies"][0]
    assert quote.code == "BTC"
    assert quote.start >= 1e3
    trades = gekko_lab.fetch_trades(found.simulator, "XRP/BTC", since="2024-01-01", limit=1000)
    assert trades["amount"].n_unique() > 300
    assert told(found, "mean turnover")["ratio"] == pytest.approx(1.0, abs=0.06)


def test_a_rhythm_and_bursts_beyond_chance_are_fitted():
    strong = gekko_lab.ExchangeSimulator(
        "liquid", seed=5, currencies=ALONE, season=2.5, shocks_per_day=1.0, shock_size=1.5
    )
    candles = gekko_lab.fetch(strong, "BTC/USDT", "1m", since="2024-03-01", until="2024-03-15")
    found = gekko_lab.calibrate(candles).parameters
    assert found["season"] == pytest.approx(2.5, abs=0.8)
    assert found["shock_size"] > 0.9
    assert found["shocks_per_day"] > 0.5


def test_geometric_brownian_motion_is_told_apart(brownian):
    found = gekko_lab.calibrate(brownian)
    assert found.parameters["annual_volatility"] == pytest.approx(
        3e-4 * (10 * 525_960) ** 0.5, rel=0.35
    )
    assert told(found, "volatility a year, of the usual")["close"]
    for moment in (
        "kurtosis",
        "far over mean",
        "Hill index of abs. returns",
        "autocorrelation of abs. returns, lag 1",
        "autocorrelation of abs. returns, lag 10",
        "rank correlation of volume and range",
        "autocorrelation of log volume",
    ):
        row = told(found, moment)
        assert row["close"] is False, moment
        assert row["moment"] in repr(found)
    assert "can't do more" in told(found, "far over mean")["note"]


@pytest.fixture(scope="module")
def brownian():
    """Five days of a random walk, ten steps a minute, independent lognormal volumes."""
    rng = np.random.default_rng(1)
    walk = np.log(100.0) + np.cumsum(rng.normal(0.0, 3e-4, 7_200 * 10)).reshape(-1, 10)
    prices = np.exp(walk).round(4)
    columns = {
        "timestamp": (pl.Series(START + MINUTE * np.arange(len(prices))) * 1000).cast(TIME),
        "open": prices[:, 0],
        "high": prices.max(axis=1),
        "low": prices.min(axis=1),
        "close": prices[:, -1],
        "volume": rng.lognormal(0.0, 1.0, len(prices)),
    }
    return pl.DataFrame(columns, schema=CANDLES)


class TestResult:
    def test_its_parameters_make_its_simulator(self, thin):
        found = thin[1][0]
        again = gekko_lab.ExchangeSimulator(found.preset, **found.parameters)
        assert again.identity == found.simulator.identity
        assert gekko_lab.fetch(found.simulator, "BTC/USDT", "1m", limit=5, until="2024").height == 5
        assert gekko_lab.fetch_order_book(found.simulator, "BTC/USDT", at="2024").height == 40

    def test_it_is_the_same_every_time_and_the_seed_is_the_simulator_s(self, brownian):
        asked = {"symbol": "XRP/ETH", "seed": 4}
        one, other = (gekko_lab.calibrate(brownian, **asked) for _ in range(2))
        assert one.simulator.identity == other.simulator.identity
        assert one.report.equals(other.report)
        assert one.simulator.parameters.seed == 4

    def test_pandas_is_as_good(self, brownian):
        frame = gekko_lab.frames.convert.to_pandas(brownian)
        one, other = gekko_lab.calibrate(frame), gekko_lab.calibrate(brownian)
        assert one.report.equals(other.report)

    def test_a_preset_can_be_given(self, brownian):
        found = gekko_lab.calibrate(brownian, preset="stress")
        assert repr(found).startswith("<Calibration of BASE/QUOTE: 'stress' with annual_volatility")

    def test_it_can_be_pickled(self, thin):
        found = thin[1][0]
        copy = pickle.loads(pickle.dumps(found))  # noqa: S301 (our own)
        assert copy.report.equals(found.report)
        assert copy.simulator.identity == found.simulator.identity

    def test_longer_candles_do(self):
        source = gekko_lab.ExchangeSimulator(seed=3, currencies=ALONE)
        rows = gekko_lab.fetch(source, "BTC/USDT", "15m", since="2024-01-01", limit=1000)
        found = gekko_lab.calibrate(rows)
        assert told(found, "volatility a year, of the usual")["ratio"] == pytest.approx(
            1.0, abs=0.05
        )
        assert found.parameters["annual_volatility"] == pytest.approx(0.7, rel=0.6)


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ({"symbol": "XRPETH"}, InvalidArgument, "write base and quote"),
        ({"symbol": "xrp/eth"}, InvalidArgument, "no currency code"),
        ({"symbol": 7}, InvalidType, "symbol=7"),
        ({"preset": "huge"}, InvalidArgument, "preset is 'huge'"),
        ({"seed": "x"}, InvalidType, "seed='x'"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_made(brownian, given, error, text):
    with pytest.raises(error, match=text):
        gekko_lab.calibrate(brownian, **given)


def test_a_price_that_the_simulator_cannot_have_is_told(brownian):
    prices = CANDLES.names()[1:5]
    tiny = brownian.with_columns(pl.col(prices).truediv(1e8).round(12))
    found = gekko_lab.calibrate(tiny, symbol="PEPE/BTC")
    row = told(found, "first price")
    assert row["ratio"] == pytest.approx(10.0, rel=0.5)
    assert row["close"] is False
    assert "can't do more" in row["note"]
    assert told(found, "volatility a year, of the usual")["close"]


def test_prices_that_never_move_have_nothing_to_fit(brownian):
    still = brownian.with_columns(pl.lit(5.0).alias(name) for name in CANDLES.names()[1:5])
    with pytest.raises(DataError, match="hardly move"):
        gekko_lab.calibrate(still)
