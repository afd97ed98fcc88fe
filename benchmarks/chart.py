"""Ten million candles in a notebook: the chart, and a plotly FigureWidget fed the same way.

Both are shown by one JupyterLab in one browser, one after the other. The FigureWidget gets its bars
from the same pyramid, only those that are seen, when it tells of a new range.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

from fetch import clean_environment

if TYPE_CHECKING:
    from environments import Environments

PEER = Path(__file__).parent / "peers" / "chart_browser.py"
OURS, PLOTLY = "ours", "plotly"
TITLES = {OURS: "gekko_lab.Chart", PLOTLY: "plotly, FigureWidget"}
ROWS, LEVELS = 10_000_000, 6

Line = dict[str, Any]


def measure(environments: Environments, rounds: int) -> Line:
    """Give what both charts take, and the times of all zooms."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise SystemExit("the chart is measured in chromium: apt-get install chromium")
    task = {"rows": ROWS, "levels": LEVELS, "rounds": rounds, "chromium": chromium}
    answer = subprocess.run(
        [environments.python("chart"), str(PEER), json.dumps(task)],
        env=clean_environment(),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=1200,
    )
    lines: dict[str, Line] = json.loads(answer.stdout.splitlines()[-1])
    return {"rows": ROWS, "charts": {name: _summed(line) for name, line in lines.items()}}


def _summed(line: Line) -> Line:
    zooms = line["zooms_ms"]
    return line | {"zoom_p50_ms": median(zooms), "zoom_p95_ms": quantiles(zooms, n=20)[-1]}
