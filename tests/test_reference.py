"""The reference tells of every public name, as the docstrings do."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

import gekko_lab
from gekko_lab.events import types as events

DOCS = Path(__file__).parents[1] / "docs"
API = DOCS / "api"
PAGES = sorted(API.glob("*.md"))
HEADING = re.compile(r"^#+ (.*)$", flags=re.MULTILINE)
LINK = re.compile(r"\]\((?!http)([^)#\s]*)(?:#([^)\s]*))?\)")
CODE = re.compile(r"^ *```.*?^ *```$", flags=re.MULTILINE | re.DOTALL)


@cache
def headings(page):
    return HEADING.findall(CODE.sub("", page.read_text(encoding="utf-8")))


def anchors(page):
    return {re.sub(r"[^a-z0-9_ -]", "", text.lower()).replace(" ", "-") for text in headings(page)}


def public_names():
    """Give each public object under the name that leads to it."""
    for name in gekko_lab.__all__:
        yield name, getattr(gekko_lab, name)
    for package in ("datalog", "limits", "server", "simulation"):
        for name in getattr(gekko_lab, package).__all__:
            yield f"{package}.{name}", getattr(getattr(gekko_lab, package), name)
    for module in (gekko_lab.errors, events):
        for name, value in inspect.getmembers(module, inspect.isclass):
            if value.__module__ == module.__name__:
                yield name, value


PUBLIC = {id(value): (name, value) for name, value in reversed(list(public_names()))}


def test_the_reference_is_what_the_docstrings_say():
    """Otherwise `python docs/reference` writes it anew."""
    program = [sys.executable, str(DOCS / "reference"), "--check"]
    done = subprocess.run(program, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(("name", "value"), PUBLIC.values(), ids=[n for n, _ in PUBLIC.values()])
def test_every_public_name_has_one_section(name, value):
    wanted = f"`{name}`"
    found = [page.name for page in PAGES for text in headings(page) if text == wanted]
    assert len(found) == 1, "add it to docs/api/pages.toml and run `python docs/reference`"
    text = (API / found[0]).read_text(encoding="utf-8")
    section = text.split(f"## {wanted}\n")[1].split("\n## ")[0]
    if inspect.isroutine(value) or inspect.isclass(value) or isinstance(value, ModuleType):
        assert inspect.getdoc(value).splitlines()[0].split("`")[0] in section


def test_the_index_leads_to_every_section():
    index = (API / "README.md").read_text(encoding="utf-8")
    for page in PAGES:
        for text in re.findall(r"^## (`.*`)$", page.read_text(encoding="utf-8"), re.MULTILINE):
            assert f"[{text}]({page.name}#" in index


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_the_reference_lead_somewhere(page):
    for file, anchor in LINK.findall(CODE.sub("", page.read_text(encoding="utf-8"))):
        target = API / file if file else page
        assert target.exists(), file
        assert not anchor or anchor in anchors(target), f"{file}#{anchor}"


def test_nothing_of_the_markup_of_docstrings_is_left():
    for page in PAGES:
        text = CODE.sub("", page.read_text(encoding="utf-8"))
        assert not re.search(r"^ *(=== |\.\. |-{4,}$|>>> )|::$", text, re.MULTILINE), page.name
