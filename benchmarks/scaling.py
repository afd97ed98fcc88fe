"""fetch_many under more threads and processes: what scales and what does not.

Writes the table of docs/scaling.md and results/scaling.json. The exchange runs in a process of its
own, with a latency. Processes are started before the clock is.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import joblib

import gekko_lab
from gekko_lab.server import Fault, serve
from gekko_lab.simulation import SimulatedMarket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).parent
DOC = HERE.parent / "docs" / "scaling.md"
RESULT = HERE / "results" / "scaling.json"
BEGIN, END = "<!-- results: written by benchmarks/scaling.py -->", "<!-- end of results -->"
LATENCY_S = 0.06
SYMBOLS = 20
PAGES = 4
SLOW_MS = 250  # ccxt's rateLimit: less than one thread alone would ask
MODES = {
    "one after the other": ("threading", 1),
    **{f"{n} threads": ("threading", n) for n in (2, 4, 8, 16)},
    "loky, 2 processes": ("loky", 2),
}
FEW = ("one after the other", "8 threads", "loky, 2 processes")  # a budget makes all wait
CASES = {
    "latency": "20 symbols, 60 ms latency",
    "budget": "the same within a small budget",
    "cpu": "simulated: ten years of 1d",
}
SINCE = 1_704_067_200_000  # 2024-01-01


def exchange() -> None:
    """Serve until stdin ends; print how ccxt gets there."""
    with serve(SimulatedMarket(), clock=lambda: SINCE + 10_000_000_000) as server:
        server.faults.add(Fault("delay", path=None, value=LATENCY_S))
        print(json.dumps(server.ccxt_config()), flush=True)
        sys.stdin.read()


@contextmanager
def served() -> Iterator[dict[str, Any]]:
    """Give the configuration of an exchange in another process."""
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, __file__, "--serve"], **pipes) as server:
        assert server.stdin is not None  # noqa: S101 (tells the type)
        assert server.stdout is not None  # noqa: S101
        try:
            yield json.loads(server.stdout.readline())
        finally:
            server.stdin.close()


def fetching(config: dict[str, Any], pages: int) -> Callable[[], object]:
    """Give a function that fetches all symbols."""
    source = gekko_lab.CcxtMarketData("binance", config=config)
    symbols = list(source.rules())[:SYMBOLS]
    until = SINCE + pages * 60_000_000
    assert len(symbols) == SYMBOLS  # noqa: S101 (else the table would say something else)
    asked = {"since": SINCE, "until": until, "log": False}  # else the second round asks nothing
    return lambda: gekko_lab.fetch_many(source, symbols, "1m", **asked)


def simulating() -> Callable[[], object]:
    """Give a function that simulates all symbols."""
    symbols = list(gekko_lab.symbols("simulator", frame="polars")["symbol"])[:SYMBOLS]
    years = {"since": "2014-01-01", "until": "2024-01-01"}
    return lambda: gekko_lab.fetch_many("simulator", symbols, "1d", **years)


def seconds(work: Callable[[], object], backend: str, n_jobs: int) -> float:
    with joblib.parallel_config(backend, n_jobs=n_jobs):
        began = time.perf_counter()
        work()
        return time.perf_counter() - began


def measure(rounds: int) -> dict[str, dict[str, list[float]]]:
    """Give the seconds of every round of every mode in every case."""
    with served() as config:
        cases = {
            "latency": fetching({**config, "enableRateLimit": False}, PAGES),
            "budget": fetching({**config, "rateLimit": SLOW_MS}, 2),
            "cpu": simulating(),
        }
        found: dict[str, dict[str, list[float]]] = {}
        for case, work in cases.items():
            modes = {name: MODES[name] for name in (FEW if case == "budget" else MODES)}
            found[case] = {name: [] for name in modes}
            for mode in modes.values():
                if mode in {("threading", 1), ("loky", 2)}:
                    seconds(work, *mode)  # starts processes, loads and compiles what is needed
            for _ in range(rounds):
                for name, mode in modes.items():
                    found[case][name].append(seconds(work, *mode))
                    print(case, name, round(found[case][name][-1], 2), flush=True)
    return found


def table(found: dict[str, dict[str, list[float]]]) -> str:
    """Give times as fast as one after the other, by the medians."""
    rows = [f"| times as fast | {' | '.join(CASES.values())} |", "| --- |" + " ---: |" * len(CASES)]
    base = {case: median(found[case]["one after the other"]) for case in CASES}
    for name in MODES:
        cells = (
            f"{base[case] / median(found[case][name]):.1f}" if name in found[case] else ""
            for case in CASES
        )
        rows.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(rows)


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        exchange()
        return
    with tempfile.TemporaryDirectory(prefix="gekko-lab-") as folder:
        gekko_lab.options.data_dir = Path(folder, "data")
        gekko_lab.options.state_dir = Path(folder, "state")
        gekko_lab.options.progress = "off"
        found = measure(given.rounds)
    result = {
        "seconds": found,
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "joblib": joblib.__version__,
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    before, _, rest = DOC.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    DOC.write_text(f"{before}{BEGIN}\n\n{table(found)}\n\n{END}{after}", encoding="utf-8")
    print(table(found))


if __name__ == "__main__":
    main()
