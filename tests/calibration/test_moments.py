"""Moments are what their names say, on candles whose numbers are known."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from gekko_lab.calibration import moments
from gekko_lab.frames.schemas import CANDLES, TIME

MINUTE = 60_000
START = 1_704_067_200_000
DAYS = 10


def walk_of(sizes, volume=2.0, width=MINUTE):
    """Candles of a random walk with the given standard deviation of each return."""
    rng = np.random.default_rng(3)
    close = np.exp(np.cumsum(rng.normal(0.0, 1.0, len(sizes)) * sizes))
    open_ = np.append(1.0, close[:-1])
    columns = {
        "timestamp": (pl.Series(START + width * np.arange(len(sizes))) * 1000).cast(TIME),
        "open": open_,
        "high": np.maximum(open_, close),
        "low": np.minimum(open_, close),
        "close": close,
        "volume": np.full(len(sizes), volume),
    }
    frame = pl.DataFrame(columns, schema=CANDLES)
    return frame.with_columns(trade_count=pl.lit(None, pl.Int64))


@pytest.mark.parametrize("width", [1, 5, 60])
def test_volatility_is_a_year_s_whatever_the_width(width):
    count = DAYS * 1440 // width
    sizes = np.full(count, 0.8 / np.sqrt(365.25 * 1440 / width))
    found = moments.essentials(walk_of(sizes, width=width * MINUTE), width * MINUTE)
    # relative standard error of a volatility: 1/sqrt(2n), n at least 240 returns
    assert found["annual"] == pytest.approx(0.8, rel=3 / np.sqrt(2 * count))
    assert found["usual"] == pytest.approx(
        0.8, rel=3 / np.sqrt(2 * DAYS * min(24 * 12, count / DAYS))
    )


def test_one_wild_day_does_not_change_the_usual_one():
    sizes = np.full(DAYS * 1440, 1e-3)
    calm = moments.essentials(walk_of(sizes), MINUTE)
    sizes[2 * 1440 : 3 * 1440] *= 10.0
    wild = moments.essentials(walk_of(sizes), MINUTE)
    # one day of ten is ten times as volatile: 10**0.1 in the geometric mean, sqrt(10.9) else
    assert wild["usual"] / calm["usual"] == pytest.approx(10**0.1, rel=0.01)
    assert wild["annual"] / calm["annual"] == pytest.approx(10.9**0.5, rel=0.05)


@pytest.mark.parametrize("strength", [0.0, 1.0, 2.5])
def test_the_season_s_strength_is_that_of_the_simulated_rhythm(strength):
    turn = (np.arange(DAYS * 1440) % 1440) / 1440 - 15 / 24
    rhythm = 0.25 * np.cos(2 * np.pi * turn) + 0.08 * np.cos(4 * np.pi * turn)
    found = moments.essentials(walk_of(1e-3 * np.exp(strength * rhythm)), MINUTE)
    # log of an hourly mean of 600 abs. returns has an error of 0.75/sqrt(600) = 0.03; its
    # projection on 24 hours of a rhythm with standard deviation 0.19 one of 0.03
    assert found["season"] == pytest.approx(strength, abs=0.1)


def test_turnover_counts_and_quiet_candles_are_plain_means():
    frame = walk_of(np.full(2000, 1e-3)).with_columns(
        volume=pl.when(pl.int_range(pl.len()) % 4 == 0).then(0.0).otherwise(3.0),
        trade_count=(pl.int_range(pl.len()) % 4) * 2,
    )
    found = moments.essentials(frame, MINUTE)
    assert found["quiet"] == 0.25
    assert found["count"] == 3.0
    assert found["cost"] == pytest.approx((frame["close"] * frame["volume"]).mean())


def test_the_tail_of_a_normal_walk_is_that_of_the_normal():
    found = moments.measure(walk_of(np.full(20_000, 1e-3)), MINUTE)
    # quantile 99.9 % of |z| over its mean, sqrt(2 / pi)
    assert found["far"] == pytest.approx(3.2905 / 0.79788, rel=0.07)
    assert found["kurtosis"] == pytest.approx(3.0, abs=0.15)


def test_every_moment_of_the_report_is_measured():
    found = moments.measure(walk_of(np.full(3000, 1e-3)), MINUTE)
    assert {each.id for each in moments.MOMENTS} == set(found)
    names = [each.name for each in moments.MOMENTS]
    assert len(set(names)) == len(names)
