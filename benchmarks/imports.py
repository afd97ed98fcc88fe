"""How long a fresh process takes to import each package, bytecode compiled."""

from __future__ import annotations

import subprocess
import time
from statistics import median
from typing import TYPE_CHECKING

from fetch import clean_environment

if TYPE_CHECKING:
    from collections.abc import Mapping
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


def measure(
    environments: Environments,
    rounds: int,
    statements: Mapping[str, tuple[str, str]] = STATEMENTS,
    variables: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Give the median wall time of each process from its start to its end.

    Parameters
    ----------
    environments, rounds
        Where and how often.
    statements
        What each process does, after the name of its environment.
    variables
        Of the processes' environment, beside what this process has.
    """
    around = clean_environment() | dict(variables or {})
    commands = {
        name: [environments.python(environment), "-c", statement]
        for name, (environment, statement) in statements.items()
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for command in commands.values():
        _run(command, around)  # from now on everything is in the system's file cache
    for _ in range(rounds):
        for name, command in commands.items():
            times[name].append(_run(command, around))
    return {
        "medians": {name: {"wall_s": median(walls)} for name, walls in times.items()},
        "rounds": times,
    }


def _run(command: list[str], around: Mapping[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, env=around)
    return time.perf_counter() - began
