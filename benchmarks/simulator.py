"""Simulated trades and candles, and candles of trades, by each contender in turn on one thread."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from statistics import median
from typing import TYPE_CHECKING, Any

import imports
from environments import PEERS
from fetch import Unequal, clean_environment
from races import DAY, OURS, RACES, SINCE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from environments import Environments
    from races import Contender, Race

ONE_THREAD = {
    f"{name}_NUM_THREADS": "1"
    for name in ("MKL", "NUMBA", "NUMEXPR", "OMP", "OPENBLAS", "RAYON", "VECLIB")
} | {"POLARS_MAX_THREADS": "1"}

_WARM_UP = "from gekko_lab import kernels; kernels.warm_up()"
_DEFAULT = """
import gekko_lab
assert len(gekko_lab.fetch("simulator", "BTC/USDT")) == 500
"""
_MONTH = """
import gekko_lab
candles = gekko_lab.fetch("simulator", "BTC/USDT", "1m", since="2024-01-01", until="2024-02-01")
trades = gekko_lab.fetch_trades("simulator", "BTC/USDT", since="2024-01-01", until="2024-01-02")
assert len(candles) == 31 * 1440 and len(trades) > 10_000
"""
IMPORTS = "`import polars, numba`, nothing else"
STARTS = {
    IMPORTS: (OURS, "import polars, numba"),
    "the first `fetch`: 500 candles": (OURS, _DEFAULT),
    "the first `fetch`: a month of 1m, and a day of trades": (OURS, _MONTH),
}

Line = dict[str, Any]


class Wrong(Exception):
    """A contender made something else than it was asked for."""


def measure(environments: Environments, rounds: int, starts: int, share: float) -> Line:
    """Give the medians and each round of all races, and of the first fetches.

    Parameters
    ----------
    environments
        Where the contenders are; those whose environment can't be made are left out, and named.
    rounds, starts
        How often each contender has its turn, and how often each first fetch is done.
    share
        Of the usual amount to make; less than 1 for a quick look.
    """
    with tempfile.TemporaryDirectory(prefix="gekko-lab-") as folder:
        ground = _Ground(environments, folder)
        for race in RACES.values():  # a day of each, so that what can't work fails at once
            _run(ground, race, 1, 1 / race.days)
        races = {name: _run(ground, race, rounds, share) for name, race in RACES.items()}
        around = ONE_THREAD | {"GEKKO_LAB_DATA_DIR": folder}
        first = imports.measure(environments, starts, STARTS, around)
    return {
        "share": share,
        "races": races,
        "starts": first,
        "missing": sorted(ground.missing),
        "versions": ground.versions,
    }


class _Ground:
    """Where contenders run; peers that can't are told of once and added to `missing`."""

    def __init__(self, environments: Environments, folder: str) -> None:
        self.folder = folder
        self.missing: set[str] = set()
        self.versions: dict[str, str] = {}
        self._environments = environments
        self.python = environments.python(OURS)
        self.run([self.python, "-c", _WARM_UP])

    def command(self, one: Contender, task: str) -> list[str]:
        script = str(PEERS / one.script)
        if script.endswith(".mjs"):
            packages = self._environments.node_packages(one.environment)
            return ["node", script, one.work, task, packages]
        return [self._environments.python(one.environment), script, one.work, task]

    def run(self, command: list[str]) -> str:
        """Give what a process prints."""
        return subprocess.run(
            command,
            env=clean_environment() | ONE_THREAD,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout

    def answer(self, one: Contender, task: str) -> Line | None:
        """Let one contender work, in a process of its own."""
        if one.title in self.missing:
            return None
        try:
            printed = self.run(self.command(one, task))
        except (OSError, subprocess.CalledProcessError) as error:
            if one.environment == OURS:
                raise
            sys.stderr.write(f"{one.title} can't run: {error}\n")
            self.missing.add(one.title)
            return None
        line: Line = json.loads(printed.splitlines()[-1])
        if "wrong" in line:
            raise Wrong(f"{one.title} didn't make what was asked for; {line['wrong']}")
        self._note_versions(line.pop("versions"))
        return line | {"rows_a_second": median(run["rows"] / run["wall_s"] for run in line["runs"])}

    def _note_versions(self, versions: Mapping[str, str]) -> None:
        for package, version in versions.items():
            known = self.versions.setdefault(package, version)
            if known != version:
                raise Unequal(f"{package} is {known} and {version} in two environments")


def _run(ground: _Ground, race: Race, rounds: int, share: float) -> Line:
    until = SINCE + round(race.days * share) * DAY
    rows = round(race.days * share) * race.rows_a_day
    task = {"since": SINCE, "until": until, "rows": rows, "folder": ground.folder}
    if race.taped:
        printed = ground.run([ground.python, str(PEERS / "record.py"), json.dumps(task)])
        task["rows"] = json.loads(printed)["rows"]
    lines = [_round(ground, race, task, number) for number in range(rounds)]
    names = [name for name in race.contenders if all(name in line for line in lines)]
    return {
        "rows": task["rows"],
        "medians": {name: median(line[name]["rows_a_second"] for line in lines) for name in names},
        "rounds": lines,
    }


def _round(ground: _Ground, race: Race, task: Line, number: int) -> dict[str, Line]:
    """Let every contender work once; each round begins with another one."""
    lines = {}
    for name, one in _turned(race.contenders, number):
        line = ground.answer(one, json.dumps(task | {"rows": min(task["rows"], one.most)}))
        if line is not None:
            lines[name] = line
    return lines


def _turned(contenders: Mapping[str, Contender], number: int) -> Iterator[tuple[str, Contender]]:
    pairs = list(contenders.items())
    turn = number % len(pairs)
    yield from pairs[turn:] + pairs[:turn]
