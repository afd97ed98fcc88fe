"""Facts of order flow: what public trades say of signs, orders, gaps, sizes and impact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from gekko_lab.errors import DataError
from gekko_lab.frames.checks import check_trades, times_of
from gekko_lab.frames.convert import to_polars
from gekko_lab.frames.schemas import SIDE, TRADES
from gekko_lab.market.timeframe import MINUTE, SECOND, Timeframe
from gekko_lab.realism import statistics
from gekko_lab.realism.facts import Measured, Measurements, measured

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gekko_lab.realism.statistics import Numbers

SIGNS = 100
"""The longest lag that signs are looked at."""

_FEW = "too few trades, or all alike"
_SIDELESS = "the side of some trades isn't known"
_CALENDAR = "calendar months and years aren't compared"
_NO_MEMORY = "the signs have no memory that could show a power law"
_NO_RESPONSE = "the price doesn't follow an order's sign"
_EXACT = 1e-9  # of a volume, for the order of its sum


@dataclass(frozen=True, slots=True)
class Flow:
    """Trades as numbers.

    Attributes
    ----------
    time : numpy.ndarray
        Milliseconds UTC.
    sign : numpy.ndarray
        1 where the taker buys, -1 where he sells, NaN where nobody knows.
    price : numpy.ndarray
        Logarithm.
    amount : numpy.ndarray
        Base.
    """

    time: NDArray[np.int64]
    sign: Numbers
    price: Numbers
    amount: Numbers


def read(trades: object) -> pl.DataFrame:
    """Give a user's trades in the columns of `TRADES`, checked; `id` and `side` may be left out.

    Raises
    ------
    DataError
        Names the first row that isn't a sound trade.
    """
    table = to_polars(trades)
    absent = [pl.lit(None, TRADES[name]).alias(name) for name in ("id", "side")]
    table = table.with_columns(each for each in absent if each.meta.output_name() not in table)
    missing = [name for name in TRADES if name not in table.columns]
    if missing:
        raise DataError(f"no column {missing[0]!r} among the trades' {table.columns}")
    if table.schema["side"] != SIDE:
        table = table.with_columns(_side(table["side"]))
    return check_trades(table.select(TRADES.names()))


def _side(sides: pl.Series) -> pl.Series:
    try:
        return sides.cast(pl.String).cast(SIDE)
    except pl.exceptions.PolarsError as error:
        raise DataError(f"column 'side' holds what is neither 'buy' nor 'sell': {error}") from error


def flow(trades: pl.DataFrame) -> Flow:
    """Give sound trades as numbers."""
    price = trades["price"].to_numpy()
    sign = pl.when(pl.col("side") == "buy").then(1.0).when(pl.col("side") == "sell").then(-1.0)
    return Flow(
        time=times_of(trades).to_numpy(),
        sign=trades.select(sign.alias("sign").fill_null(np.nan)).to_series().to_numpy(),
        price=np.log(np.where(price > 0, price, np.nan)),
        amount=trades["amount"].to_numpy(),
    )


def orders(fills: Flow) -> Flow:
    """Give the orders behind the fills: neighbors of one millisecond and side.

    Price is that of the last fill, amount their sum.
    """
    if fills.time.size == 0:
        return fills
    same = (np.diff(fills.time) == 0) & (np.diff(fills.sign) == 0)
    first = np.flatnonzero(np.append(True, ~same))
    last = np.append(first[1:], fills.time.size) - 1
    return Flow(
        time=fills.time[first],
        sign=fills.sign[first],
        price=fills.price[last],
        amount=np.add.reduceat(fills.amount, first),
    )


def measure(fills: Flow) -> Measurements:
    """Measure facts 19 to 28."""
    facts = {**_fills(fills), **_counts(fills), **_sizes(fills.amount)}
    if not np.isfinite(fills.sign).all():
        sided = "19a 19b 20a 20b 20c 21a 22a 22b 25b 27a 28a 28b"
        return {
            **facts,
            "27b": _minutes(fills)["27b"],
            **dict.fromkeys(sided.split(), Measured(None, _SIDELESS)),
        }
    found = orders(fills)
    return {
        **facts,
        **_signs(fills.sign, found.sign),
        **_orders(fills, found),
        **_minutes(fills),
        **_responses(found),
    }


def _fills(fills: Flow) -> Measurements:
    changes = np.diff(fills.price)
    return {
        "21b": measured(statistics.mean(np.diff(fills.time) == 0), _FEW),
        "25a": measured(statistics.mean(_stays(fills.price)), _FEW),
        "26": measured(statistics.autocorrelation(changes, 1)[1], _FEW),
    }


def _stays(price: Numbers) -> Numbers:
    changes = np.diff(price)
    return np.where(np.isfinite(changes), changes == 0, np.nan)


def _counts(fills: Flow) -> Measurements:
    widths = {"23a": 1, "23b": 10, "23c": 60}
    return {
        key: measured(statistics.fano_factor(fills.time, seconds * SECOND), _FEW)
        for key, seconds in widths.items()
    }


def _sizes(amount: Numbers) -> Measurements:
    if amount.size == 0:
        return dict.fromkeys(("24a", "24b", "24c"), Measured(None, _FEW))
    median, high = np.quantile(amount, [0.5, 0.99])
    return {
        "24a": measured(float(np.log(amount).std()), _FEW),
        "24b": measured(statistics.hill(amount, 0.01), _FEW),
        "24c": measured(float(high / median), _FEW),
    }


def _signs(fills: Numbers, found: Numbers) -> Measurements:
    single = statistics.autocorrelation(fills, SIGNS)
    whole = statistics.autocorrelation(found, SIGNS)
    exponent = statistics.decay_exponent(single, 1, SIGNS)
    if np.isfinite(single).all() and not np.isfinite(exponent):
        decay = Measured(None, _NO_MEMORY, absent=True)
    else:
        decay = measured(exponent, _FEW)
    lags = {"20a": 1, "20b": 10, "20c": 100}
    return {
        "19a": measured(single[1], _FEW),
        "19b": decay,
        **{key: measured(whole[lag], _FEW) for key, lag in lags.items()},
    }


def _orders(fills: Flow, found: Flow) -> Measurements:
    gaps = np.diff(found.time).astype(float)
    logs = np.log(np.where(gaps > 0, gaps, np.nan))
    variation = statistics.ratio(float(gaps.std()), float(gaps.mean())) if gaps.size else np.nan
    return {
        "21a": measured(statistics.ratio(fills.time.size, found.time.size), _FEW),
        "22a": measured(variation, _FEW),
        "22b": measured(statistics.autocorrelation(logs, 1)[1], _FEW),
        "25b": measured(statistics.mean(_stays(found.price)), _FEW),
    }


def _minutes(fills: Flow) -> Measurements:
    """Compare each minute's trades with its return, from the minute before's last price."""
    if fills.time.size == 0:
        return dict.fromkeys(("27a", "27b"), Measured(None, _FEW))
    minutes = fills.time // MINUTE
    first = np.flatnonzero(np.diff(minutes, prepend=-1))
    last = np.append(first[1:], minutes.size) - 1
    change = np.diff(fills.price[last])
    change[np.diff(minutes[first]) != 1] = np.nan
    signed = np.add.reduceat(fills.sign * fills.amount, first)[1:]
    count = np.diff(np.append(first, minutes.size)).astype(float)[1:]
    return {
        "27a": measured(statistics.correlation(signed, change), _FEW),
        "27b": measured(statistics.correlation(count, np.abs(change)), _FEW),
    }


def _responses(found: Flow) -> Measurements:
    near, far = response(found, 1), response(found, 10)
    after = measured(near * 1e4, _FEW)
    if near <= 0:
        return {"28a": Measured(None, _NO_RESPONSE, absent=True), "28b": after}
    return {"28a": measured(far / near, _FEW), "28b": after}


def response(found: Flow, lag: int) -> float:
    r"""Give how far the log price goes with an order's sign until `lag` orders later.

    From the last price before the order, so that the order itself counts; of traded prices, so that
    a wide spread adds its half to R(1), and bouncing takes it from the later ones.

    .. math:: R(\ell) = \langle \epsilon_n (p_{n + \ell - 1} - p_{n - 1}) \rangle
    """
    if found.time.size <= lag:
        return np.nan
    return statistics.mean(
        found.sign[1 : 1 - lag or None] * (found.price[lag:] - found.price[:-lag])
    )


def mismatches(candles: pl.DataFrame, trades: pl.DataFrame, width: Timeframe | None) -> Measured:
    """Measure fact 33: the candles that differ from their trades in prices, volume or count.

    Compared is where there are both: from the first to the last candle, and without the candles of
    the first and the last trade, which may hold a part of theirs. A candle without trades must have
    volume 0.
    """
    step = None if width is None else width.milliseconds
    if width is None or step is None:
        return Measured(None, _FEW if width is None else _CALENDAR)
    span = candles["timestamp"][0], candles["timestamp"][-1]
    made = _made(trades, step, width.origin)[1:-1]
    made = made.filter(pl.col("timestamp").is_between(*span))
    if made.is_empty():
        return Measured(None, "the trades span no whole candle")
    times = pl.col("timestamp").is_between(made["timestamp"][0], made["timestamp"][-1])
    inside = candles.filter(times)
    both = inside.join(made, on="timestamp", how="full", coalesce=True, suffix="_made")
    return Measured(float(both.select((~_agrees("trade_count" in candles.columns)).sum()).item()))


def _made(trades: pl.DataFrame, step: int, origin: int) -> pl.DataFrame:
    passed = (pl.col("timestamp").dt.epoch("us") - origin * 1000) % (step * 1000)
    return (
        trades.lazy()
        .with_columns(pl.col("timestamp") - pl.duration(microseconds=passed))
        .group_by("timestamp", maintain_order=True)
        .agg(
            open=pl.col("price").first(),
            high=pl.col("price").max(),
            low=pl.col("price").min(),
            close=pl.col("price").last(),
            volume=pl.col("amount").sum(),
            trade_count=pl.len().cast(pl.Int64),
        )
        .collect()
    )


def _agrees(counted: bool) -> pl.Expr:  # noqa: FBT001
    prices = [pl.col(name) == pl.col(f"{name}_made") for name in ("open", "high", "low", "close")]
    volume = (pl.col("volume") - pl.col("volume_made")).abs() <= _EXACT * pl.col("volume_made")
    count = pl.col("trade_count") == pl.col("trade_count_made") if counted else pl.lit(True)
    same = pl.all_horizontal(*prices, volume, count.fill_null(True)).fill_null(False)
    return same | (pl.col("volume_made").is_null() & (pl.col("volume") == 0))
