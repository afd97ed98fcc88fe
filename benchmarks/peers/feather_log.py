"""Feather files as freqtrade 2026.9 keeps them: its read and write calls, on pandas and pyarrow.

One file a pair, lz4 at level 9, written anew each time. Where it downloads, it loads the file, puts
new rows behind, drops what is double and stores all; a listing with time ranges loads each file.
"""

from __future__ import annotations

import sys
from pathlib import Path

import log_data as data
import pandas as pd
from logging_work import Work, fresh, run

_FOLDER = sys.argv[2]
_PLACE = Path(_FOLDER, "feather")
_MANY, _NEW = _PLACE.with_name("feather many"), _PLACE.with_name("feather new")
_COLUMNS = ["date", *data.CANDLES[1:]]
_NUMBERS = dict.fromkeys(data.CANDLES[1:], "float")
_ROWS_RECORDED = 3  # of a year's file, because each writes all of it


def _file(symbol: str, folder: Path = _PLACE, kind: str = "1m") -> Path:
    return folder / f"{symbol.replace('/', '_')}-{kind}.feather"


def _frame(columns: data.Arrays) -> pd.DataFrame:
    frame = pd.DataFrame(columns).rename(columns={"timestamp": "date"})
    frame["date"] = pd.to_datetime(frame["date"], unit="ms", utc=True)
    return frame


def _store(file: Path, frame: pd.DataFrame) -> None:
    rows = frame.reset_index(drop=True).loc[:, _COLUMNS]
    rows.to_feather(file, compression_level=9, compression="lz4")


def _load(file: Path) -> pd.DataFrame:
    frame = pd.read_feather(file)
    frame.columns = _COLUMNS
    frame = frame.astype(dtype=_NUMBERS)
    frame["date"] = pd.to_datetime(frame["date"], unit="ms", utc=True)
    return frame


def _add(file: Path, new: pd.DataFrame) -> None:
    rows = pd.concat([_load(file), new]) if file.exists() else new
    rows = rows.drop_duplicates("date", keep="last").sort_values("date")
    _store(file, rows)


def _trades(columns: data.Arrays) -> pd.DataFrame:
    frame = pd.DataFrame(columns)
    frame["id"] = frame["id"].astype(str)
    frame["side"] = frame["side"].map({0: "buy", 1: "sell"})
    frame.insert(2, "type", None)
    return frame.assign(cost=frame["price"] * frame["amount"])


def _setup() -> None:
    for symbol in data.SYMBOLS:
        _store(_file(symbol), _frame(data.candles(_FOLDER, symbol)))


def _setup_many() -> None:
    rows = _frame(data.candles(_FOLDER, data.COARSE))[: data.SERIES_ROWS]
    fresh(_MANY)
    for number in range(data.SERIES):
        _store(_file(f"S{number}/USDT", _MANY), rows)


def _day() -> pd.DataFrame:
    since = pd.Timestamp(data.ASKED_DAY, unit="ms", tz="UTC")
    until = since + pd.Timedelta(days=1)
    frames = [_load(_file(symbol)) for symbol in data.SYMBOLS]
    return pd.concat(rows[(rows["date"] >= since) & (rows["date"] < until)] for rows in frames)


def _catalog() -> pd.DataFrame:
    rows = []
    for file in _MANY.glob("*.feather"):
        frame = _load(file)
        rows.append((file.stem, len(frame), frame["date"].iloc[0], frame["date"].iloc[-1]))
    return pd.DataFrame(rows, columns=["pair", "rows", "first", "last"])


def _write_trades() -> None:
    file = _file(data.FINE, _NEW, "trades")
    for day in _DAYS:
        rows = pd.concat([pd.read_feather(file), day]) if file.exists() else day
        rows = rows.drop_duplicates(["timestamp", "id"])
        rows.reset_index(drop=True).to_feather(file, compression_level=9, compression="lz4")


def _read_trades() -> pd.DataFrame:
    return pd.read_feather(_file(data.FINE, _NEW, "trades"))


def _record() -> None:
    for start in range(_ROWS_RECORDED):
        _add(_file(data.COARSE), _CHANGED[start : start + 1])


def _sum(frame: pd.DataFrame, name: str = "close") -> tuple[int, float]:
    return len(frame), float(frame[name].sum())


def _upserted(_: object) -> tuple[int, float]:
    return _sum(_load(_file(data.COARSE)), "volume")


def _works() -> dict[str, Work]:
    upsert = Work(lambda: _add(_file(data.COARSE), _CHANGED), _upserted, times=1)
    new = _NEW / "year.feather"
    return {
        "year_coarse": Work(lambda: _load(_file(data.COARSE)), _sum),
        "year_fine": Work(lambda: _load(_file(data.FINE)), _sum),
        "day": Work(_day, _sum, times=1),
        "upsert": upsert,
        "upsert_folded": upsert,
        "catalog": Work(_catalog, lambda made: (len(made), float(made["rows"].sum())), times=1),
        "pages": Work(
            lambda: _store(new, _YEAR), lambda _: _sum(_load(new)), 1, lambda: fresh(_NEW)
        ),
        "record": Work(_record, lambda _: (0, 0.0), times=1),
        "trades": Work(
            _write_trades, lambda _: _sum(_read_trades(), "amount"), 1, lambda: fresh(_NEW)
        ),
        "trades_read": Work(_read_trades, lambda made: _sum(made, "amount"), times=3),
    }


if __name__ == "__main__":
    if sys.argv[1] == "measure":
        _CHANGED = _frame(data.changed(_FOLDER))
        _YEAR = _frame(data.candles(_FOLDER, data.FINE))
        _DAYS = [_trades(day) for day in data.trades(_FOLDER)]
    run(_setup, _works() if sys.argv[1] == "measure" else {}, _PLACE, "pandas", "pyarrow")
    if sys.argv[1] == "setup":
        _setup_many()
