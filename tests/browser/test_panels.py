"""Panels in JupyterLab, used as a person would."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import Watch
from tests.browser.lab import IDLE

SETUP = """
import gekko_lab, threading, time
gekko_lab.options.progress = "off"
days = {"since": "2024-01-01", "until": "2024-01-08"}
hours = gekko_lab.fetch("simulator", "BTC/USDT", "1h", **days)
gekko_lab.datalog.write(hours[[*range(60), *range(100, 168)]], "mine", "BTC/USDT", "1h")

class Slow(gekko_lab.ExchangeSimulator):
    "Waits for the test before each page but the first."
    exchange, logged = "slow", True
    going = threading.Event()
    def paging(self, symbol, timeframe):
        import dataclasses
        return dataclasses.replace(super().paging(symbol, timeframe), page_size=24)
    def candles(self, symbol, timeframe, since, until, full=False):
        if since > 1704067200000:
            from gekko_lab.limits.waiting import check_stopped
            while not self.going.wait(0.05):
                check_stopped()
        return super().candles(symbol, timeframe, since, until, full=full)
slow = Slow()
"""
CELLS = {
    "download": "loads = gekko_lab.download(slow, ['BTC/USDT', 'ETH/USDT'], '1h', **days)\nloads",
    "browse": "log = gekko_lab.browse(exchange='mine')\nlog",
    "explore": "seen = gekko_lab.explore('simulator', 'BTC/USDT', '1h', **days)\nseen",
    "player": "played = gekko_lab.player(hours, 'BTC/USDT', trades=hours[[30, 90]])\nplayed",
    "monitor": "live = gekko_lab.monitor('simulator', ['BTC/USDT', 'ETH/USDT'])\nlive",
    "lab": "together = gekko_lab.lab()\ntogether",
    "simulator_lab": "made = gekko_lab.simulator_lab(seed=7, days=3)\nmade",
}
PANEL = ".jp-OutputArea-output > .gl-panel"
RUN_ONE = "() => window.jupyterapp.commands.execute('notebook:run-cell-and-select-next')"
DRAWN = """level => {
  const [figure] = document.querySelectorAll(".js-plotly-plot");
  return Math.abs(figure.data[3].y[0] - level) < 1e-9;
}"""
PATIENCE_MS = 30_000


@pytest.fixture(scope="module")
def page(browser, jupyterlab):
    """Open one notebook with all panels, run; its page must stay clean."""
    jupyterlab.write("panels.ipynb", SETUP, *CELLS.values())
    # So high that the notebook takes no cell off the page.
    context = browser.new_context(viewport={"width": 1200, "height": 6500})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    watch = Watch(page)
    jupyterlab.open(page, "panels.ipynb")
    for number in range(len(CELLS) + 1):
        page.evaluate(RUN_ONE)
        page.wait_for_function(IDLE)
        if number:
            header = page.locator(PANEL).nth(number - 1).locator(".gl-header strong").first
            expect(header).to_be_visible(timeout=PATIENCE_MS)
    yield page
    jupyterlab.execute(page, "live.close(); together.close(); loads.close()")
    context.close()
    expect.set_options(timeout=5_000)  # as it was
    watch.check()


@pytest.fixture
def panel(page):
    """Give a panel by its name."""

    def find(name):
        found = page.locator(PANEL).nth(list(CELLS).index(name))
        found.locator(".gl-header").first.wait_for()
        return found

    return find


@pytest.fixture
def kernel(page, jupyterlab):
    """Ask the kernel, which has to answer at any time."""
    return lambda code: jupyterlab.execute(page, code).strip()


def button(panel, name):
    return panel.get_by_role("button", name=name, exact=True)


def picture(panel, name):
    """Keep a picture for people to look at, where a folder is named for them."""
    folder = os.environ.get("GEKKO_LAB_PICTURES")
    if folder:
        panel.screenshot(path=Path(folder) / f"{name}.png")


def test_a_download_runs_beside_the_kernel_and_stops_and_resumes(panel, kernel, page):
    shown = panel("download")
    cells = shown.locator("tbody tr").first.locator("td")
    expect(cells.nth(5)).to_have_text(re.compile("24"))
    assert kernel("print(loads.state, 6 * 7)") == "running 42"
    first = cells.first.element_handle()
    button(shown, "Stop").click()
    expect(cells.last).to_have_text("stopped")
    expect(button(shown, "Stop")).to_be_disabled()
    kernel("slow.going.set()")
    button(shown, "Resume").click()
    expect(shown.locator("tbody tr").last.locator("td").last).to_have_text(
        "✔ complete", timeout=PATIENCE_MS
    )
    assert first.evaluate("node => node.isConnected")  # nothing was taken from under the hand
    assert kernel("print(loads.report['rows'].to_list())") == "[168, 168]"
    shown.get_by_label("Select slow ETH/USDT 1h").check()
    assert kernel("print(loads.selection['symbol'].item())") == "ETH/USDT"
    picture(shown, "download")


def test_a_download_whose_cell_runs_again_takes_what_is_there(panel, kernel, page):
    page.evaluate("() => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = 1; }")
    before = kernel("print(id(loads))")
    page.evaluate(RUN_ONE)
    page.wait_for_function(IDLE)
    shown = panel("download")
    for row in range(2):
        expect(shown.locator("tbody tr").nth(row).locator("td").last).to_have_text("✔ complete")
    assert kernel("print(id(loads))") != before
    assert kernel("print(loads.report['source'].to_list())") == "['log', 'log']"
    expect(shown.get_by_label("Select slow ETH/USDT 1h")).not_to_be_checked()


def test_the_code_is_copied(panel, kernel, page):
    shown = panel("download")
    shown.get_by_label("Copy the code").click()
    expect(shown.get_by_label("Copy the code")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == kernel("print(loads.code)")


def test_the_log_is_browsed_verified_and_explored(panel, kernel, page):
    shown = panel("browse")
    expect(shown.locator("tbody tr")).to_have_count(1)
    strip = shown.get_by_role("img", name=re.compile("Coverage of mine BTC.USDT 1h: 7.% held"))
    expect(strip).to_be_visible()
    button(shown, "Verify").click()
    expect(shown.locator("tbody td").last).to_have_text("✔ all is well")
    shown.get_by_label("Find", exact=True).fill("nothing such")
    expect(shown.locator("tbody tr")).to_have_count(0)
    shown.get_by_label("Find", exact=True).fill("btc")
    shown.get_by_label("Select mine BTC/USDT 1h").check()
    button(shown, "Explore").click()
    expect(shown.locator(".gl-panel .gl-header").first).to_contain_text(
        "40 missing", timeout=PATIENCE_MS
    )
    picture(shown, "browse")


def test_a_slider_makes_another_market(panel, kernel, page):
    shown = panel("simulator_lab")
    expect(shown.locator(".js-plotly-plot .trace.bars").first).to_be_attached(timeout=60_000)
    before = kernel("print(made.simulator.parameters.season)")
    slider = shown.get_by_role("slider", name="Daily rhythm")
    slider.focus()
    slider.press("ArrowRight")
    expect(shown.locator(".gl-code").first).to_contain_text("season=")
    assert kernel("print(made.simulator.parameters.season)") != before
    expect(shown.locator("tbody td.gl-good").first).to_contain_text("✔")
    shown.get_by_label("Preset").select_option("thin")
    expect(shown.locator(".gl-code").first).to_contain_text("ExchangeSimulator('thin'")
    level = float(kernel("print(made.figure.data[3].y[0])"))
    page.wait_for_function(DRAWN, arg=level)
    width = shown.locator(".js-plotly-plot").bounding_box()["width"]
    assert width > 0.9 * shown.bounding_box()["width"]


def test_a_chart_is_explored(panel, kernel, page):
    shown = panel("explore")
    expect(shown.locator("canvas").first).to_be_visible()
    button(shown, "4h").click()
    expect(shown.locator(".gl-header")).to_contain_text("42 rows")
    shown.get_by_label("SMA", exact=True).check()
    expect(shown.locator(".gl-code")).to_contain_text("rolling_mean(20)")
    symbol = shown.get_by_label("Symbol")
    symbol.fill("NO/SUCH")
    symbol.press("Enter")
    expect(shown.get_by_role("alert")).to_contain_text("UnknownSymbol")
    symbol.fill("ETH/USDT")
    symbol.press("Enter")
    expect(shown.locator(".gl-header")).to_contain_text("ETH/USDT")
    expect(shown.locator(".gl-error")).to_have_count(0)
    box = shown.locator("canvas").first.bounding_box()
    page.keyboard.down("Shift")
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 120, steps=5)
    page.mouse.up()
    page.keyboard.up("Shift")
    page.wait_for_timeout(300)
    assert int(kernel("print(0 if seen.selection is None else seen.selection.height)")) > 3


def test_an_error_in_a_listener_is_shown(panel, kernel, page):
    shown = panel("explore")
    kernel("off = seen.on('change', lambda panel: 1 / 0)")
    button(shown, "1h").click()
    expect(shown.get_by_role("alert")).to_contain_text("ZeroDivisionError")
    kernel("off()")
    button(shown, "4h").click()
    expect(shown.locator(".gl-error")).to_have_count(0)


def test_the_past_is_played(panel, kernel, page):
    shown = panel("player")
    expect(shown.locator(".gl-header")).to_contain_text("84 of 168 rows")
    button(shown, "Step").click()
    expect(shown.locator(".gl-header")).to_contain_text("85 of 168 rows")
    shown.get_by_label("Speed").select_option("100 a second")
    button(shown, "Play").click()
    expect(shown.locator(".gl-header")).to_contain_text("168 of 168 rows")
    expect(button(shown, "Play")).to_be_visible()


def test_markets_are_shown_live_and_paused(panel, kernel, page):
    shown = panel("monitor")
    tape = shown.get_by_role("region", name="Trades, the newest first")
    expect(tape.locator("tbody tr").first).to_be_visible(timeout=PATIENCE_MS)
    expect(shown.get_by_role("region", name="Order book").locator("tbody tr")).to_have_count(12)
    button(shown, "Pause").click()
    expect(shown.locator(".gl-header").nth(1)).to_contain_text("paused")
    shown.get_by_label("Symbol").select_option("ETH/USDT")
    expect(shown.locator(".gl-header").first).to_contain_text("ETH/USDT")
    button(shown, "Pause").click()
    expect(shown.locator(".gl-header").nth(1)).to_contain_text("running")


def test_tabs_open_their_panels(panel, kernel, page):
    shown = panel("lab")
    assert kernel("print(list(together.panels))") == "['explore']"
    shown.get_by_role("tab", name="Download").click()
    shown.get_by_label("Since").fill("2024-01-01")
    shown.get_by_label("Until").fill("2024-01-03")
    shown.get_by_label("Until").press("Enter")
    button(shown, "Download").click()
    expect(shown.locator("tbody td").last).to_have_text("✔ complete")
    assert kernel("print(list(together.panels))") == "['explore', 'download']"


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_axe_finds_nothing_serious_in_either_theme(panel, page, jupyterlab, theme):
    jupyterlab.set_theme(page, theme)
    page.wait_for_timeout(500)
    for name in CELLS:
        picture(panel(name), f"{name}-{theme.split()[-1].lower()}")
    found = Axe().run(page, context=PANEL)
    serious = [
        (each["id"], each["impact"], [node["html"][:200] for node in each["nodes"]][:3])
        for each in found.response["violations"]
        if each["impact"] in {"serious", "critical"}
    ]
    assert not serious
