"""Trades for candles that were recorded: any OHLCV becomes a tape that adds up to it exactly."""

from __future__ import annotations

import operator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gekko_lab.errors import DataError, InvalidArgument, InvalidType
from gekko_lab.frames import steps
from gekko_lab.frames.checks import check_candles, times_of
from gekko_lab.frames.convert import like, to_candles
from gekko_lab.frames.resample import find_timeframe
from gekko_lab.frames.schemas import SIMULATED_TRADES, TIME, empty
from gekko_lab.market.moments import show_time
from gekko_lab.market.timeframe import Timeframe
from gekko_lab.simulation import keyed, tape
from gekko_lab.simulation.minutes import Minutes
from gekko_lab.simulation.rows import sides

if TYPE_CHECKING:
    from collections.abc import Iterator

# Whole numbers of steps.
Whole = NDArray[np.int64]

_FEWEST, _MOST = 1, 5_000
_BLOCK_TRADES = 1 << 15
_USUAL = 30.0  # trades of a candle with the frame's mean volume, where nothing tells their number
_PRICES = ("open", "high", "low", "close")


def trades_from_candles(
    candles: object,
    timeframe: str | None = None,
    *,
    seed: int = 0,
    trades_per_candle: float | None = None,
) -> Any:  # noqa: ANN401 (the kind of the candles decides)
    """Give made-up trades that add up to the candles exactly.

    Each candle's open, high, low, close and volume are those of its trades; times, sizes, sides
    and the way from open to close are drawn as in the simulated market. With other seeds other
    trades make the same candles.

    Parameters
    ----------
    candles : polars or pandas frame
        Candles of any market, such as recorded ones, as `fetch` returns them. With a column
        `trade_count` the number of trades is taken from it, where it isn't too small; a candle has
        5000 at the most.
    timeframe
        Their width; by default the one that their spacing shows. Calendar months are too long.
    seed
        Chooses one of the possible tapes.
    trades_per_candle
        Trades of a candle with the mean volume; 30 by default, without a column `trade_count`.

    Returns
    -------
    polars or pandas frame, as `candles`
        Trades in order: timestamp (UTC, inside the candle), id (text), side (the taker's), price
        (on the decimals of the candles' prices), amount (on decimals too; counted in their step
        they sum up to the volume exactly). A candle without volume has none.

    Raises
    ------
    DataError
        When a row is no possible candle, names the row: high below low, negative volume, off the
        grid; a price that moved without volume.
    InvalidArgument
        When a parameter can't be used.

    Examples
    --------
    >>> import gekko_lab
    >>> hours = gekko_lab.fetch("simulator", "ETH/USDT", "1h", since="2024-01-01", limit=24)
    >>> trades = gekko_lab.trades_from_candles(hours, seed=7)
    >>> trades["price"].max() == hours["high"].max()
    True
    """
    table = to_candles(candles)
    made = Recording.of(table, timeframe, seed=seed, trades_per_candle=trades_per_candle)
    blocks = [made.trades(*block) for block in made.blocks(0, len(table))]
    trades = pl.concat([empty(SIMULATED_TRADES), *blocks])
    return like(trades.with_columns(pl.col("id").cast(pl.String)), candles)


@dataclass(frozen=True, slots=True)
class Recording:
    """Recorded candles in whole units, whose trades can be made a few rows at a time.

    A row's trades don't depend on which other rows are made along with it, so that any slice of
    the rows gives a slice of the tape.

    Attributes
    ----------
    candles : polars.DataFrame
        As they were given, checked.
    width : Timeframe
        Of the candles.
    opens : ndarray
        Open times, milliseconds UTC.
    rows : Minutes
        The candles in ticks and lots, counted in widths.
    tick, step : int
        Decimals of prices and of the trades' amounts.
    stream : int
        The key of their randomness.
    """

    candles: pl.DataFrame
    width: Timeframe
    opens: Whole
    rows: Minutes
    tick: int
    step: int
    stream: int

    @classmethod
    def of(
        cls,
        table: pl.DataFrame,
        timeframe: str | None,
        *,
        seed: int,
        trades_per_candle: float | None,
    ) -> Recording:
        """Read candles; raises as `trades_from_candles` does."""
        _check_parameters(seed, trades_per_candle)
        width = _width(table, timeframe)
        check_candles(table, width)
        tick, step = _decimals(table, *_PRICES), _decimals(table, "volume")
        prices = {name: steps.to_steps(table[name].to_numpy(), tick) for name in _PRICES}
        volumes = table["volume"].to_numpy()
        lots = steps.to_steps(volumes, step)
        count, finer = _counts(table, prices, lots, trades_per_candle)
        opens = times_of(table).to_numpy()
        return cls(
            candles=table,
            width=width,
            opens=opens,
            rows=Minutes(
                minute=(opens - width.origin) // width.shortest,
                **prices,
                count=count,
                lots=steps.to_steps(volumes, step + finer),
            ),
            tick=tick,
            step=step + finer,
            stream=keyed.key("recorded", operator.index(seed)),
        )

    def tape(self, first: int, last: int) -> tape.Tape:
        """Make the trades of the rows [first, last)."""
        made = tape.tape(self.stream, self.rows[first:last], width_ms=self.width.shortest)
        return replace(made, time=made.time + self.width.origin)

    def trades(self, first: int, last: int) -> pl.DataFrame:
        """Give the trades of the rows [first, last), in the columns of `SIMULATED_TRADES`."""
        made = self.tape(first, last)
        row = np.repeat(np.arange(first, last), self.rows.count[first:last])
        columns = {
            "timestamp": pl.Series(made.time * 1000, dtype=pl.Int64).cast(TIME),
            "id": made.id,
            "side": sides((made.side < 0).astype(np.uint8)),
            "price": self.prices(made.ticks, row),
            "amount": steps.decimal(made.lots, self.step),
        }
        return pl.DataFrame(columns, schema=SIMULATED_TRADES)

    def blocks(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Cut the rows [first, last) into pieces whose trades stay in the CPU's cache."""
        block = np.cumsum(self.rows.count[first:last]) // _BLOCK_TRADES
        ends = [*(np.flatnonzero(np.diff(block)) + 1 + first).tolist(), last]
        yield from zip([first, *ends], ends, strict=False)

    def prices(self, ticks: Whole, row: Whole) -> NDArray[np.float64]:
        """Give prices as the rows they belong to have them, to the last bit of their floats."""
        price = steps.decimal(ticks, self.tick)
        for name in _PRICES:
            same = ticks == getattr(self.rows, name)[row]
            price[same] = self.candles[name].to_numpy()[row[same]]
        return price


def _check_parameters(seed: object, trades_per_candle: object) -> None:
    if isinstance(seed, bool) or not hasattr(seed, "__index__"):
        raise InvalidType(
            f"seed={seed!r} is a {type(seed).__name__}; give a whole number such as 7"
        )
    if trades_per_candle is None:
        return
    if isinstance(trades_per_candle, bool) or not isinstance(trades_per_candle, (int, float)):
        raise InvalidType(f"trades_per_candle={trades_per_candle!r}: give a number such as 30")
    if not _FEWEST <= trades_per_candle <= _MOST:
        raise InvalidArgument(
            f"trades_per_candle={trades_per_candle!r}: give a number from {_FEWEST} to {_MOST}"
        )


def _width(table: pl.DataFrame, timeframe: str | None) -> Timeframe:
    width = find_timeframe(table) if timeframe is None else Timeframe.parse(timeframe)
    if width is None:
        if table.is_empty():
            return Timeframe.parse("1m")
        raise DataError("too few candles to see their timeframe: name it, such as timeframe='1h'")
    if width.milliseconds is None:
        raise InvalidArgument(f"candles of {width} are too long for trades: use weeks at most")
    return width


def _decimals(table: pl.DataFrame, *names: str) -> int:
    """Find the decimals that all numbers have; calculated ones may be a hair off."""
    numbers = np.stack([table[name].to_numpy() for name in names])
    decimals = steps.find_decimals(numbers, noise=steps.NOISE)
    if decimals is not None:
        return decimals
    misses = steps.misses(numbers, steps.finest_decimals(numbers), noise=steps.NOISE)
    column, row = np.unravel_index(int(np.argmax(misses)), misses.shape)
    raise DataError(
        f"{names[column]} of candle {row} of {len(table)} is {numbers[column, row]!r}, and no step "
        f"of ten goes into all numbers of {' and '.join(names)}: round them to the market's steps"
    )


def _counts(
    table: pl.DataFrame,
    prices: dict[str, Whole],
    lots: Whole,
    trades_per_candle: float | None,
) -> tuple[Whole, int]:
    """Give each candle's number of trades, and how many decimals more its amounts need."""
    top = np.maximum(prices["open"], prices["close"])
    bottom = np.minimum(prices["open"], prices["close"])
    needed = np.where(prices["open"] == prices["close"], 1, 2)
    needed = needed + (prices["high"] > top) + (prices["low"] < bottom)
    flat_turn = (prices["open"] == prices["close"]) & (prices["high"] > prices["low"])
    needed = needed + flat_turn  # it has to come back
    _check_volumes(table, needed, lots)
    wanted = _wanted(table, lots, trades_per_candle)
    traded = lots > 0
    finer = 0
    while (lots[traded] * 10**finer < needed[traded]).any():
        finer += 1
    count = np.where(traded, np.clip(wanted, needed, np.minimum(lots * 10**finer, _MOST)), 0)
    return count.astype(np.int64), finer


def _check_volumes(table: pl.DataFrame, needed: Whole, lots: Whole) -> None:
    moved = (lots == 0) & (needed > 1)
    if moved.any():
        row = int(np.argmax(moved))
        time = show_time(int(table["timestamp"].dt.epoch("ms")[row]))
        raise DataError(
            f"candle {row} of {len(table)} ({time}) moved without volume: {table.row(row)[1:6]}; "
            "leave such rows out, or give them their volume"
        )


def _wanted(table: pl.DataFrame, lots: Whole, trades_per_candle: float | None) -> Whole:
    if trades_per_candle is None and "trade_count" in table.columns:
        return table["trade_count"].fill_null(0).to_numpy().astype(np.int64)
    traded = lots[lots > 0]
    mean = float(traded.mean()) if traded.size else 1.0
    share = lots / mean * (_USUAL if trades_per_candle is None else trades_per_candle)
    return np.rint(share).astype(np.int64)
