"""`lab`: all panels in tabs, each made when it is opened."""

from __future__ import annotations

import asyncio

import pytest

import gekko_lab
from gekko_lab.errors import InvalidArgument, NotInLog


@pytest.fixture
def lab(opened):
    return opened(gekko_lab.lab())


def test_a_panel_is_made_when_its_tab_is_opened(lab):
    asyncio.run(lab.ready())
    assert list(lab.panels) == ["explore"]
    assert (lab.frame.height, lab.code) == (1000, lab.panels["explore"].code)
    lab._tabs.selected_index = 5
    asyncio.run(lab.ready())
    assert list(lab.panels) == ["explore", "browse"]
    assert lab._rooms["browse"].children == (lab.panels["browse"].widget,)
    assert lab.open("explore") is lab.panels["explore"]


def test_the_form_downloads_what_it_names(lab):
    form = lab.open("download")
    values = {"symbols": "BTC/USDT, ETH/USDT", "since": "2024-01-01", "until": "2024-01-03"}
    for name, value in values.items():
        form.controls[name].value = value
    form.controls["begin"].click()
    asyncio.run(lab.ready())
    assert form.download.report["rows"].to_list() == [48, 48]
    assert lab.code == form.download.code


def test_an_empty_field_of_the_form_is_told(lab):
    form = lab.open("download")
    form.controls["symbols"].value = " , "
    form.controls["begin"].click()
    with pytest.raises(InvalidArgument, match="Symbols is empty"):
        asyncio.run(lab.ready())


def test_a_player_waits_for_something_to_play(lab):
    with pytest.raises(NotInLog, match="no candles to play"):
        lab.open("player")
    assert "no candles to play" in lab._header.error
    day = {"since": "2024-01-01", "until": "2024-01-03"}
    gekko_lab.fetch("simulator", "BTC/USDT", "1h", **day, log=True)
    lab.open("explore")
    assert lab.open("player").name == "player"
    asyncio.run(lab.ready())
    assert lab.frame.height == 24


def test_all_of_it_closes_together(lab):
    opened = [lab.open(name) for name in ("explore", "monitor", "browse", "simulator_lab")]
    lab.close()
    assert {panel.state for panel in opened} == {"closed"}


def test_an_unknown_panel_is_refused(lab):
    with pytest.raises(InvalidArgument, match="use explore, download"):
        lab.open("trade")
