"""Contender: vectorbt's CCXTData.download, as pandas, with the pages that it takes by default."""

from __future__ import annotations

from typing import TYPE_CHECKING

import task
import vectorbt_data as whole_pages

if TYPE_CHECKING:
    import pandas as pd

_PAGE = 500  # vectorbt 1.2.0, data/custom.py


def fetched(given: task.Task) -> pd.DataFrame:
    return whole_pages.fetched(given, _PAGE)


if __name__ == "__main__":
    task.run(fetched, None, task.pandas_columns, *whole_pages.PACKAGES)
