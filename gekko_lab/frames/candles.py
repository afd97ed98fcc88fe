"""Candles out of trades."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import polars as pl

from gekko_lab import kernels
from gekko_lab.errors import InvalidArgument
from gekko_lab.frames import buckets, steps
from gekko_lab.frames.checks import check_prints
from gekko_lab.frames.convert import like, to_prints
from gekko_lab.frames.schemas import CANDLES, CANDLES_FULL, TIME, empty
from gekko_lab.market.moments import TimeLike, read_time
from gekko_lab.market.timeframe import Timeframe

if TYPE_CHECKING:
    from gekko_lab.frames.buckets import Counting, Grid, Sums

_POLARS_S: Final = 4e-8  # a trade
_SAMPLE = 1_000


def candles_from_trades(
    trades: object,
    timeframe: str,
    *,
    since: TimeLike | None = None,
    until: TimeLike | None = None,
    step_size: float | None = None,
    columns: Literal["base", "full"] = "base",
) -> Any:  # noqa: ANN401 (the kind of the trades decides)
    """Give the candles that trades make, in any timeframe.

    A candle without trades is absent, as on exchanges that leave it out; `gaps` tells of them.
    Volumes are summed in whole steps of the market and rounded once, so that the candles are those
    that an exchange makes, to the last bit. Calculated amounts, which no step of ten goes into, are
    summed as floats from left to right.

    Parameters
    ----------
    trades : polars or pandas frame
        Trades in order of time, as `fetch_trades` returns them: timestamp, price and amount. Other
        columns don't matter.
    timeframe
        The candles' width, such as "15s", "1h" or "1M".
    since, until
        What the trades cover: only candles that lie wholly in [since, until) are given. Spans such
        as "30d" go back from the last trade. By default all are given, though the first and the
        last may have had more trades.
    step_size
        What all amounts are whole multiples of, such as 0.001; by default the step of ten that the
        amounts show. Calculated amounts may be off by a few units in the last place.
    columns
        "full" adds quote_volume and trade_count.

    Returns
    -------
    polars or pandas frame, as `trades`
        One row a candle, in order, as from `fetch`: timestamp (open time, UTC), open, high, low,
        close (quote per base), volume (base); with `columns="full"` also quote_volume (quote) and
        trade_count.

    Raises
    ------
    UnknownTimeframe
        When `timeframe` can't be read.
    DataError
        Names the first trade that is older than the one before, has no price above 0 or no amount
        from 0 on, or an amount that isn't a whole number of `step_size`.

    Examples
    --------
    >>> import gekko_lab
    >>> hour = {"since": "2024-01-01T00:00", "until": "2024-01-01T01:00"}
    >>> trades = gekko_lab.fetch_trades("simulator", "BTC/USDT", **hour)
    >>> candles = gekko_lab.candles_from_trades(trades, "1m")
    >>> candles.equals(gekko_lab.fetch("simulator", "BTC/USDT", "1m", **hour))
    True
    """
    target = Timeframe.parse(timeframe)
    if columns not in ("base", "full"):
        raise InvalidArgument(f"columns={columns!r}: choose 'base' or 'full'")
    step = None if step_size is None else steps.read_step(step_size)
    table = to_prints(trades)
    if table.is_empty():
        return like(empty(CANDLES_FULL if columns == "full" else CANDLES), trades)
    times = table["timestamp"]
    if times.null_count():
        check_prints(table)
    first, last = int(times.to_physical()[0]), int(times.to_physical()[-1])
    grid = buckets.Grid.of(target, first, last)
    made = _frame(_sums(table, grid, step, full=columns == "full"))
    now = last // 1000
    if since is not None:
        begin = target.ceil(read_time(since, now=now))
        made = made.filter(pl.col("timestamp") >= _moment(begin))
    if until is not None:
        end = target.floor(read_time(until, now=now, name="until"))
        made = made.filter(pl.col("timestamp") < _moment(end))
    return like(made, trades)


def _sums(table: pl.DataFrame, grid: Grid, step: steps.Step | None, *, full: bool) -> Sums:
    """Sum up the trades with the decimals that they show, which are guessed first."""
    counting = _guess(table, step, full=full)
    sum_up = buckets.by_loop if kernels.wanted(len(table) * _POLARS_S) else buckets.by_polars
    found = sum_up(table, grid, counting)
    while isinstance(found, buckets.Miss):
        if found.column == "amount" and step is not None:
            steps.check_steps(table["amount"], step, noun="trade")
        counting = counting.after(found)
        found = sum_up(table, grid, counting)
    if step is not None and step.count > 1:
        steps.check_steps(table["amount"], step, noun="trade")
    return found


def _guess(table: pl.DataFrame, step: steps.Step | None, *, full: bool) -> Counting:
    sample = table[np.arange(0, len(table), max(1, len(table) // _SAMPLE))]
    price, amount = (
        steps.find_decimals(sample[name].drop_nulls().to_numpy()) for name in ("price", "amount")
    )
    if step is not None:
        return buckets.Counting(step.decimals, price, noise=steps.NOISE, full=full)
    return buckets.Counting(amount, price, noise=0.0, full=full)


def _frame(made: Sums) -> pl.DataFrame:
    columns = {
        "timestamp": pl.Series(made.start).cast(TIME),
        "open": made.open,
        "high": made.high,
        "low": made.low,
        "close": made.close,
        "volume": made.volume,
    }
    if made.cost is None:
        return pl.DataFrame(columns, schema=CANDLES)
    full = {"quote_volume": made.cost, "trade_count": made.count}
    return pl.DataFrame({**columns, **full}, schema=CANDLES_FULL)


def _moment(time: int) -> pl.Expr:
    return pl.lit(time * 1000).cast(TIME)
