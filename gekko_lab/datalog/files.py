"""The Parquet files: written whole, read in parallel, and sound or named.

Decided: row groups of 131,072; of candles 44,640, a month of minutes, as half a month would need a
dictionary of its own (6 % more bytes where ticks are coarse) and make reading a day hardly faster.
No Arrow schema beside Parquet's own, which says the same in fewer bytes. Every data page has a
checksum, the file as a whole has its seal (see `sealing`), and the footer has a checksum of the
rows, for `verify`.
"""

from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from gekko_lab.datalog import disk, footers, sealing
from gekko_lab.datalog.encodings import CANDLE_GROUP, ROW_GROUP, to_table, writer_options
from gekko_lab.datalog.footers import FOOTER, Footer
from gekko_lab.datalog.kinds import SCHEMAS
from gekko_lab.errors import DamagedFile
from gekko_lab.frames.soundness import microseconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from gekko_lab.datalog.layout import Kind
    from gekko_lab.market.spans import Span

_FEW = 2
_NUMBERS = ("candles",)
_READERS = min(4, os.cpu_count() or 1)


def write(file: Path, frame: pl.DataFrame, footer: Footer, scratch: Path) -> None:
    """Put a file in place, whole; its folder's entry is not yet synced."""
    pool = pa.system_memory_pool()  # arrow's own takes longer to begin, and keeps more
    sink, table, options = pa.BufferOutputStream(pool), to_table(frame), writer_options(frame)
    options |= {"write_page_checksum": True, "store_schema": False, "memory_pool": pool}
    group = CANDLE_GROUP if "close" in frame.columns else ROW_GROUP
    with pq.ParquetWriter(sink, table.schema, **options) as writer:
        writer.write_table(table, row_group_size=group)
        writer.add_key_value_metadata({FOOTER: footer.to_json()})
    content = bytearray(sink.getvalue())
    sealing.seal(content)
    with disk.room_for(file):
        disk.replace(file, memoryview(content), scratch)


def read_footer(file: Path) -> Footer:
    """Give what a file says about itself.

    Raises
    ------
    DamagedFile
        When it can't be read.
    """
    with _damage_named(file):
        content, _ = footers.quick(file)
        return _footer(pq.read_metadata(file)) if content is None else Footer.from_json(content)


def read_facts(file: Path | str) -> tuple[tuple[int, int, int], int]:
    """Give how many rows a file says it has and their first and last time, and the file's size.

    Raises
    ------
    DamagedFile
        When it can't be read.
    """
    with _damage_named(file):
        content, size = footers.quick(file)
        if content is not None:
            found = footers.parse(content)
            return (found["rows"], found["first"], found["last"]), size
        footer = _footer(pq.read_metadata(file))
        return (footer.rows, footer.first, footer.last), size


def read(
    file: Path, kind: Kind, *, span: Span | None = None, columns: Sequence[str] | None = None
) -> tuple[pl.DataFrame, Footer]:
    """Give the rows of a file, or those in a range, and what it says about itself.

    Raises
    ------
    DamagedFile
        When it can't be read, or a checksum is wrong.
    """
    frame, (footer,) = read_all([file], kind, span=span, columns=columns)
    return frame, footer


def read_all(
    files: Sequence[Path],
    kind: Kind,
    *,
    span: Span | None = None,
    columns: Sequence[str] | None = None,
) -> tuple[pl.DataFrame, list[Footer]]:
    """Give what `read` gives of several files, one after the other.

    Unpacking keeps a core busy, so that several are read at a time, and candles all at once.

    Raises
    ------
    DamagedFile
        As `read`, for one of them.
    """
    schema = pl.Schema({name: SCHEMAS[kind][name] for name in columns or SCHEMAS[kind]})
    if not files:
        return pl.DataFrame(schema=schema), []
    if kind not in _NUMBERS or (span is not None and len(files) <= _FEW):
        return _read_parts(files, schema, span)
    frames, told = list[pl.DataFrame](), list[Footer]()
    for start in range(0, len(files), sealing.MOST):
        batch = files[start : start + sealing.MOST]
        read = sealing.read_sealed(batch, schema) or _read_parts(batch, schema, None)
        frames.append(read[0])
        told += read[1]
    frame = pl.concat(frames)
    if span is None or (span.since <= told[0].first and told[-1].last < span.until):
        return frame, told
    return within(frame, span), told


def _read_parts(
    files: Sequence[Path], schema: pl.Schema, span: Span | None
) -> tuple[pl.DataFrame, list[Footer]]:
    alone = len(files) <= _FEW  # then columns are what is read at a time

    def part(file: Path) -> tuple[pa.Table, Footer]:
        return _read_part(file, schema, span, use_threads=alone)

    if alone:
        parts = [part(file) for file in files]
    else:
        with ThreadPoolExecutor(_READERS) as pool:
            parts = list(pool.map(part, files))
    table = pa.concat_tables(table for table, _ in parts)
    frame = pl.DataFrame(pl.from_arrow(table, rechunk=False))
    frame = frame if frame.schema == schema else frame.cast(schema)
    return frame, [footer for _, footer in parts]


def within(frame: pl.DataFrame, span: Span) -> pl.DataFrame:
    """Give the rows of a sorted frame whose times are in a range."""
    since, until = _places(microseconds(frame), span)
    return frame if until - since == len(frame) else frame.slice(since, until - since)


def inside(frame: pl.DataFrame, spans: Sequence[Span]) -> pl.DataFrame:
    """Give the rows whose times are in one of several ranges, which are in order."""
    times = microseconds(frame)
    sinces, untils = (np.array(each, np.int64) * 1000 for each in zip(*spans, strict=True))
    places = np.searchsorted(sinces, times, side="right") - 1
    kept = (places >= 0) & (times < untils[places])
    return frame if kept.all() else frame.filter(pl.Series(kept))


def ends(frame: pl.DataFrame) -> tuple[int, int]:
    """Give the first and the last time of a frame with rows, in milliseconds."""
    times = frame["timestamp"]
    first, last = (end.to_numpy().view(np.int64)[0] for end in (times.head(1), times.tail(1)))
    return int(first) // 1000, int(last) // 1000


def _read_part(
    file: Path, schema: pl.Schema, span: Span | None, *, use_threads: bool
) -> tuple[pa.Table, Footer]:
    names = schema.names()
    coded = [name for name in names if isinstance(schema[name], pl.Enum)]
    with (
        _damage_named(file),
        pq.ParquetFile(file, page_checksum_verification=True, read_dictionary=coded) as opened,
    ):
        footer = _footer(opened.metadata)
        lacking = set(names).difference(opened.schema_arrow.names)
        if lacking:
            raise ValueError(f"it has no column {', '.join(sorted(lacking))}")
        if span is not None and span.since <= footer.first and footer.last < span.until:
            span = None
        groups = _groups(opened.metadata, span)
        table = opened.read_row_groups(groups, columns=names, use_threads=use_threads)
    table = pa.Table.from_arrays(table.select(names).columns, names)  # older ones may be null
    if span is not None:
        times = table.column("timestamp").cast(pa.int64()).to_numpy()
        since, until = _places(times, span)
        table = table.slice(since, until - since)
    return table, footer


def _places(times: NDArray[np.int64], span: Span) -> tuple[int, int]:
    since, until = np.searchsorted(times, (span.since * 1000, span.until * 1000))
    return int(since), int(until)


def _groups(metadata: pq.FileMetaData, span: Span | None) -> list[int]:
    groups = range(metadata.num_row_groups)
    if span is None or metadata.num_row_groups < 2:  # noqa: PLR2004 (nothing to choose from)
        return list(groups)
    kept = []
    for group in groups:
        times = metadata.row_group(group).column(0).statistics
        least, most = times.min.timestamp() * 1000, times.max.timestamp() * 1000
        if most >= span.since - 1 and least <= span.until:
            kept.append(group)
    return kept


def _footer(metadata: pq.FileMetaData) -> Footer:
    content = (metadata.metadata or {}).get(FOOTER)
    if content is None:
        raise ValueError("it has no footer of Gekko Lab")
    footer = Footer.from_json(content)
    if footer.rows != metadata.num_rows:
        raise ValueError(f"it has {metadata.num_rows} rows where its footer says {footer.rows}")
    return footer


@contextmanager
def _damage_named(file: Path | str) -> Iterator[None]:
    """Tell damage from a file that is gone or that the system won't open now."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        gone = isinstance(error, OSError) and error.errno not in {None, errno.EIO}
        if gone or isinstance(error, MemoryError):
            raise
        told = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DamagedFile(f"{file} can't be read: {told}.", file=str(file)) from error
