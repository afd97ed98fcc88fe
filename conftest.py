"""Examples in docstrings leave no traces, as tests don't."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import gekko_lab

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """Keep what one example stores out of the next one."""
    (tmp_path / "data").mkdir()
    with gekko_lab.options(data_dir=tmp_path / "data"):
        yield tmp_path / "data"
