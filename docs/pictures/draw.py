"""Draw the README's picture anew, in light and dark: `python docs/pictures/draw.py`.

It needs Chromium, which makes the picture of the page that plotly writes.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal, get_args

import gekko_lab

if TYPE_CHECKING:
    import plotly.graph_objects as go

HERE = Path(__file__).parent
WIDTH, HEIGHT = 960, 420
Theme = Literal["light", "dark"]


def figure(theme: Theme) -> go.Figure:
    """Give ten days of a simulated market."""
    candles = gekko_lab.fetch(
        gekko_lab.ExchangeSimulator(seed=7),
        *("BTC/USDT", "2h"),
        since="2024-03-01",
        until="2024-03-11",
    )
    title = "BTC/USDT, simulated, 2h"
    return gekko_lab.candle_chart(candles, title=title, height=HEIGHT, theme=theme)


def draw(theme: Theme, browser: str) -> Path:
    """Write one picture, at twice its size, so that it's sharp on fine screens."""
    target = HERE / f"candles-{theme}.png"
    chart = figure(theme).to_html(config={"displayModeBar": False, "staticPlot": True})
    with TemporaryDirectory() as folder:
        page = Path(folder) / "chart.html"
        page.write_text(chart.replace("<body>", '<body style="margin:0">'), encoding="utf-8")
        options = [
            "--headless",
            "--no-sandbox",
            "--hide-scrollbars",
            "--force-device-scale-factor=2",
        ]
        size = f"--window-size={WIDTH},{HEIGHT}"
        where = [f"--user-data-dir={folder}/profile", f"--screenshot={target}", page.as_uri()]
        subprocess.run(  # noqa: S603 (our own page)
            [browser, *options, size, "--virtual-time-budget=10000", *where],
            check=True,
            capture_output=True,
            timeout=120,
        )
    return target


def main() -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        sys.exit("chromium isn't installed")
    for theme in get_args(Theme):
        target = draw(theme, browser)
        print(target.name, target.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
