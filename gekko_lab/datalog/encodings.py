"""How the columns of a file are stored.

Decided: zstd level 3, times and counts as differences, ids as what they add to the one before, and
floats as they are. Ids stay text although numbers would take 0.3 bytes less and half the time:
other programs read all files of a kind as one table, which needs one type for a column, and not
all exchanges number their trades. A dictionary is for what has few values. Prices get one where
ticks are coarse (2,300 prices in a month of candles: 1.5 in place of 1.7 bytes each, read in 40 %
of the time), and not where they are fine (28 in place of 19 bytes a candle); the prices of trades
rest, so that zstd alone does better. Whole numbers of ticks would be smaller, but change the last
bit of a price in some readers. Byte-stream-split made files a quarter larger.
"""

from __future__ import annotations

from typing import Any

import polars as pl

_DIFFERENCES = {
    "timestamp": "DELTA_BINARY_PACKED",
    "trade_count": "DELTA_BINARY_PACKED",
    "id": "DELTA_BYTE_ARRAY",
}
_FEW_VALUES = ("side", "level")
_PRICES = ("open", "high", "low", "close")
_ROWS_A_VALUE = 5  # at least, for a dictionary to pay


def writer_options(frame: pl.DataFrame) -> dict[str, Any]:
    """Give what pyarrow's writer is told for these rows."""
    names = frame.columns
    few = [name for name in _FEW_VALUES if name in names]
    if "close" in names and _repeats(frame, "close"):
        few += _PRICES
    if "amount" in names and _repeats(frame, "amount"):
        few.append("amount")
    return {
        "compression": "zstd",
        "compression_level": 3,
        "use_dictionary": few or False,
        "dictionary_pagesize_limit": len(frame) * 8 + 1,  # what was chosen stays chosen
        "column_encoding": {name: kind for name, kind in _DIFFERENCES.items() if name in names},
        "write_statistics": ["timestamp"],  # what readers choose row groups by
    }


def _repeats(frame: pl.DataFrame, name: str) -> bool:
    values = int(frame.select(pl.col(name).approx_n_unique()).item())
    return values * _ROWS_A_VALUE <= len(frame)
