"""What a user sets once: `gekko_lab.options` and the `GEKKO_LAB_*` variables behind it."""

from __future__ import annotations

import builtins
import os
import sys
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from gekko_lab.errors import InvalidOption

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FrameKind = Literal["polars", "pandas"]
ProgressKind = Literal["auto", "on", "off"]
CompileKind = Literal["auto", "on", "off"]
LogKind = Literal["auto", "on", "off"]

MARKER = ".gekko-lab"
"""The file that makes a folder called `data` the data folder of everything below its parent."""


class Options:
    """Settings of this process.

    A value that was set here wins over its `GEKKO_LAB_*` variable, which wins over the default.
    Values are checked when they are set; variables when they are first needed. `with options(…)`
    holds in its own thread or task: in pools of threads, pass `frame=` to the calls.

    Attributes
    ----------
    frame : {"polars", "pandas"}
        What tables are returned as. Default "polars".
    data_dir : pathlib.Path
        Where market lists and the data log live. By default the nearest folder `data` upwards
        that holds a file `.gekko-lab`, else the user's data folder.
    progress : {"auto", "on", "off"}
        A line that tells how far a long fetch is. "auto" shows it on terminals and in notebooks.
    compile : {"auto", "on", "off"}
        Whether simulated markets and candles of trades are made by compiled loops. They give the
        same bytes as numpy, faster; "auto" loads them once there is enough to do.
    log : {"auto", "on", "off"}
        Whether fetches go through the data log. "auto" logs real exchanges; simulated and recorded
        markets, which can be made anew, are logged on request.
    state_dir : pathlib.Path
        Where it is counted what this machine has asked of which exchange. By default the user's
        state folder, as the limits belong to the address and not to the project.

    Examples
    --------
    >>> import gekko_lab
    >>> with gekko_lab.options(frame="pandas"):
    ...     type(gekko_lab.fetch("simulator", "BTC/USDT", limit=3, until="2024-01-01")).__module__
    'pandas'
    """

    frame: FrameKind
    data_dir: Path
    progress: ProgressKind
    compile: CompileKind
    log: LogKind
    state_dir: Path

    def __init__(self) -> None:
        vars(self)["_set"] = {}
        vars(self)["_local"] = ContextVar[dict[str, Any] | None]("gekko_lab_options", default=None)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 (each option has its own type)
        """Give a setting: from the innermost `with`, this process, the environment, the default."""
        read = _reader(name)
        local = self._local.get()
        if local is not None and name in local:
            return local[name]
        if name in self._set:
            return self._set[name]
        variable = f"GEKKO_LAB_{name.upper()}"
        text = os.environ.get(variable, "")
        return read(text, variable) if text else _default(name)

    def __setattr__(self, name: str, value: object) -> None:
        """Check a setting and keep it for this process; None goes back to the default."""
        read = _reader(name)
        if value is None:
            self._set.pop(name, None)
        else:
            self._set[name] = read(value, f"options.{name}")

    @contextmanager
    def __call__(self, **values: object) -> Iterator[Options]:
        """Set options for the length of a `with` block, in this thread or task only."""
        checked = {name: _reader(name)(value, f"options.{name}") for name, value in values.items()}
        token = self._local.set({**(self._local.get() or {}), **checked})
        try:
            yield self
        finally:
            self._local.reset(token)

    def __delattr__(self, name: str) -> None:
        """Go back to the variable or the default."""
        setattr(self, name, None)

    def __reduce__(self) -> str:
        """Travel by name: another process has options of its own."""
        return "options"

    def __dir__(self) -> list[str]:
        return sorted(_READERS)

    def __repr__(self) -> str:
        return f"Options({', '.join(f'{name}={getattr(self, name)!r}' for name in _READERS)})"


def _choice(*choices: str) -> Callable[[object, str], str]:
    def read(value: object, name: str) -> str:
        if value not in choices:
            raise InvalidOption(f"{name}={value!r}: choose one of {', '.join(map(repr, choices))}")
        return str(value)

    return read


def _folder(value: object, name: str) -> Path:
    if not isinstance(value, (str, os.PathLike)) or not os.fspath(value):
        raise InvalidOption(f"{name}={value!r}: give the path of a folder")
    try:
        folder = Path(os.fspath(value)).expanduser().absolute()
    except RuntimeError as error:
        raise InvalidOption(f"{name}={value!r}: {error} Write the whole path") from error
    if folder.exists() and not folder.is_dir():
        raise InvalidOption(f"{name}={str(folder)!r} is a file: give the path of a folder")
    return folder


_READERS: dict[str, Callable[[object, str], Any]] = {
    "frame": _choice(*get_args(FrameKind)),
    "data_dir": _folder,
    "progress": _choice(*get_args(ProgressKind)),
    "compile": _choice(*get_args(CompileKind)),
    "log": _choice(*get_args(LogKind)),
    "state_dir": _folder,
}


def _reader(name: str) -> Callable[[object, str], Any]:
    if name.startswith("_"):  # copying and inspection ask for such names and expect this answer
        raise AttributeError(name)
    try:
        return _READERS[name]
    except KeyError:
        raise InvalidOption(
            f"there is no option {name!r}: choose one of {', '.join(_READERS)}"
        ) from None


def _default(name: str) -> object:
    if name == "data_dir":
        return _default_data_dir()
    if name == "state_dir":
        import platformdirs

        return Path(platformdirs.user_state_dir("gekko-lab", appauthor=False))
    return {"frame": "polars", "progress": "auto", "compile": "auto", "log": "auto"}[name]


def _default_data_dir() -> Path:
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "data" / MARKER).is_file():
            return folder / "data"
    import platformdirs

    return Path(platformdirs.user_data_dir("gekko-lab", appauthor=False))


def make_data_dir(folder: str | os.PathLike[str]) -> Path:
    """Make a folder `data` with the marker in a project's folder, and give it.

    Raises
    ------
    InvalidOption
        When there is no such folder, or `data` in it is a file.
    """
    project = _folder(folder, "folder")
    if not project.is_dir():
        raise InvalidOption(f"folder={str(project)!r} doesn't exist: make it first")
    data = _folder(project / "data", "folder")
    data.mkdir(exist_ok=True)
    marker = data / MARKER
    if not marker.exists():
        marker.write_text("This folder holds the data of Gekko Lab.\n")
    return data


def reads_as(name: str, value: object) -> Any:  # noqa: ANN401 (as above)
    """Check an argument that stands in for an option; None means the option's value."""
    return getattr(options, name) if value is None else _reader(name)(value, name)


def shows_progress(kind: ProgressKind) -> bool:
    """Tell whether lines about progress have a reader."""
    if sys.stderr is None or kind == "off":
        return False
    return kind == "on" or sys.stderr.isatty() or hasattr(builtins, "__IPYTHON__")


options = Options()
