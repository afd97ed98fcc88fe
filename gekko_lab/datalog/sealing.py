"""Files that are read whole: all their bytes are checked, and polars unpacks them in one call.

Decided: the footer of a file holds a checksum of all its bytes, its seal, computed with zeros in
the seal's place. Checking it costs as much as pyarrow's look at each page and covers the footers
too. Then polars, which checks nothing, may unpack many files at once. It does so on all cores,
where Python's threads over pyarrow wait for one another. What is checked are the bytes that are
unpacked, so that no file can change in between. Text polars unpacks more slowly, so trades stay
with pyarrow.
"""

from __future__ import annotations

import errno
import os
import re
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import polars as pl

from gekko_lab.datalog import footers
from gekko_lab.datalog.footers import Footer
from gekko_lab.errors import DamagedFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    Sealed = tuple[bytes, Footer]

_SEAL = re.compile(rb'"seal":"([0-9a-f]{8})"')
_NONE = footers.UNSEALED.encode()
_READERS = min(4, os.cpu_count() or 1)
_BATCH_BYTES = 32 * 1024 * 1024


def seal(content: bytearray) -> None:
    """Put the checksum of a file with a footer of ours in its place."""
    found = footers.locate(content)
    told = None if found is None else _SEAL.search(content, *found)
    if told is not None:
        content[slice(*told.span(1))] = _checksum(content, told.start(1))


def batches(files: Sequence[Path]) -> Iterator[list[Path]]:
    """Give files in groups that don't take much memory."""
    batch: list[Path] = []
    size = 0
    for file in files:
        more = file.stat().st_size
        if batch and size + more > _BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(file)
        size += more
    if batch:
        yield batch


def read_batch(
    files: Sequence[Path], schema: pl.Schema
) -> tuple[pl.DataFrame, list[Footer]] | None:
    """Give all rows of files and what these say about themselves.

    None where one of them has no seal or can't be unpacked; reading it alone tells why.

    Raises
    ------
    DamagedFile
        When the seal of one isn't that of its bytes.
    """
    readers = min(_READERS, len(files))
    turns = [files[turn::readers] for turn in range(readers)]
    if readers > 1:
        with ThreadPoolExecutor(readers) as pool:
            read = list(pool.map(_read_sealed, turns))
    else:
        read = [_read_sealed(turn) for turn in turns]
    found = [read[number % readers][number // readers] for number in range(len(files))]
    sealed = [each for each in found if each is not None]
    if len(sealed) < len(found):
        return None
    contents, told = [content for content, _ in sealed], [footer for _, footer in sealed]
    try:
        frame = pl.read_parquet(
            contents, columns=schema.names(), glob=False, hive_partitioning=False
        )
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None
    sound = frame.schema == schema and len(frame) == sum(footer.rows for footer in told)
    return (frame, told) if sound else None


def _read_sealed(files: Sequence[Path]) -> list[Sealed | None]:
    return [_opened(file) for file in files]


def _opened(file: Path) -> Sealed | None:
    try:
        content = file.read_bytes()
    except OSError as error:
        if error.errno == errno.EIO:
            return None
        raise
    found = footers.locate(content)
    told = None if found is None else _SEAL.search(content, *found)
    if found is None or told is None:
        return None
    if _checksum(content, told.start(1)) != told[1]:
        raise DamagedFile(f"{file} can't be read: its checksum is wrong.", file=str(file))
    return content, Footer.from_json(content[slice(*found)])


def _checksum(content: bytes | bytearray, place: int) -> bytes:
    """Give the checksum of all bytes, with zeros for the eight at this place."""
    view = memoryview(content)
    before = zlib.crc32(_NONE, zlib.crc32(view[:place]))
    return b"%08x" % zlib.crc32(view[place + len(_NONE) :], before)
