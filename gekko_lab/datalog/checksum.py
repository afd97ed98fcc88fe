"""A checksum of rows that doesn't depend on how a file stores them."""

from __future__ import annotations

import numpy as np
import polars as pl
from zlib_ng import zlib_ng


def rows_checksum(frame: pl.DataFrame) -> str:
    """Give CRC-32 checksums of the columns, joined.

    Of each column: the name, which rows are null, and the values as 64-bit little-endian words, or
    as lengths and UTF-8 for text.
    """
    return "-".join(f"{_column(frame[name]):08x}" for name in frame.columns)


def _column(values: pl.Series) -> int:
    total = zlib_ng.crc32(values.name.encode())
    if values.null_count():
        total = zlib_ng.crc32(values.is_null().to_numpy().tobytes(), total)
    if values.dtype == pl.String or isinstance(values.dtype, pl.Enum):
        text = values.cast(pl.String).fill_null("")
        total = zlib_ng.crc32(text.str.len_bytes().to_numpy().astype("<u4").tobytes(), total)
        return zlib_ng.crc32(text.str.join("").item().encode(), total)
    filled = values.fill_null(0) if values.null_count() and values.dtype.is_numeric() else values
    numbers = filled.to_numpy()
    numbers = numbers.view(np.int64) if numbers.dtype.kind == "M" else numbers
    return zlib_ng.crc32(numbers.astype(f"<{numbers.dtype.kind}8", copy=False).data, total)
