"""Contender: the simulated market, its loops compiled and warm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import making
import polars as pl

from gekko_lab import kernels
from gekko_lab.frames.schemas import CANDLES_FULL, SIMULATED_TRADES
from gekko_lab.market.timeframe import Timeframe
from gekko_lab.simulation import Parameters, SimulatedMarket
from gekko_lab.simulation.presets import choose

if TYPE_CHECKING:
    from polars import DataFrame

_SYMBOL = "BTC/USDT"
_MINUTE_MS = 60_000
_DAY_MS = 86_400_000
_MINUTE, _DAY = Timeframe.parse("1m"), Timeframe.parse("1d")
_ROUNDING = 1e-9
_Made = tuple[SimulatedMarket, pl.DataFrame]


def _trades(task: making.Task, seed: int) -> _Made:
    market = SimulatedMarket(choose("liquid", {"seed": seed}))
    return market, market.trades(_SYMBOL, task.since, task.until)


def _candles(task: making.Task, seed: int) -> _Made:
    market = SimulatedMarket(Parameters(seed=seed))
    return market, market.candles(_SYMBOL, _MINUTE, task.since, task.until)


def _days(task: making.Task, seed: int) -> _Made:
    market = SimulatedMarket(Parameters(seed=seed))
    return market, market.candles(_SYMBOL, _DAY, task.since, task.until)


def _trades_checked(made: _Made, task: making.Task) -> int:
    market, trades = made
    making.expect("the columns of trades", true=trades.schema == SIMULATED_TRADES)
    candles = market.candles(_SYMBOL, _MINUTE, task.since, task.until)
    _expect_same(added_up(trades, "1m"), candles)
    return trades.height


def _candles_checked(made: _Made, task: making.Task) -> int:
    market, candles = made
    making.expect("the columns of candles", true=candles.schema == CANDLES_FULL)
    minutes = (task.until - task.since) // _MINUTE_MS
    making.expect(f"{minutes} minutes", true=candles.height == minutes)
    day = market.trades(_SYMBOL, task.since, task.since + _DAY_MS)
    _expect_same(added_up(day, "1m"), candles.head(_DAY_MS // _MINUTE_MS))
    return candles.height


def _days_checked(made: _Made, task: making.Task) -> int:
    """Give the minutes that the days were made of."""
    market, days = made
    making.expect("a candle a day", true=days.height == (task.until - task.since) // _DAY_MS)
    trades = market.trades(_SYMBOL, task.since, task.since + _DAY_MS)
    _expect_same(added_up(trades, "1d"), days.head(1))
    return days.height * (_DAY_MS // _MINUTE_MS)


def added_up(trades: DataFrame, width: str) -> DataFrame:
    """Add trades up to candles, apart from the code that is measured."""
    price = pl.col("price")
    return trades.group_by(pl.col("timestamp").dt.truncate(width), maintain_order=True).agg(
        open=price.first(),
        high=price.max(),
        low=price.min(),
        close=price.last(),
        volume=pl.col("amount").sum(),
        trade_count=pl.len().cast(pl.Int64),
    )


def _expect_same(added: DataFrame, candles: DataFrame) -> None:
    candles = candles.filter(pl.col("trade_count") > 0).select(added.columns)
    same = added.drop("volume").equals(candles.drop("volume"))
    making.expect("trades that add up to candles exactly", true=same)
    off = ((added["volume"] - candles["volume"]) / candles["volume"]).abs().max()
    making.expect("volumes that add up", true=bool(off < _ROUNDING))


WORKS = {
    "trades": making.Work(_trades, _trades_checked),
    "candles": making.Work(_candles, _candles_checked),
    "days": making.Work(_days, _days_checked),
}

if __name__ == "__main__":
    kernels.warm_up()
    making.run(WORKS, "gekko-lab", "numba", "numpy", "polars")
