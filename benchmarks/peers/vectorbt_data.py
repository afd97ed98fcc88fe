"""Contender: vectorbt's CCXTData.download, as pandas, told to take whole pages.

Its decoding is ccxt's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import ccxt
import pandas as pd
import task
import vectorbt

if TYPE_CHECKING:
    from typing import Any

PACKAGES = ("vectorbt", "ccxt", "pandas", "orjson")


def fetched(given: task.Task, page: int = task.PAGE) -> pd.DataFrame:
    exchange = ccxt.binance(given.config)
    data: Any = vectorbt.CCXTData.download(
        given.symbol,
        exchange=exchange,
        timeframe="1m",
        start=pd.Timestamp(given.since, unit="ms", tz="UTC"),
        end=pd.Timestamp(given.until, unit="ms", tz="UTC"),
        limit=page,
        show_progress=False,
    )
    table: pd.DataFrame = data.get()
    return table


if __name__ == "__main__":
    task.run(fetched, None, task.pandas_columns, *PACKAGES)
