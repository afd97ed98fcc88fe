from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import polars as pl
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


def _digest(frame: pl.DataFrame) -> str:
    hasher = sha256()
    for series in frame:
        hasher.update(f"{series.name} {series.len()} {series.null_count()} ".encode())
        if series.dtype == pl.Enum:
            hasher.update(",".join(series.to_list()).encode())
        else:
            hasher.update(series.to_physical().fill_null(0).to_numpy().tobytes())
    return hasher.hexdigest()[:16]


@pytest.fixture(scope="session")
def digest() -> Callable[[pl.DataFrame], str]:
    """Give the function that turns a frame's bytes into sixteen digits."""
    return _digest
