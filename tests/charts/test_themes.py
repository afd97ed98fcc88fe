"""Both looks of the charts, judged by the rules for legible colors."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import plotly.io
import polars as pl
import pytest

import gekko_lab
from gekko_lab.charts.themes import palette
from gekko_lab.errors import InvalidArgument

LEAST = 4.5
DRAWN = ("up", "down", "data", "model", "volume", "other")


def luminance(color):
    """As WCAG 2.2 defines relative luminance."""
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def between(one, other, share):
    parts = [
        round(int(one[at : at + 2], 16) * (1 - share) + int(other[at : at + 2], 16) * share)
        for at in (1, 3, 5)
    ]
    return "#" + "".join(f"{part:02x}" for part in parts)


@pytest.fixture(scope="module")
def candles():
    return gekko_lab.fetch("simulator", "BTC/USDT", "1h", until="2024-02-01", limit=800)


@pytest.fixture(scope="module")
def charts(candles):
    """Every chart of one theme."""
    table = gekko_lab.simulate(
        ["BTC/USDT", "ETH/USDT"], "1h", since="2024-01-01", until="2024-01-05"
    )
    matrix = pl.DataFrame({"fast": ["5", "10"], "slow": [1.0, -2.0]})

    def draw(theme):
        return {
            "candle_chart": gekko_lab.candle_chart(candles, theme=theme),
            "correlation_chart": gekko_lab.correlation_chart(table, theme=theme),
            "equity_chart": gekko_lab.equity_chart(candles, benchmark=candles, theme=theme),
            "heatmap": gekko_lab.heatmap(candles, theme=theme),
            "heatmap of hours": gekko_lab.heatmap(candles, "hours", theme=theme),
            "heatmap of a matrix": gekko_lab.heatmap(matrix, "matrix", theme=theme),
            "realism_chart": gekko_lab.realism_chart(candles, theme=theme),
            "returns_chart": gekko_lab.returns_chart(candles, theme=theme),
        }

    return {theme: draw(theme) for theme in ("light", "dark")}


def test_the_rule_for_contrast_gives_its_known_values():
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_is_drawn_or_written_stands_out_from_the_ground(theme):
    colors = palette(theme)
    for name in ("text", *DRAWN):
        assert contrast(getattr(colors, name), colors.ground) >= LEAST, name


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_numbers_are_legible_on_every_color_of_a_table(theme):
    colors = palette(theme)
    for ramp in (colors.ramp(), colors.balance()):
        assert [ramp[0][0], ramp[-1][0]] == [0, 1]
        for (_, one), (_, other) in pairwise(ramp):
            for step in range(11):
                assert contrast(colors.text, between(one, other, step / 10)) >= LEAST


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_templates_are_registered_and_every_chart_uses_its_own(charts, theme):
    name = {"light": "gekko_lab", "dark": "gekko_lab_dark"}[theme]
    colors = palette(theme)
    expected = plotly.io.templates[name]
    assert expected.layout.paper_bgcolor == colors.ground
    assert expected.layout.font.color == colors.text
    for chart, figure in charts[theme].items():
        assert figure.layout.template == expected, chart


def test_every_color_of_a_chart_is_of_its_theme(charts):
    """What one theme draws in its own colors must not appear in the other."""
    for theme, other in (("light", "dark"), ("dark", "light")):
        strange = {getattr(palette(other), name) for name in (*DRAWN, "text", "ground")}
        for chart, figure in charts[theme].items():
            text = figure.to_json()
            assert not {color for color in strange if f'"{color}"' in text}, (theme, chart)


def test_both_themes_show_the_same_numbers(charts):
    for chart, figure in charts["light"].items():
        for light, dark in zip(figure.data, charts["dark"][chart].data, strict=True):
            assert (light.name, light.type) == (dark.name, dark.type)
            for column in ("x", "y", "z", "open"):
                if column in light:
                    np.testing.assert_array_equal(light[column], dark[column])


def test_rising_candles_are_hollow_and_falling_ones_filled(charts):
    for theme in ("light", "dark"):
        price = charts[theme]["candle_chart"].data[0]
        assert price.increasing.fillcolor == "rgba(0,0,0,0)"
        assert price.decreasing.fillcolor == price.decreasing.line.color


def test_a_theme_that_does_not_exist_is_refused(candles):
    for chart in (gekko_lab.candle_chart, gekko_lab.equity_chart, gekko_lab.realism_chart):
        with pytest.raises(InvalidArgument, match="theme='blue': choose 'light' or 'dark'"):
            chart(candles, theme="blue")


def test_charts_are_saved_as_pages_that_need_nothing_else(charts, tmp_path):
    for chart, figure in charts["dark"].items():
        file = tmp_path / f"{chart}.html"
        figure.write_html(file, include_plotlyjs="directory")
        assert 'src="plotly.min.js"' in file.read_text()
        assert 'src="http' not in file.read_text()
        assert (tmp_path / "plotly.min.js").exists()


def test_charts_are_saved_as_pictures_where_kaleido_is(charts, tmp_path):
    pytest.importorskip("kaleido", reason="kaleido is absent")
    charts["light"]["heatmap"].write_image(tmp_path / "months.svg")
    assert (tmp_path / "months.svg").read_text().startswith("<svg")
