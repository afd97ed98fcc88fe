"""What colored tables show, against calendars that were counted by plain loops."""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pytest

import gekko_lab
from gekko_lab import heatmap
from gekko_lab.errors import DataError, InvalidArgument, InvalidType
from gekko_lab.frames.convert import to_pandas

TIME = pl.Datetime("us", "UTC")


def equity(rows):
    """Values at dates."""
    times = [datetime.fromisoformat(text).replace(tzinfo=UTC) for text, _ in rows]
    values = [float(value) for _, value in rows]
    return pl.DataFrame(
        {"timestamp": times, "equity": values}, schema_overrides={"timestamp": TIME}
    )


def cells(figure):
    """Read the drawn numbers by row and column."""
    (trace,) = figure.data
    found = {}
    for row, numbers in zip(trace.y, trace.z, strict=True):
        for column, number in zip(trace.x, numbers, strict=True):
            if not math.isnan(number):
                found[row, column] = number
    return found


@pytest.fixture(scope="module")
def days():
    return gekko_lab.fetch("simulator", "BTC/USDT", "1d", since="2021-11-10", until="2024-02-08")


def test_a_months_return_is_the_compounded_one(days):
    """The product of its days' returns; the first day is from its open."""
    growth = defaultdict(lambda: 1.0)
    before = days["open"][0]
    for time, close in days.select("timestamp", "close").rows():
        growth[str(time.year), time.strftime("%b")] *= close / before
        growth[str(time.year), "year"] *= close / before
        before = close
    expected = {key: (factor - 1) * 100 for key, factor in growth.items()}
    assert cells(heatmap(days)) == pytest.approx(expected)


def test_months_compound_to_their_year_and_years_to_the_whole(days):
    found = cells(heatmap(days))
    whole = 1.0
    for year in ("2021", "2022", "2023", "2024"):
        months = [key for key in found if key[0] == year and key[1] != "year"]
        product = math.prod(1 + found[key] / 100 for key in months)
        assert (product - 1) * 100 == pytest.approx(found[year, "year"])
        whole *= product
    assert whole == pytest.approx(days["close"][-1] / days["open"][0])


def test_hours_and_days_tell_the_same_months(days):
    hours = gekko_lab.fetch("simulator", "BTC/USDT", "1h", since="2021-11-10", until="2024-02-08")
    assert cells(heatmap(hours)) == pytest.approx(cells(heatmap(days)))


def test_single_candles_of_a_month_are_the_months_returns():
    months = gekko_lab.fetch("simulator", "BTC/USDT", "1M", since="2023-01-01", until="2024-01-01")
    found = cells(heatmap(months))
    assert len(found) == 13
    first = months.row(0, named=True)
    assert found["2023", "Jan"] == pytest.approx((first["close"] / first["open"] - 1) * 100)


def test_an_equity_begins_at_its_first_value():
    rows = [("2024-01-10", 100), ("2024-01-31", 110), ("2024-02-10", 50), ("2024-02-29", 121)]
    found = cells(heatmap(equity(rows)))
    assert found == pytest.approx({("2024", "Jan"): 10, ("2024", "Feb"): 10, ("2024", "year"): 21})
    assert ("2024", "Jan") not in cells(heatmap(equity(rows[1:])))


def test_a_month_without_rows_is_empty_and_the_next_counts_from_before_it():
    rows = [("2024-01-01", 100), ("2024-01-31", 200), ("2024-03-15", 100)]
    figure = heatmap(equity(rows))
    assert cells(figure) == pytest.approx(
        {("2024", "Jan"): 100, ("2024", "Mar"): -50, ("2024", "year"): 0}
    )
    told = figure.data[0].customdata
    assert told[0][2] == "2024-01-31 00:00 to 2024-03-15 00:00, 1 rows"
    assert told[0][1] == ""


def test_a_year_without_rows_is_an_empty_row():
    rows = [("2020-01-01", 100), ("2020-05-01", 110), ("2023-01-01", 121)]
    figure = heatmap(equity(rows))
    assert figure.data[0].y == ("2020", "2021", "2022", "2023")
    assert {row for row, _ in cells(figure)} == {"2020", "2023"}
    assert cells(figure)["2023", "year"] == pytest.approx(10)


@pytest.mark.parametrize(("by", "sized"), [("hours", False), ("activity", True)])
def test_an_hour_of_the_week_has_the_mean_of_its_returns(by, sized):
    minutes = gekko_lab.fetch(
        "simulator", "BTC/USDT", "15m", since="2024-01-01", until="2024-02-01"
    )
    closes = {
        time.replace(minute=0): close for time, close in minutes.select("timestamp", "close").rows()
    }
    returns = defaultdict(list)
    for time, close in closes.items():
        before = closes.get(time - timedelta(hours=1))
        if before is not None:
            change = (close / before - 1) * 100
            returns[time.strftime("%a"), time.strftime("%H")].append(
                abs(change) if sized else change
            )
    expected = {key: sum(values) / len(values) for key, values in returns.items()}
    assert len(expected) == 168
    figure = heatmap(minutes, by)
    assert cells(figure) == pytest.approx(expected)
    assert figure.data[0].y == ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    assert figure.layout.xaxis.title.text == "UTC"


def test_hours_after_a_gap_count_for_none():
    hours = gekko_lab.fetch("simulator", "BTC/USDT", "1h", since="2024-01-01", limit=24)
    found = cells(heatmap(hours[[*range(5), *range(8, 24)]], "hours"))
    assert ("Mon", "08") not in found
    assert {("Mon", "04"), ("Mon", "09")} <= set(found)


def test_days_tell_nothing_of_hours(days):
    with pytest.raises(InvalidArgument, match="hours need candles of 1h or less"):
        heatmap(days, "hours")


def test_a_matrix_is_drawn_as_it_is():
    frame = pl.DataFrame({"fast": ["5", "10"], "slow": [1.5, None], "slower": [3, -4]})
    figure = heatmap(frame, "matrix", title="grid", height=200)
    assert cells(figure) == {("5", "slow"): 1.5, ("5", "slower"): 3, ("10", "slower"): -4}
    assert (figure.data[0].zmin, figure.data[0].zmax) == (-4, 4)
    assert (figure.layout.title.text, figure.layout.height) == ("grid", 200)
    assert figure.layout.yaxis.autorange == "reversed"


def test_a_matrix_without_names_has_running_numbers_and_without_losses_one_ramp():
    figure = heatmap(pl.DataFrame({"a": [1, 2], "b": [3, 4]}), "matrix")
    assert figure.data[0].y == ("0", "1")
    assert (figure.data[0].zmin, figure.data[0].zmax) == (0, 4)
    assert figure.data[0].texttemplate == "%{z:,.0f}"


def test_pandas_tables_make_the_same_matrix():
    named = pd.DataFrame({"slow": [1.5, 2.0]}, index=pd.Index(["5", "10"], name="fast"))
    expected = heatmap(pl.DataFrame({"fast": ["5", "10"], "slow": [1.5, 2.0]}), "matrix").to_json()
    assert heatmap(named, "matrix").to_json() == expected
    plain = pd.DataFrame({"fast": ["5", "10"], "slow": [1.5, 2.0]})
    assert heatmap(plain, "matrix").to_json() == expected
    assert heatmap(pl.from_pandas(plain).lazy(), "matrix").to_json() == expected


def test_pandas_frames_make_the_same_calendar(days):
    assert heatmap(to_pandas(days)).to_json() == heatmap(days).to_json()


def test_numbers_are_written_only_where_they_fit():
    wide = pl.DataFrame({str(place): np.arange(30) / 7 for place in range(20)})
    assert heatmap(wide, "matrix").data[0].texttemplate is None
    assert heatmap(wide[:20], "matrix").data[0].texttemplate == "%{z:.2f}"


@pytest.mark.parametrize("by", ["months", "hours", "activity"])
@pytest.mark.parametrize("count", [0, 1])
def test_few_candles_are_drawn_without_a_fuss(days, by, count):
    heatmap(days[:count], by).to_json()


def test_what_can_not_be_drawn_is_refused(days):
    with pytest.raises(InvalidArgument, match="by='weeks': choose one of 'months', 'hours'"):
        heatmap(days, "weeks")
    with pytest.raises(InvalidArgument, match="column= has no use by 'matrix'"):
        heatmap(days, "matrix", column="close")
    with pytest.raises(DataError, match="column 'name' has a name twice"):
        heatmap(pl.DataFrame({"name": ["a", "a"], "x": [1, 2]}), "matrix")
    with pytest.raises(InvalidArgument, match=r"columns \['a', 'b'\] aren't numbers"):
        heatmap(pl.DataFrame({"a": ["1"], "b": ["2"], "x": [1]}), "matrix")
    with pytest.raises(InvalidType, match="a polars or pandas frame is needed"):
        heatmap([[1, 2]], "matrix")
