"""Zips of one CSV file: opened in memory, with a limit on what comes out of them."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from typing import TYPE_CHECKING

from gekko_lab.errors import BadResponse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

_BLOCK = 1 << 24
_CHECKSUM = re.compile(r"([0-9a-f]{64}) [ *](\S+)\s*")


def checksum_of(text: bytes, name: str) -> str:
    """Give the sha256 that a CHECKSUM file tells for the file of that name.

    Raises
    ------
    BadResponse
        When it tells something else.
    """
    match = _CHECKSUM.fullmatch(text.decode("ascii", "replace"))
    if match is None or match[2] != name:
        raise BadResponse(f"the checksum of {name} is {text[:80]!r}, which is none")
    return match[1]


def blocks_of(body: bytes, name: str, *, most: int) -> Iterator[bytes]:
    """Give the text of the only file in a zip, in blocks of whole lines.

    Blocks keep the memory small, however long the file is.

    Parameters
    ----------
    body
        The zip.
    name
        Of the file in it.
    most
        How many bytes the text may have.

    Raises
    ------
    BadResponse
        When this isn't a sound zip with that file alone, or the text is larger.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as folder:
            names = folder.namelist()
            if names != [name]:
                raise BadResponse(f"a zip holds {names[:3]} where {name} alone was due")
            with folder.open(name) as file:
                yield from _lines(file, name, most)
    # RuntimeError: it is encrypted; NotImplementedError is one: an odd kind of compression
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as error:
        raise BadResponse(f"the zip of {name} can't be read: {error}") from error


def _lines(file: IO[bytes], name: str, most: int) -> Iterator[bytes]:
    size, rest = 0, b""
    while block := file.read(_BLOCK):
        size += len(block)
        if size > most:
            raise BadResponse(f"{name} is larger than {most} bytes, which it can't be")
        whole, newline, tail = block.rpartition(b"\n")
        if newline:
            yield rest + whole + newline
            rest = tail
        else:
            rest += block
    if rest:
        yield rest
