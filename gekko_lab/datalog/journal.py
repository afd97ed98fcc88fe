"""The journal of a series: pages and single rows that are durable, but not yet in its files.

Decided: a record is a mark, its length, a checksum and its content, appended to one file. A record
that a dead writer left unfinished at the end was never acknowledged; it is passed over, and cut
off by the next writer. Damage in the middle costs the damaged record alone, because reading goes
on at the next mark. The file begins with the number of its generation: a fold ends by putting a
new file in its place, and a reader that meets another number after reading than before reads
again.
"""

from __future__ import annotations

import os
import re
import secrets
import struct
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from zlib_ng import zlib_ng

from gekko_lab.datalog import disk

if TYPE_CHECKING:
    from collections.abc import Iterable
    from io import FileIO
    from pathlib import Path

MAGIC = b"GLJ1"
MARK = b"\xf7GL\n"

HEADER = len(MAGIC) + 16
_NEXT_MARK = re.compile(re.escape(MARK))
_FRAME = struct.Struct("<4sII")
_KEEPS_OPEN = os.name != "nt"  # Windows doesn't let an open file be replaced


@dataclass(frozen=True, slots=True)
class Content:
    """What a journal held at one moment.

    Attributes
    ----------
    generation : bytes
        Another one after each fold; empty while there is no journal.
    records : list of memoryview
        Every sound record, in order, not copied.
    end : int
        Where the last sound record ends.
    damages : int
        How many places in front of `end` can't be read.
    """

    generation: bytes = b""
    records: list[memoryview] = field(default_factory=list)
    end: int = 0
    damages: int = 0


def read(file: Path) -> Content:
    """Read a journal, without a lock."""
    try:
        with file.open("rb", buffering=0) as opened:
            return parse(_whole(opened))
    except FileNotFoundError:
        return Content()


def _whole(opened: FileIO) -> memoryview:
    """Give what a file holds now, in memory of numpy, whose large pages take half of the time."""
    content = np.empty(os.fstat(opened.fileno()).st_size, np.uint8).data
    there = 0
    while there < len(content) and (more := opened.readinto(content[there:])):
        there += more
    return content[:there]


def stamp(file: Path) -> tuple[bytes, int]:
    """Give generation and size of a journal, without reading it."""
    try:
        descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        return b"", 0
    try:
        return os.read(descriptor, HEADER), os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)


def parse(content: bytes | memoryview) -> Content:
    """Find the sound records of a whole journal."""
    sound = content[: len(MAGIC)] == MAGIC and len(content) >= HEADER
    found = _records_from(content, HEADER if sound else 0)
    damages = found.damages if sound or not content else max(1, found.damages)
    return Content(bytes(content[:HEADER]) if sound else b"", found.records, found.end, damages)


def _records_from(content: bytes | memoryview, place: int) -> Content:
    records: list[memoryview] = []
    end, damages, lost = place, 0, False
    whole = memoryview(content)
    while 0 <= place < len(content):
        record = _record_at(whole, place)
        if record is None:
            lost = True
            following = _NEXT_MARK.search(content, place + 1)
            place = -1 if following is None else following.start()
            continue
        damages += lost
        lost = False
        records.append(record)
        place = end = place + _FRAME.size + len(record)
    return Content(b"", records, end, damages)


def _record_at(content: memoryview, place: int) -> memoryview | None:
    start = place + _FRAME.size
    if start > len(content):
        return None
    mark, length, checksum = _FRAME.unpack_from(content, place)
    record = content[start : start + length]
    if mark != MARK or len(record) != length or zlib_ng.crc32(record) != checksum:
        return None
    return record


def framed(records: Iterable[bytes | memoryview]) -> bytes:
    """Give records as they are written."""
    parts: list[bytes | memoryview] = []
    for record in records:
        parts += (_FRAME.pack(MARK, len(record), zlib_ng.crc32(record)), record)
    return b"".join(parts)


class Journal:
    """A journal as its writer sees it, who holds the lock of the series.

    Parameters
    ----------
    file
        Where it lies.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.generation = b""
        self.end = 0
        self._descriptor = -1
        self._inode = -1

    def append(self, records: Iterable[bytes | memoryview], *, durable: bool) -> None:
        """Write records in one go; when this returns they are there.

        Parameters
        ----------
        records
            What to write.
        durable
            Whether they also outlast a loss of power; otherwise the death of this process only.
        """
        self.open()
        self.add(records, durable=durable)

    def add(self, records: Iterable[bytes | memoryview], *, durable: bool) -> None:
        """Do as `append`, right after `open`."""
        content = framed(records)
        before = self.end
        try:
            with disk.room_for(self.file):
                disk.write_all(self._descriptor, content)
                if durable:
                    os.fsync(self._descriptor)
        except BaseException:
            self._cut_back(before)
            raise
        self.end = before + len(content)
        if not _KEEPS_OPEN:
            self.close()

    def sync(self) -> None:
        """Make all that was appended outlast a loss of power."""
        if self.open(create=False):
            with disk.room_for(self.file):
                os.fsync(self._descriptor)

    def replace(self, records: Iterable[bytes | memoryview]) -> None:
        """Begin a new generation with these records alone."""
        self.close()
        content = _new_header() + framed(records)
        with disk.room_for(self.file):
            disk.replace(self.file, content, self.file.parent)
            disk.sync_folder(self.file.parent)
        if _KEEPS_OPEN:
            with suppress(OSError):  # what was to be done is done; the next use opens it
                self._open_at(len(content))

    def open(self, *, create: bool = True) -> bool:
        """Make sure that what is open is the present file and that its end is sound."""
        try:
            found = self.file.stat()
        except FileNotFoundError:
            self.close()
            if not create:
                return False
            self.replace([])
            found = self.file.stat()
        if self._descriptor < 0 or found.st_ino != self._inode or found.st_size < self.end:
            self._open_anew()
        elif found.st_size > self.end:  # somebody else has appended
            self._find_end(found.st_size)
        return True

    def close(self) -> None:
        """Close the file; another append opens it again."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = self._inode = -1

    def _open_anew(self) -> None:
        self.close()
        self._open_at(HEADER)
        if not parse(self.generation).generation:  # not even its head is sound
            self.replace(read(self.file).records)
            self._open_at(HEADER)
        self._find_end(os.fstat(self._descriptor).st_size)

    def _open_at(self, end: int) -> None:
        self.close()
        flags = os.O_RDWR | os.O_APPEND | getattr(os, "O_BINARY", 0)
        self._descriptor = os.open(self.file, flags)
        self._inode = os.fstat(self._descriptor).st_ino
        self.generation = self._read_at(0, HEADER)
        self.end = end

    def _find_end(self, size: int) -> None:
        """Go to the end of the last sound record, and cut off what a dead writer left."""
        tail = self._read_at(self.end, size - self.end)
        self.end += _records_from(tail, 0).end
        if self.end < size:
            os.ftruncate(self._descriptor, self.end)

    def _read_at(self, place: int, size: int) -> bytes:
        os.lseek(self._descriptor, place, os.SEEK_SET)
        parts = []
        while size > 0 and (part := os.read(self._descriptor, size)):
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _cut_back(self, end: int) -> None:
        """Take back what was written of a record that can't be acknowledged."""
        with suppress(OSError):  # a reader passes over it, and the next writer tries again
            os.ftruncate(self._descriptor, end)
        self.close()

    def __del__(self) -> None:
        self.close()


def _new_header() -> bytes:
    return MAGIC + secrets.token_bytes(HEADER - len(MAGIC))
