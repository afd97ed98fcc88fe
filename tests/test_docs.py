"""Examples in the documentation run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from joblib.externals.loky import get_reusable_executor

DOCS = Path(__file__).parents[1] / "docs"
BLOCK = re.compile(r"^```python\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def no_processes_left():
    yield
    get_reusable_executor().shutdown(wait=True)


def run(blocks):
    known = {"__name__": "__main__"}
    for block in blocks:
        exec(compile(block, "scaling.md", "exec"), known)  # noqa: S102 (our own text)
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
