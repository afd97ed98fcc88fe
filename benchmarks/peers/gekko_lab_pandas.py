"""Contender: gekko_lab.fetch, as pandas."""

from __future__ import annotations

import gekko_lab_polars as ours
import pandas as pd  # noqa: TC002 (a fetch loads it; here it counts as an import)
import pyarrow.compute
import pyarrow.pandas_compat  # noqa: F401 (polars loads both to convert)
import task

from gekko_lab.frames.convert import to_pandas


def fetched(given: task.Task) -> pd.DataFrame:
    return to_pandas(ours.fetched(given))  # what frame="pandas" does at its end


def decoded(bodies: list[bytes], given: task.Task) -> pd.DataFrame:
    return to_pandas(ours.decoded(bodies, given).select(task.COLUMNS))


if __name__ == "__main__":
    task.run(fetched, decoded, task.pandas_columns, "gekko-lab", "ccxt", "polars", "pandas")
