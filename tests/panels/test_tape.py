"""Rows of trades and of order books, as people read them."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from gekko_lab.panels.tape import ladder_rows, tape_rows

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)


def cells(rows, name):
    return [row.cells[name] for row in rows]


def trades(prices, amounts):
    count = len(prices)
    return pl.DataFrame(
        {
            "timestamp": [NOON] * count,
            "side": ["buy"] * count,
            "price": prices,
            "amount": amounts,
            "sequence": range(count),
        }
    )


def test_numbers_of_a_column_have_as_many_decimals_as_the_finest():
    rows = tape_rows(trades([11_696.4, 11_696.43, 11_697.0], [1.5, 0.001, 1_234.0]))
    assert cells(rows, "price") == ["11,697.00", "11,696.43", "11,696.40"]
    assert cells(rows, "amount") == ["1,234.000", "0.001", "1.500"]


def test_tiny_prices_are_written_out():
    rows = tape_rows(trades([0.00001234, 0.0000124], [5e6, 1e7]))
    assert cells(rows, "price") == ["0.00001240", "0.00001234"]
    assert cells(rows, "amount") == ["10,000,000", "5,000,000"]


def test_noise_of_calculated_numbers_is_left_out():
    rows = tape_rows(trades([0.1 + 0.2], [3 * 1.1]))
    assert (cells(rows, "price"), cells(rows, "amount")) == (["0.3"], ["3.3"])


def test_both_sides_of_a_book_are_aligned_and_the_best_quotes_meet():
    book = pl.DataFrame(
        {
            "side": ["bid", "bid", "ask", "ask"],
            "level": [1, 2, 1, 2],
            "price": [99.5, 99.25, 100.0, 100.5],
            "amount": [1.0, 4.0, 2.0, 0.5],
        }
    )
    rows = ladder_rows(book)
    assert cells(rows, "price") == ["100.50", "100.00", "99.50", "99.25"]
    assert cells(rows, "amount") == ["0.5", "2.0", "1.0", "4.0"]
    assert cells(rows, "share") == [0.125, 0.5, 0.25, 1.0]


def test_nothing_gives_no_rows():
    assert tape_rows(None) == ladder_rows(None) == []
