"""What a chart of returns draws, against tables of the normal distribution and plain counting."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

import gekko_lab
from gekko_lab import returns_chart
from gekko_lab.errors import InvalidArgument
from gekko_lab.frames.convert import to_pandas

START = datetime(2024, 1, 1, tzinfo=UTC)


def prices(log_returns, hours=None):
    """Prices an hour apart whose logarithmic returns are these, in percent."""
    values = [100.0]
    for change in log_returns:
        values.append(values[-1] * math.exp(change / 100))
    times = [START + timedelta(hours=hour) for hour in hours or range(len(values))]
    return pl.DataFrame(
        {"timestamp": times, "equity": values},
        schema_overrides={"timestamp": pl.Datetime("us", "UTC")},
    )


def dots(figure):
    return next(trace for trace in figure.data if trace.name == "quantiles")


def test_quantiles_are_those_of_a_table():
    """Five values stand at 10, 30, 50, 70 and 90 percent."""
    figure = returns_chart(prices([3, -1, 1, -3, 0]))
    assert list(dots(figure).x) == pytest.approx([-1.2816, -0.5244, 0, 0.5244, 1.2816], abs=1e-4)
    assert list(dots(figure).y) == pytest.approx([-1.5, -0.5, 0, 0.5, 1.5])  # deviation 2


def test_bars_hold_every_return_once():
    log_returns = np.random.default_rng(3).standard_t(3, 5000)
    bars, normal, *_ = returns_chart(prices(log_returns)).data
    assert (np.asarray(bars.y) * bars.width).sum() == pytest.approx(1)
    counts = np.asarray(bars.y) * bars.width * 5000
    assert counts == pytest.approx(counts.round(), abs=1e-6)
    half = bars.width / 2
    for center, count in zip(bars.x[40:60], counts[40:60], strict=True):
        inside = (log_returns > center - half) & (log_returns < center + half)
        assert round(count) == inside.sum()
    spread = log_returns.std()
    assert max(normal.y) == pytest.approx(1 / math.sqrt(2 * math.pi) / spread, rel=1e-3)


def test_normal_returns_lie_on_the_line_and_heavy_tails_leave_it():
    chance = np.random.default_rng(5)
    normal = dots(returns_chart(prices(chance.normal(0, 0.5, 20_000))))
    assert np.abs(np.asarray(normal.x) - np.asarray(normal.y))[5:-5].max() < 0.2
    heavy = dots(returns_chart(prices(chance.standard_t(3, 20_000) / 4)))
    assert heavy.y[-1] > 2 * heavy.x[-1]


def test_the_title_tells_moments():
    title = returns_chart(prices([0] * 9 + [10])).layout.annotations[0].text
    assert title == "mean 1 %, deviation 3 %, kurtosis +5.1"  # 657 / 81 - 3


def test_the_most_extreme_returns_of_very_many_are_all_drawn():
    log_returns = np.random.default_rng(7).normal(0, 1, 30_000)
    trace = dots(returns_chart(prices(log_returns)))
    assert len(trace.y) == 300
    standard = np.sort((log_returns - log_returns.mean()) / log_returns.std())
    assert list(trace.y[:100]) == pytest.approx(standard[:100])
    assert list(trace.y[-100:]) == pytest.approx(standard[-100:])


def test_returns_across_gaps_are_left_out():
    hours = [0, 1, 2, 3, 9, 10, 11]
    figure = returns_chart(prices([1, -1, 1, 50, -1, 1], hours))
    assert len(dots(figure).y) == 5
    assert max(figure.data[0].x) < 2


def test_months_are_no_gaps():
    candles = gekko_lab.fetch("simulator", "BTC/USDT", "1M", since="2020-01-01", until="2024-01-01")
    assert len(dots(returns_chart(candles)).y) == 47


def test_an_equity_of_trades_at_any_time_has_no_gaps():
    figure = returns_chart(prices([1, -1, 2, -2], [0, 1, 5, 7, 20]))
    assert len(dots(figure).y) == 4


def test_pandas_frames_make_the_same_chart():
    frame = prices([1, -1, 2, -2])
    assert returns_chart(to_pandas(frame)).to_json() == returns_chart(frame).to_json()


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_few_rows_are_drawn_without_a_fuss(count):
    figure = returns_chart(prices([0.5] * 5)[:count], title="new", height=200)
    assert len(figure.data) == 4
    assert (figure.layout.title.text, figure.layout.height) == ("new", 200)
    figure.to_json()


def test_prices_that_stand_still_are_drawn():
    bars = returns_chart(prices([0.0] * 10)).data[0]
    assert list(bars.y) == [1.0]


def test_a_frame_without_a_clear_column_is_refused():
    frame = prices([1]).rename({"equity": "mine"}).with_columns(yours=1.0)
    with pytest.raises(InvalidArgument, match="which column holds the values"):
        returns_chart(frame)
