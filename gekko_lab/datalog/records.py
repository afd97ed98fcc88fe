"""What the records of a journal say: pages, single rows, ledgers, provenance.

Decided: a page of numbers alone is kept as they lie in memory, 64 bits each, column after column.
That costs a tenth of any format, to write and to read, and pages that don't overlap become one.
All other pages are Arrow streams.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
import polars as pl

from gekko_lab.datalog import arrays
from gekko_lab.datalog.kinds import SCHEMAS
from gekko_lab.datalog.ledger import Ledger, combine
from gekko_lab.market.spans import Span, intersect

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gekko_lab.datalog.layout import Kind

PAGE, ARRAYS, ROWS, LEDGER, PROVENANCE = b"P", b"A", b"R", b"L", b"V"

_LENGTH = struct.Struct("<I")


@dataclass(slots=True)
class Pending:
    """What a journal adds to the files.

    Attributes
    ----------
    pages : list of polars.DataFrame
        Rows in the order in which they were written.
    ledger : Ledger
        What is known since the last fold.
    provenance : list of dict
        Where the rows came from.
    """

    pages: list[pl.DataFrame] = field(default_factory=list)
    ledger: Ledger = field(default_factory=Ledger)
    provenance: list[dict[str, Any]] = field(default_factory=list)


def page_record(frame: pl.DataFrame, ledger: Ledger) -> bytes:
    """Give the record of a page and of what it answers."""
    told = orjson.dumps(ledger.to_json())
    numbers = arrays.pack(frame)
    if numbers is not None:
        return b"".join((ARRAYS, _LENGTH.pack(len(told)), told, numbers))
    buffer = io.BytesIO()
    frame.write_ipc_stream(buffer)
    return b"".join((PAGE, _LENGTH.pack(len(told)), told, buffer.getbuffer()))


def rows_record(rows: Sequence[Sequence[Any]], held: Sequence[Span]) -> bytes:
    """Give the record of rows, whose times are microseconds; the cheapest there is."""
    return ROWS + orjson.dumps((rows, [list(span) for span in held]))


def ledger_record(ledger: Ledger) -> bytes:
    """Give the record of what is known without rows."""
    return LEDGER + orjson.dumps(ledger.to_json())


def provenance_record(provenance: Mapping[str, Any]) -> bytes:
    """Give the record of where the following rows come from."""
    return PROVENANCE + orjson.dumps(provenance, default=str)


def read_records(
    records: Iterable[bytes | memoryview], kind: Kind, span: Span | None = None
) -> Pending:
    """Give what the records of a journal say, or the part of it that concerns a range.

    Parameters
    ----------
    records
        Of one journal, in order.
    kind
        What the rows are.
    span
        The range that matters; None means all.
    """
    reading = _Reading(SCHEMAS[kind], kind, span)
    for record in records:
        reading.take(memoryview(record))
    return reading.end()


class _Reading:
    """Pages as they are read; rows and arrays that follow one another become one page."""

    def __init__(self, schema: pl.Schema, kind: Kind, span: Span | None) -> None:
        self.pending = Pending()
        self._schema = schema
        self._kind = kind
        self._span = span
        self._ledgers: list[Ledger] = []
        self._rows: list[Any] = []
        self._blocks: list[arrays.Block] = []

    def take(self, record: memoryview) -> None:
        """Read one record."""
        kind_of, body = bytes(record[:1]), record[1:]
        if kind_of == ROWS:
            self._end_blocks()
            some, held = orjson.loads(body)
            self._rows += some
            self._ledgers.append(Ledger([Span(*each) for each in held]))
        elif kind_of in {PAGE, ARRAYS}:
            (length,) = _LENGTH.unpack_from(body)
            start = _LENGTH.size
            ledger = Ledger.from_json(orjson.loads(body[start : start + length]))
            self._ledgers.append(ledger)
            if self._span is None or intersect(ledger.held, [self._span]):
                self._take_page(kind_of, body[start + length :])
        elif kind_of == LEDGER:
            self._ledgers.append(Ledger.from_json(orjson.loads(body)))
        elif kind_of == PROVENANCE:
            self.pending.provenance.append(orjson.loads(body))

    def end(self) -> Pending:
        """Give what was read."""
        self._end_rows()
        self._end_blocks()
        self.pending.ledger = combine(self._ledgers)
        return self.pending

    def _take_page(self, kind_of: bytes, content: memoryview) -> None:
        self._end_rows()
        if kind_of == ARRAYS:
            self._blocks.append(arrays.block(content))
            return
        self._end_blocks()
        page = pl.read_ipc_stream(io.BytesIO(content))
        self.pending.pages.append(page if page.schema == self._schema else page.cast(self._schema))

    def _end_blocks(self) -> None:
        if self._blocks:
            runs = arrays.runs(self._blocks)
            self.pending.pages += [arrays.unpack(run, self._schema) for run in runs]
            self._blocks = []

    def _end_rows(self) -> None:
        if self._rows:
            self.pending.pages.append(_page_of_rows(self._rows, self._schema, self._kind))
            self._rows = []


def _page_of_rows(rows: list[Any], schema: pl.Schema, kind: Kind) -> pl.DataFrame:
    """Make one page of single rows that follow one another, and in it the last of each time."""
    plain = {name: pl.Int64 if name == "timestamp" else dtype for name, dtype in schema.items()}
    columns = zip(plain.items(), zip(*rows, strict=True), strict=True)
    frame = pl.DataFrame([pl.Series(name, each, dtype) for (name, dtype), each in columns])
    frame = frame.cast(schema)
    frame = frame.sort("timestamp", maintain_order=True)
    if kind in {"candles", "ticker"}:
        return frame.unique("timestamp", keep="last", maintain_order=True)
    if kind == "trades":
        known = pl.col("id").is_null() | pl.struct("timestamp", "id").is_last_distinct()
        return frame.filter(known)
    return frame
