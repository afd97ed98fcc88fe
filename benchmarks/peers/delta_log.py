"""One Delta Lake table of candles in a partition for each symbol, and one of trades."""

from __future__ import annotations

import sys
from pathlib import Path

import log_data as data
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, write_deltalake
from logging_work import Work, fresh, run

_FOLDER = sys.argv[2]
_PLACE = Path(_FOLDER, "delta")
_NEW = _PLACE.with_name("delta new")
_TIME = pa.timestamp("us", "UTC")


def _name(symbol: str) -> str:
    return symbol.replace("/", "-")  # its paths don't bear what a slash is encoded as


def _times(milliseconds: np.ndarray) -> pa.Array:
    return pa.array(milliseconds * 1000).cast(_TIME)


def _table(columns: data.Arrays, symbol: str) -> pa.Table:
    parts = {name: pa.array(values) for name, values in columns.items() if name != "timestamp"}
    names = pa.array(np.full(len(columns["timestamp"]), _name(symbol)), pa.string())
    return pa.table({"timestamp": _times(columns["timestamp"]), **parts, "symbol": names})


def _trades(columns: data.Arrays) -> pa.Table:
    ids, sides = pa.array(columns["id"]).cast(pa.string()), pa.array(["buy", "sell"])
    return pa.table(
        {
            "timestamp": _times(columns["timestamp"]),
            "id": ids,
            "side": sides.take(pa.array(columns["side"])),
            "price": columns["price"],
            "amount": columns["amount"],
        }
    )


def _setup() -> None:
    for symbol in data.SYMBOLS:
        table = _table(data.candles(_FOLDER, symbol), symbol)
        write_deltalake(str(_PLACE), table, mode="append", partition_by=["symbol"])


def _load(symbol: str) -> pa.Table:
    found = DeltaTable(str(_PLACE)).to_pyarrow_table(filters=[("symbol", "=", _name(symbol))])
    return found.select(data.CANDLES).sort_by("timestamp")


def _day() -> pa.Table:
    since, until = (
        pa.scalar(time * 1000, pa.int64()).cast(_TIME)
        for time in (data.ASKED_DAY, data.ASKED_DAY + data.DAY)
    )
    wanted = (pc.field("timestamp") >= since) & (pc.field("timestamp") < until)
    return DeltaTable(str(_PLACE)).to_pyarrow_dataset().to_table(filter=wanted)


def _upsert() -> None:
    same = f"t.symbol = '{_name(data.COARSE)}' AND t.symbol = s.symbol"
    merging = DeltaTable(str(_PLACE)).merge(
        _CHANGED,
        predicate=f"{same} AND t.timestamp = s.timestamp",
        source_alias="s",
        target_alias="t",
    )
    merging.when_matched_update_all().when_not_matched_insert_all().execute()


def _write_trades() -> None:
    for day in _DAYS:
        write_deltalake(str(_NEW), day, mode="append")


def _read_trades() -> pa.Table:
    return DeltaTable(str(_NEW)).to_pyarrow_table().sort_by("timestamp")


def _sum(table: pa.Table, name: str = "close") -> tuple[int, float]:
    return table.num_rows, float(np.sum(table.column(name).to_numpy()))


def _works() -> dict[str, Work]:
    upsert = Work(_upsert, lambda _: _sum(_load(data.COARSE), "volume"), times=1)
    return {
        "year_coarse": Work(lambda: _load(data.COARSE), _sum),
        "year_fine": Work(lambda: _load(data.FINE), _sum),
        "day": Work(_day, _sum),
        "upsert": upsert,
        "upsert_folded": upsert,
        "trades": Work(
            _write_trades, lambda _: _sum(_read_trades(), "amount"), 1, lambda: fresh(_NEW)
        ),
        "trades_read": Work(_read_trades, lambda made: _sum(made, "amount"), times=3),
    }


if __name__ == "__main__":
    if sys.argv[1] == "measure":
        _CHANGED = _table(data.changed(_FOLDER), data.COARSE)
        _DAYS = [_trades(day) for day in data.trades(_FOLDER)]
    run(_setup, _works() if sys.argv[1] == "measure" else {}, _PLACE, "deltalake", "pyarrow")
