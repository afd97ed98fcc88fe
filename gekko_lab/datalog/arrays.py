"""Pages of numbers as they lie in memory: 64 bits each, little-endian, column after column."""

from __future__ import annotations

import struct
import sys
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

_HEAD = struct.Struct("<II")  # rows; which columns are there, a bit each
_TIME = pa.timestamp("us", "UTC")
_NUMBERS = {pl.Int64: pa.int64(), pl.Float64: pa.float64(), pl.Datetime: _TIME}
_FITS = sys.byteorder == "little"

Block = tuple[int, "NDArray[np.int64]"]
"""Which columns are there, and their numbers as rows of a matrix."""


def pack(frame: pl.DataFrame) -> bytes | None:
    """Give the numbers of a page, or None where they can't be kept this way.

    Columns without a value are left out; one with some values and some nulls can't be kept.
    """
    if not _FITS or any(dtype.base_type() not in _NUMBERS for dtype in frame.dtypes):
        return None
    parts, there = [b""], 0
    for place, column in enumerate(frame.iter_columns()):
        nulls = column.null_count()
        if nulls == len(frame):
            continue
        if nulls:
            return None
        there |= 1 << place
        parts.append(column.to_numpy().tobytes())
    parts[0] = _HEAD.pack(len(frame), there)
    return b"".join(parts)


def block(content: memoryview) -> Block:
    """Give what `pack` gave as a matrix, without copying it."""
    rows, there = _HEAD.unpack_from(content)
    numbers = np.frombuffer(content, "<i8", offset=_HEAD.size)
    return there, numbers.reshape(there.bit_count(), rows)


def unpack(blocks: Sequence[Block], schema: pl.Schema) -> pl.DataFrame:
    """Give blocks with the same columns as one page, one after the other."""
    there = blocks[0][0]
    matrix = np.concatenate([numbers for _, numbers in blocks], axis=1)
    known = [name for place, name in enumerate(schema) if there >> place & 1]
    columns = [_column(row, schema[name]) for name, row in zip(known, matrix, strict=True)]
    # A table, as a single column would load all that pyarrow can compute.
    frame = pl.DataFrame(pl.from_arrow(pa.Table.from_arrays(columns, known)))
    lacking = [pl.lit(None, schema[name]).alias(name) for name in schema if name not in known]
    return frame.with_columns(lacking).select(schema.names()) if lacking else frame


def _column(numbers: NDArray[np.int64], dtype: pl.DataType) -> pa.Array:
    """Give a row of the matrix as a column; `pa.array` would load pandas for it."""
    buffers = [None, pa.py_buffer(numbers)]
    return pa.Array.from_buffers(_NUMBERS[dtype.base_type()], len(numbers), buffers)


def runs(blocks: Sequence[Block]) -> Iterator[list[Block]]:
    """Give blocks that can be unpacked together: all in order of time where no two share any.

    Where some do, those that follow each other as they were written, as the later one is right.
    """
    ordered = sorted(blocks, key=lambda block: block[1][0, 0])
    if all(map(_follows, ordered, ordered[1:])):
        yield ordered
        return
    run: list[Block] = []
    for block in blocks:
        if run and not _follows(run[-1], block):
            yield run
            run = []
        run.append(block)
    yield run


def _follows(earlier: Block, later: Block) -> bool:
    """Tell whether a block has the columns of another one and begins after its end."""
    return earlier[0] == later[0] and bool(earlier[1][0, -1] < later[1][0, 0])
