"""Tables to files and terminals."""

from __future__ import annotations

import io
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from gekko_lab.errors import InvalidArgument

if TYPE_CHECKING:
    import polars as pl

FORMATS = ("csv", "json", "parquet")

_TIME = "%Y-%m-%dT%H:%M:%S%.fZ"
_SHOWN_ROWS = 12


def check_target(out: str | None, kind: str | None, *, chart: str | None = None) -> None:
    """Raise before any work when a target can't be written, or its format isn't clear."""
    if chart is not None:
        _check_place("--chart", chart)
        if Path(chart).suffix.lower() != ".html":
            raise InvalidArgument(f"--chart {chart}: name the file .html, as it is a page")
    if out is None:
        if kind is not None:
            raise InvalidArgument(f"--format {kind} needs --out FILE, or --out - for stdout")
        return
    _format(out, kind)
    if out != "-":
        _check_place("--out", out)


def names(text: str) -> list[str]:
    """Give the names between commas, without blanks around them."""
    return [name.strip() for name in text.split(",")]


def write(frame: pl.DataFrame, out: str | None, kind: str | None) -> None:
    """Write the table whole or not at all; without a target show it."""
    if out is None:
        sys.stdout.write(_printable(_shown(frame)) + "\n")
        return
    content = _content(frame, _format(out, kind))
    if out == "-":
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    _replace(Path(out), content)
    sys.stderr.write(f"gekko-lab: {len(frame):,} rows in {out}\n")


def write_chart(frame: pl.DataFrame, file: str, *, title: str) -> None:
    """Write the candles as an interactive page that needs no network."""
    from gekko_lab.charts.candles import candle_chart

    page = candle_chart(frame, title=title).to_html(include_plotlyjs=True)
    _replace(Path(file), page.encode())
    sys.stderr.write(f"gekko-lab: chart in {file}\n")


def _check_place(option: str, file: str) -> None:
    folder = Path(file).parent
    if not folder.is_dir():
        raise InvalidArgument(f"{option} {file}: there is no folder {str(folder)!r}")
    if Path(file).is_dir():
        raise InvalidArgument(f"{option} {file} is a folder: name a file in it")
    if not os.access(folder, os.W_OK):
        raise InvalidArgument(f"{option} {file}: the folder {str(folder)!r} can't be written to")


def _format(out: str, kind: str | None) -> str:
    found = kind or Path(out).suffix.lstrip(".").lower()
    if out == "-" and not kind:
        return "csv"
    if found not in FORMATS:
        raise InvalidArgument(
            f"--out {out}: name the file .csv, .json or .parquet, or choose a --format"
        )
    return found


def _content(frame: pl.DataFrame, kind: str) -> bytes:
    buffer = io.BytesIO()
    if kind == "parquet":
        frame.write_parquet(buffer, compression="zstd")
    elif kind == "csv":
        frame.write_csv(buffer, datetime_format=_TIME)
    else:
        _with_text_times(frame).write_json(buffer)
        buffer.write(b"\n")
    return buffer.getvalue()


def _with_text_times(frame: pl.DataFrame) -> pl.DataFrame:
    import polars as pl
    import polars.selectors as cs

    return frame.with_columns(cs.datetime().dt.strftime(_TIME), cs.enum().cast(pl.String))


def _replace(file: Path, content: bytes) -> None:
    """Write a file whole or not at all; devices and pipes are written as they are."""
    file = file.resolve()  # a link stays one, and what it leads to is written
    if file.exists() and not file.is_file():
        file.write_bytes(content)
        return
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        if file.exists():
            shutil.copymode(file, part)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def _shown(frame: pl.DataFrame) -> str:
    import polars as pl

    with pl.Config(tbl_rows=_SHOWN_ROWS, tbl_cols=-1, tbl_width_chars=200):
        return str(frame)


def _printable(text: str) -> str:
    """Replace what the encoding of stdout doesn't have, such as the lines of a table."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)
