"""What a contender of the simulator benchmark is told, how it is metered, and what it answers."""

from __future__ import annotations

import gc
import json
import sys
import time
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from task import Meter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_RUNS = 3
_ENOUGH_S = 5.0  # of runs, for whoever takes long
_SMALL_MS = 86_400_000
_SMALL_ROWS = 100_000


@dataclass(frozen=True)
class Task:
    """What to make: a range in milliseconds UTC, or so many rows; arrays may lie in a folder."""

    since: int
    until: int
    rows: int
    folder: str

    def small(self) -> Task:
        """Give a task of the same kind that only loads and compiles what the real one needs."""
        until = min(self.until, self.since + _SMALL_MS)
        return replace(self, until=until, rows=min(self.rows, _SMALL_ROWS))


class Wrong(Exception):
    """What was made is not what was asked for."""


@dataclass(frozen=True)
class Work:
    """Something to measure.

    Attributes
    ----------
    make
        Does it, from what `prepare` gave and a seed, another one each time.
    rows
        Checks the result against the task and tells how many rows it stands for.
    prepare
        What is there before the clock starts; the task itself if left out.
    """

    make: Callable[[Any, int], Any]
    rows: Callable[[Any, Task], int]
    prepare: Callable[[Task], Any] = lambda task: task


def run(works: Mapping[str, Work], *packages: str) -> None:
    """Do the work that the command line names and print what each run of it took."""
    name, told = sys.argv[1:]
    task, work = Task(**json.loads(told)), works[name]
    work.make(work.prepare(task.small()), 0)
    try:
        runs = _runs(work, task)
    except Wrong as wrong:
        print(json.dumps({"wrong": f"{name}: {wrong}"}))
        return
    versions = {"python": sys.version.split()[0]} | {name: version(name) for name in packages}
    print(json.dumps({"runs": runs, "versions": versions}))


def _runs(work: Work, task: Task) -> list[dict[str, Any]]:
    given, runs, began = work.prepare(task), [], time.monotonic()
    while len(runs) < _RUNS and (not runs or time.monotonic() - began < _ENOUGH_S):
        meter = Meter()
        gc.collect()
        with meter.running():
            made = work.make(given, len(runs) + 1)
        runs.append(asdict(meter) | {"rows": work.rows(made, task)})
        del made  # its memory is free for the next run
    return runs


def expect(told: str, *, true: bool) -> None:
    """Stop the benchmark unless something is as it should be."""
    if not true:
        raise Wrong(told)
