"""What the records of a journal say: pages, single rows, ledgers, provenance."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
import polars as pl

from gekko_lab.datalog.kinds import SCHEMAS
from gekko_lab.datalog.ledger import Ledger, combine
from gekko_lab.market.spans import Span, intersect

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gekko_lab.datalog.layout import Kind

PAGE, ROWS, LEDGER, PROVENANCE = b"P", b"R", b"L", b"V"

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
    buffer = io.BytesIO()
    frame.write_ipc_stream(buffer)
    return b"".join((PAGE, _LENGTH.pack(len(told)), told, buffer.getvalue()))


def rows_record(rows: Sequence[Sequence[Any]], held: Sequence[Span]) -> bytes:
    """Give the record of rows, whose times are microseconds; the cheapest there is."""
    return ROWS + orjson.dumps((rows, [list(span) for span in held]))


def ledger_record(ledger: Ledger) -> bytes:
    """Give the record of what is known without rows."""
    return LEDGER + orjson.dumps(ledger.to_json())


def provenance_record(provenance: Mapping[str, Any]) -> bytes:
    """Give the record of where the following rows come from."""
    return PROVENANCE + orjson.dumps(provenance, default=str)


def read_records(records: Iterable[bytes], kind: Kind, span: Span | None = None) -> Pending:
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
    pending, ledgers, rows = Pending(), list[Ledger](), list[Any]()
    for record in records:
        kind_of, body = record[:1], record[1:]
        if kind_of == ROWS:
            some, held = orjson.loads(body)
            rows += some
            ledgers.append(Ledger([Span(*each) for each in held]))
        elif kind_of == PAGE:
            _flush(rows, pending, kind)
            (length,) = _LENGTH.unpack_from(body)
            start = _LENGTH.size
            ledger = Ledger.from_json(orjson.loads(body[start : start + length]))
            ledgers.append(ledger)
            if span is None or intersect(ledger.held, [span]):
                pending.pages.append(_read_page(body[start + length :], kind))
        elif kind_of == LEDGER:
            ledgers.append(Ledger.from_json(orjson.loads(body)))
        elif kind_of == PROVENANCE:
            pending.provenance.append(orjson.loads(body))
    _flush(rows, pending, kind)
    pending.ledger = combine(ledgers)
    return pending


def _flush(rows: list[Any], pending: Pending, kind: Kind) -> None:
    """Make one page of single rows that follow one another, and in it the last of each time."""
    if not rows:
        return
    schema = SCHEMAS[kind]
    plain = {name: pl.Int64 if name == "timestamp" else dtype for name, dtype in schema.items()}
    columns = zip(plain.items(), zip(*rows, strict=True), strict=True)
    frame = pl.DataFrame([pl.Series(name, each, dtype) for (name, dtype), each in columns])
    frame = frame.cast(schema)
    frame = frame.sort("timestamp", maintain_order=True)
    if kind in {"candles", "ticker"}:
        frame = frame.unique("timestamp", keep="last", maintain_order=True)
    elif kind == "trades":
        known = pl.col("id").is_null() | pl.struct("timestamp", "id").is_last_distinct()
        frame = frame.filter(known)
    pending.pages.append(frame)
    rows.clear()


def _read_page(content: bytes, kind: Kind) -> pl.DataFrame:
    return pl.read_ipc_stream(io.BytesIO(content)).cast(SCHEMAS[kind])
