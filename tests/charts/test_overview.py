"""`overview_chart`: a market at a glance."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

import gekko_lab
from gekko_lab.charts.overview import LiveFigure, overview_chart, repaint

NAMES = [
    *("price", "returns", "normal", "memory", "bids", "asks"),
    *("quantiles", "normal quantiles", "volume", "abs. return"),
]


@pytest.fixture(scope="module")
def candles():
    return gekko_lab.fetch("simulator", "BTC/USDT", "1m", since="2024-01-01", limit=2880)


@pytest.fixture(scope="module")
def book():
    return gekko_lab.fetch_order_book("simulator", "BTC/USDT", at="2024-01-03", depth=10)


def traces(figure):
    return {trace.name: trace for trace in figure.data}


def test_the_same_traces_are_there_with_and_without_data(candles, book):
    for rows, quotes in ((candles, book), (candles.head(0), None), (candles.head(1), None)):
        assert [trace.name for trace in overview_chart(rows, quotes).data] == NAMES


def test_depth_adds_up_from_the_best_quote_outwards(candles, book):
    drawn = traces(overview_chart(candles, book))
    for side in ("bid", "ask"):
        rows = book.filter(side=side)
        assert list(drawn[f"{side}s"].x) == rows["price"].to_list()
        assert list(drawn[f"{side}s"].y) == pytest.approx(np.cumsum(rows["amount"].to_list()))


def test_quantiles_are_those_of_standardized_returns(candles):
    drawn = traces(overview_chart(candles))["quantiles"]
    changes = np.diff(np.log(candles["close"].to_numpy()))
    standard = np.sort((changes - changes.mean()) / changes.std())
    assert drawn.y[0] == pytest.approx(standard[0])
    assert drawn.y[-1] == pytest.approx(standard[-1])
    assert drawn.x[0] == pytest.approx(NormalDist().inv_cdf(0.5 / standard.size))


def test_the_histogram_is_a_density(candles):
    drawn = traces(overview_chart(candles))["returns"]
    width = drawn.x[1] - drawn.x[0]
    assert np.nansum(drawn.y) * width == pytest.approx(1.0)


def test_a_widget_shows_another_figure_in_place(candles, book):
    first, second = overview_chart(candles.head(500)), overview_chart(candles, book, theme="dark")
    widget = LiveFigure(first)
    repaint(widget, second)
    for shown, wanted in zip(widget.data, second.data, strict=True):
        np.testing.assert_array_equal(shown.x, wanted.x)
        np.testing.assert_array_equal(shown.y, wanted.y)
    assert widget.layout.template.layout.paper_bgcolor == "#131722"
    assert widget.layout.xaxis.type == "date"
    widget.close()


def test_a_page_is_told_of_a_whole_figure(candles, monkeypatch):
    told = []
    monkeypatch.setattr(
        "ipywidgets.Widget.open", lambda self: told.append(len(self.get_state()["_widget_data"]))
    )
    LiveFigure(overview_chart(candles))
    assert told == [len(NAMES)]
