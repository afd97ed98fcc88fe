"""How columns are stored: small where values repeat, fast to read where they are candles."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

from gekko_lab.datalog import Span

FAR = 4_000_000_000_000
PRICES = ("open", "high", "low", "close")


@pytest.fixture
def stored(series, minutes, span):
    """Give the Parquet metadata and schema of a day of candles with these closes."""

    def store(closes):
        one = series()
        page = minutes(range(len(closes))).with_columns(
            *(pl.Series(name, closes) for name in PRICES),
        )
        one.append(page, span(0, len(closes)), closed_until=FAR)
        one.fold()
        ((_, file),) = one.store.files()
        assert one.read().frame.equals(page)
        metadata = pq.read_metadata(file)
        group = metadata.row_group(0)
        chunks = [group.column(number) for number in range(metadata.num_columns)]
        return {chunk.path_in_schema: chunk for chunk in chunks}, pq.read_schema(file)

    return store


def _ticks(count, rows=1440):
    return 100.0 + np.random.default_rng(5).integers(0, count, rows) / 128


@pytest.mark.parametrize(("ticks", "coded"), [(300, True), (1_000_000, False)])
def test_prices_get_a_dictionary_where_they_repeat(stored, ticks, coded):
    chunks, _ = stored(_ticks(ticks))
    for name in PRICES:
        assert ("RLE_DICTIONARY" in chunks[name].encodings) is coded
    assert "RLE_DICTIONARY" not in chunks["volume"].encodings


def test_what_is_read_often_is_quick_to_unpack_and_the_rest_is_small(stored):
    chunks, _ = stored(_ticks(300))
    found = {name: chunk.compression for name, chunk in chunks.items()}
    quick = {*PRICES, "volume"}
    assert {found[name] for name in quick} <= {"LZ4", "LZ4_RAW"}
    assert {found[name] for name in set(found) - quick} == {"ZSTD"}


def test_what_is_never_null_is_marked_so(stored):
    _, schema = stored(_ticks(300))
    loose = {field.name for field in schema if field.nullable}
    assert loose == {"quote_volume", "trade_count"}


def test_trades_without_id_and_side_are_stored(series, prints):
    page = prints([(0, None, 1.0), (5, None, 2.0)]).with_columns(side=pl.lit(None, pl.String))
    one = series("trades")
    page = page.cast({"side": pl.Enum(["buy", "sell"])})
    one.append(page, Span(1_704_067_200_000, 1_704_067_201_000), closed_until=FAR)
    one.fold()
    assert one.read().frame.equals(page)
    ((_, file),) = one.store.files()
    assert {field.name for field in pq.read_schema(file) if field.nullable} == {"id", "side"}
