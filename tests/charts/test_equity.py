"""What a chart of equity draws, against drawdowns that were counted by hand or by plain loops."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gekko_lab
from gekko_lab import equity_chart
from gekko_lab.errors import DataError, InvalidArgument, InvalidType
from gekko_lab.frames.convert import to_pandas

START = datetime(2024, 1, 1, tzinfo=UTC)


def equity(values, name="equity"):
    """Values a day apart."""
    times = [START + timedelta(days=day) for day in range(len(values))]
    schema = {"timestamp": pl.Datetime("us", "UTC"), name: pl.Float64}
    return pl.DataFrame({"timestamp": times, name: values}, schema=schema)


def falls(values):
    """Drawdowns, by a plain loop."""
    best, found = values[0], []
    for value in values:
        best = max(best, value)
        found.append(value / best - 1)
    return found


def test_equity_stands_above_its_drawdown_on_one_axis():
    figure = equity_chart(equity([100, 110, 99, 121]), title="mine", height=300)
    value, drawdown = figure.data
    assert list(value.y) == [100, 110, 99, 121]
    assert list(drawdown.y) == pytest.approx([0, 0, -0.1, 0])
    assert (value.name, drawdown.name, drawdown.yaxis) == ("equity", "drawdown", "y2")
    assert figure.layout.yaxis.domain[0] > figure.layout.yaxis2.domain[1]
    assert (figure.layout.title.text, figure.layout.height) == ("mine", 300)
    assert figure.layout.xaxis.title.text == "UTC"


def test_the_deepest_drawdown_is_shaded_from_its_peak_and_told():
    figure = equity_chart(equity([100, 120, 110, 130, 65, 90, 131, 100]))
    (shape,) = figure.layout.shapes
    assert (shape.x0, shape.x1) == ("2024-01-04 00:00", "2024-01-05 00:00")
    (note,) = figure.layout.annotations
    assert note.text == "-50.0% since 2024-01-04"
    assert (note.x, note.y) == ("2024-01-05 00:00", -0.5)


def test_what_only_rises_has_no_drawdown_to_tell():
    figure = equity_chart(equity([1, 2, 3]))
    assert not figure.layout.shapes
    assert not figure.layout.annotations
    assert set(figure.data[1].y) == {0.0}


def test_ruin_is_a_drawdown_of_everything():
    assert min(equity_chart(equity([100, 50, 0, 0])).data[1].y) == -1.0


def test_closes_of_candles_are_what_holding_would_be_worth():
    candles = gekko_lab.fetch("simulator", "BTC/USDT", "1d", since="2024-01-01", limit=60)
    value, drawdown = equity_chart(candles).data
    assert value.name == "close"
    assert list(value.y) == candles["close"].to_list()
    assert list(drawdown.y) == pytest.approx(falls(candles["close"].to_list()))


@settings(max_examples=30)
@given(st.integers(1, 20_000), st.integers(0, 1000))
def test_the_extremes_of_very_many_rows_are_drawn(count, seed):
    steps = np.random.default_rng(seed).normal(0, 0.01, count)
    values = np.exp(steps.cumsum()).tolist()
    figure = equity_chart(equity(values))
    value, drawdown = figure.data
    assert len(value.y) <= 1600
    assert max(value.y) == max(values)
    assert min(value.y) == min(values) or min(drawdown.y) == pytest.approx(min(falls(values)))
    assert min(drawdown.y) == pytest.approx(min(falls(values)))
    assert (value.y[0], value.y[-1]) == (values[0], values[-1])
    shown = dict(zip(value.x.tolist(), value.y, strict=True))
    assert len(shown) == len(value.y)
    place = {START.replace(tzinfo=None) + timedelta(days=day): values[day] for day in range(count)}
    assert all(place[time] == number for time, number in shown.items())


def test_a_benchmark_begins_at_the_equity_and_after_it():
    mine = equity([100, 110, 105])[1:]
    market = equity([10, 20, 30, 15], "close")
    figure = equity_chart(mine, benchmark=market)
    bench = next(trace for trace in figure.data if trace.name == "benchmark")
    assert list(bench.y) == [110, 165, 82.5]
    assert bench.line.dash == "dash"
    assert figure.layout.showlegend


def bench(figure):
    return next(trace for trace in figure.data if trace.name == "benchmark")


def test_a_benchmark_that_begins_later_begins_at_what_the_equity_was_then():
    mine = equity([1.0, 1.5, 1.8, 1.8, 2.0])
    late = bench(equity_chart(mine, benchmark=equity([5, 5, 5, 10, 15], "close")[3:]))
    assert list(late.y) == [1.8, pytest.approx(2.7)]
    assert late.x[0] == equity_chart(mine).data[0].x[3]
    between = equity([7, 14], "close").with_columns(pl.col("timestamp") + timedelta(hours=30))
    assert list(bench(equity_chart(mine, benchmark=between)).y) == [1.5, 3.0]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (slice(0, 2), "; it has values from 2024-01-01 to 2024-01-02"),
        (slice(4, 6), "; it has values from 2024-01-05 to 2024-01-06"),
        (slice(0, 0), ""),
    ],
)
def test_a_benchmark_of_another_time_is_refused(rows, told):
    market = equity([1, 2, 3, 4, 5, 6], "close")
    message = (
        "there is no value of the benchmark from 2024-01-03 to 2024-01-04, where the equity is"
    )
    with pytest.raises(DataError, match=f"^{message}{told}$"):
        equity_chart(equity([1, 2, 3, 4])[2:], benchmark=market[rows])


def test_a_column_may_be_named():
    frame = equity([1, 2, 3]).with_columns(cash=pl.Series([3.0, 2.0, 3.0]))
    assert equity_chart(frame).data[0].name == "equity"
    assert list(equity_chart(frame, column="cash").data[0].y) == [3, 2, 3]
    assert list(equity_chart(frame.drop("equity")).data[0].y) == [3, 2, 3]


def test_pandas_frames_make_the_same_chart():
    frame = equity([100, 110, 99, 121])
    expected = equity_chart(frame).to_json()
    assert equity_chart(to_pandas(frame)).to_json() == expected
    assert equity_chart(to_pandas(frame)["equity"]).to_json() == expected
    assert equity_chart(frame.lazy()).to_json() == expected


@pytest.mark.parametrize("count", [0, 1])
def test_few_rows_are_drawn_without_a_fuss(count):
    frame = equity([5.0] * count)
    assert [len(trace.y) for trace in equity_chart(frame, benchmark=frame).data] == [count] * 3


@pytest.mark.parametrize(
    ("frame", "error", "message"),
    [
        ([1, 2], InvalidType, "a polars or pandas frame is needed"),
        (equity([1, 2]).reverse(), DataError, "row 1 of 2 isn't later than the row before"),
        (equity([1, None]), DataError, "column 'equity' has missing or infinite values"),
        (equity([1, float("inf")]), DataError, "column 'equity' has missing or infinite values"),
        (equity([0, 1]), DataError, "column 'equity' begins at 0.0: returns need a positive start"),
        (
            equity([1, 2], "a").with_columns(b=1),
            InvalidArgument,
            r"which column holds the values\? Give column=…, one of \['a', 'b'\]",
        ),
        (equity([1]).drop("timestamp"), DataError, "no column 'timestamp'"),
    ],
)
def test_what_is_no_equity_is_refused(frame, error, message):
    with pytest.raises(error, match=message):
        equity_chart(frame)


def test_a_column_that_is_not_there_is_refused():
    with pytest.raises(InvalidArgument, match=r"column='cash': choose one of \['equity'\]"):
        equity_chart(equity([1, 2]), column="cash")


def test_candles_that_are_not_sound_are_refused():
    candles = gekko_lab.fetch("simulator", "BTC/USDT", "1d", since="2024-01-01", limit=5)
    with pytest.raises(DataError, match="has a high below its open, close or low"):
        equity_chart(candles.with_columns(high=0.0))
