"""Which rows are sound, and which of two wins."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gekko_lab.datalog.kinds import SCHEMAS, check_rows, merge_rows
from gekko_lab.errors import DataError, InvalidType
from gekko_lab.frames.checks import times_of

places = st.lists(st.integers(0, 15), unique=True, max_size=8).map(sorted)


@given(st.lists(places, min_size=1, max_size=4))
def test_of_two_candles_of_a_time_the_later_written_wins(minutes, pages):
    frames = [minutes(each, version=n) for n, each in enumerate(pages)]
    expected = {place: n for n, each in enumerate(pages) for place in each}
    merged = merge_rows(frames, "candles")
    assert merged.schema == SCHEMAS["candles"]
    assert merged.equals(
        pl.concat([minutes([place], version=expected[place]) for place in sorted(expected)])
        if expected
        else minutes([])
    )


def test_a_later_order_book_replaces_the_earlier_one_of_its_time_with_all_levels(book):
    deep, flat = book([(0, 10.0), (5, 11.0)], levels=3), book([(5, 12.0)])
    merged = merge_rows([deep, flat], "order_book")
    assert merged.equals(pl.concat([book([(0, 10.0)], levels=3), flat]))


def test_a_trade_is_the_one_with_its_id(prints):
    first = prints([(0, "a", 1.0), (0, "b", 1.0), (5, "c", 2.0)])
    second = prints([(0, "b", 1.5), (5, "d", 2.0)])
    merged = merge_rows([first, second], "trades")
    assert dict(zip(merged["id"], merged["price"], strict=True)) == {
        "a": 1.0,
        "b": 1.5,
        "c": 2.0,
        "d": 2.0,
    }
    assert times_of(merged).is_sorted()


def test_trades_without_an_id_that_look_alike_are_all_kept_but_not_doubled(prints):
    twins = prints([(0, None, 1.0), (0, None, 1.0), (3, None, 1.0)])
    assert len(merge_rows([twins, twins], "trades")) == 3
    assert len(merge_rows([twins, prints([(0, None, 1.0)])], "trades")) == 3
    assert len(merge_rows([prints([(0, None, 1.0)]), twins], "trades")) == 3


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from([None, 1.0, 2.0])), max_size=9))
def test_merging_the_same_trades_again_changes_nothing(prints, rows):
    named = [
        (time, None if price is None else f"t{n}", price or 3.0)
        for n, (time, price) in enumerate(sorted(rows, key=lambda row: row[0]))
    ]
    page = prints(named)
    assert merge_rows([page, page], "trades").sort(pl.all()).equals(page.sort(pl.all()))


def test_candles_without_the_optional_columns_get_them_as_unknown(minutes):
    bare, full = minutes([0, 1], full=False), minutes([0, 1])
    assert check_rows(bare, "candles").equals(full)
    assert check_rows(full, "candles").schema == SCHEMAS["candles"]


def test_rows_that_are_not_sound_are_refused(minutes, prints, book, quotes, span):
    with pytest.raises(InvalidType):
        check_rows([1], "candles")
    with pytest.raises(DataError, match="not before"):
        check_rows(minutes([5]), "candles", None, span(0, 5))
    with pytest.raises(DataError, match="repeats an id"):
        check_rows(prints([(0, "a", 1.0), (1, "a", 1.0)]), "trades")
    with pytest.raises(DataError, match="go back in time"):
        check_rows(book([(5, 1.0), (0, 1.0)]), "order_book")
    with pytest.raises(DataError, match="share a time"):
        check_rows(quotes([0, 0]), "ticker")
    with pytest.raises(DataError, match="lie outside"):
        check_rows(quotes([0, 60_000]), "ticker", None, span(0, 1))
    with pytest.raises(DataError, match="are needed"):
        check_rows(quotes([0]).drop("bid"), "ticker")
    with pytest.raises(DataError, match="has no time"):
        check_rows(
            quotes([0]).with_columns(timestamp=pl.lit(None, pl.Datetime("us", "UTC"))), "ticker"
        )
