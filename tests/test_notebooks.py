"""Notebooks are committed as a run from top to bottom leaves them; nbval compares outputs."""

from __future__ import annotations

import ast
import copy
import json
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
MOST_BYTES = 200_000
PICTURES = {"application/vnd.plotly.v1+json", "image/png", "image/svg+xml"}
DRAWN = 'src="data:image/svg+xml;base64,'
WIDGET = "application/vnd.jupyter.widget-view+json"
LEAVINGS = re.compile(r"127\.0\.0\.1:\d+|localhost:\d+|/tmp/|/home/|/root/|0x[0-9a-f]{8}")
SILENT = {"add", "cleanup", "clear", "close", "mkdir", "start", "stop", "step", "wait"}
"""Calls at the end of a cell that are made for what they do."""


def read(file):
    return json.loads(file.read_text(encoding="utf-8"))


def code_cells(notebook):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def shows_something(source):
    """Tell whether a cell prints, draws, or ends with an expression."""
    tree = ast.parse(source)
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    names = {getattr(each, "attr", getattr(each, "id", None)) for each in called}
    if names & {"print", "show"}:
        return True
    last = tree.body[-1]
    if not isinstance(last, ast.Expr):
        return False
    return not (isinstance(last.value, ast.Call) and getattr(last.value.func, "attr", "") in SILENT)


def flaws(notebook, size=0):
    """Give all that makes a notebook stale, stripped or heavy."""
    cells = code_cells(notebook)
    found = [
        flaw for number, cell in enumerate(cells, start=1) for flaw in cell_flaws(number, cell)
    ]
    if [cell["execution_count"] for cell in cells] != list(range(1, len(cells) + 1)):
        found.append("cells weren't run in order, from the first to the last")
    if "widgets" in notebook["metadata"]:
        found.append("the state of widgets was saved")
    if not any(is_picture(each.get("data", {})) for cell in cells for each in cell["outputs"]):
        found.append("there is no picture")
    if size > MOST_BYTES:
        found.append(f"{size:,} bytes are too many")
    return found


def is_picture(data):
    """Tell whether an output shows a picture, which widgets have in their HTML."""
    return bool(PICTURES & set(data)) or DRAWN in "".join(data.get("text/html", ""))


def cell_flaws(number, cell):
    outputs = cell["outputs"]
    if shows_something("".join(cell["source"])) and not outputs:
        yield f"cell {number} has lost its output"
    if any(each["output_type"] == "error" for each in outputs):
        yield f"cell {number} failed"
    if any(each.get("name") == "stderr" for each in outputs):
        yield f"cell {number} complained"
    counts = [each["execution_count"] for each in outputs if "execution_count" in each]
    if any(count != cell["execution_count"] for count in counts):
        yield f"the output of cell {number} is of another run"
    if any(WIDGET in each.get("data", ()) for each in outputs):
        yield f"cell {number} shows a widget that isn't there before it is run"
    if "execution" in cell["metadata"]:
        yield f"cell {number} tells when it was run"


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_notebook_is_committed_executed_light_and_with_pictures(file):
    assert flaws(read(file), file.stat().st_size) == []


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_notebook_begins_with_a_title_and_says_why(file):
    first = read(file)["cells"][0]
    assert first["cell_type"] == "markdown"
    assert "".join(first["source"]).startswith("# ")
    assert len(first["source"]) > 2


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_notebook_says_nothing_that_changes_from_run_to_run(file):
    text = file.read_text(encoding="utf-8")
    outputs = json.dumps([cell["outputs"] for cell in code_cells(json.loads(text))])
    assert not LEAVINGS.search(outputs)


def test_every_notebook_is_named_by_the_readme():
    readme = (FOLDER.parent / "README.md").read_text(encoding="utf-8")
    for file in NOTEBOOKS:
        assert f"(notebooks/{file.name})" in readme


@pytest.fixture
def sound():
    return read(FOLDER / "01_quickstart.ipynb")


def changed(notebook, change):
    other = copy.deepcopy(notebook)
    change(other, code_cells(other))
    return flaws(other)


def test_a_stripped_notebook_is_found(sound):
    def strip(_, cells):
        for cell in cells:
            cell.update(outputs=[], execution_count=None)

    found = changed(sound, strip)
    assert "cells weren't run in order, from the first to the last" in found
    assert "cell 2 has lost its output" in found
    assert "there is no picture" in found


def test_a_single_lost_output_is_found(sound):
    for place, cell in enumerate(code_cells(sound)):
        if cell["outputs"]:
            found = changed(sound, lambda _, cells, at=place: cells[at].update(outputs=[]))
            assert f"cell {place + 1} has lost its output" in found


def test_a_stale_notebook_is_found(sound):
    def leap(_, cells):
        cells[1]["execution_count"] = 7

    def earlier(_, cells):
        for cell in cells:
            for output in cell["outputs"]:
                if "execution_count" in output:
                    output["execution_count"] += 20

    assert changed(sound, leap)
    assert "the output of cell 2 is of another run" in changed(sound, earlier)


def test_what_a_run_leaves_behind_is_found(sound):
    assert changed(sound, lambda all_, _: all_["metadata"].update(widgets={})) == [
        "the state of widgets was saved"
    ]
    assert changed(sound, lambda _, cells: cells[0]["metadata"].update(execution={})) == [
        "cell 1 tells when it was run"
    ]
    widget = {"output_type": "display_data", "data": {WIDGET: {}}, "metadata": {}}
    assert changed(sound, lambda _, cells: cells[0]["outputs"].append(widget)) == [
        "cell 1 shows a widget that isn't there before it is run"
    ]
    assert flaws(sound, MOST_BYTES + 1) == ["200,001 bytes are too many"]
