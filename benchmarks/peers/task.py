"""What every contender is told, how it is metered, and the line that it answers with."""

from __future__ import annotations

import hashlib
import json
import resource
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

MINUTE = 60_000
PAGE = 1000
COLUMNS = ("timestamp", "open", "high", "low", "close", "volume")

_HEAVY = {"ccxt", "gekko_lab", "numba", "pandas", "polars", "pyarrow", "vectorbt"}
_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")
_KIB = 1024


@dataclass(frozen=True)
class Task:
    """Candles to get: from the served exchange, or from the bodies that it once sent."""

    config: dict[str, Any]
    symbol: str
    since: int
    until: int
    bodies: str


@dataclass
class Meter:
    """Wall time, CPU time of all threads and peak memory of a stretch of this process.

    `own_bytes` is the peak without what was mapped from files meanwhile: code of libraries that
    ran for the first time, whose share depends on how their files lie in the system's cache.
    `loaded` names modules of heavy packages that were imported meanwhile; there should be none.
    """

    wall_s: float = 0.0
    cpu_s: float = 0.0
    peak_bytes: int = 0
    own_bytes: int = 0
    loaded: list[str] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[None]:
        modules = set(sys.modules)
        base, mapped = _reset_peak(), _mapped()
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.cpu_s, self.wall_s = time.process_time() - cpu, time.perf_counter() - wall
        self.peak_bytes = _peak() - base
        self.own_bytes = self.peak_bytes - (_mapped() - mapped)
        late = set(sys.modules) - modules
        self.loaded = sorted(name for name in late if name.partition(".")[0] in _HEAVY)


def run(
    fetch: Callable[[Task], Any],
    decode: Callable[[list[bytes], Task], Any] | None,
    to_columns: Callable[[Any], Mapping[str, Any]],
    *packages: str,
) -> None:
    """Do what the command line says, `fetch` or `decode`, and print what it took."""
    work, task = sys.argv[1], told()
    meter = Meter()
    if work == "fetch":
        with meter.running():
            table = fetch(task)
    elif decode is not None:
        bodies = Path(task.bodies).read_bytes().splitlines()
        with meter.running():
            table = decode(bodies, task)
    columns = to_columns(table)
    line = {
        **vars(meter),
        "rows": len(columns["timestamp"]),
        "digest": _digest(columns),
        "versions": {"python": sys.version.split()[0]} | {name: version(name) for name in packages},
    }
    print(json.dumps(line))


def told() -> Task:
    """Give the task that the command line tells."""
    return Task(**json.loads(sys.argv[2]))


def pandas_columns(table: Any) -> dict[str, Any]:  # noqa: ANN401 (one of two libraries)
    """Give a pandas frame's columns, its index first, by our names."""
    times = table.index.as_unit("ms").asi8
    return dict(zip(COLUMNS, [times, *(table[name].to_numpy() for name in table)], strict=True))


def _digest(columns: Mapping[str, Any]) -> str:
    digest = hashlib.sha256()
    for name in COLUMNS:
        kind = "<i8" if name == "timestamp" else "<f8"
        digest.update(columns[name].astype(kind, copy=False).tobytes())
    return digest.hexdigest()


def _reset_peak() -> int:
    """Forget the peak of the imports, where the system can, and give the memory held now."""
    if not _RESET.exists():
        return _peak()  # elsewhere it counts from the imports' peak on
    _RESET.write_text("5")
    return _status("VmRSS")


def _peak() -> int:
    if _RESET.exists():
        return _status("VmHWM")
    unit = 1 if sys.platform == "darwin" else _KIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _mapped() -> int:
    return _status("RssFile") if _STATUS.exists() else 0


def _status(name: str) -> int:
    lines = _STATUS.read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name + ":")) * _KIB
