"""Who makes what against whom in the simulator benchmark."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

DAY, MINUTE = 86_400_000, 60_000
SINCE = 1_704_067_200_000  # 2024-01-01
OURS = "gekko_lab"

_TEN_YEARS = 3653
_MINUTES_A_DAY = DAY // MINUTE
_TRADES_A_DAY = 150_000  # about what the liquid market has
_SLOW, _SLOWER = 1_000_000, 500_000  # rows for those to whom each takes the same time


@dataclass(frozen=True)
class Contender:
    """A script of `peers`, the work it is told, and the most rows that it is asked for."""

    title: str
    environment: str
    script: str
    work: str
    most: int = sys.maxsize


@dataclass(frozen=True)
class Race:
    """Days to make, or to read from a tape that is recorded before; rows for those without days."""

    title: str
    days: int
    rows_a_day: int
    contenders: Mapping[str, Contender]
    taped: bool = False


def _ours(script: str, work: str) -> dict[str, Contender]:
    return {OURS: Contender("gekko_lab", "gekko_lab", script, work)}


def _polars(title: str, work: str) -> Contender:
    return Contender(f"polars, {title}", "polars", "polars_bars.py", work)


TRADES = Race(
    "trades into a polars frame, gekko_lab against",
    30,
    _TRADES_A_DAY,
    {
        **_ours("simulated.py", "trades"),
        "hawkes": Contender(
            "Hawkes and stochastic volatility in numba, numpy's SFC64",
            *("numba", "hawkes.py", "generator"),
        ),
        "hawkes_np_random": Contender(
            "the same with numba's `np.random`", "numba", "hawkes.py", "np.random"
        ),
        "gekko_m4": Contender(
            "Gekko M4's own simulator, node",
            *("gekko_m4", "gekko_m4.mjs", "simulator", _SLOW),
        ),
        "gekko_m4_loop": Contender(
            "Gekko M4's rules as a plain loop, node", "gekko_m4", "gekko_m4.mjs", "loop", _SLOW
        ),
        "vectorbt": Contender(
            "vectorbt's GBM: a price a step, no trades",
            *("vectorbt", "vectorbt_gbm.py", "path", _SLOWER),
        ),
        "normals": Contender(
            "numpy: a normal number each, nothing else", "numba", "normals.py", "normals"
        ),
    },
)
CANDLES = Race(
    "a year of 1m candles, gekko_lab against",
    365,
    _MINUTES_A_DAY,
    {
        **_ours("simulated.py", "candles"),
        "vectorbt": Contender(
            "vectorbt's GBMData: closes only", "vectorbt", "vectorbt_gbm.py", "closes"
        ),
        "synthetic_ohlcv": Contender(
            "synthetic-ohlcv, quickstart",
            *("synthetic_ohlcv", "synthetic_candles.py", "quickstart"),
        ),
        "synthetic_ohlcv_clusters": Contender(
            "synthetic-ohlcv, volatility clusters",
            *("synthetic_ohlcv", "synthetic_candles.py", "clusters"),
        ),
    },
)
DAYS = Race(
    "ten years of 1d candles, gekko_lab against",
    _TEN_YEARS,
    _MINUTES_A_DAY,
    {
        **_ours("simulated.py", "days"),
        "normals": Contender(
            "numpy: a normal number for each minute of them", "numba", "normals.py", "normals"
        ),
    },
)
BARS = Race(
    "trades into 1m candles, gekko_lab against",
    135,
    _TRADES_A_DAY,
    {
        **_ours("gekko_lab_bars.py", "candles_from_trades"),
        "polars_dynamic": _polars("`group_by_dynamic`", "dynamic"),
        "polars_dynamic_integers": _polars("`group_by_dynamic` on integers", "dynamic integers"),
        "polars_sorted_buckets": _polars("`group_by` on integers set sorted", "sorted buckets"),
        "polars_buckets": _polars("`group_by` on integers", "buckets"),
        "polars_streaming": _polars("`group_by` on integers, streaming", "streaming"),
        "polars_runs": _polars("`rle`, then numpy's `reduceat`", "runs"),
        "pandas_resample": Contender("pandas, `resample`", "pandas", "pandas_bars.py", "resample"),
        "pandas_buckets": Contender(
            "pandas, `groupby` on integers", "pandas", "pandas_bars.py", "buckets"
        ),
        "duckdb_arrays": Contender("DuckDB on arrays", "duckdb", "duckdb_bars.py", "arrays"),
        "duckdb_table": Contender(
            "DuckDB on a table of its own", "duckdb", "duckdb_bars.py", "table"
        ),
        "read_loop": Contender(
            "the trades only read and summed up, compiled loop", "numba", "plain_read.py", "loop"
        ),
        "read_numpy": Contender(
            "the trades only read and summed up, numpy", "numba", "plain_read.py", "numpy"
        ),
    },
    taped=True,
)
RACES = {"trades": TRADES, "candles": CANDLES, "days": DAYS, "bars": BARS}
