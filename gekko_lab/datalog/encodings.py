"""How the columns of a file are stored.

Decided: times and counts as differences, ids as what they add to the one before, and floats as they
are. Ids stay text although numbers would take 0.3 bytes less and half the time: other programs read
all files of a kind as one table, which needs one type for a column, and not all exchanges number
their trades. Whole numbers of ticks would be smaller, but change the last bit of a price in some
readers. Byte-stream-split made files half as large again. What can't be null is marked so, which
spares readers a look at each value: a seventh of their time.

Candles are written once and read often, so prices and volume are lz4: unpacking a year of a column
takes 1 ms, where zstd takes 3 to 5. Level 2 is read as fast as level 1 and written as fast as zstd
3. It makes 4.1 to 4.6 bytes of a fine price instead of 3.4 to 3.7, and 5.3 to 6.3 of a volume
instead of 4.4 to 5.0; level 3 takes twice the time to save 0.3 to 0.7. All else is read less and
stays with zstd 3.

A dictionary is for what has few values. Prices get one where half of them or more repeat: 2.4 bytes
a price instead of 3.5 with lz4, and no slower. Where ticks are fine it would cost (5.4 instead of
4.1), as for the prices of trades, which rest, so that zstd alone does better.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa

from gekko_lab.frames.schemas import CANDLES, PRINTS

if TYPE_CHECKING:
    from collections.abc import Collection

ROW_GROUP = 131_072
CANDLE_GROUP = 44_640

_DIFFERENCES = {
    "timestamp": "DELTA_BINARY_PACKED",
    "trade_count": "DELTA_BINARY_PACKED",
    "id": "DELTA_BYTE_ARRAY",
}
_ZSTD = 3
_LZ4 = 2  # the level
_FEW_VALUES = ("side", "level")
_PRICES = ("open", "high", "low", "close")
_ROWS_A_PRICE = 2  # at least, for a dictionary of prices to pay
_ROWS_AN_AMOUNT = 5


def to_table(frame: pl.DataFrame) -> pa.Table:
    """Give the rows as pyarrow writes them, with what can't be null marked as such."""
    table = frame.to_arrow()
    sure = _never_null(frame.columns)
    fields = [each.with_nullable(each.name not in sure) for each in table.schema]
    return pa.Table.from_arrays(table.columns, schema=pa.schema(fields))


def writer_options(frame: pl.DataFrame) -> dict[str, Any]:
    """Give what pyarrow's writer is told for these rows."""
    names = frame.columns
    few = [name for name in _FEW_VALUES if name in names]
    quick = (*_PRICES, "volume") if "close" in names else ()
    if quick and _repeats(frame.head(CANDLE_GROUP), "close", _ROWS_A_PRICE):
        few += _PRICES
    if "amount" in names and _repeats(frame, "amount", _ROWS_AN_AMOUNT):
        few.append("amount")
    return {
        "compression": {name: "lz4" if name in quick else "zstd" for name in names},
        "compression_level": {name: _LZ4 if name in quick else _ZSTD for name in names},
        "use_dictionary": few or False,
        "dictionary_pagesize_limit": len(frame) * 8 + 1,  # what was chosen stays chosen
        "column_encoding": {name: kind for name, kind in _DIFFERENCES.items() if name in names},
        "write_statistics": ["timestamp"],  # what readers choose row groups by
    }


def _never_null(names: Collection[str]) -> Collection[str]:
    if "close" in names:
        return CANDLES.names()
    return PRINTS.names() if "id" in names else ["timestamp"]


def _repeats(frame: pl.DataFrame, name: str, rows: int) -> bool:
    values = int(frame.select(pl.col(name).approx_n_unique()).item())
    return values * rows <= len(frame)
