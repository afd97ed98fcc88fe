"""Facts of quotes, on books that are known."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from gekko_lab.errors import DataError
from gekko_lab.frames.schemas import TIME
from gekko_lab.realism import book


def quotes(bids, spreads, bid_amounts, ask_amounts, tick=0.01):
    times = pl.Series(np.arange(len(bids)) * 1_000_000).cast(TIME)
    return pl.DataFrame(
        {
            "timestamp": times,
            "bid": np.round(np.asarray(bids) * tick, 6),
            "ask": np.round((np.asarray(bids) + np.asarray(spreads)) * tick, 6),
            "bid_amount": np.asarray(bid_amounts, dtype=float),
            "ask_amount": np.asarray(ask_amounts, dtype=float),
        }
    )


def test_spreads_are_counted_in_ticks():
    bids = [1000, 1001, 1002, 1003, 1004]
    facts = book.measure(book.read(quotes(bids, [1, 1, 2, 1, 1], [1] * 5, [2] * 5)))
    assert facts["29a"].value == 1.0
    assert facts["29b"].value == 0.8


def test_the_next_move_is_the_next_that_happens():
    found = book.next_move(np.array([1.0, 1.0, 2.0, 2.0, 1.5, 1.5]))
    assert found[:4].tolist() == [1.0, 1.0, -1.0, -1.0]
    assert np.isnan(found[4:]).all()


def test_an_imbalance_that_knows_the_next_move_is_told_from_one_that_does_not():
    rng = np.random.default_rng(1)
    moves = rng.choice([-1, 1], 20_000)
    bids = 100_000 + np.concatenate([[0], np.cumsum(moves)])
    hint = np.append(moves, 1)
    for strength in (0.0, 0.5):
        share = 0.5 + 0.5 * np.clip(strength * hint + rng.uniform(-0.5, 0.5, hint.size), -0.9, 0.9)
        frame = quotes(bids, np.ones(bids.size), share, 1 - share)
        imbalance = 2 * share[:-1] - 1
        expected = np.corrcoef(imbalance, moves)[0, 1]
        found = book.measure(book.read(frame))["30"].value
        assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("count", [0, 1])
def test_a_book_of_nothing_shows_nothing(count):
    facts = book.measure(book.read(quotes([1000], [1], [1], [1])[:count]))
    assert facts["30"].value is None
    assert set(facts) == {"29a", "29b", "30"}


@pytest.mark.parametrize(
    "change",
    [
        {"bid": pl.col("ask")},
        {"bid_amount": pl.lit(0.0)},
        {"ask": pl.lit(None, pl.Float64)},
        {"bid": pl.lit(np.nan)},
    ],
)
def test_what_is_no_quote_is_refused_by_row(change):
    frame = quotes([1000, 1001], [1, 1], [1, 1], [1, 1])
    broken = pl.concat([frame[:1], frame[1:].with_columns(**change)])
    with pytest.raises(DataError, match="quote 1 of 2 is none"):
        book.read(broken)


def test_times_that_run_backward_and_other_columns_are_refused():
    frame = quotes([1000, 1001], [1, 1], [1, 1], [1, 1])
    with pytest.raises(DataError, match="quote 1 of 2 is none"):
        book.read(frame.with_columns(pl.col("timestamp").reverse()))
    with pytest.raises(DataError, match="column 'ask' of the book is missing"):
        book.read(frame.drop("ask"))
    with pytest.raises(DataError, match="column 'bid' of the book is String"):
        book.read(frame.with_columns(bid=pl.lit("1")))
