"""The candle that trades are falling into, one a symbol."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import polars as pl

from gekko_lab.events.types import Gap
from gekko_lab.feeds.summing import exact_sums
from gekko_lab.frames.candles import candles_from_trades
from gekko_lab.frames.schemas import CANDLES_FULL, PRINTS, TIME, empty

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from gekko_lab.market.timeframe import Timeframe

_ZERO = Decimal(0)
_MANY: Final = 4096


class Row(NamedTuple):
    """A closed candle; its open time in microseconds."""

    timestamp_us: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    quote_volume: float
    trade_count: int


class Forming:
    """The open candle of a symbol: what it is so far, and from when on it takes trades.

    Volumes are summed as the decimal numbers that amounts show, so that no way of cutting trades
    into batches changes a sum of whole steps.

    Parameters
    ----------
    exchange, symbol
        For the gaps that it tells.
    width
        Of the candles.
    dense
        Whether candles without trades exist.
    """

    def __init__(self, exchange: str, symbol: str, width: Timeframe, *, dense: bool) -> None:
        self.late = 0
        self.gaps: list[Gap] = []
        self._exchange, self._symbol = exchange, symbol
        self._width, self._dense = width, dense
        self._began = self._begin = self._end = -1
        self._broken: list[tuple[int, int]] = []
        self._last: float | None = None
        self._count = 0
        self._prices = (0.0, 0.0, 0.0, 0.0)
        self._new: tuple[list[float], list[float]] = ([], [])  # prices, amounts: summed up together
        self._volume = self._cost = _ZERO
        self._told_late = -1

    @property
    def begun(self) -> bool:
        """Whether it is known from when on trades are complete."""
        return self._began >= 0

    @property
    def end_us(self) -> int:
        """When the open candle ends; -1 where none is open."""
        return self._end

    def begin(self, time: int) -> None:
        """Take trades as complete from that time on, and begin with the first whole candle."""
        if not self.begun:
            self._move(self._width.ceil(-(-time // 1000)) * 1000)
            self._began = self._begin

    def seed(self, close: float) -> None:
        """Say at which price a candle without trades stands."""
        if self._last is None:
            self._last = close

    def spoil(self, since: int, until: int) -> None:
        """Say that trades of [since, until) are missing; their candles will be missing too."""
        if until > self._begin:
            self._broken.append((since, max(until, since + 1)))

    def _move(self, begin: int) -> None:
        self._begin, self._end = begin, self._width.next(begin // 1000) * 1000
        self._count, self._volume, self._cost = 0, _ZERO, _ZERO

    def _floor(self, time: int) -> int:
        return self._width.floor(time // 1000) * 1000

    def add(self, time: int, price: float, amount: float) -> Sequence[Row]:
        """Take a trade, and give the candles that it closes."""
        closed: Sequence[Row] = ()
        if not self._begin <= time < self._end:
            if not self.begun:
                self.begin(time)
            if time < self._begin:
                self._note_late(time)
                return ()
            closed = self.close(self._floor(time))
        prices, amounts = self._new
        prices.append(price)
        amounts.append(amount)
        if len(prices) == _MANY:
            self._sum_up()
        return closed

    def _sum_up(self) -> None:
        """Put the trades that came one by one into the open candle."""
        prices, amounts = self._new
        if not prices:
            return
        self._new = ([], [])
        volume, cost = exact_sums(prices, amounts)
        self._put((prices[0], max(prices), min(prices), prices[-1]), volume, cost, len(prices))

    def _put(
        self, prices: tuple[float, float, float, float], volume: Decimal, cost: Decimal, count: int
    ) -> None:
        if self._count:
            (first, most, least, _), (_, high, low, last) = self._prices, prices
            self._prices = (first, max(most, high), min(least, low), last)
        else:
            self._prices = prices
        self._volume += volume
        self._cost += cost
        self._count += count

    def _note_late(self, time: int) -> None:
        if time < self._began:
            return  # from before the feed
        self.late += 1
        opened = self._floor(time)
        if opened != self._told_late:
            self._told_late = opened
            until = self._width.next(opened // 1000) * 1000
            self._gap(opened, until, "late", None)

    def _gap(self, since: int, until: int, reason: str, count: int | None) -> None:
        self.gaps.append(
            Gap(self._exchange, self._symbol, since, 0, 0, "candle", since, until, reason, count)
        )

    def boundary(self, time: int) -> int:
        """Give the open time of the candle that a time lies in, or of the one that is open."""
        return max(self._begin, self._floor(time)) if self.begun else -1

    def close(self, boundary: int) -> list[Row]:
        """Give the candles before an open time, which are closed with that."""
        rows: list[Row] = []
        while self.begun and self._begin < boundary:
            self._sum_up()
            broken = self._is_broken(self._begin, self._end)
            if self._count or self._dense or broken:
                rows += self._row(broken=broken)
                self._move(self._end)
            else:
                self._move(self._end if self._broken else boundary)
        return rows

    def _row(self, *, broken: bool) -> Iterator[Row]:
        begin, end = self._begin, self._end
        if broken:
            self._gap(begin, end, "incomplete", 1)
        elif self._count:
            volume, cost = float(self._volume), float(self._cost)
            yield Row(begin, *self._prices, volume, cost, self._count)
        elif self._last is not None:
            yield Row(begin, *(self._last,) * 4, 0.0, 0.0, 0)
        else:
            self._gap(begin, end, "unpriced", 1)
        if self._count:
            self._last = self._prices[3]

    def _is_broken(self, begin: int, end: int) -> bool:
        self._broken = [gap for gap in self._broken if gap[1] > begin]
        return any(since < end for since, _ in self._broken)

    def fold(self, trades: pl.DataFrame) -> pl.DataFrame:
        """Take many trades in order, and give the candles that they close, in `CANDLES_FULL`."""
        times = trades["timestamp"].to_physical().to_numpy()
        if not self.begun and times.size:
            self.begin(int(times[0]))
        early = int(np.searchsorted(times, self._begin))
        for time in times[:early][times[:early] >= self._began].tolist():
            self._note_late(time)
        if early == times.size:
            return empty(CANDLES_FULL)
        if self._width.anchor is not None:  # the vectorised way counts from the usual one
            return self._one_by_one(trades[early:])
        prints = trades[early:].select(PRINTS.names())
        made = candles_from_trades(prints, str(self._width), columns="full")
        opens = made["timestamp"].to_physical()
        closed = self.close(int(opens[0]))
        if made.height > 1:
            self._join(made.row(0))
            closed += self.close(int(opens[1]))
            whole = self._filled(made[1:-1], int(opens[-1]))
            self._join(made.row(-1))
            return pl.concat([as_frame(closed), whole])
        self._join(made.row(0))
        return as_frame(closed)

    def _join(self, made: tuple[Any, ...]) -> None:
        """Take what trades of the open candle add up to."""
        self._sum_up()
        _, first, high, low, last, volume, cost, count = made
        self._put((first, high, low, last), Decimal(repr(volume)), Decimal(repr(cost)), count)

    def _filled(self, made: pl.DataFrame, boundary: int) -> pl.DataFrame:
        """Close whole candles up to an open time, with those without trades where they exist."""
        if self._broken:
            return as_frame(self._mixed(made, boundary))
        if self._dense and self._begin < boundary:
            grid = pl.DataFrame({"timestamp": pl.Series(self._opens(boundary)).cast(TIME)})
            if made.height < grid.height:
                made = _flat(
                    grid.join(made, on="timestamp", how="left", maintain_order="left"), self._last
                )
        if made.height:
            self._last = float(made["close"][-1])
        self._move(boundary)
        return made

    def _mixed(self, made: pl.DataFrame, boundary: int) -> list[Row]:
        rows: list[Row] = []
        opens = made["timestamp"].to_physical().to_list()
        for opened, row in zip(opens, made.iter_rows(), strict=True):
            rows += self.close(opened)
            self._join(row)
        return rows + self.close(boundary)

    def _opens(self, boundary: int) -> NDArray[np.int64]:
        width = self._width.milliseconds
        if width is not None:
            return np.arange(self._begin, boundary, width * 1000, dtype=np.int64)
        opens = self._width.opens(self._begin // 1000, boundary // 1000)
        return np.array(list(opens), dtype=np.int64) * 1000

    def _one_by_one(self, trades: pl.DataFrame) -> pl.DataFrame:
        rows: list[Row] = []
        times = trades["timestamp"].to_physical().to_list()
        prices, amounts = trades["price"].to_list(), trades["amount"].to_list()
        for time, price, amount in zip(times, prices, amounts, strict=True):
            rows += self.add(time, price, amount)
        return as_frame(rows)


def _flat(sparse: pl.DataFrame, last: float | None) -> pl.DataFrame:
    """Fill candles without trades, flat at the last close."""
    flat = sparse.with_columns(
        close=pl.coalesce("close", pl.col("close").forward_fill().fill_null(last))
    )
    return flat.with_columns(
        *(pl.coalesce(name, "close") for name in ("open", "high", "low")),
        pl.col("volume", "quote_volume").fill_null(0.0),
        pl.col("trade_count").fill_null(0),
    )


def as_frame(rows: list[Row]) -> pl.DataFrame:
    """Give closed candles as a frame."""
    if not rows:
        return empty(CANDLES_FULL)
    columns = dict(zip(CANDLES_FULL.names(), zip(*rows, strict=True), strict=True))
    times = pl.Series(columns["timestamp"], dtype=pl.Int64).cast(TIME)
    return pl.DataFrame({**columns, "timestamp": times}, schema=CANDLES_FULL)
