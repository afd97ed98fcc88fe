"""Files that are read whole: all their bytes are checked, and polars unpacks them in one call.

Decided: the footer of a file holds a checksum of all its bytes, its seal, computed with zeros in
the seal's place. Checking it costs as much as pyarrow's look at each page and covers the footers
too. Then polars, which checks nothing, may unpack many files at once. It does so on all cores,
where Python's threads over pyarrow wait for one another. It is given the open files that were
checked, so that none is replaced in between; giving it their bytes would take a quarter longer.
Text polars unpacks more slowly, so trades stay with pyarrow.
"""

from __future__ import annotations

import errno
import os
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import IO, TYPE_CHECKING, cast

import polars as pl
from zlib_ng import zlib_ng

from gekko_lab.datalog import footers
from gekko_lab.datalog.footers import Footer
from gekko_lab.errors import DamagedFile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from io import FileIO
    from pathlib import Path

MOST = 64
"""How many files may be open at once."""

_SEAL = re.compile(rb'"seal":"([0-9a-f]{8})"')
_NONE = footers.UNSEALED.encode()
_READERS = min(4, os.cpu_count() or 1)
_CHUNK = 256 * 1024


def seal(content: bytearray) -> None:
    """Put the checksum of a file with a footer of ours in its place."""
    found = footers.locate(content)
    told = None if found is None else _SEAL.search(content, *found)
    if told is not None:
        start, end = told.span(1)
        before = zlib_ng.crc32(_NONE, zlib_ng.crc32(memoryview(content)[:start]))
        content[start:end] = b"%08x" % zlib_ng.crc32(memoryview(content)[end:], before)


def read_sealed(
    files: Sequence[Path], schema: pl.Schema
) -> tuple[pl.DataFrame, list[Footer]] | None:
    """Give all rows of files, at most `MOST`, and what these say about themselves.

    None where one of them has no seal or can't be unpacked; reading it alone tells why.

    Raises
    ------
    DamagedFile
        When the seal of one isn't that of its bytes.
    """
    with ExitStack() as stack:
        opened = [stack.enter_context(file.open("rb", buffering=0)) for file in files]
        sources = cast("list[IO[bytes]]", opened)
        checked = _all_checked(opened)
        told = [footer for footer in checked if footer is not None]
        if len(told) < len(files):
            return None
        try:
            frame = pl.read_parquet(
                sources, columns=schema.names(), glob=False, hive_partitioning=False
            )
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
            return None
    sound = frame.schema == schema and len(frame) == sum(footer.rows for footer in told)
    return (frame, told) if sound else None


def _all_checked(files: Sequence[FileIO]) -> list[Footer | None]:
    readers = min(_READERS, len(files))
    if readers == 1:
        return _checked(files)
    with ThreadPoolExecutor(readers) as pool:
        turns = list(pool.map(_checked, [files[turn::readers] for turn in range(readers)]))
    return [turns[number % readers][number // readers] for number in range(len(files))]


def _checked(files: Sequence[FileIO]) -> list[Footer | None]:
    """Give what files say about themselves, None for one that has no seal or can't be read."""
    buffer = memoryview(bytearray(_CHUNK))  # used again, as fresh memory costs more than reading
    found: list[Footer | None] = []
    for file in files:
        try:
            found.append(_footer_of(file, buffer))
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            found.append(None)
    return found


def _footer_of(file: FileIO, buffer: memoryview) -> Footer | None:
    content, start, size = footers.find(file.fileno())
    told = None if content is None else _SEAL.search(content)
    if content is None or told is None:
        return None
    place = start + told.start(1)
    file.seek(0)
    before = zlib_ng.crc32(_NONE, _checksum(file, place, 0, buffer))
    end = file.seek(place + len(_NONE))
    total = _checksum(file, size - end, before, buffer)
    file.seek(0)
    if b"%08x" % total != told[1]:
        raise DamagedFile(f"{file.name} can't be read: its checksum is wrong.", file=str(file.name))
    return Footer.from_json(content)


def _checksum(file: FileIO, length: int, before: int, buffer: memoryview) -> int:
    """Go on with a checksum over so many of the next bytes."""
    total = before
    while length > 0 and (count := file.readinto(buffer[:length])):
        total = zlib_ng.crc32(buffer[:count], total)
        length -= count
    return total
