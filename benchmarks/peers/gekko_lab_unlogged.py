"""Contender: gekko_lab.fetch that keeps nothing, as its peers do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gekko_lab_polars as ours
import task

from gekko_lab.settings import options

if TYPE_CHECKING:
    import polars as pl


def fetched(given: task.Task) -> pl.DataFrame:
    with options(log="off"):
        return ours.fetched(given)


if __name__ == "__main__":
    task.run(fetched, None, ours.columns, *ours.PACKAGES)
