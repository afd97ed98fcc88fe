"""Signatures as they are written, with choices spelled out and parameters one a line if long."""

from __future__ import annotations

import ast
import inspect
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpydoc.docscrape import NumpyDocString

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDTH = 88
LONGEST_CHOICE = 60
SHORT = {"pl.": "polars.", "pd.": "pandas.", "go.": "plotly."}
PLAIN = (str, int, float, bool, tuple, type(None))


def signature(name: str, value: Any) -> Iterator[str]:  # noqa: ANN401 (anything may be public)
    """Give the fenced signature of a function, class or method; nothing where it says nothing."""
    if isinstance(value, property):
        returned = annotation(
            inspect.signature(value.fget).return_annotation, value.fget.__module__
        )
        yield from fenced(f"{name}: {returned}")
    elif inspect.isfunction(value) or is_built(value):
        yield from fenced(shown(name, value))


def is_built(value: object) -> bool:
    """Tell whether a class is made by its users, which structs and protocols aren't."""
    if not isinstance(value, type) or issubclass(value, (tuple, BaseException)):
        return False
    return not getattr(value, "_is_protocol", False) and not hasattr(value, "__struct_fields__")


def fenced(text: str) -> list[str]:
    return ["```python", text, "```"]


def shown(name: str, value: Any) -> str:  # noqa: ANN401
    told = inspect.signature(value)
    parts = [part for part in parameters(told, value.__module__) if part != "self"]
    returned = "" if isinstance(value, type) else f" -> {returns(value, told)}"
    line = f"{name}({', '.join(parts)}){returned}"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"{name}(", *(f"    {part}," for part in parts), f"){returned}"])


def parameters(told: inspect.Signature, module: str) -> Iterator[str]:
    """Give each parameter as in the source, and the star before those that need a name."""
    starred = False
    for parameter in told.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            yield "*"
        starred |= parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_POSITIONAL)
        stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        text = stars + parameter.name
        if parameter.annotation is not parameter.empty:
            text += f": {annotation(parameter.annotation, module)}"
        if parameter.default is not parameter.empty:
            text += f" = {default(parameter.default)}"
        yield text


def default(value: object) -> str:
    return repr(value).replace("'", '"') if isinstance(value, PLAIN) else "..."


def returns(value: Any, told: inspect.Signature) -> str:  # noqa: ANN401
    """Give what comes back; the docstring knows where the annotation says Any."""
    text = annotation(told.return_annotation, value.__module__)
    said = NumpyDocString(inspect.getdoc(value) or "")["Returns"]
    if text == "Any" and said:
        return str(said[0].type).replace(" or ", " | ")
    return text.replace("Iterator[", "ContextManager[") if hasattr(value, "__wrapped__") else text


def annotation(told: object, module: str) -> str:
    """Give an annotation as it is written, with short choices in place of their names."""
    if told is inspect.Signature.empty:
        return "None"
    text = told if isinstance(told, str) else inspect.formatannotation(told)
    for short, full in SHORT.items():
        text = re.sub(rf"\b{re.escape(short)}", full, text)
    return re.sub(r"\b[A-Z]\w+\b", lambda found: choice(found[0], module), text)


def choice(name: str, module: str) -> str:
    """Give what an alias of a Literal allows, else its name."""
    names, homes = read(module)
    if name in homes and homes[name].startswith("gekko_lab"):
        names = read(homes[name])[0]
    text = names.get(name, "")
    options = text.removeprefix("Literal[").removesuffix("]")
    return (
        " | ".join(options.split(", ")).replace("'", '"')
        if 0 < len(text) < LONGEST_CHOICE
        else name
    )


@cache
def read(module: str) -> tuple[dict[str, str], dict[str, str]]:
    """Give the Literal aliases of a module, and where its imported names come from."""
    spec = find_spec(module)
    tree = ast.parse(Path(str(spec and spec.origin)).read_text(encoding="utf-8"))
    names: dict[str, str] = {}
    homes: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            homes |= {alias.asname or alias.name: node.module for alias in node.names}
        elif isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("Literal["):
            names[ast.unparse(node.targets[0])] = ast.unparse(node.value)
    return names, homes
