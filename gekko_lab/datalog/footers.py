"""What a file says about itself, and reading that without the rest of the file."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from gekko_lab.datalog.ledger import Ledger
from gekko_lab.errors import LogError

if TYPE_CHECKING:
    from pathlib import Path

FOOTER = b"gekko_lab"
FORMAT = 1
UNSEALED = "00000000"
"""What stands where the checksum of a whole file will be."""

_MAGIC = b"PAR1"
_END = 8  # the length of Parquet's footer, and its mark
_LIKELY = 16_384
_FIELD = re.compile(rb"\x18\x09gekko_lab\x18([\x80-\xff]{0,4}[\x00-\x7f])\{")  # key, then value


@dataclass(frozen=True, slots=True)
class Footer:
    """What a file says about itself.

    Attributes
    ----------
    rows : int
        How many there are.
    first, last : int
        Their first and last time, milliseconds UTC.
    checksum : str
        Of the rows.
    ledger : Ledger
        What is known of the file's period.
    provenance : list of dict
        Where the rows came from, the latest last.
    about : dict
        Kind, exchange, symbol, timeframe and, where it isn't the usual one, its anchor.
    """

    rows: int
    first: int
    last: int
    checksum: str
    ledger: Ledger = field(default_factory=Ledger)
    provenance: list[dict[str, Any]] = field(default_factory=list)
    about: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> bytes:
        """Give what the footer of the file holds."""
        content = {
            "format": FORMAT,
            "seal": UNSEALED,
            **self.about,
            "rows": self.rows,
            "first": self.first,
            "last": self.last,
            "checksum": self.checksum,
            "coverage": self.ledger.to_json(),
            "provenance": self.provenance,
        }
        return orjson.dumps(content, default=str)

    @classmethod
    def from_json(cls, content: bytes) -> Footer:
        """Read what `to_json` gave."""
        found = parse(content)
        del found["format"]
        found.pop("seal", None)  # older files have none
        fields = {name: found.pop(name) for name in ("rows", "first", "last", "checksum")}
        ledger = Ledger.from_json(found.pop("coverage"))
        return cls(**fields, ledger=ledger, provenance=found.pop("provenance"), about=found)


def parse(content: bytes) -> dict[str, Any]:
    """Give what a footer says as plain values, if this version understands it."""
    found: dict[str, Any] = orjson.loads(content)
    if found["format"] > FORMAT:
        raise LogError(
            f"a file of {found.get('symbol')} was written by a later version of Gekko Lab; "
            "update the package to read it"
        )
    return found


def quick(file: Path | str) -> tuple[bytes | None, int]:
    """Give our part of a file's footer, or None if it isn't easily found, and the file's size.

    Parquet's footer as a whole takes several times as long to read. Whoever gets None reads it that
    way, and learns what is wrong.
    """
    descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        content, _, size = find(descriptor)
    finally:
        os.close(descriptor)
    return content, size


def find(descriptor: int) -> tuple[bytes | None, int, int]:
    """Give our part of an open file's footer as `quick`, where it begins, and the file's size."""
    size = os.fstat(descriptor).st_size
    tail = _last(descriptor, size, _LIKELY)
    length = _footer_length(tail, size)
    if length > len(tail):
        tail = _last(descriptor, size, length)
    place = _located(tail, length)
    if place is None:
        return None, 0, size
    return tail[slice(*place)], size - len(tail) + place[0], size


def locate(content: bytes | bytearray) -> tuple[int, int] | None:
    """Give where our part of the footer begins and ends in a whole file, if it is easily found."""
    return _located(content, _footer_length(content, len(content)))


def _located(tail: bytes | bytearray, length: int) -> tuple[int, int] | None:
    found = _FIELD.search(tail, max(0, len(tail) - length)) if length else None
    if found is None:
        return None
    start = found.end() - 1
    end = start + _number(found[1])
    return (start, end) if tail[end - 1 : end] == b"}" else None


def _footer_length(tail: bytes | bytearray, size: int) -> int:
    """Give how many bytes Parquet's footer takes with its end, or 0 where there is none."""
    if tail[-len(_MAGIC) :] != _MAGIC or size < _END:
        return 0
    length = int.from_bytes(tail[-_END : -len(_MAGIC)], "little") + _END
    return length if length < size else 0


def _last(descriptor: int, size: int, wanted: int) -> bytes:
    start = max(0, size - wanted)
    os.lseek(descriptor, start, os.SEEK_SET)
    tail = os.read(descriptor, size - start)
    while len(tail) < size - start and (part := os.read(descriptor, size - start - len(tail))):
        tail += part
    return tail


def _number(varint: bytes) -> int:
    return sum((byte & 127) << 7 * place for place, byte in enumerate(varint))
