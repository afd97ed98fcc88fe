"""A chart in a bare page, with a model made by hand in place of Jupyter's."""

from __future__ import annotations

import base64
import time

from gekko_lab.widgets.front import STATIC

SYNCED = ("title", "height", "theme", "volume", "head", "window", "selected", "fault")

PAGE = """<!doctype html><html lang="en"><title>chart</title><meta charset="utf-8">
<style>body {{ margin: 0; background: #888 }} {css}</style>
<main><h1 style="font-size: 12px; margin: 0">chart</h1><div id="place"></div></main></html>"""

MODEL = """async ([code, state]) => {
  const bytes = (text) => new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
  const read = (state) => ({ ...state, ...("window" in state && { window: bytes(state.window) }) });
  const values = read(state);
  const listeners = [];
  const fire = (name, ...told) => listeners.filter(([event]) => event === name)
    .forEach(([, call]) => call(...told));
  const model = {
    get: (name) => values[name],
    set: (name, value) => { values[name] = value; },
    on: (name, call) => listeners.push([name, call]),
    off: (name, call) => {
      const place = listeners.findIndex(([event, other]) => event === name && other === call);
      if (place >= 0) listeners.splice(place, 1);
    },
    send: async (message) => receive(await window.to_python(message)),
  };
  const receive = (outbox) => {
    for (const { state, message, buffers } of outbox) {
      if (state) {
        const news = read(state);
        Object.assign(values, news);
        Object.keys(news).forEach((name) => fire(`change:${name}`));
      } else fire("msg:custom", message, buffers.map(bytes));
    }
    window.received = (window.received ?? 0) + outbox.length;
  };
  window.receive = receive;
  window.listeners = listeners;
  const module = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  const { default: front } = await import(module);
  window.undo = front.render({ model, el: document.getElementById("place") });
}"""


class BareChart:
    """A chart and the page that shows it.

    Attributes
    ----------
    page, chart
        Playwright's page and the widget.
    heard : list of dict
        Messages of the front end.
    sent : list of int
        Bytes of each window that Python sent.
    delay_s : float
        How long Python takes for an answer.
    """

    def __init__(self, page, chart):
        self.page, self.chart = page, chart
        self.heard, self.sent, self.outbox = [], [], []
        self.delay_s = 0.0
        chart.send = self._send
        chart.send_state = self._send_state
        css, code = ((STATIC / f"chart.{kind}").read_text() for kind in ("css", "js"))
        page.set_content(PAGE.format(css=css))
        page.expose_function("to_python", self._hear)
        page.evaluate(MODEL, [code, self._state(SYNCED)])
        self.root = page.locator(".gekko-lab-chart")

    def _hear(self, message):
        self.heard.append(message)
        time.sleep(self.delay_s)
        self.chart._hear(message)
        return self._take()

    def _take(self):
        taken, self.outbox = self.outbox, []
        return taken

    def _send(self, message, buffers=None):
        self.sent += map(len, buffers or [])
        encoded = [base64.b64encode(each).decode() for each in buffers or []]
        self.outbox.append({"message": message, "buffers": encoded})

    def _send_state(self, key=None):
        names = [key] if isinstance(key, str) else key
        known = [name for name in names or SYNCED if name in SYNCED]
        self.outbox.append({"state": self._state(known)})

    def _state(self, names):
        state = {name: getattr(self.chart, name) for name in names}
        if "window" in state:
            self.sent.append(len(state["window"]))
            state["window"] = base64.b64encode(state["window"]).decode()
        return state

    def deliver(self):
        """Bring what Python has sent to the page."""
        self.page.evaluate("outbox => window.receive(outbox)", self._take())

    def deliver_until(self, shows):
        """Bring what Python sends to the page, some of it a while later, until that shows it."""
        end = time.monotonic() + 30
        while not shows():
            assert time.monotonic() < end
            self.deliver()
            self.page.wait_for_timeout(20)

    def settle(self):
        """Wait until nothing more is asked, and all is painted, also what Python sends later."""
        seen = None
        while seen != len(self.heard) or self.outbox:
            seen = len(self.heard)
            self.deliver()
            self.page.wait_for_timeout(120 + 1000 * self.delay_s)
            self.frames()

    def frames(self, count=2):
        """Wait for so many frames to be painted."""
        self.page.evaluate(
            "count => new Promise(done => { const next = () => "
            "count-- ? requestAnimationFrame(next) : done(); next(); })",
            count,
        )

    @property
    def plot(self):
        """The canvas of the prices: x, y, width, height."""
        return self.page.locator(".gekko-lab-chart-body canvas").first.bounding_box()

    def hover(self, share):
        """Put the cursor over a place from 0 (left) to 1 (right), and give its x."""
        box = self.plot
        x = box["x"] + share * box["width"]
        self.page.mouse.move(x, box["y"] + box["height"] / 2)
        self.frames()
        return x

    @property
    def legend(self):
        return self.page.locator(".gekko-lab-chart-legend").inner_text()

    def asked(self, kind):
        return [message for message in self.heard if message["kind"] == kind]
