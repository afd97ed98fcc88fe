"""The still picture of a saved notebook."""

from __future__ import annotations

import base64
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from gekko_lab.frames.pyramid import Bars
from gekko_lab.widgets.picture import data_uri, picture

SVG = "{http://www.w3.org/2000/svg}"


def bars(closes, opens=None):
    closes = np.array(closes, dtype=float)
    opens = np.array(opens, dtype=float) if opens is not None else closes - 1
    places = np.arange(closes.size, dtype=np.int64)
    high, low = np.maximum(opens, closes) + 1, np.minimum(opens, closes) - 1
    return Bars(places, opens, high, low, closes, np.where(np.isnan(closes), np.nan, 5.0))


def draw(seen, theme="light", *, volume=True):
    times = 1_704_067_200_000 + 3_600_000.0 * np.arange(len(seen))
    text = picture(seen, "a <title>", times, theme=theme, volume=volume, decimals=1)
    return text, ET.fromstring(text)  # noqa: S314 (our own)


def paths(root, group):
    return [path for path in root.iter(f"{SVG}path") if path.get("class") == group]


def test_rising_candles_are_hollow_and_falling_ones_filled():
    text, root = draw(bars([5, 6, 3], opens=[4, 5, 5]))
    assert paths(root, "u")[0].get("d").count("z") == 2
    assert paths(root, "d")[0].get("d").count("z") == 1
    assert ".u{stroke:#067d68;fill:#fff}" in text
    assert ".d{stroke:#c62828;fill:#c62828}" in text


def test_gaps_are_shaded_as_wide_as_they_are():
    _, root = draw(bars([5, np.nan, np.nan, 6, np.nan]))
    shaded = [rect for rect in root.iter(f"{SVG}rect") if rect.get("class") == "h"]
    widths = [float(rect.get("width")) for rect in shaded]
    assert widths[0] == pytest.approx(2 * widths[1], abs=0.11)
    assert len(widths) == 2


def test_volume_can_be_left_out():
    assert paths(draw(bars([5, 6]))[1], "w")
    assert not paths(draw(bars([5, 6]), volume=False)[1], "w")


def test_it_follows_the_system_unless_told_otherwise():
    assert "prefers-color-scheme:dark" in draw(bars([5]), "auto")[0]
    assert "prefers-color-scheme" not in draw(bars([5]), "dark")[0]
    assert ".g{fill:#111}" in draw(bars([5]), "dark")[0]


@pytest.mark.parametrize("closes", [[], [5.0], [5.0, 5.0], [np.nan, np.nan]])
def test_few_and_flat_candles_can_be_drawn(closes):
    text, root = draw(bars(closes, opens=closes))
    assert "nan" not in text
    assert next(root.iter(f"{SVG}text")).text == "a <title>"


def test_the_address_holds_the_picture():
    text, _ = draw(bars([5, 6]))
    head, data = data_uri(text).split(",")
    assert head == "data:image/svg+xml;base64"
    assert base64.b64decode(data).decode() == text
