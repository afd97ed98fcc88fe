"""Facts of real markets and moments of a match, as rows with a verdict."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gekko_lab.panels.parts import Column, Row
from gekko_lab.realism.facts import WEEK

if TYPE_CHECKING:
    import polars as pl

_SHORT = re.compile(r"(; )?short sample: .*")
FACT_COLUMNS = (
    Column("name", "Fact of real markets", "words"),
    Column("value", "Value", "number"),
    Column("target", "Target", "number"),
    Column("verdict", "", "words"),
)
MOMENT_COLUMNS = (
    Column("moment", "Matched", "words"),
    Column("recorded", "Recorded", "number"),
    Column("simulated", "Simulated", "number"),
    Column("verdict", "", "words"),
)


def fact_rows(report: pl.DataFrame) -> list[Row]:
    """Give a row for each fact of a `realism_report`."""
    rows = []
    for fact in report.iter_rows(named=True):
        cells = {
            "name": fact["name"],
            "value": _number(fact["value"]),
            "target": _target(fact["low"], fact["high"]),
            "verdict": _verdict(fact["passed"], _SHORT.sub("", fact["note"])),
        }
        rows.append(Row(fact["fact"], fact["name"], cells))
    return rows


def short_sample(report: pl.DataFrame) -> list[str]:
    """Tell once that there are too few candles for some targets, which each fact's note says."""
    told = report["note"].str.contains(f"meant for {WEEK}", literal=True).any()
    return ["a short sample"] if told else []


def moment_rows(report: pl.DataFrame) -> list[Row]:
    """Give a row for each moment of a calibration."""
    rows = []
    for each in report.iter_rows(named=True):
        cells = {
            "moment": each["moment"],
            "recorded": _number(each["recorded"]),
            "simulated": _number(each["simulated"]),
            "verdict": _verdict(each["close"], each["note"]),
        }
        rows.append(Row(each["moment"], each["moment"], cells))
    return rows


def _verdict(passed: bool | None, note: str) -> str:  # noqa: FBT001 (a cell of the report)
    mark = "-" if passed is None else "✔" if passed else "✘"
    return f"{mark} {note}".rstrip()


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.4g}"


def _target(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return "" if low is high else f"≤ {high:g}" if low is None else f"≥ {low:g}"
    return f"{low:g} … {high:g}"
