"""The chart in JupyterLab, with a kernel behind it."""

from __future__ import annotations

import json
import re
from datetime import datetime

import pytest

SETUP = """
import threading, time
import gekko_lab
asked = {"since": "2024-01-01", "until": "2024-03-01", "progress": "off"}
candles = gekko_lab.fetch("simulator", "BTC/USDT", "15m", **asked)
hidden = candles[[*range(3000), *range(3200, len(candles))]]
chart = gekko_lab.Chart(hidden[:-200], title="BTC/USDT")
"""
LIVE = """
def feed():
    for row in range(len(hidden) - 200, len(hidden)):
        chart.update(hidden[row])
        time.sleep(1 / 60)

thread = threading.Thread(target=feed)
thread.start()
"""


@pytest.fixture(scope="module")
def notebook(jupyterlab, keep_page):
    """Open and run a notebook of one chart, for all tests here."""
    jupyterlab.write("chart.ipynb", SETUP, "chart")
    page = keep_page(height=900)
    jupyterlab.open(page, "chart.ipynb")
    jupyterlab.run(page)
    page.locator(".gekko-lab-chart canvas").first.wait_for(timeout=30_000)
    return page


def legend(page):
    return page.locator(".gekko-lab-chart-legend").inner_text()


def settle(page):
    page.wait_for_timeout(400)


def test_it_fills_the_cell_and_shows_all_candles(notebook, jupyterlab):
    cell = notebook.locator(".jp-OutputArea-output").last.bounding_box()
    assert notebook.locator(".gekko-lab-chart").bounding_box()["width"] > 0.95 * cell["width"]
    assert "2024-02-27" in legend(notebook)
    assert "(datetime.datetime(2024, 1, 1," in jupyterlab.execute(notebook, "print(chart.range)")


def test_zooming_asks_the_kernel_for_finer_candles(notebook, jupyterlab):
    box = notebook.locator(".gekko-lab-chart-body canvas").first.bounding_box()
    notebook.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + 100)
    settle(notebook)
    before = datetime.fromisoformat(re.search(r"\d{4}-[-\d]+ [:\d]+", legend(notebook))[0])
    for _ in range(36):
        notebook.mouse.wheel(0, -300)
        notebook.wait_for_timeout(10)
    notebook.wait_for_function(
        "() => document.querySelector('.gekko-lab-chart-legend').innerText.includes('15m · ')"
    )
    after = datetime.fromisoformat(re.search(r"\d{4}-[-\d]+ [:\d]+", legend(notebook))[0])
    assert abs((after - before).total_seconds()) <= 6 * 3600


def test_keys_reach_the_chart_and_not_the_notebook(notebook, jupyterlab):
    cells = notebook.locator(".jp-Cell").count()
    notebook.locator(".gekko-lab-chart").press("a")
    settle(notebook)
    assert notebook.locator(".jp-Cell").count() == cells
    since = jupyterlab.execute(notebook, "print(chart.range[0].isoformat())")
    assert since.startswith("2024-01-01T00:00")


def test_brushing_gives_a_frame_in_the_kernel(notebook, jupyterlab):
    box = notebook.locator(".gekko-lab-chart-body canvas").first.bounding_box()
    notebook.keyboard.down("Shift")
    notebook.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 80)
    notebook.mouse.down()
    notebook.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 80, steps=3)
    notebook.mouse.up()
    notebook.keyboard.up("Shift")
    settle(notebook)
    rows = int(jupyterlab.execute(notebook, "print(len(chart.selection))"))
    assert abs(rows - len_of_quarter()) < 0.05 * len_of_quarter()


def len_of_quarter():
    return (60 * 96 - 200) / 4


def test_live_candles_of_a_thread_come(notebook, jupyterlab):
    jupyterlab.execute(notebook, LIVE)
    jupyterlab.execute(notebook, "thread.join()")
    settle(notebook)
    notebook.locator(".gekko-lab-chart").press("End")
    notebook.mouse.move(5, 5)
    settle(notebook)
    assert "2024-02-29" in legend(notebook)


def test_it_follows_the_theme_of_jupyterlab(notebook, jupyterlab, tmp_path):
    chart = notebook.locator(".gekko-lab-chart")
    for name, dark in (("JupyterLab Dark", "true"), ("JupyterLab Light", "false")):
        jupyterlab.set_theme(notebook, name)
        notebook.wait_for_function(
            "dark => document.querySelector('.gekko-lab-chart').dataset.dark === dark", arg=dark
        )
        assert chart.screenshot(path=tmp_path / f"{name}.png")


def test_errors_of_callbacks_show_in_the_notebook(notebook, jupyterlab):
    jupyterlab.execute(notebook, "chart.on('selection', lambda frame: 1 / 0)")
    notebook.locator(".gekko-lab-chart").press("Escape")
    notebook.get_by_role("alert").get_by_text("ZeroDivisionError: division by zero").wait_for()
    notebook.get_by_role("button", name="Dismiss").click()
    notebook.get_by_role("alert").wait_for(state="hidden")


def test_the_saved_notebook_is_small_and_shows_the_chart_before_it_is_run(
    notebook, jupyterlab, open_page
):
    jupyterlab.save(notebook)
    text = (jupyterlab.work / "chart.ipynb").read_text(encoding="utf-8")
    assert len(text) < 50_000
    saved = json.loads(text)
    assert "widgets" not in saved["metadata"]
    (output,) = saved["cells"][1]["outputs"]
    assert output["data"]["text/plain"][0].startswith("Chart: BTC/USDT · 5,")
    saved["cells"][1]["outputs"][0]["data"].pop("application/vnd.jupyter.widget-view+json")
    (jupyterlab.work / "cold.ipynb").write_text(json.dumps(saved), encoding="utf-8")
    page = open_page()
    page.goto(jupyterlab.address("cold.ipynb"))
    image = page.get_by_role("img", name="Chart: BTC/USDT")
    image.wait_for(timeout=30_000)
    assert image.evaluate("image => image.naturalWidth") > 500
