"""The Parquet files: how rows are stored, and what their footers say.

Decided: zstd level 3, row groups of 131,072, times and ids as differences, dictionaries for what
has few values, and floats as they are. Dictionaries of prices made files larger in every case that
was tried (28 in place of 19 bytes a candle at full resolution, 1.5 in place of 1.4 a price on
coarse ticks); whole numbers of ticks would be smaller, but change the last bit of a price in some
readers. Every data page has a checksum, which our reads verify; the footer has one of the rows,
for `verify`.
"""

from __future__ import annotations

import errno
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from gekko_lab.datalog import disk
from gekko_lab.datalog.kinds import SCHEMAS
from gekko_lab.datalog.ledger import Ledger
from gekko_lab.errors import DamagedFile, LogError
from gekko_lab.frames.checks import milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from gekko_lab.datalog.layout import Kind
    from gekko_lab.market.spans import Span

FOOTER = b"gekko_lab"
FORMAT = 1
ROW_GROUP = 131_072

_FEW_VALUES = ("side", "level", "trade_count")
_ENCODINGS = {"timestamp": "DELTA_BINARY_PACKED", "id": "DELTA_BYTE_ARRAY"}


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
        found = orjson.loads(content)
        if found.pop("format") > FORMAT:
            raise LogError(
                f"a file of {found.get('symbol')} was written by a later version of Gekko Lab; "
                "update the package to read it"
            )
        fields = {name: found.pop(name) for name in ("rows", "first", "last", "checksum")}
        ledger = Ledger.from_json(found.pop("coverage"))
        return cls(**fields, ledger=ledger, provenance=found.pop("provenance"), about=found)


def write(file: Path, frame: pl.DataFrame, footer: Footer, scratch: Path) -> None:
    """Put a file in place, whole; its folder's entry is not yet synced."""
    table = frame.with_columns(pl.col(pl.Enum).cast(pl.String)).to_arrow()
    fields = [pa.field(name, _stored(table.schema.field(name).type)) for name in table.column_names]
    schema = pa.schema(fields, metadata={FOOTER: footer.to_json()})
    sink = pa.BufferOutputStream()
    encodings = {name: kind for name, kind in _ENCODINGS.items() if name in table.column_names}
    pq.write_table(
        table.cast(schema).replace_schema_metadata(schema.metadata),
        sink,
        compression="zstd",
        compression_level=3,
        use_dictionary=[name for name in _FEW_VALUES if name in table.column_names] or False,
        column_encoding=encodings,
        row_group_size=ROW_GROUP,
        write_page_checksum=True,
    )
    with disk.room_for(file):
        disk.replace(file, memoryview(sink.getvalue()), scratch)


def read_footer(file: Path) -> Footer:
    """Give what a file says about itself.

    Raises
    ------
    DamagedFile
        When it can't be read.
    """
    with _damage_named(file):
        return _footer(pq.read_metadata(file))


def read(
    file: Path, kind: Kind, *, span: Span | None = None, columns: Sequence[str] | None = None
) -> tuple[pl.DataFrame, Footer]:
    """Give the rows of a file, or those in a range, and what it says about itself.

    Raises
    ------
    DamagedFile
        When it can't be read, or a checksum is wrong.
    """
    schema = {name: SCHEMAS[kind][name] for name in columns or SCHEMAS[kind]}
    with _damage_named(file), pq.ParquetFile(file, page_checksum_verification=True) as opened:
        footer = _footer(opened.metadata)
        lacking = [name for name in schema if name not in opened.schema_arrow.names]
        if lacking:
            raise ValueError(f"it has no column {', '.join(lacking)}")
        groups = _groups(opened.metadata, span)
        table = opened.read_row_groups(groups, columns=list(schema))
    frame = pl.DataFrame(pl.from_arrow(table, rechunk=False)).select(list(schema))
    if frame.schema != schema:
        frame = frame.cast(schema)  # type: ignore[arg-type]
    return (frame if span is None else within(frame, span)), footer


def within(frame: pl.DataFrame, span: Span) -> pl.DataFrame:
    """Give the rows of a sorted frame whose times are in a range."""
    times = frame["timestamp"].to_physical()
    since = times.search_sorted(span.since * 1000)
    until = times.search_sorted(span.until * 1000)
    return frame if (since, until) == (0, len(frame)) else frame.slice(since, until - since)


def ends(frame: pl.DataFrame) -> tuple[int, int]:
    """Give the first and the last time of a frame with rows, in milliseconds."""
    first, last = frame[[0, -1]].select(milliseconds()).to_series()
    return first, last


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


def _stored(kind: pa.DataType) -> pa.DataType:
    """Give the type that every reader knows."""
    text = pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    return pa.string() if text or pa.types.is_dictionary(kind) else kind


@contextmanager
def _damage_named(file: Path) -> Iterator[None]:
    """Tell damage from a file that is gone or that the system won't open now."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        gone = isinstance(error, OSError) and error.errno not in {None, errno.EIO}
        if gone or isinstance(error, MemoryError):
            raise
        told = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DamagedFile(f"{file} can't be read: {told}.", file=str(file)) from error
