"""gekko_lab's data log: candles of twenty symbols, 2,000 short series, and trades."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import log_data as data
import polars as pl
from logging_work import Work, fresh, run

import gekko_lab
from gekko_lab import datalog
from gekko_lab.datalog import Series, Span

_FOLDER = sys.argv[2]
_PLACE = Path(_FOLDER, "gekko_lab")
_FAR = 4_000_000_000_000
_TIME = pl.Datetime("us", "UTC")
_NAME = "exchange"


def _frame(columns: data.Arrays) -> pl.DataFrame:
    frame = pl.DataFrame(dict(columns))
    return frame.with_columns((pl.col("timestamp") * 1000).cast(_TIME))


def _full(columns: data.Arrays) -> pl.DataFrame:
    return _frame(columns).with_columns(
        quote_volume=pl.lit(None, pl.Float64), trade_count=pl.lit(None, pl.Int64)
    )


def _trades(columns: data.Arrays) -> pl.DataFrame:
    sides = pl.Enum(["buy", "sell"])
    sold = pl.when(pl.col("side") == 1).then(pl.lit("sell", sides)).otherwise(pl.lit("buy", sides))
    return _frame(columns).with_columns(pl.col("id").cast(pl.String), side=sold)


def _span(frame: pl.DataFrame) -> Span:
    first, last = frame["timestamp"][[0, -1]].dt.epoch("ms")
    return Span(first, last + data.MINUTE)


def _append(symbol: str, frame: pl.DataFrame, *, fold: bool) -> None:
    with Series("candles", _NAME, symbol, "1m") as series:
        series.append(frame, _span(frame), closed_until=_FAR)
        if fold:
            series.fold()


def _setup() -> None:
    gekko_lab.options.data_dir = _PLACE / "large"
    for symbol in data.SYMBOLS:
        _append(symbol, _full(data.candles(_FOLDER, symbol)), fold=True)


def _setup_many() -> None:
    gekko_lab.options.data_dir = _PLACE.with_name("gekko_lab many")
    rows = _full(data.candles(_FOLDER, data.COARSE))[: data.SERIES_ROWS]
    for number in range(data.SERIES):
        _append(f"S{number}/USDT", rows, fold=True)


def _load(symbol: str) -> pl.DataFrame:
    frame: pl.DataFrame = datalog.load(_NAME, symbol, "1m")
    return frame


def _day() -> pl.DataFrame:
    since = data.ASKED_DAY
    window = {"since": since, "until": since + data.DAY}
    return pl.concat([datalog.load(_NAME, symbol, "1m", **window) for symbol in data.SYMBOLS])


def _large() -> None:
    gekko_lab.options.data_dir = _PLACE / "large"
    with Series("candles", _NAME, data.COARSE, "1m") as series:
        series.fold()


def _many() -> None:
    gekko_lab.options.data_dir = _PLACE.with_name("gekko_lab many")


def _new() -> None:
    gekko_lab.options.data_dir = fresh(_PLACE.with_name("gekko_lab new"))


def _upsert(*, fold: bool) -> None:
    _append(data.COARSE, _CHANGED, fold=fold)


def _sum(frame: pl.DataFrame, name: str = "close") -> tuple[int, float]:
    return len(frame), float(frame[name].sum())


def _upserted(_: object) -> tuple[int, float]:
    return _sum(_load(data.COARSE), "volume")


def _pages() -> None:
    with Series("candles", _NAME, data.FINE, "1m") as series:
        for page in _PAGES:
            series.append(page, _span(page), closed_until=_FAR)
        series.fold()


def _record() -> None:
    with Series("candles", _NAME, data.FINE, "1m") as series:
        for row in _ROWS:
            series.record([row], closed_until=_FAR)


def _write_trades() -> None:
    with Series("trades", _NAME, data.FINE) as series:
        for day in _DAYS:
            series.append(day, _day_of(day), closed_until=_FAR)
        series.fold()


def _day_of(day: pl.DataFrame) -> Span:
    since = int(day["timestamp"][0].timestamp() * 1000) // data.DAY * data.DAY
    return Span(since, since + data.DAY)


def _read_trades() -> pl.DataFrame:
    frame: pl.DataFrame = datalog.load(_NAME, data.FINE, kind="trades")
    return frame


def _catalogued(table: Any) -> tuple[int, float]:  # noqa: ANN401 (polars or pandas)
    return len(table), float(table["rows"].sum())


def _works() -> dict[str, Work]:
    return {
        "year_coarse": Work(lambda: _load(data.COARSE), _sum, before=_large),
        "year_fine": Work(lambda: _load(data.FINE), _sum, before=_large),
        "day": Work(_day, _sum, before=_large),
        "upsert": Work(lambda: _upsert(fold=False), _upserted, before=_large),
        "upsert_folded": Work(lambda: _upsert(fold=True), _upserted, before=_large),
        "catalog": Work(datalog.catalog, _catalogued, before=_many),
        "pages": Work(_pages, lambda _: _sum(_load(data.FINE)), times=3, before=_new),
        "record": Work(_record, lambda _: _sum(_load(data.FINE)), times=3, before=_new),
        "trades": Work(_write_trades, lambda _: _sum(_read_trades(), "amount"), 1, _new),
        "trades_read": Work(_read_trades, lambda made: _sum(made, "amount"), times=3),
    }


if __name__ == "__main__":
    if sys.argv[1] == "measure":
        _CHANGED = _full(data.changed(_FOLDER))
        year = _full(data.candles(_FOLDER, data.FINE))
        _PAGES = [year[start : start + data.PAGE] for start in range(0, data.YEAR, data.PAGE)]
        plain = year[: data.PAGE].with_columns(pl.col("timestamp").dt.epoch("ms"))
        _ROWS = plain.select(data.CANDLES).rows()
        _DAYS = [_trades(day) for day in data.trades(_FOLDER)]
    packages = ("gekko-lab", "polars", "pyarrow")
    run(_setup, _works() if sys.argv[1] == "measure" else {}, _PLACE, *packages)
    if sys.argv[1] == "setup":
        _setup_many()
