"""Events as they came: in what order over all markets, when, and with which numbers.

The data log keeps rows by exchange time, which is what research needs and what makes one series of
a recording and a fetch. This file beside it keeps the rest, so that a live feed can be played again
event by event. It is only ever appended to: a head, then pieces with length and checksum, each a
second's half of events. What a death left unfinished at the end is passed over.
"""

from __future__ import annotations

import os
import secrets
import struct
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import polars as pl

from gekko_lab.datalog import disk, names
from gekko_lab.errors import DamagedFile, NotInLog
from gekko_lab.events.types import Candle, Gap, OrderBook, State, Ticker, Trade
from gekko_lab.frames.convert import to_frame
from gekko_lab.frames.schemas import RECORDINGS, TIME
from gekko_lab.settings import options, reads_as

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gekko_lab.events.types import Event
    from gekko_lab.settings import FrameKind

SUFFIX: Final = ".events"

_MAGIC: Final = b"GLE1"
_FRAME: Final = struct.Struct("<II")  # length and checksum
_LEVEL: Final = 1  # of compression: a third of the size for a tenth of the time of more

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Trade | Candle | OrderBook | Ticker | Gap | State])


class Head(msgspec.Struct):
    """What a file of events begins with.

    Attributes
    ----------
    exchange : str
        The name that events bear.
    identity : str
        The source's.
    symbols, kinds : list of str
        What is recorded.
    timeframe : str
        Of candles; "" for none.
    began_us : int
        When, by the clock of that machine.
    """

    exchange: str
    identity: str
    symbols: list[str]
    kinds: list[str]
    timeframe: str
    began_us: int


@dataclass(frozen=True, slots=True)
class Recording:
    """A file of events as they came.

    Attributes
    ----------
    file : Path
        Where it lies.
    head : Head
        What is in it.
    """

    file: Path
    head: Head

    def pieces(self) -> Iterator[list[Event]]:
        """Give the events, a piece at a time, in memory that doesn't grow with the file."""
        with self.file.open("rb") as content:
            content.seek(len(_MAGIC))
            _piece(content)
            while (piece := _piece(content)) is not None:
                events: list[Any] = _decoder.decode(zlib.decompress(piece))
                yield events


class Arrivals:
    """Writes events as they came.

    Parameters
    ----------
    head
        What will be in the file.
    """

    def __init__(self, head: Head) -> None:
        self._waiting: list[Event] = []
        folder = options.data_dir / "recordings" / names.encode("exchange", head.identity)
        disk.make_folder(folder)
        began = datetime.fromtimestamp(head.began_us / 1e6, UTC)
        name = f"{began:%Y%m%dT%H%M%S.%fZ}-{os.getpid()}-{secrets.token_hex(2)}{SUFFIX}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_BINARY", 0)
        self.file = folder / name
        self._descriptor = os.open(self.file, flags, 0o644)
        self._write(_MAGIC + _framed(msgspec.json.encode(head)))

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, events: Sequence[Event]) -> None:
        """Take events that came now."""
        self._waiting += events

    def take(self) -> list[Event]:
        """Give what waits; it won't be given again."""
        taken, self._waiting = self._waiting, []
        return taken

    def keep(self, events: Sequence[Event]) -> None:
        """Write events, so that they outlast the death of this process."""
        if events:
            self._write(_framed(zlib.compress(_encoder.encode(events), _LEVEL)))

    def sync(self) -> None:
        """Make them outlast a loss of power."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Make them outlast a loss of power, and close the file."""
        if self._descriptor >= 0:
            self.sync()
            os.close(self._descriptor)
            self._descriptor = -1

    def _write(self, content: bytes) -> None:
        with disk.room_for(self.file):
            disk.write_all(self._descriptor, content)


def is_recording(what: object) -> bool:
    """Tell whether somebody means a file of events."""
    return isinstance(what, str | os.PathLike) and os.fspath(what).endswith(SUFFIX)


def open_recording(what: object) -> Recording:
    """Give a recording by the path of its file.

    Raises
    ------
    NotInLog
        When there is none.
    DamagedFile
        When it isn't one.
    """
    file = Path(str(what))
    try:
        with file.open("rb") as content:
            magic = content.read(len(_MAGIC))
            head = _piece(content)
    except FileNotFoundError:
        raise NotInLog(
            f"there is no recording {file}: gekko_lab.recordings() lists those that are there"
        ) from None
    if magic != _MAGIC or head is None:
        raise DamagedFile(f"{file} is no recording, or its head is damaged", file=str(file))
    return Recording(file, msgspec.json.decode(head, type=Head))


def recordings(*, frame: FrameKind | None = None) -> Any:  # noqa: ANN401 (the frame decides)
    """Give the recordings that can be replayed event by event.

    Parameters
    ----------
    frame
        "polars" or "pandas"; by default `options.frame`.

    Returns
    -------
    polars.DataFrame or pandas.DataFrame
        exchange (its identity), symbols and kinds (joined by commas), timeframe, began, bytes and
        file, for `replay`; the oldest first.
    """
    made_as = reads_as("frame", frame)
    rows = []
    for file in (options.data_dir / "recordings").glob(f"*/*{SUFFIX}"):
        try:
            head = open_recording(file).head
        except DamagedFile:
            continue  # of a recorder that died before it had begun
        told = (",".join(head.symbols), ",".join(head.kinds), head.timeframe or None)
        rows.append((head.identity, *told, head.began_us, file.stat().st_size, str(file)))
    rows.sort(key=lambda row: (row[4], row[0]))
    plain = {name: pl.Int64 if dtype == TIME else dtype for name, dtype in RECORDINGS.items()}
    table = pl.DataFrame(rows, schema=plain, orient="row").cast({"began": TIME})
    return to_frame(table, made_as)


def _framed(content: bytes) -> bytes:
    return _FRAME.pack(len(content), zlib.crc32(content)) + content


def _piece(content: Any) -> bytes | None:  # noqa: ANN401 (a file)
    """Read the next piece, or None at the end of what is whole."""
    head = content.read(_FRAME.size)
    if len(head) < _FRAME.size:
        return None
    length, checksum = _FRAME.unpack(head)
    piece: bytes = content.read(length)
    return piece if len(piece) == length and zlib.crc32(piece) == checksum else None
