"""Write docs/api anew from the docstrings: `python docs/reference`.

With `--check` it writes nothing, names the pages that differ, and fails where there are some.
"""

from __future__ import annotations

import re
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from entries import HOME, Entry, answers_pages, entries, members, pages, parsed, texts
from markup import body
from signatures import signature

from gekko_lab.frames import schemas

if TYPE_CHECKING:
    from collections.abc import Iterator

NOTICE = "<!-- Written by docs/reference from the docstrings: change those, and write it anew. -->"
NAMED = re.compile(r"^#.*|^- \*\*`[^A-Z].*?\*\*|`(?P<name>[\w.]+)`", flags=re.MULTILINE)
CODE = re.compile(r"^ *```.*?^ *```$", flags=re.MULTILINE | re.DOTALL)


def written() -> dict[str, str]:
    """Give each file's name and text."""
    known = entries()
    told = {f"{page}.md": whole_page(page, content, known) for page, content in pages().items()}
    return {"README.md": tidy(index(known)), **told}


def index(known: list[Entry]) -> Iterator[str]:
    yield from [NOTICE, "", "# Reference", "", "Every public name, with what it gives.", ""]
    for page, content in pages().items():
        yield from [
            f"## [{content['title']}]({page}.md)",
            "",
            content["text"],
            "",
            "| | |",
            "|---|---|",
        ]
        for entry in known:
            if entry.page == page:
                first = " ".join(entry.text["Summary"]).replace("|", "\\|")
                yield f"| [`{entry.title}`]({entry.link}) | {first} |"
        yield ""


def whole_page(page: str, content: dict[str, Any], known: list[Entry]) -> str:
    lines = [
        NOTICE,
        "",
        f"# {content['title']}",
        "",
        content["text"],
        "",
        "[All names](README.md)",
        "",
    ]
    for entry in known:
        if entry.page == page:
            lines += [linked(tidy(described(entry)), entry, known)]
    if "schemas" in content:
        lines += columns(content["schemas"])
    return tidy(lines)


def described(entry: Entry) -> Iterator[str]:
    """Give the section of a name, and below it those of its methods."""
    yield from [f"## `{entry.title}`", ""]
    value = entry.value
    if isinstance(value, type) and issubclass(value, BaseException):
        yield f"Bases: {', '.join(f'`{base.__name__}`' for base in value.__bases__)}."
    elif isinstance(value, int):
        yield f"`gekko_lab.{entry.name} = {value}`"
    else:
        yield from signature(f"gekko_lab.{entry.name}", value)
    yield from ["", *body(entry.text), ""]
    if isinstance(value, type):
        if answers_pages(value):
            yield from ["It also has the methods and attributes of every `Source`.", ""]
        for name, member in members(value):
            yield from [f"### `{entry.title.rpartition('.')[2]}.{name}`", ""]
            yield from [*signature(name, member), "", *body(parsed(member)), ""]


def columns(names: list[str]) -> Iterator[str]:
    """Give the tables that functions return: columns, types, and what they mean."""
    meanings = dict(texts(schemas))
    yield from ["## Columns", "", "Times are UTC.", ""]
    for name in names:
        yield from [
            f"### {name.lower().replace('_', ' ')}",
            "",
            meanings[name],
            "",
            "| column | type |",
        ]
        yield "|---|---|"
        for column, kind in getattr(schemas, name).items():
            yield f"| {column} | `{kind}` |"
        yield ""


def linked(text: str, here: Entry, known: list[Entry]) -> str:
    """Lead from names in a text to where they are told of, if that is one place."""
    places: dict[str, set[str]] = {}
    for entry in known:
        for name in names(entry):
            places.setdefault(name, set()).add(entry.link)

    def link(found: re.Match[str]) -> str:
        name = found["name"]
        where = places.get(name or "", set()) - {here.link}
        return f"[`{name}`]({where.pop()})" if len(where) == 1 else found[0]

    parts = CODE.split(text)
    codes = [*CODE.findall(text), ""]
    return "".join(NAMED.sub(link, part) + code for part, code in zip(parts, codes, strict=True))


def names(entry: Entry) -> Iterator[str]:
    """Give how texts may call an entry; a class also by its own name alone."""
    if not isinstance(entry.value, ModuleType):
        yield from [entry.title, f"gekko_lab.{entry.title}"]
        if isinstance(entry.value, type):
            yield entry.value.__name__


def tidy(lines: Iterator[str] | list[str]) -> str:
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def main(arguments: list[str]) -> int:
    found = written()
    old = {file.name: file.read_text(encoding="utf-8") for file in HOME.glob("*.md")}
    if arguments == ["--check"]:
        stale = sorted(name for name in {*found, *old} if found.get(name) != old.get(name))
        print(*stale, sep="\n", end="")
        return bool(stale)
    for name in old.keys() - found.keys():
        (HOME / name).unlink()
    for name, text in found.items():
        (HOME / name).write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
