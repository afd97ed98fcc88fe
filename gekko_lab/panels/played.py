"""What a player plays: frames, or series of the data log, with what is marked in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from gekko_lab.datalog.queries import load
from gekko_lab.errors import DataError
from gekko_lab.frames.candles import candles_from_trades
from gekko_lab.frames.checks import as_time, check_candles
from gekko_lab.frames.convert import to_candles, to_polars
from gekko_lab.frames.resample import find_timeframe
from gekko_lab.frames.schemas import CANDLES
from gekko_lab.market.moments import read_time
from gekko_lab.market.timeframe import Timeframe
from gekko_lab.panels.spelling import call, spelled

if TYPE_CHECKING:
    from gekko_lab.market.moments import TimeLike


class Played(NamedTuple):
    """What is played, and what is marked in it; no width where one candle doesn't show it."""

    candles: pl.DataFrame
    marks: pl.DataFrame | None
    width: str | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be played: a frame, or a series of the data log."""

    what: object
    symbol: str | None
    timeframe: str | None
    since: TimeLike | None
    until: TimeLike | None
    trades: object

    @property
    def logged(self) -> bool:
        """Whether it is a series of the data log."""
        return isinstance(self.what, str) or hasattr(self.what, "identity")


def read(wanted: Wanted) -> Played:
    """Read what is played, and what is marked."""
    candles, marks = _candles(wanted), None
    if candles.is_empty():
        raise DataError("there are no candles to play")
    if wanted.trades is not None:
        marks = _marks(to_polars(wanted.trades))
    width = find_timeframe(candles)
    told = wanted.timeframe or ("1h" if wanted.logged else None)
    return Played(candles, marks, told or (str(width) if width else _built(wanted)))


def _built(wanted: Wanted) -> str | None:
    """Give the width of candles that are made of trades."""
    made = not wanted.logged and "close" not in to_polars(wanted.what).columns
    return "1m" if made else None


def _candles(wanted: Wanted) -> pl.DataFrame:
    if wanted.logged:
        rows = load(
            wanted.what,
            str(wanted.symbol),
            wanted.timeframe or "1h",
            since=wanted.since,
            until=wanted.until,
            frame="polars",
        )
        return check_candles(rows).select(CANDLES.names())
    table = to_polars(wanted.what)
    if "close" not in table.columns:
        made: pl.DataFrame = candles_from_trades(table, wanted.timeframe or "1m")
        return _within(made, wanted).select(CANDLES.names())
    return _within(check_candles(to_candles(wanted.what)), wanted).select(CANDLES.names())


def _within(candles: pl.DataFrame, wanted: Wanted) -> pl.DataFrame:
    """Cut a frame to the part that is wanted."""
    if candles.is_empty():
        return candles
    now = int(candles["timestamp"].dt.epoch("ms")[-1])
    for name, edge in (("since", wanted.since), ("until", wanted.until)):
        if edge is not None:
            time = pl.DataFrame({"timestamp": [read_time(edge, now=now, name=name)]})
            limit = time.select(as_time())["timestamp"][0]
            inside = (
                pl.col("timestamp") >= limit if name == "since" else pl.col("timestamp") < limit
            )
            candles = candles.filter(inside)
    return candles


def _marks(trades: pl.DataFrame) -> pl.DataFrame:
    """Give trades as marks, with a text where they have none."""
    names = trades.columns
    side = pl.col("side").cast(pl.String) if "side" in names else pl.lit(None, pl.String)
    text = pl.col("text") if "text" in names else side.fill_null("")
    price = [pl.col("price")] if "price" in names else []
    return trades.select("timestamp", text.alias("text"), side.alias("side"), *price)


def code_of(wanted: Wanted) -> str:
    """Write what plays the same events."""
    symbol = wanted.symbol or "BTC/USDT"
    width = Timeframe.parse(wanted.timeframe or ("1h" if wanted.logged else "1m"))
    times = {"since": wanted.since, "until": wanted.until}
    if wanted.logged:
        candles = call("gekko_lab.datalog.load", wanted.what, symbol, str(width), **times)
        lines = [f"candles = {candles}"]
        times = {}
    else:
        lines = []
    told = "".join(f", {name}={spelled(edge)}" for name, edge in times.items() if edge is not None)
    lines.append(
        f"for candle in gekko_lab.replay(candles, {spelled(symbol)}, kinds='candle'{told}):"
    )
    return "\n".join([*lines, "    print(candle.timestamp, candle.close)"])
