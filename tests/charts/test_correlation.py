"""What a chart of correlations shows, against numpy's own."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import gekko_lab
from gekko_lab import correlation_chart
from gekko_lab.errors import InvalidArgument
from gekko_lab.frames.convert import to_pandas

MARKETS = ["BTC/USDT", "ETH/USDT", "SOL/USDT"]


@pytest.fixture(scope="module")
def wide():
    asked = {"since": "2024-01-01", "until": "2024-02-01", "shape": "wide"}
    return gekko_lab.simulate(MARKETS, "1h", **asked)


@pytest.fixture(scope="module")
def long():
    return gekko_lab.simulate(MARKETS, "1h", since="2024-01-01", until="2024-02-01")


def names(frame):
    return [name for name in frame.columns if name != "timestamp"]


def numbers(figure):
    return np.asarray(figure.data[0].z)


def test_correlations_are_numpys(wide):
    figure = correlation_chart(wide, title="together", height=300)
    logs = np.diff(np.log(wide.drop("timestamp").to_numpy()), axis=0)
    assert numbers(figure) == pytest.approx(np.corrcoef(logs.T))
    assert list(figure.data[0].x) == list(figure.data[0].y) == names(wide)
    assert (figure.data[0].zmin, figure.data[0].zmax) == (-1, 1)
    assert (figure.layout.title.text, figure.layout.height) == ("together", 300)


def test_long_and_wide_tables_make_the_same_numbers(long, wide):
    figure = correlation_chart(long)
    assert list(figure.data[0].x) == MARKETS
    assert numbers(figure) == pytest.approx(numbers(correlation_chart(wide)))


def test_a_table_of_fetch_many_is_named_by_what_differs():
    table = gekko_lab.fetch_many(
        ["simulator", "simulator:thin"],
        ["BTC/USDT", "ETH/USDT"],
        ["1h"],
        since="2024-01-01",
        until="2024-01-08",
    )
    found = correlation_chart(table).data[0].x
    assert len(found) == 4
    assert "simulator:thin ETH/USDT" in found


def test_series_are_compared_where_both_are_and_not_across_gaps(wide):
    first, second, _ = names(wide)
    rows = np.arange(len(wide))
    lost = (rows >= 100) & (rows < 150)
    holes = wide.with_columns(
        pl.when(~pl.Series(lost)).then(pl.col(second)).alias(second),
    )
    logs = np.diff(np.log(wide.select(first, second).to_numpy()), axis=0)
    kept = ~(lost[1:] | lost[:-1])
    expected = np.corrcoef(logs[kept].T)[0, 1]
    figure = correlation_chart(holes)
    assert numbers(figure)[0, 1] == pytest.approx(expected)
    assert figure.data[0].customdata[0][1] == f"{kept.sum()} returns"


def test_series_that_share_nothing_or_stand_still_have_empty_cells(wide):
    first, second, third = names(wide)
    half = len(wide) // 2
    rows = pl.int_range(pl.len())
    apart = wide.with_columns(
        pl.when(rows < half).then(pl.col(first)).alias(first),
        pl.when(rows > half).then(pl.col(second)).alias(second),
        pl.lit(5.0).alias(third),
    )
    found = numbers(correlation_chart(apart))
    assert np.isnan(found[0, 1])
    assert np.isnan(found[2]).all()
    assert found[0, 0] == pytest.approx(1)


def test_pandas_frames_make_the_same_chart(wide, long):
    assert correlation_chart(to_pandas(wide)).to_json() == correlation_chart(wide).to_json()
    assert correlation_chart(to_pandas(long)).to_json() == correlation_chart(long).to_json()


def test_one_series_is_refused(long, wide):
    one = gekko_lab.fetch("simulator", "BTC/USDT", "1h", since="2024-01-01", limit=10)
    for frame in (one, wide.select("timestamp", names(wide)[0])):
        with pytest.raises(InvalidArgument, match=r"one series in columns .*: two are needed"):
            correlation_chart(frame)
    with pytest.raises(InvalidArgument, match="one series in the table: two are needed"):
        correlation_chart(long.filter(pl.col("symbol") == "BTC/USDT"))


def test_different_timeframes_are_refused():
    asked = {"since": "2024-01-01", "until": "2024-01-03"}
    table = gekko_lab.fetch_many(["simulator"], ["BTC/USDT"], ["1h", "4h"], **asked)
    with pytest.raises(InvalidArgument, match=r"timeframes \['1h', '4h'\]: correlate those of one"):
        correlation_chart(table)
