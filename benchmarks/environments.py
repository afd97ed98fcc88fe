"""The environments of the contenders: made here with uv, or given by the user."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[1]
PEERS = ROOT / "benchmarks" / "peers"
NAMES = (
    *("gekko_lab", "vectorbt", "numba", "synthetic_ohlcv", "polars", "pandas", "duckdb"),
    *("feather", "delta", "cryptofeed", "chart"),
)
_WITH_OURS = ("gekko_lab", "chart")

_OURS = ["--constraints", str(ROOT / "requirements.txt"), str(ROOT)]
_OURS_ANEW = ["--reinstall-package", "gekko-lab"]


class Environments:
    """A Python for each environment, with bytecode compiled, made when it is first asked for.

    Parameters
    ----------
    folder
        Where environments are made, and found again by the next run.
    given
        Pythons that stand ready.
    """

    def __init__(self, folder: Path, given: Mapping[str, str]) -> None:
        self._folder = folder
        self._given = given
        self._pythons: dict[str, str] = {}
        self._node_packages: dict[str, str] = {}

    def python(self, name: str) -> str:
        if name not in self._pythons:
            python = self._given.get(name) or _made(self._folder / name, name)
            _compile(python)
            self._pythons[name] = python
        return self._pythons[name]

    def node_packages(self, name: str) -> str:
        """Give the folder that node finds the packages of an environment from."""
        if name not in self._node_packages:
            self._node_packages[name] = _made_for_node(self._folder / name, name)
        return self._node_packages[name]


def _made(folder: Path, name: str) -> str:
    python = _python_in(folder)
    if not python.exists():
        _run("uv", "venv", "--quiet", "--python", sys.executable, str(folder))
    _run(
        *("uv", "pip", "install", "--quiet", "--compile-bytecode", "--python", str(python)),
        *([*_OURS_ANEW, *_OURS] if name in _WITH_OURS else []),
        *([] if name == "gekko_lab" else ["--requirements", str(PEERS / f"{name}.txt")]),
    )
    return str(python)


def _made_for_node(folder: Path, name: str) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    packages = (PEERS / f"{name}.txt").read_text(encoding="utf-8").split()
    _run(
        *("npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"),
        *("--prefix", str(folder), *packages),
    )
    return str(folder)


def _python_in(folder: Path) -> Path:
    windows = folder / "Scripts" / "python.exe"
    return windows if windows.exists() else folder / "bin" / "python"


def _compile(python: str) -> None:
    """Compile all that the environment imports; packages ship some files that don't compile."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    asked = subprocess.run([python, "-c", code], check=True, stdout=subprocess.PIPE, text=True)
    ours = [str(ROOT / "gekko_lab")]  # an editable installation imports it from there
    folders = [asked.stdout.strip(), *ours]
    subprocess.run([python, "-m", "compileall", "-qq", *folders], check=False)


def _run(*command: str) -> None:
    subprocess.run(command, check=True)
