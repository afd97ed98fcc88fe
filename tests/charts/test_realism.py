"""What the realism chart draws, read back from the figure."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from gekko_lab import realism_chart, realism_report
from gekko_lab.errors import DataError, InvalidType
from gekko_lab.frames.convert import to_pandas
from gekko_lab.frames.schemas import CANDLES, TRADES, empty
from gekko_lab.market.timeframe import DAY, Timeframe
from gekko_lab.simulation import Parameters, SimulatedMarket

T0 = 1_704_067_200_000
MINUTES = Timeframe.parse("1m")


@pytest.fixture(scope="module")
def market():
    return SimulatedMarket(Parameters(seed=1))


@pytest.fixture(scope="module")
def candles(market):
    return market.candles("BTC/USDT", MINUTES, T0, T0 + 7 * DAY)


@pytest.fixture(scope="module")
def prints(market):
    return market.trades("BTC/USDT", T0, T0 + DAY // 4)


def titles(figure):
    return [note.text for note in figure.layout.annotations]


def value(report, fact):
    return report.row(by_predicate=pl.col("fact") == fact, named=True)["value"]


def named(figure, name):
    return next(trace for trace in figure.data if trace.name.startswith(name))


def test_charts_are_there_and_named(candles, prints):
    figure = realism_chart(candles, prints, title="BTC/USDT", height=500)
    assert len(titles(figure)) == 6
    assert titles(figure)[3] == "hours of the day: abs. return, volume (bars)"
    assert (figure.layout.title.text, figure.layout.height) == ("BTC/USDT", 500)
    assert len(titles(realism_chart(candles))) == 5
    json.loads(figure.to_json())


def test_what_is_written_is_what_the_report_says(candles, prints):
    figure, report = realism_chart(candles, prints), realism_report(candles, prints)
    written = " ".join(titles(figure))
    for text, fact, digits in (
        ("Hill index", "3", 1),
        ("abs. returns: exponent", "8", 2),
        ("signs: exponent", "19b", 2),
        ("rank corr.", "11a", 2),
    ):
        assert f"{text} {value(report, fact):.{digits}f}" in written


def test_the_histogram_is_a_density(candles):
    figure = realism_chart(candles)
    returns = named(figure, "returns")
    assert (np.asarray(returns.y) * 0.25).sum() == pytest.approx(1.0, abs=0.01)
    normal = named(figure, "normal")
    assert max(normal.y) == pytest.approx(0.3989, abs=0.01)
    assert figure.layout.yaxis.type == "log"


def test_the_tail_falls_from_one(candles):
    tail = named(realism_chart(candles), "abs. returns")
    assert (np.diff(tail.y) > 0).all()
    assert (np.diff(tail.x) <= 0).all()
    assert 0.9 < tail.y[-1] <= 1.0


def test_hours_are_over_their_mean(candles):
    figure = realism_chart(candles)
    for name in ("volume", "abs. return"):
        trace = next(trace for trace in figure.data if trace.name == name)
        assert list(trace.x) == list(range(24))
        assert np.mean(trace.y) == pytest.approx(1.0)


def test_more_volume_comes_with_larger_returns(candles):
    dots = named(realism_chart(candles), "mean of a fortieth")
    assert len(dots.x) == 40
    assert dots.y[-1] > 2 * dots.y[0]


@pytest.mark.parametrize("count", [0, 1, 2, 30])
def test_few_candles_are_drawn_without_a_fuss(candles, count):
    figure = realism_chart(candles[:count], empty(TRADES))
    assert len(titles(figure)) == 6
    json.loads(figure.to_json())


def test_candles_of_any_width_are_drawn(market):
    for name in ("5m", "1d", "1M"):
        drawn = market.candles("BTC/USDT", Timeframe.parse(name), T0, T0 + 120 * DAY)
        assert len(titles(realism_chart(drawn))) == 5


def test_pandas_frames_make_the_same_chart(candles, prints):
    expected = realism_chart(candles[:2000], prints).to_json()
    assert realism_chart(to_pandas(candles[:2000]), to_pandas(prints)).to_json() == expected


def test_colors_leave_the_ground_to_the_theme(candles):
    layout = realism_chart(candles).layout
    assert layout.paper_bgcolor is None
    assert layout.font.color is None


def test_what_are_no_candles_is_refused(candles):
    with pytest.raises(InvalidType, match="a polars or pandas frame is needed"):
        realism_chart([1, 2, 3])
    with pytest.raises(DataError, match="doesn't open after the row before"):
        realism_chart(candles.reverse())
    assert len(titles(realism_chart(empty(CANDLES)))) == 5
