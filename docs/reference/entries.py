"""What the reference tells of: public names, and the pages that they are on."""

from __future__ import annotations

import ast
import inspect
import re
import tomllib
from functools import cached_property
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from numpydoc.docscrape import NumpyDocString

from gekko_lab.sources.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterator

HOME = Path(__file__).parents[1] / "api"
SHORT = re.compile(
    r"^(events\.types|feeds\.health|calibration\.calibration|errors|sources\.source)\."
)

INNER = {"Feed": {"begin_reading", "end_reading", "check_reading"}}
"""What only our own iterators call."""


class Entry:
    """A public name, the page that tells of it, and what it stands for."""

    def __init__(self, name: str, page: str) -> None:
        self.name = name
        self.page = page
        self.value = resolve(name)

    @property
    def title(self) -> str:
        return SHORT.sub("", self.name)

    @property
    def link(self) -> str:
        return f"{self.page}.md#{re.sub(r'[^a-z0-9_-]', '', self.title.lower())}"

    @cached_property
    def text(self) -> NumpyDocString:
        if callable(self.value) or isinstance(self.value, ModuleType):
            return parsed(self.value)
        return NumpyDocString(said_below(self.name))


def pages() -> dict[str, dict[str, Any]]:
    return tomllib.loads((HOME / "pages.toml").read_text(encoding="utf-8"))


def entries() -> list[Entry]:
    return [Entry(name, page) for page, content in pages().items() for name in content["names"]]


def resolve(name: str) -> Any:  # noqa: ANN401 (anything may be public)
    value: Any = import_module("gekko_lab")
    path = "gekko_lab"
    for part in name.split("."):
        path = f"{path}.{part}"
        value = getattr(value, part) if hasattr(value, part) else import_module(path)
    return value


def parsed(value: object) -> NumpyDocString:
    return NumpyDocString(inspect.getdoc(value) or "")


def members(kind: type) -> Iterator[tuple[str, Any]]:
    """Give the public methods and properties that we wrote, base classes' too."""
    seen: set[str] = set()
    unwanted = set(vars(Source)) if answers_pages(kind) else INNER.get(kind.__name__, set())
    for base in kind.__mro__:
        if not base.__module__.startswith("gekko_lab"):
            continue
        for name, member in vars(base).items():
            inner = getattr(member, "__func__", member)
            told = (inspect.isfunction(inner) or isinstance(inner, property)) and inner.__doc__
            if told and not name.startswith("_") and name not in seen | unwanted:
                seen.add(name)
                yield name, inner


def answers_pages(kind: type) -> bool:
    needed = {name for name in vars(Source) if not name.startswith("_")}
    return kind is not Source and needed <= set(dir(kind))


def said_below(name: str) -> str:
    """Give the text below a constant, in the module that defines it."""
    package, _, constant = name.rpartition(".")
    for module in vars(resolve(package)).values():
        if isinstance(module, ModuleType) and constant in vars(module):
            for line, following in texts(module):
                if line == constant:
                    return following
    return ""


def texts(module: ModuleType) -> Iterator[tuple[str, str]]:
    """Give each constant of a module that has a text below it, and the text."""
    body = ast.parse(inspect.getsource(module)).body
    for line, following in pairwise(body):
        if isinstance(line, ast.Assign | ast.AnnAssign) and isinstance(following, ast.Expr):
            target = line.targets[0] if isinstance(line, ast.Assign) else line.target
            if isinstance(target, ast.Name) and isinstance(following.value, ast.Constant):
                yield target.id, inspect.cleandoc(str(following.value.value))
