"""A chart as an HTML page of its own, which needs neither a kernel nor a network."""

from __future__ import annotations

import base64
import json
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST = 20_000
"""Bars in a page at most; more are joined."""

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>body {{ margin: 0; }} main {{ margin: 8px; }} {css}</style>
<main><div id="chart"></div></main>
<script type="application/json" id="state">{state}</script>
<script type="module">
const {{ default: front }} = await import("data:text/javascript;base64,{code}");
const state = JSON.parse(document.getElementById("state").textContent);
const numbers = Uint8Array.from(atob(state.window), (each) => each.charCodeAt(0));
state.window = new DataView(numbers.buffer);
const model = {{
  get: (name) => state[name],
  set: (name, value) => {{ state[name] = value; }},
  save_changes() {{}},
  send() {{}},
  on() {{}},
  off() {{}},
}};
front.render({{ model, el: document.getElementById("chart") }});
</script>
</html>
"""


def page(state: Mapping[str, Any], numbers: bytes, *, code: str, css: str) -> str:
    """Give a page that shows a chart in a state, with its front end inside."""
    told = json.dumps({**state, "window": base64.b64encode(numbers).decode()})
    return _PAGE.format(
        title=escape(state["title"] or "Candles"),
        css=css,
        state=told.replace("<", "\\u003c"),
        code=base64.b64encode(code.encode()).decode(),
    )
