"""`correlation_chart`: which markets move together."""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from gekko_lab.charts.calendars import Table
from gekko_lab.charts.heatmaps import cells
from gekko_lab.charts.reading import Values, log_changes, numeric_names, read_values
from gekko_lab.errors import InvalidArgument
from gekko_lab.frames.convert import to_polars
from gekko_lab.realism import statistics

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from gekko_lab.charts.themes import Theme
    from gekko_lab.realism.statistics import Numbers

_KEYS = ("seed", "exchange", "symbol", "timeframe")


def correlation_chart(
    candles: object,
    *,
    title: str | None = None,
    height: int | None = None,
    theme: Theme = "light",
) -> go.Figure:
    """Give a figure of the correlation of each two series' returns.

    Correlations are Pearson's, of logarithmic returns from row to row at the times that both have;
    returns across gaps are left out.

    Parameters
    ----------
    candles : polars or pandas frame
        Candles of several series in one table, as `fetch_many` and `simulate` return them; or
        times in `timestamp` and one column of prices for each series.
    title
        Written above.
    height
        Of the figure, in pixels; by default as much as its rows need.
    theme
        "light" or "dark".

    Returns
    -------
    plotly.graph_objects.Figure
        One trace of numbers from -1 to 1, empty where two series share too few returns. It tells
        how many each number is of.

    Raises
    ------
    InvalidArgument
        When there is only one series, or series have different timeframes.
    DataError
        When times don't increase within a series, or prices are infinite or begin at nothing.

    Examples
    --------
    >>> import gekko_lab
    >>> markets = ["BTC/USDT", "ETH/USDT"]
    >>> table = gekko_lab.simulate(markets, "1h", since="2024-01-01", until="2024-02-01")
    >>> figure = gekko_lab.correlation_chart(table)
    >>> figure.data[0].x, bool(0.2 < figure.data[0].z[0, 1] < 1.0)
    (('BTC/USDT', 'ETH/USDT'), True)
    """
    names, returns = _returns(_series(to_polars(candles)))
    figure = cells(_correlations(names, returns), theme=theme, limits=(-1.0, 1.0))
    figure.update_traces(texttemplate="%{z:.2f}" if len(names) <= 20 else None)  # noqa: PLR2004
    figure.update_layout(
        title={"text": title} if title else None,
        height=height or 34 * max(len(names), 4) + 120,
        margin={"l": 60, "r": 20, "t": 50 if title else 20, "b": 40},
    )
    return figure


def _series(table: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Give the rows of each series by its name."""
    keys = [name for name in _KEYS if name in table.columns]
    if keys:
        return _named(table, keys)
    names = numeric_names(table)
    if len(names) < 2 or {"open", "high", "low", "close"} <= set(names):  # noqa: PLR2004
        raise InvalidArgument(f"one series in columns {table.columns}: two are needed at least")
    return {name: table.select("timestamp", name).drop_nulls() for name in names}


def _named(table: pl.DataFrame, keys: list[str]) -> dict[str, pl.DataFrame]:
    if "timeframe" in keys and (widths := table["timeframe"].unique().sort()).len() > 1:
        raise InvalidArgument(f"timeframes {widths.to_list()}: correlate those of one timeframe")
    telling = [name for name in keys if table[name].n_unique() > 1]
    if not telling:
        raise InvalidArgument("one series in the table: two are needed at least")
    parts = table.partition_by(telling, maintain_order=True, as_dict=True)
    return {" ".join(map(str, key)): part.drop(keys) for key, part in parts.items()}


def _returns(series: dict[str, pl.DataFrame]) -> tuple[list[str], Numbers]:
    """Give names and, in rows of one time and columns of one series, returns."""
    read: dict[str, Values] = {name: read_values(table) for name, table in series.items()}
    every = pl.concat([values.table["timestamp"] for values in read.values()])
    times = every.unique().sort()
    returns = np.full((len(times), len(read)), np.nan)
    for place, values in enumerate(read.values()):
        rows = times.search_sorted(values.table["timestamp"]).to_numpy()
        returns[rows, place] = log_changes(values.table)
    return list(read), returns


def _correlations(names: list[str], returns: Numbers) -> Table:
    numbers = np.full((len(names), len(names)), np.nan)
    known = np.isfinite(returns)
    shared = known.T.astype(np.int64) @ known
    for left, right in combinations_with_replacement(range(len(names)), 2):
        found = statistics.correlation(returns[:, left], returns[:, right])
        numbers[left, right] = numbers[right, left] = found
    words = np.array([[f"{count:,} returns" for count in row] for row in shared])
    return Table(names, names, numbers, words)
