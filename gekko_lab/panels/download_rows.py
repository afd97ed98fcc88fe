"""How far downloads are, as rows and in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gekko_lab.panels.parts import Column, Row

if TYPE_CHECKING:
    from collections.abc import Iterable

    import polars as pl

    Label = tuple[str, str, str]

COLUMNS = (
    Column("exchange", "Exchange"),
    Column("symbol", "Symbol"),
    Column("timeframe", "Timeframe"),
    Column("share", "Progress", "bar"),
    Column("rows", "Rows", "number"),
    Column("rate", "Rows/s", "number"),
    Column("strip", "Coverage", "strip"),
    Column("status", "Status", "words"),
)
WELL, ILL = ("complete", "gaps"), ("failed", "incomplete")
_MARKS = {"complete": "✔ ", "gaps": "✔ ", "failed": "✘ ", "incomplete": "✘ ", "running": "▶ "}


def label_of(step: dict[str, Any]) -> Label:
    """Give what names a series."""
    return step["exchange"], step["symbol"], step["timeframe"]


def reason(step: dict[str, Any], row: tuple[Any, ...] | None) -> str:
    """Say how a series is, and why."""
    status = step["status"]
    mark = _MARKS.get(status, "")
    if step["wait"]:
        return f"⏸ waiting: {step['wait']}"
    if row is None or status in {"running", "waiting", "new"}:
        return f"{mark}{status}"
    why = row[_ERROR] or row[_GAPS]
    if why is None or status == "stopped":
        return f"{mark}{status}"
    return f"{mark}{status}: {why}"


_GAPS, _ERROR = 8, 13  # columns of a report


def row_of(place: int, step: dict[str, Any], strip: dict[str, Any] | None, status: str) -> Row:
    """Give the row of a series."""
    rows, total, seconds = step["rows"], step["total"], step["seconds"]
    share = min(1.0, rows / total) if total else None
    if step["status"] in WELL:
        share = 1.0
    cells = {
        "exchange": step["exchange"],
        "symbol": step["symbol"],
        "timeframe": step["timeframe"] or "trades",
        "share": share,
        "rows": f"{rows:,}" + (f" / {total:,}" if total and rows < total else ""),
        "rate": f"{rows / seconds:,.0f}" if seconds else "",
        "strip": strip,
        "status": status,
    }
    name = " ".join(filter(None, label_of(step)))
    return Row(str(place), name, cells)


def summary(state: str, progress: pl.DataFrame) -> str:
    """Say how far all of it is."""
    ended = sum(status in {*WELL, *ILL} for status in progress["status"])
    return f"{ended} of {len(progress)} series · {progress['rows'].sum():,} rows · {state}"


def told(state: str, progress: pl.DataFrame) -> list[str]:
    """Give what the header tells."""
    parts = summary(state, progress).split(" · ")
    left = _seconds_left(progress.iter_rows(named=True)) if state == "running" else None
    if left is not None:
        parts.append(f"about {left:,.0f} s left")
    return parts


def _seconds_left(steps: Iterable[dict[str, Any]]) -> float | None:
    """Estimate from what all series that run have brought so far; None where nobody knows."""
    left = rate = 0.0
    for step in steps:
        if step["status"] in {*WELL, *ILL, "stopped"}:
            continue
        if step["total"] is None:
            if step["status"] != "new":
                return None
            continue
        left += max(0, step["total"] - step["rows"])
        rate += step["rows"] / step["seconds"] if step["seconds"] else 0.0
    return left / rate if rate else None
