"""Series of the data log as rows, and what was found about them in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gekko_lab.panels.parts import Column, Row

if TYPE_CHECKING:
    from collections.abc import Iterable

    import polars as pl

    from gekko_lab.datalog.layout import Kind

    Key = tuple[Kind, str, str, str | None]

COLUMNS = (
    Column("exchange", "Exchange"),
    Column("symbol", "Symbol"),
    Column("what", "Timeframe"),
    Column("rows", "Rows", "number"),
    Column("first", "First"),
    Column("last", "Last"),
    Column("gaps", "Missing", "number"),
    Column("size", "Size", "number"),
    Column("strip", "Coverage", "strip"),
    Column("spark", "Last closes", "spark"),
    Column("status", "Status", "words"),
)


def key_of(row: Iterable[str | None]) -> str:
    """Give the key of a row of the catalog."""
    return " ".join(each or "-" for each in row)


def named(row: dict[str, Any]) -> Key:
    """Give what names a series."""
    return row["kind"], row["exchange"], row["symbol"], row["timeframe"]


def row_of(row: dict[str, Any], seen: dict[str, Any]) -> Row:
    """Give the row of a series, with what was seen of it."""
    what = row["timeframe"] or row["kind"]
    cells = {
        "exchange": row["exchange"],
        "symbol": row["symbol"],
        "what": what,
        "rows": f"{row['rows']:,}",
        "first": _day(row["first"]),
        "last": _day(row["last"]),
        "gaps": "" if row["gaps"] is None else f"{row['gaps']:,}",
        "size": _size(row["bytes"]),
        **seen,
    }
    return Row(key_of(named(row)), f"{row['exchange']} {row['symbol']} {what}", cells)


def _day(moment: Any) -> str:  # noqa: ANN401
    return "" if moment is None else f"{moment:%Y-%m-%d}"


def _size(count: int) -> str:
    size = float(count)
    for unit in ("B", "kB", "MB"):
        if size < 1000:  # noqa: PLR2004 (of one unit in the next)
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def verdict_of(found: pl.DataFrame) -> str:
    """Say in a few words what `verify` found."""
    if found.is_empty():
        return "✔ all is well"
    first = found.row(0, named=True)
    done = "" if first["action"] == "none" else f" ({first['action']})"
    more = f", and {len(found) - 1} more" if len(found) > 1 else ""
    return f"✘ {first['finding']}{done}{more}"
