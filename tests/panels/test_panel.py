"""What all panels share: events, errors that show, still pictures, pages, the end."""

from __future__ import annotations

import asyncio
import base64
import re
from xml.etree import ElementTree as ET

import ipywidgets
import pytest

from gekko_lab.errors import InvalidArgument
from gekko_lab.panels import pictures
from gekko_lab.panels.panel import Panel
from gekko_lab.panels.parts import Column, Row


class Doubling(Panel):
    """Shows twice a number."""

    name = "doubling"

    def __init__(self):
        super().__init__()
        self.doubled = None
        self._controls = {"number": ipywidgets.IntText(3), "go": ipywidgets.Button()}
        for control in self._controls.values():
            self._wire(control, self.double)
        self._lay_out(tuple(self._controls.values()))

    def double(self):
        number = self._controls["number"].value
        self._do("double", lambda: 84 // number, self.take)

    def take(self, found):
        self.doubled = found
        self._header.parts = ["answer", str(found)]
        self._code.code = f"print({found} < 100)"
        self._emit("change")


@pytest.fixture
def panel(opened):
    return opened(Doubling())


def test_a_control_that_is_set_does_what_a_hand_would(panel):
    panel.controls["number"].value = 2
    assert asyncio.run(panel.ready()).doubled == 42


def test_a_button_can_be_clicked_by_a_program(panel):
    panel.controls["go"].click()
    asyncio.run(panel.ready())
    assert panel.doubled == 28


def test_listeners_are_told_until_they_are_taken_off(panel):
    heard = []
    off = panel.on("change", heard.append)
    panel.controls["number"].value = 2
    asyncio.run(panel.ready())
    off()
    panel.controls["number"].value = 4
    asyncio.run(panel.ready())
    assert heard == [panel]


def test_an_unknown_event_is_refused(panel):
    with pytest.raises(InvalidArgument, match="use change, selection"):
        panel.on("chnage", print)


def test_an_error_in_the_background_shows_in_the_panel_and_goes_with_the_next_try(panel):
    panel.controls["number"].value = 0
    with pytest.raises(ZeroDivisionError):
        asyncio.run(panel.ready())
    assert panel.state == "failed"
    assert panel._header.error.startswith("ZeroDivisionError: ")
    panel.controls["number"].value = 2
    asyncio.run(panel.ready())
    assert (panel.state, panel._header.error, panel.error) == ("ready", "", None)


def test_an_error_in_a_listener_shows_in_the_panel_and_spoils_no_other(panel):
    heard = []
    panel.on("change", lambda _: {}["missing"])
    panel.on("change", heard.append)
    panel.on("error", lambda told: heard.append(type(told.error)))
    panel.controls["number"].value = 2
    with pytest.raises(KeyError):
        asyncio.run(panel.ready())
    assert "missing" in panel._header.error
    assert heard == [KeyError, panel]


def test_a_saved_notebook_shows_a_picture_and_says_the_same_each_time(panel, opened):
    other = opened(Doubling())
    for each in (panel, other):
        each.controls["number"].value = 2
        asyncio.run(each.ready())
    first, second = (each._repr_mimebundle_() for each in (panel, other))
    assert first["text/plain"] == "<doubling: answer · 42>"
    assert {k: v for k, v in first.items() if k.startswith("text/")} == {
        k: v for k, v in second.items() if k.startswith("text/")
    }
    live = first["application/vnd.jupyter.widget-view+json"]
    assert live["model_id"] == panel.widget.model_id


def test_the_page_holds_picture_and_code_and_asks_nobody(panel, tmp_path):
    panel.controls["number"].value = 2
    asyncio.run(panel.ready())
    page = panel.to_html(tmp_path / "page.html").read_text(encoding="utf-8")
    assert "print(42 &lt; 100)" in page
    assert 'src="data:image/svg+xml;base64,' in page
    assert "http" not in re.sub(r"base64,[^\"]*", "", page)


def test_a_closed_panel_says_so_and_does_nothing_more(panel):
    closed = []
    panel.on("close", closed.append)
    panel.close()
    panel.close()
    panel.double()
    assert (panel.state, closed, panel.doubled) == ("closed", [panel], None)


def test_pictures_are_whole_svg_with_escaped_text():
    columns = [Column("name", "A & B"), Column("part", "<part>", "bar")]
    rows = [Row(str(row), str(row), {"name": f"<{row}>", "part": row / 20}) for row in range(20)]
    drawn = [pictures.table(columns, rows), pictures.curve([1.0, 3.0, 2.0], "p & q")]
    svg = pictures.picture("<title>", drawn)
    texts = [node.text for node in ET.fromstring(svg).iter() if node.tag.endswith("text")]  # noqa: S314 (our own)
    assert texts[:3] == ["<title>", "A & B", "<part>"]
    assert "and 5 more" in texts
    found = re.search(r'base64,([^"]*)"', pictures.image(svg, 'say "x"'))
    assert base64.b64decode(found[1]).decode() == svg


def test_a_curve_without_a_second_point_says_so():
    assert "nothing to draw" in pictures.curve([1.0], "price").svg
