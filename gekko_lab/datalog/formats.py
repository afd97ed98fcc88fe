"""Files of other programs: their columns, read into ours and written back.

============ ======================================================================================
csv, json,   our own columns; times as ISO text or integer milliseconds
parquet
gekko-csv    Gekko's candles: start (epoch seconds), open, high, low, close, vwp, volume, trades;
             with the id of its table or without
ccxt-json,   rows of ccxt's `fetch_ohlcv`, as Gekko's ccxtMarketData kept them: milliseconds, open,
ccxt-csv     high, low, close, volume; an array of arrays, or lines without a header
freqtrade    feather: date (nanoseconds UTC), open, high, low, close, volume
============ ======================================================================================

These are what is written; times are read in any unit that they can only be in.
"""

from __future__ import annotations

import io
from codecs import BOM_UTF8
from typing import TYPE_CHECKING, Any, Literal, get_args

import orjson
import polars as pl

from gekko_lab.datalog.file_times import ISO, read_times
from gekko_lab.datalog.kinds import SCHEMAS
from gekko_lab.errors import DataError, InvalidArgument
from gekko_lab.frames.checks import milliseconds
from gekko_lab.frames.schemas import CANDLES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gekko_lab.datalog.layout import Kind

Format = Literal["csv", "json", "parquet", "gekko-csv", "ccxt-json", "ccxt-csv", "freqtrade"]

FORMATS: tuple[Format, ...] = get_args(Format)

_OWN: tuple[Format, ...] = ("csv", "json", "parquet")
_BARE = CANDLES.names()


def choose_format(file: Path, kind: Kind, given: str | None, start: bytes = b"") -> Format:
    """Give the format of a file: the given one, or what its name and its first bytes say.

    Raises
    ------
    InvalidArgument
        When it isn't clear, or can't hold that kind of rows.
    """
    found = given if given is not None else _guess(file.suffix.lower(), start)
    for name in FORMATS:
        if name == found and (kind == "candles" or name in _OWN):
            return name
    possible = ", ".join(map(repr, FORMATS if kind == "candles" else _OWN))
    raise InvalidArgument(f"{file}: format={given!r} of {kind}: choose one of {possible}")


def read_rows(file: Path, kind: Kind, given: str | None = None) -> pl.DataFrame:
    """Read a file into the columns of its kind, sorted by time.

    Raises
    ------
    DataError
        When it doesn't hold what its format says.
    """
    with file.open("rb") as opened:
        start = opened.read(256)
    found = choose_format(file, kind, given, start)
    try:
        rows = _READERS[found](file)
        if "timestamp" not in rows.columns:
            raise DataError(f"no column 'timestamp' among {rows.columns}")
        rows = _typed(read_times(rows), kind)
    except (pl.exceptions.PolarsError, ValueError, OSError, TypeError, KeyError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DataError(f"{file} can't be read as {found} of {kind}: {error}") from error
    return rows.sort("timestamp", maintain_order=True)


def as_bytes(rows: pl.DataFrame, chosen: Format) -> bytes:
    """Give the content of a file with these rows."""
    return _WRITERS[chosen](rows)


def _guess(suffix: str, start: bytes) -> str | None:
    start = start.removeprefix(BOM_UTF8).lstrip()
    if suffix == ".csv":
        head = start.partition(b"\n")[0].replace(b'"', b"").strip().split(b",")
        if b"start" in head and b"timestamp" not in head:
            return "gekko-csv"
        return "ccxt-csv" if start[:1].isdigit() else "csv"
    if suffix == ".json":
        compact = start.replace(b"\n", b"").replace(b" ", b"")
        return "ccxt-json" if compact.startswith(b"[[") else "json"
    return {".parquet": "parquet", ".feather": "freqtrade"}.get(suffix)


def _typed(rows: pl.DataFrame, kind: Kind) -> pl.DataFrame:
    schema = SCHEMAS[kind]
    needed = CANDLES if kind == "candles" else schema
    lacking = [name for name in needed if name not in rows.columns]
    if lacking:
        raise DataError(f"no column {', '.join(map(repr, lacking))} among {rows.columns}")
    return rows.select(pl.col(name).cast(schema[name]) for name in schema if name in rows.columns)


def _read_csv(file: Path) -> pl.DataFrame:
    return pl.read_csv(file, schema_overrides={"id": pl.String, "side": pl.String})


def _read_json(file: Path) -> pl.DataFrame:
    records = _loaded(file)
    if not records:
        return _nothing()
    return pl.DataFrame(records, infer_schema_length=None, strict=False)


def _nothing() -> pl.DataFrame:
    """Give no rows of any kind: JSON names no columns where it has no rows."""
    return pl.DataFrame(schema={name: pl.Null for schema in SCHEMAS.values() for name in schema})


def _loaded(file: Path) -> Any:  # noqa: ANN401 (whatever a file holds)
    return orjson.loads(file.read_bytes().removeprefix(BOM_UTF8))


def _read_parquet(file: Path) -> pl.DataFrame:
    return pl.read_parquet(file, hive_partitioning=False, glob=False)


def _read_gekko_csv(file: Path) -> pl.DataFrame:
    table = pl.read_csv(file, schema_overrides={"vwp": pl.Float64, "trades": pl.Int64})
    return table.select(
        pl.col("start").alias("timestamp"),
        *_BARE[1:],
        (pl.col("vwp") * pl.col("volume")).alias("quote_volume"),
        pl.col("trades").alias("trade_count"),
    )


def _read_ccxt_json(file: Path) -> pl.DataFrame:
    rows = _loaded(file)
    columns = zip(*(row[: len(_BARE)] for row in rows), strict=True) if rows else [[]] * len(_BARE)
    types = [pl.Int64, *[pl.Float64] * (len(_BARE) - 1)]
    return pl.DataFrame(
        [
            pl.Series(name, list(values), dtype, strict=False)
            for name, values, dtype in zip(_BARE, columns, types, strict=True)
        ]
    )


def _read_ccxt_csv(file: Path) -> pl.DataFrame:
    types = {"timestamp": pl.Int64, **dict.fromkeys(_BARE[1:], pl.Float64)}
    return pl.read_csv(file, has_header=False, schema=types)


def _read_freqtrade(file: Path) -> pl.DataFrame:
    return pl.read_ipc(file).rename({"date": "timestamp"})


def _write_csv(rows: pl.DataFrame) -> bytes:
    return rows.write_csv(datetime_format=ISO).encode()


def _write_json(rows: pl.DataFrame) -> bytes:
    time = pl.col("timestamp").dt.strftime(ISO)
    records = rows.with_columns(time, pl.col(pl.Enum).cast(pl.String)).to_dicts()
    return orjson.dumps(records) + b"\n"


def _write_parquet(rows: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    rows.with_columns(pl.col(pl.Enum).cast(pl.String)).write_parquet(buffer, compression="zstd")
    return buffer.getvalue()


def _write_gekko_csv(rows: pl.DataFrame) -> bytes:
    traded = pl.col("volume") > 0
    paid = pl.when(traded).then(pl.col("quote_volume") / pl.col("volume")).otherwise("close")
    columns = [
        pl.col("timestamp").dt.epoch("s").alias("start"),
        *_BARE[1:5],
        paid.alias("vwp"),
        "volume",
        pl.col("trade_count").alias("trades"),
    ]
    return rows.select(columns).write_csv().encode()


def _write_ccxt_json(rows: pl.DataFrame) -> bytes:
    return orjson.dumps(_ccxt(rows).rows())


def _write_ccxt_csv(rows: pl.DataFrame) -> bytes:
    return _ccxt(rows).write_csv(include_header=False).encode()


def _write_freqtrade(rows: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    date = pl.col("timestamp").cast(pl.Datetime("ns", "UTC")).alias("date")
    table = rows.select(date, *_BARE[1:])
    table.write_ipc(buffer, compression="lz4", compat_level=pl.CompatLevel.oldest())
    return buffer.getvalue()


def _ccxt(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(milliseconds(), *_BARE[1:])


_READERS: dict[Format, Callable[[Path], pl.DataFrame]] = {
    "csv": _read_csv,
    "json": _read_json,
    "parquet": _read_parquet,
    "gekko-csv": _read_gekko_csv,
    "ccxt-json": _read_ccxt_json,
    "ccxt-csv": _read_ccxt_csv,
    "freqtrade": _read_freqtrade,
}
_WRITERS: dict[Format, Callable[[pl.DataFrame], bytes]] = {
    "csv": _write_csv,
    "json": _write_json,
    "parquet": _write_parquet,
    "gekko-csv": _write_gekko_csv,
    "ccxt-json": _write_ccxt_json,
    "ccxt-csv": _write_ccxt_csv,
    "freqtrade": _write_freqtrade,
}
