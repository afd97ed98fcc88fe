"""Docstrings as Markdown that GitHub shows well."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpydoc.docscrape import NumpyDocString

REFERENCE = re.compile(r"^\.\. (?=\[)|(?<=\])_(?=\W|$)")
RULE = re.compile(r"^ *=+( +=+)+ *$")
LISTS = ("Parameters", "Attributes", "Returns", "Yields", "Raises", "Warns")
TEXTS = ("Notes", "References")


def body(text: NumpyDocString) -> Iterator[str]:
    """Give a docstring without its signature, section by section."""
    yield from prose([*text["Summary"], "", *text["Extended Summary"]])
    for heading in LISTS:
        if text[heading]:
            yield from ["", f"**{heading}**", ""]
            for item in text[heading]:
                yield from listed(item.name, item.type, item.desc, names=heading != "Returns")
    for heading in TEXTS:
        if text[heading]:
            yield from ["", f"**{heading}**", "", *prose(text[heading])]
    for item, told in (pair for group in text["See Also"] for pair in [(group[0], group[1])]):
        names = ", ".join(f"`{name}`" for name, _ in item)
        yield from ["", f"See also {names}: {' '.join(told)}"]
    if text["Examples"]:
        yield from ["", "**Examples**", "", *prose(text["Examples"])]


def listed(name: str, kind: str, told: Sequence[str], *, names: bool) -> Iterator[str]:
    """Give an item of a section, its text and tables below it."""
    name, kind = (name, kind) if name else (kind, "")
    shown = ", ".join(f"`{each}`" for each in name.split(", ")) if names else f"`{name}`"
    head = f"- **{shown}**" + (f" ({kind})" if kind else "")
    lines = list(prose(told))
    if lines and lines[0] and not lines[0].startswith(("|", "```")):
        yield f"{head}: {lines.pop(0)}"
    else:
        yield f"{head}:" if lines else head
    for line in lines:
        yield f"  {line}" if line else ""


def prose(lines: Iterable[str]) -> Iterator[str]:
    """Turn what Markdown doesn't know: tables of equals signs, literal blocks, examples."""
    rest = list(lines)
    while rest:
        line = rest[0]
        if RULE.match(line):
            block, rest = table(rest)
        elif line.startswith(">>> "):
            block, rest = example(rest)
        elif line.endswith("::"):
            block, rest = literal(rest)
        else:
            block, rest = [REFERENCE.sub("", line)], rest[1:]
        yield from block


def example(lines: list[str]) -> tuple[list[str], list[str]]:
    end = next((n for n, line in enumerate(lines) if not line), len(lines))
    return ["```pycon", *lines[:end], "```"], lines[end:]


def literal(lines: list[str]) -> tuple[list[str], list[str]]:
    head = lines[0].removesuffix(":").strip(":") and [lines[0].removesuffix(":"), ""]
    end = next((n for n, line in enumerate(lines[1:], 1) if line[:1].strip()), len(lines))
    block = "\n".join(lines[1:end]).strip("\n").splitlines()
    shown = [line.removeprefix("    ") for line in block]
    return [*head, "```text", *shown, "```", ""], lines[end:]


def table(lines: list[str]) -> tuple[list[str], list[str]]:
    """Turn a table of equals signs, with a heading or without."""
    starts = [found.start() for found in re.finditer("=+", lines[0])]
    headed = bool(RULE.match(lines[2]))
    end = next(n for n, line in enumerate(lines) if n > 2 * headed and RULE.match(line))
    rows: list[list[str]] = []
    for line in lines[1:end]:
        if RULE.match(line):
            continue
        found = cells(line, starts)
        if found[0] or not rows:
            rows.append(found)
        else:
            rows[-1] = [
                f"{above} {more}".strip() for above, more in zip(rows[-1], found, strict=True)
            ]
    if not headed:
        rows.insert(0, [""] * len(starts))
    shown = [f"| {' | '.join(row)} |" for row in rows]
    return ["", shown[0], "|---" * len(starts) + "|", *shown[1:]], lines[end + 1 :]


def cells(line: str, starts: list[int]) -> list[str]:
    """Cut a row where its columns begin, or at wide spaces where one runs over."""
    ends = [*starts[1:], None]
    if all(line[start - 1 : start].strip() == "" for start in starts[1:]):
        found = [line[start:end].strip() for start, end in zip(starts, ends, strict=True)]
    else:
        first, *middle, last = re.split(r" {2,}", line.strip())
        found = [first, *middle, *[""] * (len(starts) - 2 - len(middle)), last]
    return [cell.replace("|", "\\|") for cell in found]
