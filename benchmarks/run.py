"""Measure everything, or what is named, and write `results/`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import chart
import datalog
import fetch
import imports
import report
import simulator
import streams
from environments import NAMES, Environments

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).parent
RESULTS = HERE / "results"
README = HERE / "README.md"
BEGIN, END = "<!-- results: written by run.py -->", "<!-- end of results -->"
PARTS = ("fetch", "imports", "simulator", "datalog", "streams", "chart")
FOLDER = Path(tempfile.gettempdir(), "gekko-lab-benchmarks")


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line says."""
    given = _parser().parse_args(arguments)
    environments = Environments(given.peers, dict(given.python))
    if "fetch" in given.what:
        _write("fetch", fetch.measure(environments, given.rounds))
    if "imports" in given.what:
        _write("imports", imports.measure(environments, given.import_rounds))
    if "simulator" in given.what:
        result = simulator.measure(environments, given.rounds, given.import_rounds, given.share)
        _write("simulator", result)
    if "datalog" in given.what:
        _write("datalog", datalog.measure(environments, given.log_rounds))
    if "streams" in given.what:
        _write("streams", streams.measure(environments, given.stream_rounds))
    if "chart" in given.what:
        _write("chart", chart.measure(environments, given.chart_rounds))
    text = _results()
    (RESULTS / "results.md").write_text(text, encoding="utf-8")
    _into_readme(text)
    print(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", default=PARTS, help=f"{', '.join(PARTS)}; default all")
    parser.add_argument(
        "--peers", type=Path, default=FOLDER, help=f"folder of environments; default {FOLDER}"
    )
    parser.add_argument(
        "--python",
        type=_named,
        action="append",
        default=[],
        metavar="NAME=PATH",
        help=f"use this Python for an environment ({', '.join(NAMES)}) instead of making one",
    )
    parser.add_argument(
        "--rounds", type=int, default=7, help="of fetches and simulations; default 7"
    )
    parser.add_argument(
        "--import-rounds", type=int, default=21, help="of imports and first fetches; default 21"
    )
    parser.add_argument(
        "--log-rounds", type=int, default=5, help="of the data log's works; default 5"
    )
    parser.add_argument(
        "--stream-rounds", type=int, default=3, help="of listening to live streams; default 3"
    )
    parser.add_argument(
        "--chart-rounds", type=int, default=3, help="of zooming in and out; default 3"
    )
    parser.add_argument(
        "--share", type=float, default=1.0, help="of what is simulated, for a quick look; default 1"
    )
    return parser


def _named(text: str) -> tuple[str, str]:
    name, found, path = text.partition("=")
    if name not in NAMES or not found:
        raise argparse.ArgumentTypeError(f"{text!r}: write NAME=PATH, NAME one of {NAMES}")
    return name, path


def _write(name: str, result: dict[str, Any]) -> None:
    result |= {"cores": os.cpu_count(), "system": f"{platform.system()} {platform.machine()}"}
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(result, indent=1)
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def _results() -> str:
    """Give the tables of what has been measured so far."""
    parts = []
    for name, tables in report.TABLES.items():
        file = RESULTS / f"{name}.json"
        if file.exists():
            parts += tables(json.loads(file.read_text(encoding="utf-8")))
    return "\n\n".join(parts) + "\n"


def _into_readme(text: str) -> None:
    before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    README.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
