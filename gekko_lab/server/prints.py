"""The trades of one given frame: those that came with it, or four for each candle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from gekko_lab.errors import InvalidArgument
from gekko_lab.frames.schemas import CANDLES_FULL, SIMULATED_TRADES
from gekko_lab.server.aggregation import candles_from_trades, opens_of

if TYPE_CHECKING:
    from gekko_lab.market.timeframe import Timeframe

_PER_CANDLE = 4


class Prints:
    """Candles of one symbol with their trades.

    Parameters
    ----------
    candles
        Candles in order, with or without `quote_volume` and `trade_count`.
    width
        Their timeframe.
    trades
        Their trades in order, or None to derive them.
    lots
        Steps of the amount in one unit of the base.
    """

    def __init__(
        self,
        candles: pl.DataFrame,
        width: Timeframe,
        trades: pl.DataFrame | None,
        *,
        lots: int,
    ) -> None:
        missing = [name for name in ("quote_volume", "trade_count") if name not in candles.columns]
        self._rows = candles.with_columns(
            pl.lit(None, CANDLES_FULL[name]).alias(name) for name in missing
        ).select(pl.col(name).cast(dtype) for name, dtype in CANDLES_FULL.items())
        self.opens = opens_of(self._rows)
        if np.any(np.diff(self.opens) <= 0):
            raise InvalidArgument("the given candles must be in order, without repeated open times")
        self._width = width
        self._lots = lots
        self._trades = trades
        self._times = None if trades is None else opens_of(trades)
        traded = (self._rows["volume"] > 0).to_numpy()
        self._traded = self._rows.filter(traded)  # only these become trades
        self._traded_opens = self.opens[traded]

    def candles(self, since: int, until: int, *, exact: bool) -> pl.DataFrame:
        """Give the candles that open in [since, until), with exact costs on demand."""
        first, last = np.searchsorted(self.opens, [since, until])
        rows = self._rows.slice(first, last - first)
        if not exact or not rows["quote_volume"].null_count():
            return rows
        truth = candles_from_trades(self.between(since, until), self._width)
        costs = truth.select("timestamp", cost="quote_volume", count="trade_count")
        return (
            rows.join(costs, on="timestamp", how="left", maintain_order="left")
            .with_columns(
                pl.coalesce("quote_volume", "cost", pl.lit(0.0)).alias("quote_volume"),
                pl.coalesce("trade_count", "count", pl.lit(0)).alias("trade_count"),
            )
            .select(list(CANDLES_FULL))
        )

    def between(self, since: int, until: int) -> pl.DataFrame:
        """Give the trades in [since, until)."""
        if self._trades is not None:
            first, last = np.searchsorted(self._times, [since, until])  # type: ignore[arg-type]
            return self._trades.slice(first, last - first)
        first, last = np.searchsorted(
            self._traded_opens, [self._width.floor(since), self._width.ceil(until)]
        )
        made = self._derive(int(first), int(last - first))
        times = opens_of(made)
        return made.filter((times >= since) & (times < until))

    def from_id(self, first_id: int, limit: int) -> pl.DataFrame:
        """Give the first `limit` trades whose id is `first_id` or more."""
        if self._trades is not None:
            return self._trades.filter(pl.col("id") >= first_id).head(limit)
        first, skip = divmod(max(0, first_id), _PER_CANDLE)
        return self._derive(first, limit // _PER_CANDLE + 2).slice(skip, limit)

    def _derive(self, first: int, count: int) -> pl.DataFrame:
        rows = self._traded.slice(first, count)
        opens = self._traded_opens[first : first + count]
        width = self._width.shortest
        lots = np.rint(rows["volume"].to_numpy() * self._lots).astype(np.int64)
        part = lots // _PER_CANDLE
        rising = (rows["close"] >= rows["open"]).to_numpy()
        low, high = rows["low"].to_numpy(), rows["high"].to_numpy()
        ids = np.arange(first, first + len(rows))[:, None] * _PER_CANDLE + np.arange(_PER_CANDLE)
        bought = np.column_stack([rising, ~rising, rising, rising])
        columns = {
            "timestamp": opens[:, None] + np.arange(_PER_CANDLE) * (width // _PER_CANDLE),
            "id": ids,
            "price": np.column_stack(
                [
                    rows["open"],
                    np.where(rising, low, high),
                    np.where(rising, high, low),
                    rows["close"],
                ]
            ),
            "amount": np.column_stack([part, part, part, lots - 3 * part]) / self._lots,
            "side": np.where(bought, "buy", "sell"),
        }
        return (
            pl.DataFrame({name: values.ravel() for name, values in columns.items()})
            .filter(pl.col("amount") > 0)
            .with_columns(pl.col("timestamp") * 1000)
            .select(pl.col(name).cast(dtype) for name, dtype in SIMULATED_TRADES.items())
        )
