"""How a log is set up, measured work by work, and what its script answers."""

from __future__ import annotations

import gc
import json
import shutil
import sys
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from task import Meter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Work:
    """Something to measure: done so often in a process, of which the median counts.

    `told` gives rows and a sum of what was made, which all contenders must agree on; `before` is
    done before each time, outside of the measured stretch.
    """

    make: Callable[[], Any]
    told: Callable[[Any], tuple[int, float]]
    times: int = 5
    before: Callable[[], Any] | None = None


def run(setup: Callable[[], None], works: Mapping[str, Work], place: Path, *packages: str) -> None:
    """Do what the command line says, `setup` or `measure`, and print what it took."""
    if sys.argv[1] == "setup":
        place.mkdir(parents=True)
        setup()
        size = sum(file.stat().st_size for file in place.rglob("*") if file.is_file())
        print(json.dumps({"bytes": size}))
        return
    versions = {"python": sys.version.split()[0]} | {name: version(name) for name in packages}
    lines = {name: _measured(work) for name, work in works.items()}
    print(json.dumps({"works": lines, "versions": versions}))


def _measured(work: Work) -> dict[str, Any]:
    walls, cpus, told = [], [], None
    for number in range(work.times + 1):
        if work.before is not None:
            work.before()
        gc.collect()
        meter = Meter()
        with meter.running():
            made = work.make()
        if number or work.times == 1:  # the first one warms up
            walls.append(meter.wall_s)
            cpus.append(meter.cpu_s)
            told = work.told(made)
        del made
        if walls and work.times == 1:
            break
    middle = len(walls) // 2
    return {"wall_s": sorted(walls)[middle], "cpu_s": sorted(cpus)[middle], "told": told}


def fresh(folder: Path) -> Path:
    """Give a folder with nothing in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
