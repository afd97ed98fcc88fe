"""The environments of the contenders: made here with uv, or given by the user."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[1]
NAMES = ("gekko_lab", "vectorbt")

_INSTALL = {
    "gekko_lab": ["--constraints", str(ROOT / "requirements.txt"), str(ROOT)],
    "vectorbt": ["--requirements", str(ROOT / "benchmarks" / "peers" / "vectorbt.txt")],
}
_OURS_ANEW = ["--reinstall-package", "gekko-lab"]


class Environments:
    """A Python for each environment, with bytecode compiled.

    Parameters
    ----------
    folder
        Where environments are made, and found again by the next run.
    given
        Pythons that stand ready.
    """

    def __init__(self, folder: Path, given: Mapping[str, str]) -> None:
        self._pythons = {name: given.get(name) or _made(folder / name, name) for name in NAMES}
        for python in self._pythons.values():
            _compile(python)

    def python(self, name: str) -> str:
        return self._pythons[name]


def _made(folder: Path, name: str) -> str:
    python = _python_in(folder)
    if not python.exists():
        _run("uv", "venv", "--quiet", "--python", sys.executable, str(folder))
    _run(
        *("uv", "pip", "install", "--quiet", "--compile-bytecode", "--python", str(python)),
        *(_OURS_ANEW if name == "gekko_lab" else []),
        *_INSTALL[name],
    )
    return str(python)


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
