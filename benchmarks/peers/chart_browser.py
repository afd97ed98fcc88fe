"""Both charts in one JupyterLab and one browser: the first paint, zooming, and live candles.

The argument is JSON: rows, levels of zoom, rounds, and where the browser lies. Prints one line of
JSON.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from chart_cells import CANDLES, OURS, OURS_LIVE, PLOTLY, PLOTLY_LIVE
from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.browser.lab import JupyterLab

FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
RATE, SECONDS = 60, 4.0
TURNS = {"ours": 10, "plotly": 14}  # of the wheel, for a quarter of the time
CANVAS = {"ours": ".gekko-lab-chart-body", "plotly": ".js-plotly-plot .nsewdrag"}
LIVE = {"ours": OURS_LIVE, "plotly": PLOTLY_LIVE}

WATCH = """() => {
  // a frame's callbacks run before it is painted; what is posted in them comes after
  window.painted = () => new Promise((done) => requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => done(performance.timeOrigin + performance.now());
    port2.postMessage(0);
  }));
  // asks at once when something has changed, so that no frame is lost to asking
  window.until = (name, ready) => new Promise((done) => {
    const look = () => {
      if (!ready()) return false;
      observer.disconnect();
      window.painted().then(done);
      return true;
    };
    const observer = new MutationObserver(look);
    const whole = { subtree: true, childList: true, characterData: true, attributes: true };
    if (!look()) observer.observe(document.querySelector(window.place[name]) ?? document, whole);
  });
  window.place = { ours: ".gekko-lab-chart-legend", plotly: ".js-plotly-plot" };
  window.shown = {
    ours: () => document.querySelector(".gekko-lab-chart-legend")?.innerText,
    plotly: () => {
      const chart = document.querySelector(".js-plotly-plot");
      return chart?.querySelector(".boxlayer path, .boxes path") && String(chart.data[0].x[1])
        + String(chart.data[0].close.at(-1));
    },
  };
  window.first = {};
  for (const name of ["ours", "plotly"]) {
    window.until(name, () => window.shown[name]()).then((time) => { window.first[name] = time; });
  }
}"""

ZOOM = """async ([name, selector, turns, inward]) => {
  const place = document.querySelector(selector);
  const box = place.getBoundingClientRect();
  const about = {
    bubbles: true, cancelable: true, deltaY: inward ? -100 : 100,
    clientX: box.left + 0.6 * box.width, clientY: box.top + 100,
  };
  const before = window.shown[name]();
  const width = (text) => (name === "ours" ? text.split(" · ")[0] : text);
  const begin = performance.timeOrigin + performance.now();
  for (let turn = 0; turn < turns; turn += 1) place.dispatchEvent(new WheelEvent("wheel", about));
  const end = await Promise.race([
    window.until(name, () => width(window.shown[name]()) !== width(before)),
    new Promise((done) => setTimeout(() => done(null), 5000)),
  ]);
  return end === null ? null : end - begin;
}"""

FRAMES = """([name, milliseconds]) => new Promise((done) => {
  const begin = performance.now();
  let [frames, changes, last] = [0, 0, window.shown[name]()];
  const next = (now) => {
    frames += 1;
    const text = window.shown[name]();
    if (text !== last) changes += 1;
    last = text;
    if (now - begin < milliseconds) requestAnimationFrame(next);
    else done([1000 * frames / (now - begin), 1000 * changes / (now - begin)]);
  };
  requestAnimationFrame(next);
})"""


class Bytes:
    """What a page receives from the kernel."""

    def __init__(self, page: Page) -> None:
        self.count = 0
        page.on("websocket", lambda socket: socket.on("framereceived", self._add))

    def _add(self, frame: str | bytes) -> None:
        self.count += len(frame)


def measure(task: dict[str, Any]) -> dict[str, Any]:
    """Measure both contenders, and tell the median of doing nothing in the same browser."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="gekko-lab-") as folder, sync_playwright() as browsers:
        lab = JupyterLab(Path(folder))
        browser = browsers.chromium.launch(executable_path=task["chromium"], args=list(FLAGS))
        try:
            for name, cell in (("ours", OURS), ("plotly", PLOTLY)):
                page = browser.new_page(viewport={"width": 1280, "height": 900})
                found[name] = _one(lab, page, name, cell, task)
                page.close()
        finally:
            browser.close()
            lab.close()
    return found


def _one(lab: JupyterLab, page: Page, name: str, cell: str, task: dict[str, Any]) -> dict[str, Any]:
    setup = f"ROWS, RATE, SECONDS = {task['rows']}, {RATE}, {SECONDS}\n{CANDLES}"
    lab.write(f"{name}.ipynb", setup, cell)
    received = Bytes(page)
    lab.open(page, f"{name}.ipynb")
    page.evaluate(WATCH)
    lab.run(page)
    page.wait_for_function("name => window.first[name]", arg=name, timeout=120_000)
    begun = float(lab.execute(page, "print(repr(begun))"))
    line: dict[str, Any] = {
        "first_ms": page.evaluate("name => window.first[name]", name) - 1000 * begun,
        "first_bytes": received.count,
        "zooms_ms": [],
    }
    page.wait_for_timeout(1500)
    for _ in range(task["rounds"]):
        for inward in (True, False):
            for _ in range(task["levels"]):
                turned = page.evaluate(ZOOM, [name, CANVAS[name], TURNS[name], inward])
                if turned is not None:
                    line["zooms_ms"].append(turned)
                page.wait_for_timeout(250)
    lab.execute(page, LIVE[name])
    line["live_fps"], line["live_changes"] = page.evaluate(FRAMES, [name, 1000 * SECONDS - 500])
    return line


if __name__ == "__main__":
    print(json.dumps(measure(json.loads(sys.argv[1]))))
