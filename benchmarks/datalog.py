"""The data log against feather files and a Delta Lake table, by each contender in turn."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
from statistics import median
from typing import TYPE_CHECKING, Any

from environments import PEERS
from fetch import Unequal, clean_environment

if TYPE_CHECKING:
    from environments import Environments

OURS, FEATHER, DELTA = "gekko_lab", "feather", "delta"
CONTENDERS = {OURS: "gekko_lab_log.py", FEATHER: "feather_log.py", DELTA: "delta_log.py"}
TITLES = {FEATHER: "freqtrade's feather files", DELTA: "Delta Lake"}
WORKS = {
    "year_coarse": "a year of 1m candles loaded, ticks as most markets have them",
    "year_fine": "the same with fine ticks",
    "day": "a day of 20 symbols",
    "upsert": "1,000 rows written anew among 10.5 million",
    "upsert_folded": "the same, until other programs see them",
    "catalog": "2,000 series listed with rows, first and last time",
    "pages": "a year written in pages of 1,000, each durable, against one store",
    "record": "single candles recorded",
    "trades": "1.4 million trades written, a day at a time",
    "trades_read": "1.4 million trades loaded",
}
RECORDED = {OURS: 1000, FEATHER: 3}  # candles that each records in its turn

Line = dict[str, Any]


def measure(environments: Environments, rounds: int) -> Line:
    """Give the medians and each round of every work; peers that can't run are left out and named.

    Parameters
    ----------
    environments
        Where the contenders are.
    rounds
        How often each contender has its turn.
    """
    missing, sizes, lines = list[str](), dict[str, int](), list[dict[str, Line]]()
    with tempfile.TemporaryDirectory(prefix="gekko-lab-") as folder:
        _run(environments, OURS, "log_data.py", folder)
        for name, script in CONTENDERS.items():
            try:
                sizes[name] = _run(environments, name, script, "setup", folder)["bytes"]
            except (OSError, subprocess.CalledProcessError) as error:
                if name == OURS:
                    raise
                sys.stderr.write(f"{name} can't run: {error}\n")
                missing.append(name)
        names = [name for name in CONTENDERS if name in sizes]
        for number in range(rounds):
            turn = number % len(names)
            order = names[turn:] + names[:turn]
            lines.append(
                {
                    name: _run(environments, name, CONTENDERS[name], "measure", folder)
                    for name in order
                }
            )
            _check_equal(lines[-1])
    return {
        "bytes": sizes,
        "medians": {name: _medians(lines, name) for name in sizes},
        "missing": missing,
        "versions": _versions(lines[0]),
        "rounds": lines,
    }


def ratios(result: Line, work: str, peer: str, measure: str = "wall_s") -> list[float]:
    """Give how many times as long the peer takes, for each round."""
    ours = RECORDED[OURS] if work == "record" else 1
    theirs = RECORDED[FEATHER] if work == "record" else 1
    return [
        line[peer]["works"][work][measure] * ours / (line[OURS]["works"][work][measure] * theirs)
        for line in result["rounds"]
        if peer in line and work in line[peer]["works"]
    ]


def _run(environments: Environments, name: str, script: str, *told: str) -> Line:
    answer = subprocess.run(
        [environments.python(name), str(PEERS / script), *told],
        env=clean_environment(),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    line: Line = json.loads(answer.stdout.splitlines()[-1])
    return line


def _check_equal(lines: dict[str, Line]) -> None:
    for work, title in WORKS.items():
        told = [line["works"][work]["told"] for line in lines.values() if work in line["works"]]
        told = [each for each in told if each[0]] if work == "record" else told
        rows, total = told[0]
        if any(each[0] != rows or not math.isclose(each[1], total, rel_tol=1e-9) for each in told):
            raise Unequal(f"{title}: contenders had other rows: {told}")


def _versions(lines: dict[str, Line]) -> dict[str, str]:
    versions: dict[str, str] = {}
    for line in lines.values():
        for name, version in line["versions"].items():
            if versions.setdefault(name, version) != version:
                raise Unequal(f"{name} is {version} and {versions[name]} in two environments")
    return versions


def _medians(lines: list[dict[str, Line]], name: str) -> Line:
    works = lines[0][name]["works"]
    return {
        work: {
            measure: median(line[name]["works"][work][measure] for line in lines)
            for measure in ("wall_s", "cpu_s")
        }
        for work in works
    }
