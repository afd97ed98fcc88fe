"""Contenders: DuckDB's ways from trades to candles; on one thread it keeps their order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import making
import numpy as np
import tape

if TYPE_CHECKING:
    import pyarrow as pa

_QUERY = """
    select make_timestamp(minute * 60000000) as timestamp, open, high, low, close, volume
    from (
        select
            timestamp // 60000000 as minute,
            first(price) as open, max(price) as high, min(price) as low, last(price) as close,
            sum(amount) as volume
        from trades
        group by minute
    )
    order by minute
"""


def _arrays(task: making.Task) -> duckdb.DuckDBPyConnection:
    """Let it read the arrays where they are."""
    connection = duckdb.connect(config={"threads": 1})
    connection.register("trades", tape.trades(task))
    return connection


def _table(task: making.Task) -> duckdb.DuckDBPyConnection:
    """Keep the trades in a table of its own."""
    connection = duckdb.connect(config={"threads": 1})
    connection.register("arrays", tape.trades(task))
    connection.execute("create table trades as select * from arrays")
    connection.unregister("arrays")
    return connection


def _candles(connection: duckdb.DuckDBPyConnection, _: int) -> pa.Table:
    return connection.sql(_QUERY).to_arrow_table()


def _columns(candles: pa.Table) -> tape.Arrays:
    found = {name: candles[name].to_numpy() for name in tape.CANDLES}
    times = found["timestamp"].astype("datetime64[us]").astype(np.int64)
    return found | {"timestamp": times}


if __name__ == "__main__":
    check = tape.rows_of(_columns)
    works = {
        "arrays": making.Work(_candles, check, _arrays),
        "table": making.Work(_candles, check, _table),
    }
    making.run(works, "duckdb", "numpy", "pyarrow")
