"""Contender: the loop that everybody writes around ccxt's fetch_ohlcv, as pandas."""

from __future__ import annotations

from typing import Any

import ccxt
import pandas as pd
import pyarrow.pandas_compat  # noqa: F401 (pandas loads it for column names)
import task


def fetched(given: task.Task) -> pd.DataFrame:
    exchange = ccxt.binance(given.config)
    rows: list[list[Any]] = []
    since = given.since
    while since < given.until:
        limit = min(task.PAGE, (given.until - since) // task.MINUTE)
        page = exchange.fetch_ohlcv(given.symbol, "1m", since, limit)
        if not page:
            break
        rows += page
        since = page[-1][0] + task.MINUTE
    return _table(rows)


def decoded(bodies: list[bytes], given: task.Task) -> pd.DataFrame:
    """Do to each body what ccxt does with it, then make the table."""
    del given
    exchange = ccxt.binance()
    rows: list[list[Any]] = []
    for body in bodies:
        page = exchange.parse_json(body.decode())
        rows += exchange.parse_ohlcvs(page, None, "1m", None, task.PAGE)
    return _table(rows)


def _table(rows: list[list[Any]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=list(task.COLUMNS))
    table["timestamp"] = pd.to_datetime(table["timestamp"], unit="ms", utc=True)
    return table.set_index("timestamp")


if __name__ == "__main__":
    task.run(fetched, decoded, task.pandas_columns, "ccxt", "pandas", "orjson")
