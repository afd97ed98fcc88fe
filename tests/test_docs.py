"""Examples in the documentation run as they stand."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from operator import attrgetter
from pathlib import Path
from typing import get_args

import polars as pl
import pytest
import requests
from joblib.externals.loky import get_reusable_executor

import gekko_lab
from gekko_lab.server import FrameMarket, serve
from gekko_lab.server.faults import Kind, StreamKind
from gekko_lab.simulation import SimulatedMarket

DOCS = Path(__file__).parents[1] / "docs"
HOW_TO = sorted((DOCS / "how-to").glob("*.md"))
BLOCK = re.compile(r"^```python\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
COMMANDS = re.compile(r"^```bash\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def no_processes_left():
    yield
    get_reusable_executor().shutdown(wait=True)


def run(blocks, page="scaling.md"):
    known = {"__name__": "__main__"}
    for block in blocks:
        exec(compile(block, page, "exec"), known)  # noqa: S102 (our own text)
    return known


def test_examples_about_scaling_run(no_processes_left):
    blocks = BLOCK.findall((DOCS / "scaling.md").read_text(encoding="utf-8"))
    assert len(blocks) == 3
    known = run(block for block in blocks if "distributed" not in block)
    assert known["btc"].collect().height == 7 * 1440


def test_the_example_for_dask_runs():
    pytest.importorskip("distributed", reason="the extra gekko-lab[dask] is absent")
    blocks = BLOCK.findall((DOCS / "scaling.md").read_text(encoding="utf-8"))
    run(block for block in blocks if "distributed" in block)


def test_examples_about_serving_run():
    blocks = BLOCK.findall((DOCS / "serve.md").read_text(encoding="utf-8"))
    assert len(blocks) == 4
    known = run(blocks, "serve.md")
    assert "closed" in repr(known["server"])
    known["exchange"].session.close()


@pytest.mark.skipif(not (shutil.which("bash") and shutil.which("curl")), reason="no bash or curl")
def test_examples_of_the_control_api_run():
    (commands,) = COMMANDS.findall((DOCS / "serve.md").read_text(encoding="utf-8"))
    with serve(SimulatedMarket(), start="2024-03-01") as server:
        variables = {"URL": server.url, "JSON": "Content-Type: application/json"}
        environment = {**os.environ, **variables, "no_proxy": "127.0.0.1"}
        program = ["bash", "-euo", "pipefail", "-c", commands]
        said = subprocess.run(
            program, env=environment, capture_output=True, text=True, check=True, timeout=60
        ).stdout
        asked = [(request.path, request.status) for request in server.requests]
        now = server.clock()
    assert '"error"' not in said
    assert '"code":-1003' in said
    assert '"seen":1,"hits":1' in said
    assert asked == [("/api/v3/aggTrades", 429)]
    assert '"speed":60.0,"paused":false' in said
    assert now >= 1_709_251_200_000 + 3_600_000


def test_the_tour_of_the_readme_runs():
    (block,) = BLOCK.findall((DOCS.parent / "README.md").read_text(encoding="utf-8"))
    known = run([block], "README.md")
    assert known["paths"].shape == (7 * 24, 21)
    assert len(known["closes"]) == known["candles"].height == 7 * 1440
    assert known["newest"].height == 1000


@pytest.mark.parametrize("page", HOW_TO, ids=lambda page: page.stem)
def test_examples_of_how_to_pages_run(page, tmp_path, monkeypatch):
    """Each page is a story, so its blocks share their names; their own asserts say what comes."""
    monkeypatch.chdir(tmp_path)
    run(BLOCK.findall(page.read_text(encoding="utf-8")), page.name)


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash")
def test_commands_of_how_to_pages_run(tmp_path):
    (commands,) = COMMANDS.findall(
        (DOCS / "how-to" / "command-line.md").read_text(encoding="utf-8")
    )
    folder = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    environment.pop("GEKKO_LAB_DATA_DIR", None)
    program = ["bash", "-euo", "pipefail", "-c", commands]
    done = subprocess.run(
        program,
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert pl.read_parquet(tmp_path / "btc.parquet").height == 31 * 24
    held = {path.parent.name for path in (tmp_path / "data").rglob("*")}
    assert "timeframe=1h" in held


def test_every_how_to_page_is_linked_from_the_readme_and_its_links_lead_somewhere():
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    assert HOW_TO
    for page in HOW_TO:
        assert f"(docs/how-to/{page.name})" in readme
        for link in re.findall(r"\]\((?!http)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_picture_of_the_readme_is_there_and_light(theme):
    picture = DOCS / "pictures" / f"candles-{theme}.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size <= 150_000
    assert f"docs/pictures/{picture.name}" in (DOCS.parent / "README.md").read_text(
        encoding="utf-8"
    )


def test_serving_is_told_of_with_all_kinds_of_faults_and_all_calls():
    text = (DOCS / "serve.md").read_text(encoding="utf-8")
    for kind in (*get_args(Kind), *get_args(StreamKind)):
        assert f"`{kind}`" in text
    with serve(FrameMarket({}, {})) as server:
        calls = requests.get(f"{server.url}/_gekko_lab/", timeout=10).json()["calls"]
    for call in calls:
        method, path = call.split()
        assert f"`{method} {path.replace('/_gekko_lab', '…')}" in text


def test_pages_name_only_what_exists():
    """Calls that the tables of replacements name can be found, and so can their links."""
    text = (DOCS / "migration.md").read_text(encoding="utf-8")
    cells = re.findall(r"\| ([^|\n]*) \|$", text, flags=re.MULTILINE)
    names = {name for cell in cells for name in re.findall(r"`([a-z][\w.]*)\(", cell)}
    assert {"fetch", "stream", "datalog.catalog"} <= names
    elsewhere = {
        "status",
        "joblib.parallel_config",
        "recorder.gaps",
        "recorder.status",
        "recorder.stop",
        "feed.health",
    }
    for name in names - elsewhere:
        assert attrgetter(name.removeprefix("gekko_lab."))(gekko_lab), name
    headings = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    anchors = {heading.lower().replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]*)\)", text)) <= anchors
