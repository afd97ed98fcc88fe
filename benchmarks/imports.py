"""How long a fresh process takes to import each package, bytecode compiled."""

from __future__ import annotations

import subprocess
import time
from statistics import median
from typing import TYPE_CHECKING

from fetch import clean_environment

if TYPE_CHECKING:
    from typing import Any

    from environments import Environments

STATEMENTS = {
    "nothing": ("gekko_lab", "pass"),
    "gekko_lab": ("gekko_lab", "import gekko_lab"),
    "ccxt": ("gekko_lab", "import ccxt"),
    "nothing, vectorbt's environment": ("vectorbt", "pass"),
    "vectorbt": ("vectorbt", "import vectorbt"),
}
OURS = "gekko_lab"


def measure(environments: Environments, rounds: int) -> dict[str, Any]:
    """Give the median wall time of each process from its start to its end."""
    times: dict[str, list[float]] = {name: [] for name in STATEMENTS}
    for name in STATEMENTS:
        _run(environments, name)  # from now on everything is in the system's file cache
    for _ in range(rounds):
        for name in STATEMENTS:
            times[name].append(_run(environments, name))
    return {
        "medians": {name: {"wall_s": median(walls)} for name, walls in times.items()},
        "rounds": times,
    }


def _run(environments: Environments, name: str) -> float:
    environment, statement = STATEMENTS[name]
    command = [environments.python(environment), "-c", statement]
    began = time.perf_counter()
    subprocess.run(command, check=True, env=clean_environment())
    return time.perf_counter() - began
