"""Pages and rows go in, and are there."""

from __future__ import annotations

import copy
import gc
import json
import math
import pickle

import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gekko_lab
from gekko_lab.datalog import Series, Span
from gekko_lab.datalog import series as series_module
from gekko_lab.errors import DataError, InvalidRange
from gekko_lab.frames.checks import times_of
from gekko_lab.market.timeframe import Timeframe

FAR, MINUTE, START = 4_000_000_000_000, 60_000, 1_704_067_200_000  # 2024-01-01

MONTH = 31 * 1440


def stored(series):
    return sorted(file.name for _, file in series.store.files())


def test_a_page_is_there_before_and_after_it_is_folded(series, keep, minutes, span):
    one = series()
    keep(one, 0, 100)
    for folded in (False, True):
        if folded:
            assert one.fold() == 1
        found = one.read()
        assert found.frame.equals(minutes(range(100)))
        assert found.ledger.held == [span(0, 100)]
        assert one.coverage() == found.ledger
    assert one.fold() == 0


def test_a_later_page_wins_over_journal_and_file(series, keep, minutes):
    one = series()
    keep(one, 0, 10, version=0)
    keep(one, 4, 6, version=1)
    assert one.read().frame["close"].to_list() == [100.0] * 4 + [101.0] * 2 + [100.0] * 4
    one.fold()
    keep(one, 5, 7, version=2)
    expected = [100.0] * 4 + [101.0] + [102.0] * 2 + [100.0] * 3
    assert one.read().frame["close"].to_list() == expected
    one.fold()
    assert one.read().frame["close"].to_list() == expected


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(MONTH - 9, MONTH + 9), st.integers(1, 8), st.booleans()), max_size=8
    )
)
def test_any_pages_in_any_order_are_what_a_dictionary_would_hold(
    tmp_path_factory, minutes, span, pages
):
    one = Series("candles", "x", "A/B", "1m", data_dir=tmp_path_factory.mktemp("data"))
    expected = {}
    with one:
        for version, (first, count, fold) in enumerate(pages):
            places = range(first, first + count)
            one.append(
                minutes(places, version=version), span(first, first + count), closed_until=FAR
            )
            expected |= dict.fromkeys(places, 100.0 + version)
            if fold:
                one.fold()
        found = one.read()
    opens = [START + place * MINUTE for place in sorted(expected)]
    assert times_of(found.frame).to_list() == opens
    assert found.frame["close"].to_list() == [expected[place] for place in sorted(expected)]
    held = {time for each in found.ledger.held for time in range(*each, MINUTE)}
    assert held == set(opens)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.integers(MONTH - 9, MONTH + 9), st.integers(1, 8), st.booleans()), max_size=8
    )
)
def test_large_pages_go_straight_into_their_files(
    tmp_path_factory, monkeypatch, minutes, span, pages
):
    """Among pages of the journal, and where a page lies in two months it goes there as well."""
    monkeypatch.setattr(series_module, "STRAIGHT_ROWS", 5)
    one = Series("candles", "x", "A/B", "1m", data_dir=tmp_path_factory.mktemp("data"))
    expected = {}
    with one:
        for version, (first, count, fold) in enumerate(pages):
            places = range(first, first + count)
            frame = minutes(places, version=version)
            one.append(frame, span(first, first + count), closed_until=FAR)
            expected |= dict.fromkeys(places, 100.0 + version)
            if count >= 5 and (first + count <= MONTH or first >= MONTH):
                assert not one.store.pending().pages
                assert one.store.files()
            if fold:
                one.fold()
        found = one.read()
    opens = [START + place * MINUTE for place in sorted(expected)]
    assert times_of(found.frame).to_list() == opens
    assert found.frame["close"].to_list() == [expected[place] for place in sorted(expected)]
    held = {time for each in found.ledger.held for time in range(*each, MINUTE)}
    assert held == set(opens)


def test_a_window_and_columns_can_be_asked_for(series, keep, minutes, span):
    one = series()
    keep(one, 0, 60)
    one.fold()
    keep(one, 60, 90)
    found = one.read(span(50, 70), ["close", "timestamp"])
    assert found.frame.equals(minutes(range(50, 70))[["close", "timestamp"]])
    assert found.ledger.held == [span(50, 70)]


def test_months_go_into_files_of_their_own_with_their_coverage(series, keep, span):
    one = series()
    keep(one, MONTH - 10, MONTH + 10)
    assert one.fold() == 2
    assert stored(one) == ["2024-01.parquet", "2024-02.parquet"]
    assert one.coverage().held == [span(MONTH - 10, MONTH + 10)]


def test_what_is_told_empty_or_failed_is_known_without_rows(series, minutes, span):
    one = series()
    one.append(
        minutes(range(5)),
        span(0, 20),
        closed_until=FAR,
        empty=[(span(10, 12), "outage")],
        failed=[(span(30, 40), "timeout")],
    )
    one.append(minutes([]), None, closed_until=FAR, empty=[(span(-90_000, 0), "before_listing")])
    for _ in range(2):
        ledger = one.coverage()
        assert ledger.held == [span(0, 10), span(12, 20)]
        assert ledger.empty == {"outage": [span(10, 12)], "before_listing": [span(-90_000, 0)]}
        assert ledger.failed == {"timeout": [span(30, 40)]}
        assert one.missing(span(-10, 40)) == [span(20, 40)]
        one.fold()
    assert stored(one) == ["2024-01.parquet"]
    one.append(minutes(range(30, 40)), span(30, 40), closed_until=FAR)
    assert one.coverage().failed == {}


def test_many_answers_without_rows_do_not_make_the_journal_grow_for_ever(series, minutes, span):
    one = series()
    for place in range(80):
        one.append(minutes([]), span(place, place + 1), closed_until=FAR)
    before = one.store.journal_file.stat().st_size
    one.fold()
    assert one.store.journal_file.stat().st_size < before / 10
    assert one.coverage().held == [span(0, 80)]


def test_a_large_journal_is_folded_by_an_append(series, keep):
    one = series(fold_bytes=4000)
    keep(one, 0, 10)
    assert stored(one) == []
    keep(one, 10, 100)
    assert stored(one) == ["2024-01.parquet"]
    assert len(one.read().frame) == 100


@pytest.mark.parametrize(("first", "end"), [(0, 6), (5, 6)])
def test_a_candle_that_is_still_forming_is_refused(series, minutes, span, first, end):
    one = series()
    with pytest.raises(InvalidRange, match=r"2024-01-01T00:05Z.*still forming"):
        one.append(
            minutes(range(first, end)), span(first, end), closed_until=START + 6 * MINUTE - 1
        )
    with pytest.raises(InvalidRange, match="still forming"):
        one.append(minutes([]), span(0, 6), closed_until=START + 5 * MINUTE)
    assert not one.store.exists()


def test_rows_outside_of_what_they_answer_are_refused(series, minutes, span):
    one = series()
    with pytest.raises(DataError, match="not asked for"):
        one.append(minutes([0, 7]), span(0, 5), closed_until=FAR)
    with pytest.raises(DataError, match="not asked for"):
        one.append(minutes([0]), None, closed_until=FAR)
    with pytest.raises(InvalidRange, match="told to be empty"):
        one.append(minutes([0]), span(0, 5), closed_until=FAR, empty=[(span(0, 1), "outage")])
    assert not one.store.exists()


def test_one_page_may_answer_several_ranges(series, minutes, span):
    """A quiet market's page: its holes are not held, and it is one record."""
    one = series()
    rows = minutes([0, 1, 5, 6, 9])
    parts = [span(0, 2), span(5, 7), span(9, 10)]
    one.append(rows, parts, closed_until=span(0, 10).until)
    assert one.read().frame.equals(rows)
    assert one.coverage().held == parts
    assert one.missing(span(0, 10)) == [span(2, 5), span(7, 9)]
    for stray in ([2], [4], [8]):
        with pytest.raises(DataError, match="outside of the ranges"):
            one.append(minutes([0, *stray, 9]), parts, closed_until=span(0, 10).until)


def test_single_rows_are_there_as_they_arrive(series, minutes, span):
    one = series()
    for row in minutes(range(50), full=False).rows():
        time = int(row[0].timestamp() * 1000)
        one.record([(time, *row[1:])], closed_until=time + MINUTE)
        one.record([(time, *row[1:], 5.5, 3)], closed_until=time + MINUTE)
    for _ in range(2):
        found = one.read()
        assert found.frame[["open", "high"]].equals(minutes(range(50))[["open", "high"]])
        assert found.frame["quote_volume"].to_list() == [5.5] * 50
        assert found.frame["trade_count"].to_list() == [3] * 50
        assert found.ledger.held == [span(0, 50)]
        one.fold()
    one.sync()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({0: START + 1}, "grid"),
        ({0: 1.5}, "time"),
        ({1: math.nan}, "finite"),
        ({2: 1.0}, "high"),
        ({5: -1.0}, "volume"),
        ({6: math.inf}, "finite"),
        ({7: 1.5}, "whole"),
    ],
    ids=str,
)
def test_a_single_candle_that_is_not_sound_is_refused(series, change, problem):
    row = [START, 100.0, 101.0, 99.0, 100.0, 1.0, None, None]
    for place, value in change.items():
        row[place] = value
    with pytest.raises(DataError, match=problem):
        series().record([row], closed_until=FAR)
    with pytest.raises(DataError, match="has 3 values"):
        series().record([row[:3]], closed_until=FAR)
    with pytest.raises(InvalidRange, match="still forming"):
        series().record([[START, 1.0, 1.0, 1.0, 1.0, 1.0]], closed_until=START + MINUTE - 1)


def test_single_trades_books_and_tickers_are_there_too(series, prints, book, quotes):
    trades, books, tickers = series("trades"), series("order_book"), series("ticker")
    trades.record([(START, "a", "buy", 1.0, 0.5), (START, "b", "buy", 1.0, 0.5)], closed_until=FAR)
    trades.record([(START, "b", "buy", 2.0, 0.5)], closed_until=FAR, held=[Span(START, START + 9)])
    books.record([(START, "bid", 1, 5.0, 2.0), (START, "ask", 1, 6.0, 2.0)], closed_until=FAR)
    tickers.record([(START, 1.0, 2.0, 1.5, None)], closed_until=FAR)
    for _ in range(2):
        assert trades.read().frame.equals(prints([(0, "a", 1.0), (0, "b", 2.0)]))
        assert trades.coverage().held == [Span(START, START + 9)]
        assert books.read().frame.equals(book([(0, 5.0)]))
        assert tickers.read().frame.equals(quotes([0]))
        for each in (trades, books, tickers):
            each.fold()
    for one, row in (
        (trades, (START, "a", "hold", 1.0, 0.5)),
        (trades, (START, 5, "buy", 1.0, 0.5)),
        (trades, (START, "a", "buy", 1.0, 0.0)),
        (trades, (START, "a", "buy", math.nan, 1.0)),
        (books, (START, "buy", 1, 1.0, 0.5)),
        (books, (START, "bid", 1, 1.0, math.nan)),
        (tickers, (START, math.inf, 1.0, 1.0, 1.0)),
    ):
        with pytest.raises(DataError):
            one.record([row], closed_until=FAR)


def test_series_of_other_identities_symbols_and_widths_are_apart(series, keep):
    same = [series(), series()]
    others = [
        series(exchange="binance-0123"),
        series(symbol="BTC/USDC"),
        series(symbol="btc/usdt"),
        series(timeframe="1M", symbol="X/Y"),
    ]
    keep(same[0], 0, 5)
    assert len(same[1].read().frame) == 5
    assert all(other.read().frame.is_empty() for other in others)


def test_the_footer_says_where_the_rows_came_from(series, keep):
    one = series(provenance={"host": "api.binance.com", "parameters": {"seed": 7}})
    keep(one, 0, 5)
    one.fold()
    (_, file), *_ = one.store.files()
    told = json.loads(pq.read_metadata(file).metadata[b"gekko_lab"])
    (origin,) = told["provenance"]
    assert origin["host"] == "api.binance.com"
    assert origin["parameters"] == {"seed": 7}
    assert origin["gekko-lab"] == gekko_lab.__version__
    assert origin["ccxt"]
    place = ("kind", "exchange", "symbol", "timeframe")
    assert [told[name] for name in place] == ["candles", "binance", "BTC/USDT", "1m"]
    assert (told["rows"], told["first"], told["last"]) == (5, START, START + 4 * MINUTE)
    assert told["written"]


def test_a_file_is_plain_parquet_as_the_docs_tell(series, keep, minutes):
    one = series()
    keep(one, 0, 2000)
    one.fold()
    (_, file), *_ = one.store.files()
    chunk = pq.read_metadata(file).row_group(0)
    assert chunk.column(0).compression == "ZSTD"
    assert "DELTA_BINARY_PACKED" in chunk.column(0).encodings
    assert {chunk.column(n).physical_type for n in range(1, 7)} == {"DOUBLE"}
    plain = pl.read_parquet(file, hive_partitioning=False)
    assert plain.equals(minutes(range(2000)))


def test_an_anchor_of_another_week_is_kept(series, data_dir):
    thursday = Timeframe(1, "w", anchor=0)
    one = Series("candles", "x", "A/B", thursday)
    row = (7 * 86_400_000, 1.0, 1.0, 1.0, 1.0, 1.0)
    one.record([row], closed_until=FAR)
    one.fold()
    assert Series("candles", "x", "A/B", "1w").store.width() == thursday
    with pytest.raises(DataError, match="grid"):
        Series("candles", "x", "A/B", "1w").record([row], closed_until=FAR)


def test_a_series_travels_to_other_processes(series, keep):
    one = series(provenance={"host": "here"}, fold_bytes=5)
    keep(one, 0, 5)
    for twin in (pickle.loads(pickle.dumps(one)), copy.copy(one)):  # noqa: S301
        assert twin.read().frame.equals(one.read().frame)
        assert twin.provenance == one.provenance
        assert repr(twin) == repr(one) == "Series(candles: binance BTC/USDT 1m)"


def test_a_series_that_is_forgotten_closes_its_files(data_dir, keep):
    keep(Series("candles", "x", "A/B", "1m"), 0, 5)
    gc.collect()
